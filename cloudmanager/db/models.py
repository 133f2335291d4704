# SPDX-License-Identifier: Apache-2.0
"""All tables.

Times are UTC without a zone. Names of indexes and constraints come from one
convention, so that migrations and models agree on every database.
"""

import datetime
from typing import Any
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.sql import schema

from cloudmanager.common import clock

#: A row by the names of its columns, or an object of JSON in one of them.
Row = dict[str, Any]

NAMING = {
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_name)s',
    'pk': 'pk_%(table_name)s',
}

# Microseconds on MySQL too, whose DATETIME has none by default.
Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')


OPTIONS: dict[str, str | bool] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    # Names differ by case, as elsewhere.
    'mysql_collate': 'utf8mb4_bin',
    # What is told of a node by its id is not to be told of a later one.
    'sqlite_autoincrement': True}


class Base(orm.DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)
    # What a float is by default depends on the version of SQLAlchemy.
    type_annotation_map = {datetime.datetime: Time, Row: sa.JSON,
                           list[str]: sa.JSON, float: sa.Double}
    __table__: ClassVar[sa.Table]


def _args(*constraints: schema.SchemaItem
          ) -> tuple[schema.SchemaItem | dict[str, str | bool], ...]:
    return (*constraints, OPTIONS)


class Created:
    created_at: Mapped[datetime.datetime] = mapped_column(
        default=clock.utcnow)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(
        onupdate=clock.utcnow)


class NodeClass(Created, Base):
    __tablename__ = 'node_classes'
    __table_args__ = _args(sa.UniqueConstraint('name'))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    is_default: Mapped[bool] = mapped_column(default=False)


class NodeType(Created, Base):
    __tablename__ = 'node_types'
    __table_args__ = _args(sa.UniqueConstraint('node_class_id', 'name'))

    id: Mapped[int] = mapped_column(primary_key=True)
    node_class_id: Mapped[int] = mapped_column(
        sa.ForeignKey('node_classes.id'))
    name: Mapped[str] = mapped_column(sa.String(255))


class NodeImage(Created, Base):
    __tablename__ = 'node_images'
    __table_args__ = _args(sa.UniqueConstraint('name'),
                           sa.Index(None, 'created_at'))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    file_data: Mapped[str | None] = mapped_column(LongText)


class Node(Created, Base):
    __tablename__ = 'nodes'
    __table_args__ = _args(
        sa.UniqueConstraint('name'), sa.UniqueConstraint('hypervisor_id'),
        sa.UniqueConstraint('mac_address'),
        sa.Index(None, 'node_class_id'), sa.Index(None, 'node_type_id'),
        sa.Index(None, 'image_id'),
        sa.Index(None, 'controller_id'), sa.Index(None, 'power_state'),
        sa.Index(None, 'condition'), sa.Index(None, 'is_reserved'),
        sa.Index(None, 'is_controller'), sa.Index(None, 'active'),
        sa.Index(None, 'rack_number'), sa.Index(None, 'dtc_number'),
        sa.Index(None, 'row_number'), sa.Index(None, 'unit_number'),
        sa.Index(None, 'owner'), sa.Index(None, 'inventory_code'),
        sa.Index(None, 'title'), sa.Index(None, 'created_at'),
        sa.Index(None, 'controller_type'), sa.Index(None, 'cpu_amount'),
        sa.Index(None, 'ram_mb'), sa.Index(None, 'hdd_gb'))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(255))
    title: Mapped[str | None] = mapped_column(sa.String(255))
    description: Mapped[str | None] = mapped_column(sa.Text)
    node_class_id: Mapped[int] = mapped_column(
        sa.ForeignKey('node_classes.id'))
    node_type_id: Mapped[int] = mapped_column(sa.ForeignKey('node_types.id'))
    image_id: Mapped[int] = mapped_column(sa.ForeignKey('node_images.id'))
    hypervisor_id: Mapped[str | None] = mapped_column(sa.String(36))
    controller_id: Mapped[str | None] = mapped_column(sa.String(36))
    controller_type: Mapped[str | None] = mapped_column(sa.String(255))
    dtc_number: Mapped[int | None]
    row_number: Mapped[int | None]
    rack_number: Mapped[int | None]
    unit_number: Mapped[int | None]
    cpu_amount: Mapped[int | None]
    ram_mb: Mapped[int | None]
    hdd_gb: Mapped[int | None]
    mac_address: Mapped[str | None] = mapped_column(sa.String(17))
    # NodeAddress has them too, with an index.
    ip_addresses: Mapped[list[str] | None] = mapped_column(default=list)
    inventory_code: Mapped[str | None] = mapped_column(sa.String(255))
    owner: Mapped[str | None] = mapped_column(sa.String(255))
    active: Mapped[bool] = mapped_column(default=True)
    is_reserved: Mapped[bool] = mapped_column(default=False)
    is_controller: Mapped[bool] = mapped_column(default=False)
    meta: Mapped[Row | None]
    condition: Mapped[int] = mapped_column(sa.SmallInteger, default=0)
    condition_reason: Mapped[str | None] = mapped_column(sa.String(255))
    # Since when Nova has not known the hypervisor any more.
    hypervisor_lost_at: Mapped[datetime.datetime | None]
    # What Nova calls the compute host, and what it last said of its
    # nova-compute: see domain.conditions.compute_of.
    compute_host: Mapped[str | None] = mapped_column(sa.String(255))
    compute_status: Mapped[str | None] = mapped_column(sa.String(16))
    compute_state: Mapped[str | None] = mapped_column(sa.String(16))
    power_state: Mapped[str | None] = mapped_column(sa.String(16))
    power_state_at: Mapped[datetime.datetime | None]
    power_state_reason: Mapped[str | None] = mapped_column(sa.String(255))
    # Whether it is off because this service was asked to switch it off.
    power_off_wanted: Mapped[bool] = mapped_column(default=False)


class NodeAddress(Base):
    __tablename__ = 'node_addresses'
    __table_args__ = _args(sa.Index(None, 'address'))

    node_id: Mapped[int] = mapped_column(
        sa.ForeignKey('nodes.id', ondelete='CASCADE'), primary_key=True)
    address: Mapped[str] = mapped_column(sa.String(45), primary_key=True)


class PowerControl(Created, Base):
    __tablename__ = 'power_controls'
    __table_args__ = _args(
        sa.UniqueConstraint('control_type', 'host', 'port_number'),
        sa.Index(None, 'title'), sa.Index(None, 'protocol_type'),
        sa.Index(None, 'host'), sa.Index(None, 'port_number'),
        sa.Index(None, 'created_at'), sa.Index(None, 'failures'))

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(255))
    control_type: Mapped[str] = mapped_column(sa.String(64))
    protocol_type: Mapped[str] = mapped_column(sa.String(32))
    host: Mapped[str] = mapped_column(sa.String(255))
    port_number: Mapped[int]
    login: Mapped[str | None] = mapped_column(sa.String(255))
    password: Mapped[str | None] = mapped_column(sa.Text)
    ssh_key: Mapped[str | None] = mapped_column(sa.Text)
    options: Mapped[Row | None]
    # What is known of its health; it is not tried again before retry_at.
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    last_error_at: Mapped[datetime.datetime | None]
    last_success_at: Mapped[datetime.datetime | None]
    retry_at: Mapped[datetime.datetime | None]


class NodePowerControl(Created, Base):
    __tablename__ = 'node_power_controls'
    __table_args__ = _args(
        sa.UniqueConstraint('power_control_id', 'power_control_port'),
        sa.UniqueConstraint('node_id', 'power_control_id'))

    id: Mapped[int] = mapped_column(primary_key=True)
    node_id: Mapped[int] = mapped_column(sa.ForeignKey('nodes.id'))
    power_control_id: Mapped[int] = mapped_column(
        sa.ForeignKey('power_controls.id'))
    power_control_port: Mapped[str] = mapped_column(sa.String(64))
    is_default: Mapped[bool] = mapped_column(default=False)
    is_initialized: Mapped[bool] = mapped_column(default=False)
    power_state: Mapped[str | None] = mapped_column(sa.String(16))
    power_state_at: Mapped[datetime.datetime | None]


class PowerAction(Base):
    __tablename__ = 'power_actions'
    __table_args__ = _args(sa.Index(None, 'node_id'),
                           sa.Index(None, 'power_control_id'),
                           sa.Index(None, 'created_at'))

    id: Mapped[int] = mapped_column(primary_key=True)
    node_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey('nodes.id', ondelete='CASCADE'))
    power_control_id: Mapped[int | None]
    power_control_port: Mapped[str | None] = mapped_column(sa.String(64))
    action: Mapped[str] = mapped_column(sa.String(32))
    result: Mapped[str] = mapped_column(sa.String(16))
    error: Mapped[str | None] = mapped_column(sa.Text)
    user_id: Mapped[str | None] = mapped_column(sa.String(64))
    user_name: Mapped[str | None] = mapped_column(sa.String(255))
    task_id: Mapped[str | None] = mapped_column(sa.String(36))
    created_at: Mapped[datetime.datetime] = mapped_column(
        default=clock.utcnow)
    duration: Mapped[float | None]


class PowerEvent(Base):
    """Changes of the power of nodes and devices that nobody requested."""

    __tablename__ = 'power_events'
    __table_args__ = _args(sa.Index(None, 'node_id'),
                           sa.Index(None, 'power_control_id'),
                           sa.Index(None, 'created_at'),
                           sa.Index(None, 'kind'))

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(32))
    node_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey('nodes.id', ondelete='CASCADE'))
    power_control_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey('power_controls.id', ondelete='CASCADE'))
    detail: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime.datetime] = mapped_column(
        default=clock.utcnow)


class PowerStart(Base):
    """Nodes that are being switched on, or wait for their moment."""

    __tablename__ = 'power_starts'
    __table_args__ = _args(sa.UniqueConstraint('rack', 'moment'))

    node_id: Mapped[int] = mapped_column(
        sa.ForeignKey('nodes.id', ondelete='CASCADE'), primary_key=True)
    rack: Mapped[str] = mapped_column(sa.String(64))
    # Milliseconds since 1970; no two nodes of a rack have the same.
    moment: Mapped[int] = mapped_column(sa.BigInteger)
    expires_at: Mapped[datetime.datetime]


class AvailabilityStorage(Created, Base):
    __tablename__ = 'availability_storages'
    __table_args__ = _args(sa.UniqueConstraint('name'))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    compute_path: Mapped[str] = mapped_column(sa.String(1024), default='')
    controller_path: Mapped[str] = mapped_column(sa.String(1024), default='')


class NodeAvailabilityStorage(Base):
    __tablename__ = 'node_availability_storages'
    __table_args__ = _args(sa.Index(None, 'availability_storage_id'))

    node_id: Mapped[int] = mapped_column(
        sa.ForeignKey('nodes.id', ondelete='CASCADE'), primary_key=True)
    availability_storage_id: Mapped[int] = mapped_column(
        sa.ForeignKey('availability_storages.id'), primary_key=True)


class Task(Base):
    __tablename__ = 'tasks'
    __table_args__ = _args(
        sa.Index(None, 'status', 'heartbeat_at'), sa.Index(None, 'name'),
        sa.Index(None, 'host'), sa.Index(None, 'server_id'),
        sa.Index(None, 'created_at'), sa.Index(None, 'started_at'),
        sa.Index(None, 'finished_at'), sa.Index(None, 'parent_id'))

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    # The task that began this one and holds its targets.
    parent_id: Mapped[str | None] = mapped_column(sa.String(36))
    name: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[str] = mapped_column(sa.String(16), default='PENDING')
    host: Mapped[str | None] = mapped_column(sa.String(255))
    server_id: Mapped[str | None] = mapped_column(sa.String(36))
    params: Mapped[Row]
    memory: Mapped[Row | None]
    result: Mapped[str | None] = mapped_column(LongText)
    traceback: Mapped[str | None] = mapped_column(LongText)
    cancel: Mapped[str | None] = mapped_column(sa.String(8))
    user_id: Mapped[str | None] = mapped_column(sa.String(64))
    user_name: Mapped[str | None] = mapped_column(sa.String(255))
    project_id: Mapped[str | None] = mapped_column(sa.String(64))
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    created_at: Mapped[datetime.datetime] = mapped_column(
        default=clock.utcnow)
    started_at: Mapped[datetime.datetime | None]
    finished_at: Mapped[datetime.datetime | None]
    # The conductor that works on it. The generation grows with each claim;
    # a conductor that has an older one has lost the task.
    generation: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(sa.String(255))
    heartbeat_at: Mapped[datetime.datetime] = mapped_column(
        default=clock.utcnow)
    post_token: Mapped[str | None] = mapped_column(sa.String(36))


class TaskNode(Base):
    """Which nodes a task acts on, or acted on; it stays with the task."""

    __tablename__ = 'task_nodes'
    __table_args__ = _args(sa.Index(None, 'node_id'))

    task_id: Mapped[str] = mapped_column(
        sa.ForeignKey('tasks.id', ondelete='CASCADE'), primary_key=True)
    # Not a foreign key: the node may be deleted before the task is.
    node_id: Mapped[int] = mapped_column(primary_key=True,
                                         autoincrement=False)


class TaskTarget(Base):
    """What a running task acts on; the primary key excludes other tasks."""

    __tablename__ = 'task_targets'
    __table_args__ = _args(sa.Index(None, 'task_id'))

    target: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    task_id: Mapped[str] = mapped_column(
        sa.ForeignKey('tasks.id', ondelete='CASCADE'))


class TaskItem(Base):
    __tablename__ = 'task_items'
    __table_args__ = _args(sa.UniqueConstraint('task_id', 'object_id'),
                           sa.Index(None, 'object_id'))

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(
        sa.ForeignKey('tasks.id', ondelete='CASCADE'))
    kind: Mapped[str] = mapped_column(sa.String(16))
    object_id: Mapped[str] = mapped_column(sa.String(255))
    name: Mapped[str | None] = mapped_column(sa.String(255))
    state: Mapped[str] = mapped_column(sa.String(16), default='PENDING')
    action: Mapped[str | None] = mapped_column(sa.String(32))
    source: Mapped[str | None] = mapped_column(sa.String(255))
    destination: Mapped[str | None] = mapped_column(sa.String(255))
    priority: Mapped[int] = mapped_column(sa.SmallInteger, default=5)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(sa.Text)
    # What another conductor must know to go on: see conductor.records.
    memory: Mapped[Row | None]
    created_at: Mapped[datetime.datetime] = mapped_column(
        default=clock.utcnow)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(
        onupdate=clock.utcnow)


class Job(Base):
    """The SQL jobboard."""

    __tablename__ = 'jobs'
    __table_args__ = _args(
        sa.UniqueConstraint('uuid'),
        sa.Index(None, 'board', 'trashed', 'priority', 'sequence'))

    sequence: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), 'sqlite'),
        primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36))
    board: Mapped[str] = mapped_column(sa.String(64))
    name: Mapped[str] = mapped_column(sa.String(255))
    priority: Mapped[int] = mapped_column(sa.SmallInteger)
    details: Mapped[Row]
    book_uuid: Mapped[str | None] = mapped_column(sa.String(64))
    book_name: Mapped[str | None] = mapped_column(sa.String(255))
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime | None]
    trashed: Mapped[bool] = mapped_column(default=False)
    owner: Mapped[str | None] = mapped_column(sa.String(255))
    generation: Mapped[int] = mapped_column(default=0)
    # Seconds since 1970 by the clock of the database.
    expires_at: Mapped[float | None]


class Agent(Created, Base):
    """Agents that were enrolled, and what they reported last."""

    __tablename__ = 'agents'
    __table_args__ = _args(sa.UniqueConstraint('host'),
                           sa.Index(None, 'contact_at'))

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(255))
    # Encrypted, as all secrets. The next one takes the place of the other
    # as soon as the agent has signed with it.
    key_id: Mapped[str] = mapped_column(sa.String(32))
    key: Mapped[str] = mapped_column(sa.Text)
    next_key_id: Mapped[str | None] = mapped_column(sa.String(32))
    next_key: Mapped[str | None] = mapped_column(sa.Text)
    # When it was heard of, by our clock, and by its own: seconds since 1970.
    contact_at: Mapped[datetime.datetime | None]
    reported_at: Mapped[float | None]
    version: Mapped[str | None] = mapped_column(sa.String(64))
    interface: Mapped[str | None] = mapped_column(sa.String(16))
    operations: Mapped[Row | None]
    capabilities: Mapped[Row | None]
    # Which desired state it has, and how each mode stands.
    generation: Mapped[int | None]
    modes: Mapped[Row | None]
    refused: Mapped[Row | None]
    # Its node's guests, with their states.
    guests: Mapped[list[Row] | None] = mapped_column(sa.JSON)
    # Other things that it tells, and a hash of all that it reported besides
    # load: most reports have nothing new.
    facts: Mapped[Row | None]
    # When it has compared the modes with their desired values.
    checked_at: Mapped[str | None] = mapped_column(sa.String(32))
    digest: Mapped[str | None] = mapped_column(sa.String(64))


class LoadSample(Base):
    """The load of a node and its guests, averaged since the sample before.
    """

    __tablename__ = 'load_samples'
    __table_args__ = _args(sa.Index(None, 'at'))

    agent_id: Mapped[int] = mapped_column(
        sa.ForeignKey('agents.id', ondelete='CASCADE'), primary_key=True,
        autoincrement=False)
    # Seconds since 1970, by the clock of the node.
    at: Mapped[float] = mapped_column(primary_key=True)
    load: Mapped[Row]
    guests: Mapped[Row]
    reasons: Mapped[Row]


class NodeSettings(Base):
    """The desired state of a node, which its agent brings it to."""

    __tablename__ = 'node_settings'
    __table_args__ = _args()

    node_id: Mapped[int] = mapped_column(
        sa.ForeignKey('nodes.id', ondelete='CASCADE'), primary_key=True,
        autoincrement=False)
    # Grows with each change; the agent drops older ones.
    generation: Mapped[int]
    settings: Mapped[Row]
    updated_at: Mapped[datetime.datetime]


class Audit(Created, Base):
    """What was found out about the load of an aggregate."""

    __tablename__ = 'audits'
    __table_args__ = _args(
        sa.UniqueConstraint('task_id'), sa.Index(None, 'aggregate_id'),
        sa.Index(None, 'applied_at'), sa.Index(None, 'continuous'),
        sa.Index(None, 'apply_task_id'), sa.Index(None, 'status'),
        sa.Index(None, 'created_at'))

    id: Mapped[int] = mapped_column(primary_key=True)
    aggregate_id: Mapped[int]
    status: Mapped[str] = mapped_column(sa.String(16))
    # The task that makes it, and the one that applied it last.
    task_id: Mapped[str | None] = mapped_column(sa.String(36))
    apply_task_id: Mapped[str | None] = mapped_column(sa.String(36))
    # What the loads were made of, in words of the configuration.
    source: Mapped[str | None] = mapped_column(sa.String(64))
    conclusion: Mapped[str | None] = mapped_column(LongText)
    # How unequal the loads were, would be, and were after the moves.
    before: Mapped[Row | None]
    after: Mapped[Row | None]
    reached: Mapped[Row | None]
    hot: Mapped[Row | None]
    warnings: Mapped[list[str] | None]
    # What the moves depend on: see planning.drs.recheck.
    fingerprint: Mapped[str | None] = mapped_column(sa.String(64))
    picture: Mapped[Row | None]
    finished_at: Mapped[datetime.datetime | None]
    # Whether the policy of the aggregate asked for it.
    continuous: Mapped[bool] = mapped_column(default=False)
    # When moves of it ended last, and when their gain was measured.
    applied_at: Mapped[datetime.datetime | None]
    measured_at: Mapped[datetime.datetime | None]
    # By how much the moves that were made were thought to lessen the
    # standard deviation of the loads, and by how much they do.
    predicted_gain: Mapped[float | None] = mapped_column(sa.Double())
    real_gain: Mapped[float | None] = mapped_column(sa.Double())


class AuditMove(Base):
    """A server that an audit would move."""

    __tablename__ = 'audit_moves'
    __table_args__ = _args(sa.UniqueConstraint('audit_id', 'server_id'))

    id: Mapped[int] = mapped_column(primary_key=True)
    audit_id: Mapped[int] = mapped_column(
        sa.ForeignKey('audits.id', ondelete='CASCADE'))
    server_id: Mapped[str] = mapped_column(sa.String(36))
    server_name: Mapped[str] = mapped_column(sa.String(255))
    source: Mapped[str] = mapped_column(sa.String(255))
    destination: Mapped[str] = mapped_column(sa.String(255))
    action: Mapped[str] = mapped_column(sa.String(32))
    # Those of lower stages have to end before.
    stage: Mapped[int]
    reason: Mapped[str] = mapped_column(sa.Text)
    gain: Mapped[float] = mapped_column(sa.Double())
    # Seconds that it was thought to take.
    seconds: Mapped[float] = mapped_column(sa.Double())
    size_mb: Mapped[int]
    group_id: Mapped[str | None] = mapped_column(sa.String(36))
    state: Mapped[str] = mapped_column(sa.String(16))
    error: Mapped[str | None] = mapped_column(sa.Text)
    finished_at: Mapped[datetime.datetime | None]
    # What it gains in fact, or why that cannot be told.
    real_gain: Mapped[float | None] = mapped_column(sa.Double())
    unmeasured: Mapped[str | None] = mapped_column(sa.Text)


class AggregatePolicy(Created, Base):
    """When an aggregate is audited by itself, and by what limits."""

    __tablename__ = 'aggregate_policies'
    __table_args__ = _args(sa.Index(None, 'mode'))

    aggregate_id: Mapped[int] = mapped_column(primary_key=True,
                                              autoincrement=False)
    mode: Mapped[str] = mapped_column(sa.String(16))
    # Schedule, windows and limits: see domain.audit_policies.
    document: Mapped[Row]
    next_audit_at: Mapped[datetime.datetime | None]
    # Since when, and why, no moves are made by themselves any more.
    frozen_at: Mapped[datetime.datetime | None]
    frozen_reason: Mapped[str | None] = mapped_column(LongText)


class CountedMove(Base):
    """A move that counts against the budget of a server or a project."""

    __tablename__ = 'counted_moves'
    __table_args__ = _args(
        sa.UniqueConstraint('task_id', 'server_id'),
        sa.Index(None, 'server_id', 'counted_at'),
        sa.Index(None, 'project_id', 'counted_at'))

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(
        sa.ForeignKey('tasks.id', ondelete='CASCADE'))
    server_id: Mapped[str] = mapped_column(sa.String(36))
    project_id: Mapped[str] = mapped_column(sa.String(64))
    counted_at: Mapped[datetime.datetime]


class Service(Created, Base):
    """The service's own processes, with their last heartbeat."""

    __tablename__ = 'services'
    __table_args__ = _args(sa.UniqueConstraint('binary', 'host'))

    id: Mapped[int] = mapped_column(primary_key=True)
    binary: Mapped[str] = mapped_column(sa.String(64))
    host: Mapped[str] = mapped_column(sa.String(255))
    heartbeat_at: Mapped[datetime.datetime]
    stopped: Mapped[bool] = mapped_column(default=False)
    # What its periodic work has to tell, by name.
    report: Mapped[Row | None]
