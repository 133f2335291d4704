# SPDX-License-Identifier: Apache-2.0
"""The log of power actions."""

from typing import Any

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.common import query as common_query
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query

COLUMNS = tuple(models.PowerAction.__table__.c)
_OF_NODE = sa.select(*COLUMNS).where(
    models.PowerAction.node_id == sa.bindparam('node_id'))


def _require_node(context: Any, node_id: int) -> None:
    if context.session.scalar(sa.select(models.Node.id).where(
            models.Node.id == node_id)) is None:
        raise exception.NodeNotFound(node=node_id)


@api.reader
def list_actions(context: Any, node_id: int,
                 query: common_query.Query) -> list[dict[str, Any]]:
    """Return the power actions on a node.

    :raises NodeNotFound: there is no such node
    """
    _require_node(context, node_id)
    return db_query.fetch(context, _OF_NODE, models.PowerAction, query,
                          node_id=node_id)


@api.reader
def get_action(context: Any, node_id: int,
               action_id: int) -> dict[str, Any]:
    """Return one power action on a node.

    :raises NodeNotFound: there is no such node
    :raises PowerActionNotFound: it is not one on this node
    """
    _require_node(context, node_id)
    row = context.session.execute(
        sa.select(*COLUMNS).where(
            models.PowerAction.node_id == node_id,
            models.PowerAction.id == action_id)).mappings().first()
    if row is None:
        raise exception.PowerActionNotFound(power_action=action_id)
    return dict(row)


@api.writer
def record(context: Any, values: dict[str, Any]) -> int:
    """Log a power action.

    :param values: by column
    :returns: its id
    """
    return context.session.execute(
        sa.insert(models.PowerAction).values(**values)
    ).inserted_primary_key[0]
