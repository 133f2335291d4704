# SPDX-License-Identifier: Apache-2.0
"""The first tables and the rows that every installation starts with."""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')
OPTIONS: dict[str, Any] = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
                           'mysql_collate': 'utf8mb4_bin'}

# The classes and types of the REST document's samples, in its order, so
# that they get its ids.
CLASSES = (
    ('hypervisor', ('', 'QEMU', 'KVM', 'Docker', 'Xen', 'VMware',
                    'HyperV')),
    ('Storage host', ('', 'Ceph', 'mdraid', 'bcashed', 'GlusterFS',
                      'Sheepdog')),
    ('Network host', ('', 'Network node', 'Commutator', 'Router')),
    ('Server', ('', 'Controller node', 'PXE', 'DHCP', 'DNS', 'NTP')),
)


def upgrade() -> None:
    _create_tables()
    _seed(op.get_bind())


def _seed(connection: sa.Connection) -> None:
    now = {'created_at': sa.func.now()}
    classes = sa.table('node_classes', *map(sa.column, (
        'id', 'name', 'is_default', 'created_at')))
    types = sa.table('node_types', *map(sa.column, (
        'id', 'node_class_id', 'name', 'created_at')))
    images = sa.table('node_images', *map(sa.column, (
        'id', 'name', 'created_at')))
    type_id = 0
    for class_id, (name, names) in enumerate(CLASSES, start=1):
        connection.execute(classes.insert().values(
            id=class_id, name=name, is_default=class_id == 1, **now))
        for type_name in names:
            type_id += 1
            connection.execute(types.insert().values(
                id=type_id, node_class_id=class_id, name=type_name, **now))
    connection.execute(images.insert().values(id=1, name='default', **now))
    if connection.dialect.name == 'postgresql':
        # Explicit ids do not advance PostgreSQL's sequences.
        for table in ('node_classes', 'node_types', 'node_images'):
            connection.execute(sa.select(sa.func.setval(
                f'{table}_id_seq',
                sa.select(sa.func.max(sa.column('id'))).select_from(
                    sa.table(table)).scalar_subquery())))


def _create_tables() -> None:
    op.create_table('audits',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('aggregate_id', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('model', sa.JSON(), nullable=True),
        sa.Column('imbalance_before', sa.Double(), nullable=True),
        sa.Column('imbalance_after', sa.Double(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audits')),
        **OPTIONS)
    op.create_index(op.f('ix_audits_aggregate_id'), 'audits',
                    ['aggregate_id'])
    op.create_index(op.f('ix_audits_status'), 'audits',
                    ['status'])
    op.create_table('availability_storages',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('path', sa.String(length=1024), nullable=True),
        sa.Column('fields', sa.JSON(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_availability_storages')),
        sa.UniqueConstraint('name',
                            name=op.f('uq_availability_storages_name')),
        **OPTIONS)
    op.create_table('jobs',
        sa.Column('sequence', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True,
                  nullable=False),
        sa.Column('uuid', sa.String(length=36), nullable=False),
        sa.Column('board', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('priority', sa.SmallInteger(), nullable=False),
        sa.Column('details', sa.JSON(), nullable=False),
        sa.Column('book_uuid', sa.String(length=64), nullable=True),
        sa.Column('book_name', sa.String(length=255), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('trashed', sa.Boolean(), nullable=False),
        sa.Column('owner', sa.String(length=255), nullable=True),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('expires_at', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('sequence', name=op.f('pk_jobs')),
        sa.UniqueConstraint('uuid', name=op.f('uq_jobs_uuid')),
        **OPTIONS)
    op.create_index(op.f('ix_jobs_board_trashed_priority_sequence'), 'jobs',
                    ['board', 'trashed', 'priority', 'sequence'])
    op.create_table('node_classes',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_node_classes')),
        sa.UniqueConstraint('name', name=op.f('uq_node_classes_name')),
        **OPTIONS)
    op.create_table('node_images',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('file_data', LONG_TEXT, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_node_images')),
        sa.UniqueConstraint('name', name=op.f('uq_node_images_name')),
        **OPTIONS)
    op.create_table('power_controls',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('title', sa.String(length=255), nullable=False),
        sa.Column('control_type', sa.String(length=64), nullable=False),
        sa.Column('protocol_type', sa.String(length=32), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('port_number', sa.Integer(), nullable=False),
        sa.Column('login', sa.String(length=255), nullable=True),
        sa.Column('password', sa.Text(), nullable=True),
        sa.Column('ssh_key', sa.Text(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_power_controls')),
        sa.UniqueConstraint('control_type', 'host', 'port_number',
                            name=op.f('uq_power_controls_control_type_host_port_number')),
        **OPTIONS)
    op.create_index(op.f('ix_power_controls_created_at'), 'power_controls',
                    ['created_at'])
    op.create_index(op.f('ix_power_controls_host'), 'power_controls',
                    ['host'])
    op.create_index(op.f('ix_power_controls_port_number'), 'power_controls',
                    ['port_number'])
    op.create_index(op.f('ix_power_controls_protocol_type'), 'power_controls',
                    ['protocol_type'])
    op.create_index(op.f('ix_power_controls_title'), 'power_controls',
                    ['title'])
    op.create_table('services',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('binary', sa.String(length=64), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('heartbeat_at', TIME, nullable=False),
        sa.Column('stopped', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_services')),
        sa.UniqueConstraint('binary', 'host',
                            name=op.f('uq_services_binary_host')),
        **OPTIONS)
    op.create_table('tasks',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('server_id', sa.String(length=36), nullable=True),
        sa.Column('params', sa.JSON(), nullable=False),
        sa.Column('memory', sa.JSON(), nullable=True),
        sa.Column('result', LONG_TEXT, nullable=True),
        sa.Column('traceback', LONG_TEXT, nullable=True),
        sa.Column('cancel', sa.String(length=8), nullable=True),
        sa.Column('user_id', sa.String(length=64), nullable=True),
        sa.Column('user_name', sa.String(length=255), nullable=True),
        sa.Column('project_id', sa.String(length=64), nullable=True),
        sa.Column('request_id', sa.String(length=64), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('started_at', TIME, nullable=True),
        sa.Column('finished_at', TIME, nullable=True),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('owner', sa.String(length=255), nullable=True),
        sa.Column('heartbeat_at', TIME, nullable=False),
        sa.Column('post_token', sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tasks')),
        **OPTIONS)
    op.create_index(op.f('ix_tasks_created_at'), 'tasks',
                    ['created_at'])
    op.create_index(op.f('ix_tasks_finished_at'), 'tasks',
                    ['finished_at'])
    op.create_index(op.f('ix_tasks_host'), 'tasks', ['host'])
    op.create_index(op.f('ix_tasks_name'), 'tasks', ['name'])
    op.create_index(op.f('ix_tasks_server_id'), 'tasks',
                    ['server_id'])
    op.create_index(op.f('ix_tasks_status_heartbeat_at'), 'tasks',
                    ['status', 'heartbeat_at'])
    op.create_table('audit_moves',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('audit_id', sa.Integer(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('server_id', sa.String(length=36), nullable=False),
        sa.Column('source', sa.String(length=255), nullable=False),
        sa.Column('destination', sa.String(length=255), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['audit_id'], ['audits.id'],
                                name=op.f('fk_audit_moves_audit_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_moves')),
        sa.UniqueConstraint('audit_id', 'position',
                            name=op.f('uq_audit_moves_audit_id_position')),
        **OPTIONS)
    op.create_table('node_types',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('node_class_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['node_class_id'], ['node_classes.id'],
                                name=op.f('fk_node_types_node_class_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_node_types')),
        sa.UniqueConstraint('node_class_id', 'name',
                            name=op.f('uq_node_types_node_class_id_name')),
        **OPTIONS)
    op.create_table('task_items',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('object_id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('action', sa.String(length=32), nullable=True),
        sa.Column('source', sa.String(length=255), nullable=True),
        sa.Column('destination', sa.String(length=255), nullable=True),
        sa.Column('priority', sa.SmallInteger(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('memory', sa.JSON(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'],
                                name=op.f('fk_task_items_task_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_task_items')),
        sa.UniqueConstraint('task_id', 'object_id',
                            name=op.f('uq_task_items_task_id_object_id')),
        **OPTIONS)
    op.create_index(op.f('ix_task_items_object_id'), 'task_items',
                    ['object_id'])
    op.create_table('task_targets',
        sa.Column('target', sa.String(length=255), nullable=False),
        sa.Column('task_id', sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'],
                                name=op.f('fk_task_targets_task_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('target', name=op.f('pk_task_targets')),
        **OPTIONS)
    op.create_index(op.f('ix_task_targets_task_id'), 'task_targets',
                    ['task_id'])
    op.create_table('nodes',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('title', sa.String(length=255), nullable=True),
        sa.Column('description', sa.Text(), nullable=True),
        sa.Column('node_class_id', sa.Integer(), nullable=False),
        sa.Column('node_type_id', sa.Integer(), nullable=False),
        sa.Column('image_id', sa.Integer(), nullable=False),
        sa.Column('hypervisor_id', sa.String(length=36), nullable=True),
        sa.Column('controller_id', sa.String(length=36), nullable=True),
        sa.Column('controller_type', sa.String(length=255), nullable=True),
        sa.Column('dtc_number', sa.Integer(), nullable=True),
        sa.Column('row_number', sa.Integer(), nullable=True),
        sa.Column('rack_number', sa.Integer(), nullable=True),
        sa.Column('unit_number', sa.Integer(), nullable=True),
        sa.Column('cpu_amount', sa.Integer(), nullable=True),
        sa.Column('ram_mb', sa.Integer(), nullable=True),
        sa.Column('hdd_gb', sa.Integer(), nullable=True),
        sa.Column('mac_address', sa.String(length=17), nullable=True),
        sa.Column('ip_addresses', sa.JSON(), nullable=True),
        sa.Column('inventory_code', sa.String(length=255), nullable=True),
        sa.Column('owner', sa.String(length=255), nullable=True),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.Column('is_reserved', sa.Boolean(), nullable=False),
        sa.Column('is_controller', sa.Boolean(), nullable=False),
        sa.Column('condition', sa.SmallInteger(), nullable=False),
        sa.Column('dcc', sa.Boolean(), nullable=False),
        sa.Column('nodesafe', sa.Boolean(), nullable=False),
        sa.Column('power_state', sa.String(length=16), nullable=True),
        sa.Column('power_state_at', TIME, nullable=True),
        sa.Column('power_state_reason', sa.String(length=255), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['image_id'], ['node_images.id'],
                                name=op.f('fk_nodes_image_id')),
        sa.ForeignKeyConstraint(['node_class_id'], ['node_classes.id'],
                                name=op.f('fk_nodes_node_class_id')),
        sa.ForeignKeyConstraint(['node_type_id'], ['node_types.id'],
                                name=op.f('fk_nodes_node_type_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_nodes')),
        sa.UniqueConstraint('hypervisor_id',
                            name=op.f('uq_nodes_hypervisor_id')),
        sa.UniqueConstraint('name', name=op.f('uq_nodes_name')),
        **OPTIONS)
    op.create_index(op.f('ix_nodes_active'), 'nodes', ['active'])
    op.create_index(op.f('ix_nodes_condition'), 'nodes',
                    ['condition'])
    op.create_index(op.f('ix_nodes_controller_id'), 'nodes',
                    ['controller_id'])
    op.create_index(op.f('ix_nodes_created_at'), 'nodes',
                    ['created_at'])
    op.create_index(op.f('ix_nodes_dtc_number'), 'nodes',
                    ['dtc_number'])
    op.create_index(op.f('ix_nodes_image_id'), 'nodes',
                    ['image_id'])
    op.create_index(op.f('ix_nodes_inventory_code'), 'nodes',
                    ['inventory_code'])
    op.create_index(op.f('ix_nodes_is_controller'), 'nodes',
                    ['is_controller'])
    op.create_index(op.f('ix_nodes_is_reserved'), 'nodes',
                    ['is_reserved'])
    op.create_index(op.f('ix_nodes_mac_address'), 'nodes',
                    ['mac_address'])
    op.create_index(op.f('ix_nodes_node_class_id'), 'nodes',
                    ['node_class_id'])
    op.create_index(op.f('ix_nodes_node_type_id'), 'nodes',
                    ['node_type_id'])
    op.create_index(op.f('ix_nodes_owner'), 'nodes', ['owner'])
    op.create_index(op.f('ix_nodes_power_state'), 'nodes',
                    ['power_state'])
    op.create_index(op.f('ix_nodes_rack_number'), 'nodes',
                    ['rack_number'])
    op.create_index(op.f('ix_nodes_row_number'), 'nodes',
                    ['row_number'])
    op.create_index(op.f('ix_nodes_title'), 'nodes', ['title'])
    op.create_index(op.f('ix_nodes_unit_number'), 'nodes',
                    ['unit_number'])
    op.create_table('node_availability_storages',
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('availability_storage_id', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['availability_storage_id'],
                                ['availability_storages.id'],
                                name=op.f('fk_node_availability_storages_availability_storage_id')),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name=op.f('fk_node_availability_storages_node_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('node_id', 'availability_storage_id',
                                name=op.f('pk_node_availability_storages')),
        **OPTIONS)
    op.create_index(op.f('ix_node_availability_storages_availability_storage_id'), 'node_availability_storages',
                    ['availability_storage_id'])
    op.create_table('node_power_controls',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('power_control_id', sa.Integer(), nullable=False),
        sa.Column('power_control_port', sa.String(length=64), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('is_initialized', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name=op.f('fk_node_power_controls_node_id')),
        sa.ForeignKeyConstraint(['power_control_id'],
                                ['power_controls.id'],
                                name=op.f('fk_node_power_controls_power_control_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_node_power_controls')),
        sa.UniqueConstraint('node_id', 'power_control_id',
                            name=op.f('uq_node_power_controls_node_id_power_control_id')),
        sa.UniqueConstraint('power_control_id', 'power_control_port',
                            name=op.f('uq_node_power_controls_power_control_id_power_control_port')),
        **OPTIONS)
    op.create_table('power_actions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('node_id', sa.Integer(), nullable=True),
        sa.Column('power_control_id', sa.Integer(), nullable=True),
        sa.Column('action', sa.String(length=32), nullable=False),
        sa.Column('result', sa.String(length=16), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('user_id', sa.String(length=64), nullable=True),
        sa.Column('user_name', sa.String(length=255), nullable=True),
        sa.Column('task_id', sa.String(length=36), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('duration', sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name=op.f('fk_power_actions_node_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_power_actions')),
        **OPTIONS)
    op.create_index(op.f('ix_power_actions_created_at'), 'power_actions',
                    ['created_at'])
    op.create_index(op.f('ix_power_actions_node_id'), 'power_actions',
                    ['node_id'])
    op.create_index(op.f('ix_power_actions_power_control_id'), 'power_actions',
                    ['power_control_id'])
