# SPDX-License-Identifier: Apache-2.0
"""Signs of life of our own processes."""

from typing import Any

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models


@api.writer
def heartbeat(context: Any, binary: str, host: str,
              stopped: bool = False) -> None:
    """Record that a process lives, or that it has stopped."""
    values = {'heartbeat_at': clock.utcnow(), 'stopped': stopped}
    changed = context.session.execute(
        sa.update(models.Service)
        .where(models.Service.binary == binary,
               models.Service.host == host).values(**values)).rowcount
    if not changed:
        context.session.execute(sa.insert(models.Service).values(
            binary=binary, host=host, **values))
