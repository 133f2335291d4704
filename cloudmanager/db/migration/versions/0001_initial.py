# SPDX-License-Identifier: Apache-2.0
"""All tables, and the rows that every installation starts with."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import schema

revision = '0001_initial'
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

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
# The image of the document's sample.
FILE_DATA = (
    'default vesamenu.c32\n'
    'aprompt 1\n'
    'timeout 30\n'
    'label ubuntu 14.04\n'
    'menu label CENTER COMPUTE NODE DEFAULT\n'
    'kernel vmlinuz\n'
    'append initrd=dracut root=192.168.100.1:/mnt/rootfs biosdevname=0 '
    'ip=eth0:on ip=eth1:on bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp ro')


def upgrade() -> None:
    _create_audits()
    _create_availability_storages()
    _create_jobs()
    _create_node_classes()
    _create_node_images()
    _create_power_controls()
    _create_services()
    _create_tasks()
    _create_node_types()
    _create_task_items()
    _create_task_nodes()
    _create_task_targets()
    _create_nodes()
    _create_node_addresses()
    _create_node_availability_storages()
    _create_node_power_controls()
    _create_power_actions()
    _create_power_events()
    _create_power_starts()
    _seed(op.get_bind())


def _create_table(name: str, *items: schema.SchemaItem) -> None:
    op.create_table(name, *items, mysql_engine='InnoDB',
                    mysql_charset='utf8mb4', mysql_collate='utf8mb4_bin')


def _create_audits() -> None:
    _create_table(
        'audits',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('aggregate_id', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_audits'))


def _create_availability_storages() -> None:
    _create_table(
        'availability_storages',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('compute_path', sa.String(1024), nullable=False),
        sa.Column('controller_path', sa.String(1024), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_availability_storages'),
        sa.UniqueConstraint('name', name='uq_availability_storages_name'))


def _create_jobs() -> None:
    _create_table(
        'jobs',
        sa.Column('sequence', SEQUENCE, autoincrement=True, nullable=False),
        sa.Column('uuid', sa.String(36), nullable=False),
        sa.Column('board', sa.String(64), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('priority', sa.SmallInteger(), nullable=False),
        sa.Column('details', sa.JSON(), nullable=False),
        sa.Column('book_uuid', sa.String(64), nullable=True),
        sa.Column('book_name', sa.String(255), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.Column('trashed', sa.Boolean(), nullable=False),
        sa.Column('owner', sa.String(255), nullable=True),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('expires_at', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('sequence', name='pk_jobs'),
        sa.UniqueConstraint('uuid', name='uq_jobs_uuid'))
    op.create_index('ix_jobs_board_trashed_priority_sequence', 'jobs',
                    ['board', 'trashed', 'priority', 'sequence'])


def _create_node_classes() -> None:
    _create_table(
        'node_classes',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_node_classes'),
        sa.UniqueConstraint('name', name='uq_node_classes_name'))


def _create_node_images() -> None:
    _create_table(
        'node_images',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('file_data', LONG_TEXT, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_node_images'),
        sa.UniqueConstraint('name', name='uq_node_images_name'))
    op.create_index('ix_node_images_created_at', 'node_images', ['created_at'])


def _create_power_controls() -> None:
    _create_table(
        'power_controls',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('title', sa.String(255), nullable=False),
        sa.Column('control_type', sa.String(64), nullable=False),
        sa.Column('protocol_type', sa.String(32), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('port_number', sa.Integer(), nullable=False),
        sa.Column('login', sa.String(255), nullable=True),
        sa.Column('password', sa.Text(), nullable=True),
        sa.Column('ssh_key', sa.Text(), nullable=True),
        sa.Column('options', sa.JSON(), nullable=True),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('last_error', sa.Text(), nullable=True),
        sa.Column('last_error_at', TIME, nullable=True),
        sa.Column('last_success_at', TIME, nullable=True),
        sa.Column('retry_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_power_controls'),
        sa.UniqueConstraint(
            'control_type', 'host', 'port_number',
            name='uq_power_controls_control_type_host_port_number'))
    for name in ('created_at', 'failures', 'host', 'port_number',
                 'protocol_type', 'title'):
        op.create_index(f'ix_power_controls_{name}', 'power_controls', [name])


def _create_services() -> None:
    _create_table(
        'services',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('binary', sa.String(64), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('heartbeat_at', TIME, nullable=False),
        sa.Column('stopped', sa.Boolean(), nullable=False),
        sa.Column('report', sa.JSON(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_services'),
        sa.UniqueConstraint('binary', 'host', name='uq_services_binary_host'))


def _create_tasks() -> None:
    _create_table(
        'tasks',
        sa.Column('id', sa.String(36), nullable=False),
        sa.Column('parent_id', sa.String(36), nullable=True),
        sa.Column('name', sa.String(64), nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('host', sa.String(255), nullable=True),
        sa.Column('server_id', sa.String(36), nullable=True),
        sa.Column('params', sa.JSON(), nullable=False),
        sa.Column('memory', sa.JSON(), nullable=True),
        sa.Column('result', LONG_TEXT, nullable=True),
        sa.Column('traceback', LONG_TEXT, nullable=True),
        sa.Column('cancel', sa.String(8), nullable=True),
        sa.Column('user_id', sa.String(64), nullable=True),
        sa.Column('user_name', sa.String(255), nullable=True),
        sa.Column('project_id', sa.String(64), nullable=True),
        sa.Column('request_id', sa.String(64), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('started_at', TIME, nullable=True),
        sa.Column('finished_at', TIME, nullable=True),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('owner', sa.String(255), nullable=True),
        sa.Column('heartbeat_at', TIME, nullable=False),
        sa.Column('post_token', sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_tasks'))
    for name in ('created_at', 'finished_at', 'host', 'name', 'parent_id',
                 'server_id', 'started_at'):
        op.create_index(f'ix_tasks_{name}', 'tasks', [name])
    op.create_index('ix_tasks_status_heartbeat_at', 'tasks',
                    ['status', 'heartbeat_at'])


def _create_node_types() -> None:
    _create_table(
        'node_types',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('node_class_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_node_types'),
        sa.ForeignKeyConstraint(['node_class_id'], ['node_classes.id'],
                                name='fk_node_types_node_class_id'),
        sa.UniqueConstraint('node_class_id', 'name',
                            name='uq_node_types_node_class_id_name'))


def _create_task_items() -> None:
    _create_table(
        'task_items',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.String(36), nullable=False),
        sa.Column('kind', sa.String(16), nullable=False),
        sa.Column('object_id', sa.String(255), nullable=False),
        sa.Column('name', sa.String(255), nullable=True),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('action', sa.String(32), nullable=True),
        sa.Column('source', sa.String(255), nullable=True),
        sa.Column('destination', sa.String(255), nullable=True),
        sa.Column('priority', sa.SmallInteger(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('memory', sa.JSON(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_task_items'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'],
                                name='fk_task_items_task_id',
                                ondelete='CASCADE'),
        sa.UniqueConstraint('task_id', 'object_id',
                            name='uq_task_items_task_id_object_id'))
    op.create_index('ix_task_items_object_id', 'task_items', ['object_id'])


def _create_task_nodes() -> None:
    _create_table(
        'task_nodes',
        sa.Column('task_id', sa.String(36), nullable=False),
        sa.Column('node_id', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.PrimaryKeyConstraint('task_id', 'node_id', name='pk_task_nodes'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'],
                                name='fk_task_nodes_task_id',
                                ondelete='CASCADE'))
    op.create_index('ix_task_nodes_node_id', 'task_nodes', ['node_id'])


def _create_task_targets() -> None:
    _create_table(
        'task_targets',
        sa.Column('target', sa.String(255), nullable=False),
        sa.Column('task_id', sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint('target', name='pk_task_targets'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'],
                                name='fk_task_targets_task_id',
                                ondelete='CASCADE'))
    op.create_index('ix_task_targets_task_id', 'task_targets', ['task_id'])


def _create_nodes() -> None:
    _create_table(
        'nodes',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(255), nullable=True),
        sa.Column('title', sa.String(255), nullable=True),
        sa.Column('description', sa.Text(), nullable=True),
        sa.Column('node_class_id', sa.Integer(), nullable=False),
        sa.Column('node_type_id', sa.Integer(), nullable=False),
        sa.Column('image_id', sa.Integer(), nullable=False),
        sa.Column('hypervisor_id', sa.String(36), nullable=True),
        sa.Column('controller_id', sa.String(36), nullable=True),
        sa.Column('controller_type', sa.String(255), nullable=True),
        sa.Column('dtc_number', sa.Integer(), nullable=True),
        sa.Column('row_number', sa.Integer(), nullable=True),
        sa.Column('rack_number', sa.Integer(), nullable=True),
        sa.Column('unit_number', sa.Integer(), nullable=True),
        sa.Column('cpu_amount', sa.Integer(), nullable=True),
        sa.Column('ram_mb', sa.Integer(), nullable=True),
        sa.Column('hdd_gb', sa.Integer(), nullable=True),
        sa.Column('mac_address', sa.String(17), nullable=True),
        sa.Column('ip_addresses', sa.JSON(), nullable=True),
        sa.Column('inventory_code', sa.String(255), nullable=True),
        sa.Column('owner', sa.String(255), nullable=True),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.Column('is_reserved', sa.Boolean(), nullable=False),
        sa.Column('is_controller', sa.Boolean(), nullable=False),
        sa.Column('meta', sa.JSON(), nullable=True),
        sa.Column('condition', sa.SmallInteger(), nullable=False),
        sa.Column('condition_reason', sa.String(255), nullable=True),
        sa.Column('hypervisor_lost_at', TIME, nullable=True),
        sa.Column('compute_host', sa.String(255), nullable=True),
        sa.Column('compute_status', sa.String(16), nullable=True),
        sa.Column('compute_state', sa.String(16), nullable=True),
        sa.Column('power_state', sa.String(16), nullable=True),
        sa.Column('power_state_at', TIME, nullable=True),
        sa.Column('power_state_reason', sa.String(255), nullable=True),
        sa.Column('power_off_wanted', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_nodes'),
        sa.ForeignKeyConstraint(['image_id'], ['node_images.id'],
                                name='fk_nodes_image_id'),
        sa.ForeignKeyConstraint(['node_class_id'], ['node_classes.id'],
                                name='fk_nodes_node_class_id'),
        sa.ForeignKeyConstraint(['node_type_id'], ['node_types.id'],
                                name='fk_nodes_node_type_id'),
        sa.UniqueConstraint('hypervisor_id', name='uq_nodes_hypervisor_id'),
        sa.UniqueConstraint('mac_address', name='uq_nodes_mac_address'),
        sa.UniqueConstraint('name', name='uq_nodes_name'))
    for name in ('active', 'condition', 'controller_id', 'controller_type',
                 'cpu_amount', 'created_at', 'dtc_number', 'hdd_gb',
                 'image_id', 'inventory_code', 'is_controller', 'is_reserved',
                 'node_class_id', 'node_type_id', 'owner', 'power_state',
                 'rack_number', 'ram_mb', 'row_number', 'title',
                 'unit_number'):
        op.create_index(f'ix_nodes_{name}', 'nodes', [name])


def _create_node_addresses() -> None:
    _create_table(
        'node_addresses',
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('address', sa.String(45), nullable=False),
        sa.PrimaryKeyConstraint('node_id', 'address',
                                name='pk_node_addresses'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_node_addresses_node_id',
                                ondelete='CASCADE'))
    op.create_index('ix_node_addresses_address', 'node_addresses', ['address'])


def _create_node_availability_storages() -> None:
    _create_table(
        'node_availability_storages',
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('availability_storage_id', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('node_id', 'availability_storage_id',
                                name='pk_node_availability_storages'),
        sa.ForeignKeyConstraint(
            ['availability_storage_id'], ['availability_storages.id'],
            name='fk_node_availability_storages_availability_storage_id'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_node_availability_storages_node_id',
                                ondelete='CASCADE'))
    op.create_index('ix_node_availability_storages_availability_storage_id',
                    'node_availability_storages', ['availability_storage_id'])


def _create_node_power_controls() -> None:
    _create_table(
        'node_power_controls',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('power_control_id', sa.Integer(), nullable=False),
        sa.Column('power_control_port', sa.String(64), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('is_initialized', sa.Boolean(), nullable=False),
        sa.Column('power_state', sa.String(16), nullable=True),
        sa.Column('power_state_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_node_power_controls'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_node_power_controls_node_id'),
        sa.ForeignKeyConstraint(
            ['power_control_id'], ['power_controls.id'],
            name='fk_node_power_controls_power_control_id'),
        sa.UniqueConstraint(
            'node_id', 'power_control_id',
            name='uq_node_power_controls_node_id_power_control_id'),
        sa.UniqueConstraint(
            'power_control_id', 'power_control_port',
            name='uq_node_power_controls_power_control_id_power_control_port'))


def _create_power_actions() -> None:
    _create_table(
        'power_actions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('node_id', sa.Integer(), nullable=True),
        sa.Column('power_control_id', sa.Integer(), nullable=True),
        sa.Column('power_control_port', sa.String(64), nullable=True),
        sa.Column('action', sa.String(32), nullable=False),
        sa.Column('result', sa.String(16), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('user_id', sa.String(64), nullable=True),
        sa.Column('user_name', sa.String(255), nullable=True),
        sa.Column('task_id', sa.String(36), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('duration', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_power_actions'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_power_actions_node_id',
                                ondelete='CASCADE'))
    for name in ('created_at', 'node_id', 'power_control_id'):
        op.create_index(f'ix_power_actions_{name}', 'power_actions', [name])


def _create_power_events() -> None:
    _create_table(
        'power_events',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(32), nullable=False),
        sa.Column('node_id', sa.Integer(), nullable=True),
        sa.Column('power_control_id', sa.Integer(), nullable=True),
        sa.Column('detail', sa.Text(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_power_events'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_power_events_node_id',
                                ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['power_control_id'], ['power_controls.id'],
                                name='fk_power_events_power_control_id',
                                ondelete='CASCADE'))
    for name in ('created_at', 'kind', 'node_id', 'power_control_id'):
        op.create_index(f'ix_power_events_{name}', 'power_events', [name])


def _create_power_starts() -> None:
    _create_table(
        'power_starts',
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('rack', sa.String(64), nullable=False),
        sa.Column('moment', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('node_id', name='pk_power_starts'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_power_starts_node_id',
                                ondelete='CASCADE'),
        sa.UniqueConstraint('rack', 'moment',
                            name='uq_power_starts_rack_moment'))


def _seed(connection: sa.Connection) -> None:
    now = {'created_at': sa.func.now()}
    classes = sa.table('node_classes', *map(sa.column, (
        'id', 'name', 'is_default', 'created_at')))
    types = sa.table('node_types', *map(sa.column, (
        'id', 'node_class_id', 'name', 'created_at')))
    images = sa.table('node_images', *map(sa.column, (
        'id', 'name', 'file_data', 'created_at')))
    type_id = 0
    for class_id, (name, names) in enumerate(CLASSES, start=1):
        connection.execute(classes.insert().values(
            id=class_id, name=name, is_default=class_id == 1, **now))
        for type_name in names:
            type_id += 1
            connection.execute(types.insert().values(
                id=type_id, node_class_id=class_id, name=type_name, **now))
    connection.execute(images.insert().values(
        id=1, name='default', file_data=FILE_DATA, **now))
    if connection.dialect.name == 'postgresql':
        # Explicit ids do not advance PostgreSQL's sequences.
        for table in ('node_classes', 'node_types', 'node_images'):
            connection.execute(sa.select(sa.func.setval(
                f'{table}_id_seq',
                sa.select(sa.func.max(sa.column('id'))).select_from(
                    sa.table(table)).scalar_subquery())))
