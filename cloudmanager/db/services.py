# SPDX-License-Identifier: Apache-2.0
"""Heartbeats of the service's own processes."""

import datetime

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table


@api.writer
def _beat(context: api.Context, binary: str, host: str, stopped: bool) -> None:
    values = {'heartbeat_at': clock.utcnow(), 'stopped': stopped}
    if not table.changed(
            context, sa.update(models.Service)
            .where(models.Service.binary == binary,
                   models.Service.host == host).values(**values)):
        table.insert(context, models.Service, {
            'binary': binary, 'host': host, **values})


def heartbeat(context: api.Context, binary: str, host: str,
              stopped: bool = False) -> None:
    """Record that a process is alive, or that it has stopped."""
    try:
        _beat(context, binary, host, stopped)
    except db_exc.DBDuplicateEntry:
        # Another one inserted the row between our two statements.
        _beat(context, binary, host, stopped)


@api.writer
def report(context: api.Context, binary: str, host: str, name: str,
           values: models.Row) -> None:
    """Store a report of the periodic work of a process.

    :param values: JSON-safe
    """
    row = context.session.execute(
        sa.select(models.Service.id, models.Service.report)
        .where(models.Service.binary == binary,
               models.Service.host == host).with_for_update()).first()
    if row is not None:
        table.update(context, models.Service, row.id, {
            'report': {**(row.report or {}), name: values}})


@api.reader
def list_services(context: api.Context, binary: str) -> list[models.Row]:
    """Return the processes of a program with what they reported."""
    return db_query.rows(
        context,
        sa.select(models.Service.host, models.Service.heartbeat_at,
                  models.Service.stopped, models.Service.report)
        .where(models.Service.binary == binary)
        .order_by(models.Service.host))


@api.reader
def alive(context: api.Context, binary: str, seconds: float) -> list[str]:
    """Return the hosts whose process has sent a heartbeat recently.

    :param seconds: how old the sign may be
    """
    since = clock.utcnow() - datetime.timedelta(seconds=seconds)
    return list(context.session.scalars(
        sa.select(models.Service.host)
        .where(models.Service.binary == binary,
               models.Service.stopped.is_(False),
               models.Service.heartbeat_at >= since)
        .order_by(models.Service.host)))
