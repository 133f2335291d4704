# SPDX-License-Identifier: Apache-2.0
"""Nodes that are switched on one after the other.

Each takes a moment of its own in its rack, on a grid of moments, before it
is switched on. The database makes sure that no two nodes have the same moment,
so any number of conductors may take moments.
"""

import datetime

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models

_START = models.PowerStart.__table__
EPOCH = datetime.datetime(1970, 1, 1)
ATTEMPTS = 50


def _milliseconds(moment: datetime.datetime) -> int:
    return int((moment - EPOCH).total_seconds() * 1000)


@api.writer
def _take(context: api.Context, node_id: int, rack: str, step: int,
          expires_at: datetime.datetime) -> int:
    """Take the first moment after all that are taken.

    :param step: milliseconds from one moment to the next
    :raises DBDuplicateEntry: another conductor was faster
    """
    now = clock.utcnow()
    session = context.session
    session.execute(sa.delete(_START).where(sa.or_(
        _START.c.expires_at < now, _START.c.node_id == node_id)))
    last = session.scalar(sa.select(sa.func.max(_START.c.moment))
                          .where(_START.c.rack == rack))
    moment = -(-_milliseconds(now) // step) * step
    if last is not None:
        moment = max(moment, last // step * step + step)
    session.execute(sa.insert(_START).values(
        node_id=node_id, rack=rack, moment=moment, expires_at=expires_at))
    return moment


def enter(context: api.Context, node_id: int, rack: str, spacing: float,
          seconds: float) -> None:
    """Take a moment for a node.

    :param spacing: seconds between two moments of a rack
    :param seconds: after which it is given up, unless ``keep`` is called
    """
    step = max(1, round(spacing * 1000))
    expires_at = clock.utcnow() + datetime.timedelta(seconds=seconds)
    for attempt in range(ATTEMPTS):
        try:
            _take(context, node_id, rack, step, expires_at)
            return
        except db_exc.DBDuplicateEntry:
            if attempt == ATTEMPTS - 1:
                raise


@api.reader
def wait(context: api.Context, node_id: int, limit: int) -> float:
    """Return the seconds that a node has to wait, zero if it may start.

    :param limit: how many nodes may be starting at a time; zero is any
        number. Whoever took an earlier moment goes first.
    """
    own = context.session.execute(
        sa.select(_START.c.moment)
        .where(_START.c.node_id == node_id)).first()
    if own is None:
        # Given up, as after an outage: no node must wait for ever.
        return 0.0
    left: float = (own.moment - _milliseconds(clock.utcnow())) / 1000
    if left > 0 or not limit:
        return max(0.0, left)
    before = context.session.execute(
        sa.select(sa.func.count()).select_from(_START).where(
            _START.c.expires_at >= clock.utcnow(),
            sa.or_(_START.c.moment < own.moment,
                   sa.and_(_START.c.moment == own.moment,
                           _START.c.node_id < node_id)))).scalar_one()
    return 0.0 if before < limit else 1.0


@api.writer
def keep(context: api.Context, node_id: int, seconds: float) -> None:
    """Hold the place of a node for some seconds more."""
    context.session.execute(
        sa.update(_START).where(_START.c.node_id == node_id)
        .values(expires_at=clock.utcnow()
                + datetime.timedelta(seconds=seconds)))


@api.writer
def leave(context: api.Context, node_id: int) -> None:
    """Let the next one start."""
    context.session.execute(
        sa.delete(_START).where(_START.c.node_id == node_id))
