# SPDX-License-Identifier: Apache-2.0
"""Stores the outcome of a power action on a node."""

from collections.abc import Mapping
from collections.abc import Sequence

import sqlalchemy as sa

from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import power_states

_NODE = models.Node.__table__
_ACTION = models.PowerAction.__table__


@api.writer
def keep(context: api.Context, entry_id: int | None, entry: models.Row, *,
         off_wanted: Mapping[int, bool] | None = None,
         visits: Sequence[power_states.Visit] = (),
         lost_after: int = 0) -> None:
    """Store the whole outcome of an action in one transaction.

    :param entry_id: its entry in the log; ``None`` without one
    :param entry: columns of the entry: ``result``, ``error``, ``duration``
    :param off_wanted: whether the node is to be off, by its id
    :param visits: the present states of its devices
    :param lost_after: as for ``power_states.record``
    """
    session = context.session
    if visits:
        # It locks nodes in their order, so it comes first.
        power_states.conclude(session, visits, lost_after)
    for node_id, wanted in (off_wanted or {}).items():
        session.execute(sa.update(_NODE).where(_NODE.c.id == node_id)
                        .values(power_off_wanted=wanted))
    if entry_id is not None:
        session.execute(sa.update(_ACTION).where(_ACTION.c.id == entry_id)
                        .values(entry))
