# SPDX-License-Identifier: Apache-2.0
"""Changes of the power of nodes and devices that nobody requested."""

import datetime

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.domain import query as common_query

_EVENTS = sa.select(*models.PowerEvent.__table__.c)


@api.reader
def list_events(context: api.Context,
                query: common_query.Query) -> list[models.Row]:
    """Return the events that a query asks for."""
    return db_query.fetch(context, _EVENTS, models.PowerEvent, query)


@api.writer
def purge(context: api.Context, days: int, batch: int = 1000) -> int:
    """Remove events that are older than some days.

    :returns: how many
    """
    limit = clock.utcnow() - datetime.timedelta(days=days)
    old = list(context.session.scalars(
        sa.select(models.PowerEvent.id)
        .where(models.PowerEvent.created_at < limit).limit(batch)))
    if old:
        context.session.execute(sa.delete(models.PowerEvent).where(
            models.PowerEvent.id.in_(old)))
    return len(old)
