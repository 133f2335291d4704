# SPDX-License-Identifier: Apache-2.0
"""Nodes."""

from cloudmanager.api import rendering
from cloudmanager.api.types import answers
from cloudmanager.api.types import checks
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types import texts
from cloudmanager.api.types import values
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Boolean
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Number
from cloudmanager.api.types.values import Text
from cloudmanager.api.types.values import Time
from cloudmanager.common import exception


def _kept(datatype: values.Type, description: str, *, nullable: bool = True,
          sortable: bool = True, shown: bool = True) -> Field:
    """Return a field that users set, and that lists are filtered by."""
    return Field(datatype, filtered=True, sortable=sortable, create=True,
                 update=True, nullable=nullable, shown=shown,
                 description=description)


def _number(description: str) -> Field:
    return _kept(Integer(1, 99), description)


def _reference(description: str, shown: bool = False) -> Field:
    return _kept(Integer(1), description, nullable=False, shown=shown)


def _flag(description: str) -> Field:
    return _kept(Boolean(), description, nullable=False)


class Reservation(Resource):
    """Whether a node is a reserve."""

    _about = About(title='Reservation')

    is_reserved = Field(Boolean(), create=True, required=True,
                        nullable=False, description='True takes the node '
                        'into reserve, false out of it.')


class Assignment(Resource):
    """An output of a power control that feeds a node."""

    _about = About(collection='power_controls', title='NodePowerControl')

    is_default = Field(Boolean(), create=True, update=True, nullable=False,
                       description='Whether it is the default power control '
                       'of the node; the first one assigned is.')
    is_initialized = Field(Boolean(), nullable=False, description='Whether '
                           'the state of the output was read with the '
                           'present address, credentials and options.')
    power_control_id = Field(Integer(1), create=True, required=True,
                             nullable=False,
                             description='Id of the power control.')
    control_type = common.text('Type of the power control.')
    power_control_title = common.text('Title of the power control.')
    power_control_port = Field(Text(64, 1, numbers=True), create=True,
                               update=True, required=True, nullable=False,
                               description='Output of the power control.')
    protocol_type = common.text('Protocol of the power control.')


class _Named(Resource):
    """Id and name of something that a node belongs to."""

    id = common.number('Id.')
    name = common.text('Name.')


class TypeName(_Named):
    """The type of a node."""

    _about = About(title='NodeTypeName')


class ImageName(_Named):
    """The image of a node."""

    _about = About(title='NodeImageName')


class ClassName(_Named):
    """The class of a node."""

    _about = About(title='NodeClassName')

    is_default = Field(Boolean(), nullable=False, description='Whether '
                       'nodes get it when none is named.')


class Storage(Resource):
    """An availability storage of a node."""

    _about = About(title='NodeAvailabilityStorage')

    id = common.number('Id of the storage.')
    name = common.text('Name of the storage.')
    compute_path = common.text('Where it is mounted on the node.')
    controller_path = common.text('Where it is mounted on controllers.')


class _Metadata(Object):
    """Metadata of a node, as an object or as JSON of one."""

    given = ('object', 'string')
    _MAX = 4096
    _PROPERTIES = {'cpu_benchmark': {'type': 'string', 'maxLength': 255}}

    def stored(self, value: object) -> object:
        if isinstance(value, str):
            if len(value) > self._MAX:
                raise ValueError(f'must not have more than {self._MAX} '
                                 'characters')
            texts.check(value)
            try:
                value = rendering.loads(value.encode())
            except exception.Invalid as exc:
                raise ValueError('must be an object, or JSON of '
                                 'one') from exc
        checks.check(value, 'metadata', self._PROPERTIES)
        return super().stored(value) or None

    def keywords(self) -> values.Schema:
        return {'properties': self._PROPERTIES,
                'additionalProperties': False, 'maxLength': self._MAX,
                'pattern': texts.LINE_PATTERN}


POWER_STATUSES = ('on', 'degraded', 'off', 'error', 'never-checked',
                  'no-config')


class BareNode(Resource):
    """What is known of a node by itself."""

    id = common.identity('Id of the node.')
    created_at = Field(Time(), sortable=True, create=True, update=True,
                       nullable=False, aliases=('time_created',),
                       filtered=True,
                       description='When the node was created.')
    image_id = _reference('Id of the image; 1 by default.', shown=True)
    node_class_id = _reference('Id of the class; the default class by '
                               'default.')
    node_type_id = _reference('Id of the type, one of the class; the first '
                              'type of the class by default.')
    hypervisor_id = _kept(formats.UUID(),
                          'UUID of the hypervisor in Nova, unique.')
    name = _kept(formats.NodeName(minimum=1), 'Name, unique, a host name. '
                 'That of a compute host is exactly its name in Nova.')
    controller_id = _kept(formats.UUID(), 'UUID of the virtual controller '
                          'that the node is bound to.')
    controller_type = _kept(Text(), 'Type of the virtual controller.')
    # MySQL's TEXT holds 65535 bytes; a character takes up to four.
    description = _kept(Text(16000, lines=True), 'Description.',
                        sortable=False)
    dtc_number = _number('Number of the data centre.')
    unit_number = _number('Number of the place in the rack.')
    rack_number = _number('Number of the rack.')
    row_number = _number('Number of the row of racks.')
    cpu_amount = _number('Number of processors.')
    ram_mb = _kept(Integer(), 'Memory in MB.')
    hdd_gb = _kept(Integer(), 'Disk space in GB.')
    ip_addresses = _kept(List(formats.IPAddress(64), maximum=64, once=True),
                         'IP addresses.', sortable=False)
    mac_address = _kept(formats.MAC(), 'MAC address; answered in lower case '
                        'with colons. It belongs to one node.')
    title = _kept(Text(), 'Title.')
    is_reserved = _flag('Whether the node is a reserve.')
    is_controller = _flag('Whether the node is a controller.')
    inventory_code = _kept(Text(numbers=True), 'Inventory number.')
    power_state = _kept(Choice('power_on', 'power_off'),
                        'Whether it is on; null when that is not known.')
    owner = _kept(Text(), 'Name of the user who owns the node.')
    active = _flag('Whether the node is active.')
    condition = _kept(Integer(0, 4), '0 out of service, 1 enabled, 2 '
                      'disabled, 3 alarm, 4 reserved. It follows from what '
                      'is known of the node.', nullable=False)
    condition_reason = Field(Text(), description='Why the condition is what '
                                                 'it is.')
    hypervisor_lost_at = Field(Time(), description='Since when Nova has not '
                               'known the hypervisor, or not by the name '
                               'under which the node was bound.')
    power_status = Field(
        Choice(*POWER_STATUSES), computed=True, nullable=False,
        operators=values.EQUALITY, description='The power state in one '
        'word: on, degraded (on, but not all of its feeds are), off, error '
        '(it could not be read), never-checked, or no-config (it has no '
        'power control).')
    power_state_at = Field(Time(), description='When the power state was '
                           'read, if it is known, or was known last.')
    power_state_reason = Field(Text(), description='Why the power state is '
                               'not known, or what is wrong with it.')
    metadata = Field(_Metadata(), column='meta', create=True, update=True,
                     description='What is known of the node besides: '
                                 'cpu_benchmark.')
    node_class = Field(ClassName, computed=True, nullable=False,
                       description='Class of the node.')
    node_type = Field(TypeName, computed=True, nullable=False,
                      description='Type of the node.')
    image = Field(ImageName, computed=True, nullable=False,
                  description='Image of the node.')
    node_controls = Field([Assignment], computed=True, nullable=False,
                          description='Power controls of the node.')
    availability_storages = Field(
        [Storage], computed=True, nullable=False,
        description='Availability storages of the node.')


def _extension(datatype: values.Type, description: str) -> Field:
    """Return what another service knows of a node."""
    return Field(datatype, computed=True, optional=True,
                 description=description)


class Node(BareNode):
    """A node."""

    _about = About('node', 'nodes', searched='name, title, inventory_code, '
                   'mac_address and ip_addresses')

    cpu_allocation_ratio = _extension(
        Number(), 'How many virtual CPUs Placement allocates for each that '
        'there is; of compute hosts.')
    ram_allocation_ratio = _extension(Number(), 'The same of memory.')
    os_hypervisor = _extension(
        Object(), 'The hypervisor in Nova, if it was asked for.')
    hwinfo = _extension(Object(), 'The hardware, if it was asked for.')
    nas = _extension(
        Object(), 'Storage hosts and what is attached of them, with '
        'whatever else was asked for.')
    agent = _extension(
        Object(), 'The agent on the node, or null if none was enrolled: '
        'last_contact, is_reachable, reported_at (when it made its last '
        'report, by the clock of the node), version, capabilities, the '
        'guests of the node in that report, each with id, name and state, or '
        'null if they are not known, the availability_storages that it '
        'writes to with the reason why it cannot, and reasons why something '
        'is not known; in the answer about one node.')
    modes = _extension(
        Object(lines=True), 'Modes that the agent sees to, by name: desired '
        '(null if it was never set), actual (null if it is not known), '
        'checked_at, and the reason why they differ; in the answer about '
        'one node.')


FORCE = {'force': 'Put it even where another node stands.'}
# Objects that other services keep, by the parameter that asks for them.
EXTENSIONS = {'with_os_object': 'Answer os_hypervisor of nodes of the class '
                                'hypervisor.',
              'with_hwinfo': 'Answer hwinfo of nodes of the class '
                             'hypervisor.'}
ONE_NODE = answers.one(Node, warnings=answers.warnings())
NODES = answers.page(Node, warnings=answers.warnings())
ONE_ASSIGNMENT = answers.one(Assignment, name='power_control')


class _Imported(Resource):
    _about = About(collection='nodes', title='ImportedNode')

    id = Field(Integer(), description='Id of the node; null after a dry '
                                      'run.')
    name = Field(Text(), description='Name of the node.')


IMPORTED = answers.many(_Imported)


class PowerAction(Resource):
    """Something that was done to the power of a node."""

    _about = About('power_action', 'power_actions')

    id = common.identity('Id of the power action.')
    action = Field(Text(), filtered=True, sortable=True, nullable=False,
                   description='What was done.')
    node_id = Field(Integer(), description='Id of the node.')
    start_time = Field(Time(), column='created_at', sortable=True,
                       filtered=True, nullable=False,
                       aliases=('created_at',), description='When it began.')
    user_name = Field(Text(), sortable=True, filtered=True,
                      description='Name of the user who asked for it.')
    power_control_id = Field(Integer(), sortable=True, filtered=True,
                             description='Id of the power control.')
    power_control_port = Field(Text(), description='Output that was '
                               'switched; null when it was the whole node.')
    result = Field(Text(), filtered=True, sortable=True, nullable=False,
                   description='What came of it: success, failure or '
                   'cancelled; running until then.')
    error = Field(Text(), description='Why it failed.')
    task_id = Field(Text(), operators=values.EQUALITY,
                    description='Id of the task that did it.')
    duration = Field(Number(), description='How many seconds it took.')
