# SPDX-License-Identifier: Apache-2.0
"""Power actions, what comes of them, and how the fleet is."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

MAX_NODES = 1000
_IDS = {'items': {'type': 'integer', 'minimum': 1,
                  'maximum': fields.MAX_INTEGER}}
_NUMBER = fields.OPERATORS[fields.INTEGER]


def _manner(description: str) -> tuple[Field, ...]:
    return (
        Field('type', create=True, nullable=False,
              schema={'enum': ['soft', 'hard']}, description=description),
        Field('soft_timeout', fields.INTEGER, create=True, nullable=False,
              schema={'minimum': 1, 'maximum': 3600},
              description='Seconds that the operating system gets to shut '
                          'down; [power] soft_timeout by default.'))


OFF = fields.Resource('', '', _manner(
    'soft asks the operating system only, hard cuts the power at once; by '
    'default the power is cut if the operating system does not obey.'))
_RESET = _manner('soft lets the operating system shut down before; hard, '
                 'the default, does not.')
RESET = fields.Resource('', '', _RESET)
_NODE_IDS = Field('node_ids', fields.LIST, create=True, required=True,
                  nullable=False, description='Ids of nodes.',
                  schema={**_IDS, 'minItems': 1, 'maxItems': MAX_NODES})
ON_NODES = fields.Resource('', '', (_NODE_IDS,))
OFF_NODES = fields.Resource('', '', (_NODE_IDS, *OFF.fields))
RESET_NODES = fields.Resource('', '', (_NODE_IDS, *_RESET))
SWITCHED = fields.Resource('', '', (
    Field('failed', fields.LIST, nullable=False, schema=_IDS,
          description='Ids of the nodes that the task leaves out.'),
    Field('errors', fields.OBJECT, nullable=False,
          description='Why, by id.'),
    Field('task_id', nullable=False,
          description='Id of the task that switches the others.'),
))
RESETS = fields.Resource('', '', (
    Field('success', fields.LIST, nullable=False, schema=_IDS,
          description='Ids of the nodes that were restarted.'),
    Field('failed', fields.LIST, nullable=False, schema=_IDS,
          description='Ids of the nodes that could not be.'),
    Field('running', fields.LIST, nullable=False, schema=_IDS,
          description='Ids of the nodes of which it was not known in time; '
                      'the task goes on with them.'),
    Field('errors', fields.OBJECT, nullable=False,
          description='Why, by id.'),
    Field('task_id', description='Id of the task that restarts them; null '
                                 'when there was nothing to do.'),
))

OUTPUT = fields.Resource('', '', (
    Field('coil', fields.INTEGER, create=True, required=True,
          nullable=False, also=('string',), convert=str,
          schema={'minLength': 1, 'maxLength': 64},
          description='Number or name of an output.'),))

EVENT = fields.Resource('power_event', 'power_events', (
    Field('id', fields.INTEGER, sortable=True, nullable=False,
          operators=_NUMBER, description='Id of the event.'),
    Field('kind', sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.STRING],
          description='unreachable and recovered are about power controls, '
                      'power-lost and power-found about nodes.'),
    Field('node_id', fields.INTEGER, operators=_NUMBER,
          description='Id of the node.'),
    Field('power_control_id', fields.INTEGER, operators=_NUMBER,
          description='Id of the power control.'),
    Field('detail', description='The error that it was about.'),
    Field('created_at', fields.TIME, sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.TIME],
          description='When it was noticed.'),
))


def _count(name: str, description: str) -> Field:
    return Field(name, fields.INTEGER, nullable=False,
                 description=description)


_CONTROLS = fields.Resource('', '', (
    _count('total', 'All.'),
    _count('in_use', 'Those that are assigned to nodes.'),
    _count('answering', 'Those of them that answered last time.'),
    _count('failing', 'Those that failed to answer a few times.'),
    _count('unreachable', 'Those that are looked at less often, because '
                          'they do not answer.'),
    _count('never_checked', 'Those that nobody has looked at yet.'),
    Field('oldest_reading_at', fields.TIME,
          description='When the one among those that answer was read that '
                      'has waited longest.'),
), title='PowerControlHealth')
_NODES = fields.Resource('', '', tuple(
    _count(name, 'Nodes with this power_status.') for name in (
        'on', 'degraded', 'off', 'error', 'never-checked', 'no-config')),
    title='NodePowerCounts')
_SWEEP = fields.Resource('', '', (
    Field('at', fields.TIME, nullable=False, description='When it ended.'),
    Field('seconds', fields.NUMBER, nullable=False,
          description='Length of the time that the figures are about.'),
    _count('visits', 'Looks at power controls.'),
    _count('failed', 'Looks that brought nothing.'),
    _count('changed', 'Nodes whose state was another one than before.'),
    _count('waiting', 'Power controls that it was time to look at.'),
    _count('running', 'Looks that were under way.'),
    Field('mean_seconds', fields.NUMBER,
          description='How long a look took that brought something.'),
), title='PowerSweep')
_CONDUCTOR = fields.Resource('', '', (
    Field('host', nullable=False, description='Name of its host.'),
    Field('heartbeat_at', fields.TIME, nullable=False,
          description='Its last sign of life.'),
    Field('stopped', fields.BOOLEAN, nullable=False,
          description='Whether it was stopped in good order.'),
    Field('power_sweep', fields.OBJECT, of=_SWEEP, computed=True,
          description='Its last report of looks at power controls.'),
), title='ConductorReport')
CONDUCTOR = _CONDUCTOR
FLEET = fields.Resource('', '', (
    Field('power_controls', fields.OBJECT, of=_CONTROLS, nullable=False,
          description='Counts of power controls.'),
    Field('nodes', fields.OBJECT, of=_NODES, nullable=False,
          description='Counts of nodes.'),
    Field('conductors', fields.LIST, of=_CONDUCTOR, nullable=False,
          description='All conductors that there ever were.'),
))

_SENSOR = fields.Resource('', '', (
    Field('name', nullable=False, description='Name of the sensor.'),
    Field('kind', nullable=False, description='What it measures.'),
    Field('value', fields.NUMBER, description='What it reads.'),
    Field('unit', nullable=False, description='Unit of the value.'),
    Field('status', nullable=False,
          description='ok, warning, critical, failed or unknown.'),
), title='Sensor')
_LOG_ENTRY = fields.Resource('', '', (
    Field('time', fields.TIME, description='By the clock of the device.'),
    Field('source', nullable=False, description='What it is about.'),
    Field('text', nullable=False, description='What happened.'),
    Field('severity', nullable=False, description='How bad it is.'),
), title='HardwareEvent')
_DEVICE = fields.Resource('', '', (
    Field('power_control_id', fields.INTEGER, nullable=False,
          description='Id of the power control.'),
    Field('sensors', fields.LIST, of=_SENSOR, nullable=False,
          description='Its sensors.'),
    Field('events', fields.LIST, of=_LOG_ENTRY, nullable=False,
          description='The newest entries of its event log.'),
    _count('events_total', 'How many entries its event log has.'),
    Field('error', description='Why it told nothing.'),
), title='DeviceHealth')
HEALTH = answers.one(fields.Resource('health', '', (
    Field('node_id', fields.INTEGER, nullable=False,
          description='Id of the node.'),
    Field('status', nullable=False,
          description='The worst status of a sensor: ok, warning, '
                      'critical, failed or unknown.'),
    Field('devices', fields.LIST, of=_DEVICE, nullable=False,
          description='What each power control of the node tells.'),
), title='NodeHealth'))
