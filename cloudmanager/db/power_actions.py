# SPDX-License-Identifier: Apache-2.0
"""The log of power actions."""

import datetime

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain import query as common_query

#: Results of power actions.
RUNNING, SUCCESS, FAILURE, CANCELLED = (
    'running', 'success', 'failure', 'cancelled')
_ACTION = models.PowerAction
_ACTIONS = sa.select(*_ACTION.__table__.c)
_OF_NODE = _ACTIONS.where(_ACTION.node_id == sa.bindparam('node_id'))


def _require_node(context: api.Context, node_id: int) -> None:
    table.require(context, models.Node, node_id,
                  exception.NodeNotFound(node=node_id))


@api.reader
def list_actions(context: api.Context, node_id: int,
                 query: common_query.Query) -> list[models.Row]:
    """Return the power actions on a node.

    :raises NodeNotFound: there is no such node
    """
    _require_node(context, node_id)
    return db_query.fetch(context, _OF_NODE, _ACTION, query,
                          node_id=node_id)


@api.reader
def get_action(context: api.Context, node_id: int,
               action_id: int) -> models.Row:
    """Return one power action on a node.

    :raises NodeNotFound: there is no such node
    :raises PowerActionNotFound: it is not one on this node
    """
    _require_node(context, node_id)
    return table.get(
        context, _ACTIONS.where(_ACTION.node_id == node_id,
                                _ACTION.id == action_id),
        exception.PowerActionNotFound(power_action=action_id))


@api.writer
def begin(context: api.Context, values: models.Row) -> tuple[
        int, datetime.datetime]:
    """Log that a power action begins, or goes on after a crash.

    :param values: by column; the task, the node and what is done tell
        whether it goes on
    :returns: id of the entry, and when the action first began
    """
    same = [getattr(_ACTION, name) == values[name] for name in (
        'node_id', 'task_id', 'action', 'power_control_port')]
    known = context.session.execute(
        sa.select(_ACTION.id, _ACTION.created_at)
        .where(_ACTION.result == RUNNING, *same)
        .order_by(_ACTION.id.desc()).limit(1)).first()
    if known is not None:
        return known.id, known.created_at
    now = clock.utcnow()
    return table.insert(context, _ACTION, {
        **values, 'result': RUNNING, 'created_at': now}), now
