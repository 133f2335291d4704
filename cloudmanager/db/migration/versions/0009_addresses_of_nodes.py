# SPDX-License-Identifier: Apache-2.0
"""Addresses of nodes and tasks of nodes are found; MACs are unique."""

import json
from typing import Any

from alembic import op
import sqlalchemy as sa

from cloudmanager.common import exception

revision = '0009'
down_revision = '0005'
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
                           'mysql_collate': 'utf8mb4_bin'}
NODES = sa.table('nodes', *map(sa.column, ('id', 'mac_address')),
                 sa.column('ip_addresses', sa.JSON))
TASKS = sa.table('tasks', sa.column('id'), sa.column('params', sa.JSON))
TASK_NODES = sa.table('task_nodes', *map(sa.column, ('task_id', 'node_id')))
ADDRESSES = sa.table('node_addresses', *map(sa.column, ('node_id', 'address')))


def upgrade() -> None:
    connection = op.get_bind()
    _check_macs(connection)
    op.create_table(
        'node_addresses',
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('address', sa.String(45), nullable=False),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'], name='fk_node_addresses_node_id', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('node_id', 'address', name='pk_node_addresses'), **OPTIONS)
    op.create_index('ix_node_addresses_address', 'node_addresses', ['address'])
    op.create_table(
        'task_nodes',
        sa.Column('task_id', sa.String(36), nullable=False),
        sa.Column('node_id', sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name='fk_task_nodes_task_id', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id', 'node_id', name='pk_task_nodes'), **OPTIONS)
    op.create_index('ix_task_nodes_node_id', 'task_nodes', ['node_id'])
    _fill_addresses(connection)
    _fill_tasks(connection)
    op.create_index('uq_nodes_mac_address', 'nodes', ['mac_address'], unique=True)
    op.drop_index('ix_nodes_mac_address', 'nodes')


def _check_macs(connection: Any) -> None:
    """Refuse to go on while nodes share a MAC address.

    Only an operator knows whose it is. Nothing has been changed yet.
    """
    shared = connection.execute(
        sa.select(NODES.c.mac_address, sa.func.min(NODES.c.id), sa.func.max(NODES.c.id))
        .where(NODES.c.mac_address.is_not(None))
        .group_by(NODES.c.mac_address).having(sa.func.count() > 1)).fetchall()
    if shared:
        listed = '; '.join(f'{mac} of nodes {first}, {last}' for mac, first, last in shared[:20])
        raise exception.Conflict(
            reason=f'{len(shared)} MAC address(es) belong to several nodes, and must not any more. '
                   f'Change them first with the release that runs now: {listed}')


def _fill_tasks(connection: Any) -> None:
    for task_id, params in connection.execute(sa.select(TASKS.c.id, TASKS.c.params)).fetchall():
        if isinstance(params, str):
            params = json.loads(params)
        if isinstance(params, dict) and isinstance(params.get('node_id'), int):
            connection.execute(TASK_NODES.insert().values(task_id=task_id, node_id=params['node_id']))


def _fill_addresses(connection: Any) -> None:
    for node_id, found in connection.execute(sa.select(NODES.c.id, NODES.c.ip_addresses)).fetchall():
        if isinstance(found, str):
            found = json.loads(found)
        if not found:
            connection.execute(NODES.update().where(NODES.c.id == node_id).values(ip_addresses=[]))
            continue
        connection.execute(ADDRESSES.insert(), [
            {'node_id': node_id, 'address': address} for address in dict.fromkeys(found)])
