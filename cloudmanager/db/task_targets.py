# SPDX-License-Identifier: Apache-2.0
"""Keeps what running tasks act on from being removed.

Both sides lock rows before they check: a task that begins locks its targets,
and a request that removes one of them locks it as well.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query

#: How targets begin; ids follow. Those of outputs have their names besides.
NODE, OUTPUT = 'node:', 'output:'
_TARGET = models.TaskTarget.target


def nodes(targets: Iterable[str]) -> set[int]:
    """Return the ids of the nodes among targets."""
    return {int(target.removeprefix(NODE)) for target in targets
            if target.startswith(NODE)}


def lock(context: api.Context, targets: Iterable[str]) -> None:
    """Keep targets from being removed during this transaction.

    :raises NodeNotFound: a node was deleted
    :raises PowerControlNotFound: a power control was deleted
    """
    controls = {int(target.split(':')[1]) for target in targets
                if target.startswith(OUTPUT)}
    for missing in _lock_rows(context, models.Node, nodes(targets)):
        raise exception.NodeNotFound(node=missing)
    for missing in _lock_rows(context, models.PowerControl, controls):
        raise exception.PowerControlNotFound(power_control=missing)


def _lock_rows(context: api.Context,
               model: type[models.Node] | type[models.PowerControl],
               ids: set[int]) -> list[int]:
    """Lock rows in the order of their ids; return the missing ids."""
    if not ids:
        return []
    found = context.session.scalars(
        sa.select(model.id).where(model.id.in_(sorted(ids)))
        .order_by(model.id).with_for_update())
    return sorted(ids - set(found))


def require_free_node(context: api.Context, node_id: int) -> None:
    """Check that no task acts on a node, which is locked.

    :raises TaskConflict: one does
    """
    _require_free(context, _TARGET == f'{NODE}{node_id}')


def require_free_control(context: api.Context, control_id: int) -> None:
    """Check that no task acts on an output of a device, which is locked.

    :raises TaskConflict: one does
    """
    _require_free(context, _TARGET.like(f'{OUTPUT}{control_id}:%'))


def _require_free(context: api.Context,
                  condition: db_query.Condition) -> None:
    row = context.session.execute(
        sa.select(_TARGET, models.Task.id, models.Task.name,
                  models.Task.user_name, models.Task.user_id)
        .join(models.Task, models.Task.id == models.TaskTarget.task_id)
        .where(condition).limit(1)).first()
    if row is not None:
        raise exception.TaskConflict(
            task=row.id, name=row.name, target=row.target,
            user=row.user_name or row.user_id)
