# SPDX-License-Identifier: Apache-2.0
"""Power actions, their outcomes, and the health of the fleet."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import compose
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.nodes import POWER_STATUSES
from cloudmanager.api.types.values import Boolean
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Number
from cloudmanager.api.types.values import Text
from cloudmanager.api.types.values import Time

MAX_NODES = 1000


def _type(description: str) -> Field:
    return Field(Choice('soft', 'hard'), create=True, nullable=False,
                 description=description)


class _Soft(Resource):
    soft_timeout = Field(
        Integer(1, 3600), create=True, nullable=False,
        description='Seconds that the operating system gets to shut down; '
                    '[power] soft_timeout by default.')


class Off(_Soft):
    """How to switch off."""

    type = _type('soft asks the operating system only, hard cuts the power '
                 'at once; by default the power is cut if the operating '
                 'system does not obey.')


class Reset(_Soft):
    """How to restart."""

    type = _type('soft lets the operating system shut down before; hard, '
                 'the default, does not.')


class OnNodes(Resource):
    """Which nodes are meant."""

    node_ids = Field(List(Integer(1), 1, MAX_NODES), create=True,
                     required=True, nullable=False,
                     description='Ids of nodes.')


class OffNodes(OnNodes, Off):
    """Which nodes to switch off, and how."""


class ResetNodes(OnNodes, Reset):
    """Which nodes to restart, and how."""


def _ids(description: str) -> Field:
    return Field(List(Integer(1)), nullable=False, description=description)


def _why() -> Field:
    return Field(Object(), nullable=False, description='Why, by id.')


class Switched(Resource):
    """The outcome of a request to switch nodes."""

    failed = _ids('Ids of the nodes that the task leaves out.')
    errors = _why()
    task_id = common.text('Id of the task that switches the others.')


class Resets(Resource):
    """The outcome of a request to restart nodes."""

    success = _ids('Ids of the nodes that were restarted.')
    failed = _ids('Ids of the nodes that could not be.')
    running = _ids('Ids of the nodes of which it was not known in time; the '
                   'task goes on with them.')
    errors = _why()
    task_id = Field(Text(), description='Id of the task that restarts them; '
                    'null when there was nothing to do.')


class Output(Resource):
    """Which output is meant."""

    coil = Field(Text(64, 1, numbers=True), create=True, required=True,
                 nullable=False,
                 description='Number or name of an output.')


class Event(Resource):
    """A change of power that nobody asked for."""

    _about = About('power_event', 'power_events')

    id = common.identity('Id of the event.')
    kind = Field(Text(), sortable=True, nullable=False, filtered=True,
                 description='unreachable and recovered are about power '
                 'controls, power-lost and power-found about nodes.')
    node_id = Field(Integer(), filtered=True, description='Id of the node.')
    power_control_id = Field(Integer(), filtered=True,
                             description='Id of the power control.')
    detail = Field(Text(), description='The error that it was about.')
    created_at = Field(Time(), sortable=True, nullable=False, filtered=True,
                       description='When it was noticed.')


class _Controls(Resource):
    _about = About(title='PowerControlHealth')

    total = common.number('All.')
    in_use = common.number('Those that are assigned to nodes.')
    answering = common.number('Those of them that answered last time.')
    failing = common.number('Those that failed to answer a few times.')
    unreachable = common.number('Those that are looked at less often, '
                                'because they do not answer.')
    never_checked = common.number('Those that nobody has looked at yet.')
    oldest_reading_at = Field(
        Time(), description='When the one among those that answer was read '
                            'that has waited longest.')


_Nodes = compose({
    name.replace('-', '_'): Field(Integer(), name=name, nullable=False,
                                  description='Nodes with this power_status.')
    for name in POWER_STATUSES}, About(title='NodePowerCounts'))


class _Sweep(Resource):
    _about = About(title='PowerSweep')

    at = Field(Time(), nullable=False, description='When it ended.')
    seconds = Field(Number(), nullable=False, description='Length of the '
                    'time that the figures are about.')
    visits = common.number('Looks at power controls.')
    failed = common.number('Looks that failed.')
    changed = common.number('Nodes whose state was another one than before.')
    waiting = common.number('Power controls that it was time to look at.')
    running = common.number('Looks that were under way.')
    mean_seconds = Field(Number(), description='How long a look took that '
                                               'brought something.')


class Conductor(Resource):
    """A conductor and its last report."""

    _about = About(title='ConductorReport')

    host = common.text('Name of its host.')
    heartbeat_at = Field(Time(), nullable=False,
                         description='Its last sign of life.')
    stopped = Field(Boolean(), nullable=False, description='Whether it was '
                                                           'stopped in good '
                                                           'order.')
    power_sweep = Field(_Sweep, computed=True, description='Its last report '
                        'of looks at power controls.')


class Fleet(Resource):
    """The state of all power controls and nodes."""

    power_controls = Field(_Controls, nullable=False,
                           description='Counts of power controls.')
    nodes = Field(_Nodes, nullable=False, description='Counts of nodes.')
    conductors = Field([Conductor], nullable=False,
                       description='All conductors, stopped ones included.')


class _Sensor(Resource):
    _about = About(title='Sensor')

    name = common.text('Name of the sensor.')
    kind = common.text('What it measures.')
    value = Field(Number(), description='What it reads.')
    unit = common.text('Unit of the value.')
    status = common.text('ok, warning, critical, failed or unknown.')


class _LogEntry(Resource):
    _about = About(title='HardwareEvent')

    time = Field(Time(), description='By the clock of the device.')
    source = common.text('What it is about.')
    text = common.text('What happened.')
    severity = common.text('Severity of the entry.')


class _Device(Resource):
    _about = About(title='DeviceHealth')

    power_control_id = common.number('Id of the power control.')
    sensors = Field([_Sensor], nullable=False, description='Its sensors.')
    events = Field([_LogEntry], nullable=False,
                   description='The newest entries of its event log.')
    events_total = common.number('How many entries its event log has.')
    error = Field(Text(), description='Why it reported nothing.')


class _Health(Resource):
    _about = About('health', title='NodeHealth')

    node_id = common.number('Id of the node.')
    status = common.text('The worst status of a sensor: ok, warning, '
                         'critical, failed or unknown.')
    devices = Field([_Device], nullable=False,
                    description='What each power control of the node tells.')


HEALTH = answers.one(_Health)
