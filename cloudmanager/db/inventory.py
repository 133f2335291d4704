# SPDX-License-Identifier: Apache-2.0
"""Nodes and the hypervisors of Nova that they stand for."""

from collections.abc import Callable
import dataclasses
from typing import TypeVar

from oslo_db import exception as db_exc
from oslo_log import log as logging
import sqlalchemy as sa

from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import node_addresses
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain import conditions

T = TypeVar('T')
# What Nova says of a nova-compute: its status and its state.
States = tuple[str | None, str | None]

LOG = logging.getLogger(__name__)
#: Columns of a node that a comparison with Nova reads.
COLUMNS = ('id', 'name', 'hypervisor_id', 'hypervisor_lost_at',
           'compute_host', 'compute_status', 'compute_state')
# How many nodes are written at a time.
CHUNK = 500
_NODE = models.Node


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """A change of a node that is made only if the node has not changed.

    :ivar node: the values of ``COLUMNS`` when they were read
    :ivar values: the new values
    """

    node: models.Row
    values: models.Row


@api.reader
def list_nodes(context: api.Context) -> list[models.Row]:
    """Return the columns above of all nodes, and whether each is a host.

    :returns: ``is_hypervisor`` tells nodes of the class for compute hosts
    """
    statement = (
        sa.select(*(getattr(_NODE, name) for name in COLUMNS),
                  models.NodeClass.name.label('class_name'))
        .join(models.NodeClass,
              models.NodeClass.id == _NODE.node_class_id)
        .order_by(_NODE.id))
    return [{**{name: row[name] for name in COLUMNS},
             'is_hypervisor': row['class_name'] == conditions.HYPERVISOR}
            for row in context.session.execute(statement).mappings()]


@api.reader
def types_of_hypervisors(context: api.Context) -> dict[str, tuple[int, int]]:
    """Return class id and type id of the types of compute hosts, by name.

    The type without a name is there when types are as they were made first.
    """
    return {row.name: (row.node_class_id, row.id)
            for row in context.session.execute(
                sa.select(models.NodeType.name,
                          models.NodeType.node_class_id, models.NodeType.id)
                .join(models.NodeClass, models.NodeClass.id
                      == models.NodeType.node_class_id)
                .where(models.NodeClass.name == conditions.HYPERVISOR)
                # Of each name the oldest one counts.
                .order_by(models.NodeType.id.desc()))}


@api.writer
def _insert(context: api.Context, rows: list[models.Row]) -> int:
    context.session.execute(sa.insert(_NODE), rows)
    addresses = {row['name']: row['ip_addresses'] for row in rows}
    node_addresses.write(context, {
        row.id: addresses[row.name] for row in context.session.execute(
            sa.select(_NODE.id, _NODE.name)
            .where(_NODE.name.in_(addresses)))})
    return len(rows)


@api.writer
def _update(context: api.Context, updates: list[Update]) -> int:
    changed = 0
    for update in updates:
        statement = sa.update(_NODE).where(_NODE.id == update.node['id'])
        for name in ('name', 'hypervisor_id'):
            statement = statement.where(
                getattr(_NODE, name) == update.node[name])
        changed += table.changed(context,
                                 statement.values(**update.values))
    return changed


def _in_chunks(function: Callable[[api.Context, list[T]], int],
               context: api.Context, values: list[T]) -> int:
    """Write nodes in chunks; write a chunk with a conflict one by one.

    A node in conflict with a change made in the meantime is left out; the next
    comparison finds it again.
    """
    done = 0
    for some in db_query.chunks(values, CHUNK):
        try:
            done += function(context, some)
        except db_exc.DBDuplicateEntry:
            for value in some:
                try:
                    done += function(context, [value])
                except db_exc.DBDuplicateEntry:
                    LOG.info('A name or hypervisor id is taken already: '
                             '%s', value)
    return done


def enroll(context: api.Context, rows: list[models.Row]) -> int:
    """Insert nodes; those that exist already are left as they are.

    :returns: how many are new
    """
    return _in_chunks(_insert, context, rows)


@api.writer
def _set_states(context: api.Context, alike: dict[States, list[int]]
                ) -> None:
    for (status, state), ids in alike.items():
        for some in db_query.chunks(ids):
            context.session.execute(
                sa.update(_NODE).where(_NODE.id.in_(some))
                .values(compute_status=status, compute_state=state))


def apply(context: api.Context, updates: list[Update]) -> int:
    """Make changes, except of nodes that were changed in the meantime.

    New states of nova-compute, of which there may be many at a time, take
    one statement for all that are alike.

    :returns: how many nodes were changed
    """
    alike: dict[States, list[int]] = {}
    others = []
    for update in updates:
        if update.values.keys() == {'compute_status', 'compute_state'}:
            alike.setdefault((update.values['compute_status'],
                              update.values['compute_state']), []).append(
                                  update.node['id'])
        else:
            others.append(update)
    if alike:
        _set_states(context, alike)
    return (sum(map(len, alike.values()))
            + _in_chunks(_update, context, others))
