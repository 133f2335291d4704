# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions on compute hosts."""

from typing import Any

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

MAX_HOSTS = 1000


def _flag(name: str, description: str) -> Field:
    return Field(name, fields.BOOLEAN, create=True, nullable=False,
                 description=description)


def _number(name: str, low: int, high: int, description: str) -> Field:
    return Field(name, fields.INTEGER, create=True, nullable=False,
                 schema={'minimum': low, 'maximum': high},
                 description=description)


_DRY_RUN = _flag('dry_run', 'Only plan it; nothing is touched.')
_MAX_MOVES = _number('max_moves', 1, 1000, 'Servers moved at a time.')
_SLOW = Field('slow_migration', create=True, nullable=False,
              schema={'enum': ['wait', 'abort', 'force-complete']},
              description='What becomes of live migrations that do not get '
                          'on.')
_OFF_VM = _flag('allow_off_vm', 'Running servers that cannot be migrated '
                                'live may be stopped and moved.')
_EVACUATE = _flag('allow_evacuate', 'What is left may be rebuilt elsewhere '
                                    'after the host was cut off.')
_DATA_LOSS = _flag('allow_data_loss', 'Servers whose disks no other host can '
                                      'reach may be rebuilt without their '
                                      'data.')
_FORCE = _flag('force', 'Begin though no host can take some servers.')
_MOVES = (_FORCE, _MAX_MOVES, _SLOW, _DRY_RUN)

ACTIONS = {
    'shutdown': fields.Resource('', '', (
        _OFF_VM, _EVACUATE, _DATA_LOSS, *_MOVES)),
    'evacuate': fields.Resource('', '', (
        _flag('fenced', 'An administrator vouches for it that the host is '
                        'off.'),
        _flag('force', 'A host that is up is cut off, too, with the servers '
                       'that run on it.'),
        _DATA_LOSS, _MAX_MOVES, _DRY_RUN)),
    'decommission': fields.Resource('', '', (
        _flag('allow_live_migrate', 'Running servers may be migrated '
                                    'live.'),
        _flag('allow_migrate', 'Servers may be stopped and moved.'),
        _EVACUATE, _DATA_LOSS,
        _flag('wait', 'Open migrations of the host are waited for.'),
        *_MOVES)),
    'restart': fields.Resource('', '', (
        Field('hosts', fields.LIST, create=True, required=True,
              nullable=False, description='Exact names of the hosts.',
              schema={'minItems': 1, 'maxItems': MAX_HOSTS,
                      'uniqueItems': True,
                      'items': {'type': 'string', 'minLength': 1,
                                'maxLength': 250}}),
        _flag('in_sequence', 'One host at a time; so it is by default.'),
        _OFF_VM, _EVACUATE, _DATA_LOSS,
        _number('max_unavailable', 1, MAX_HOSTS,
                'Hosts of the cloud that may be out of use at a time.'),
        _number('settle_seconds', 0, 86400,
                'Seconds that a host has to be well before it counts.'),
        _number('max_failures', 0, MAX_HOSTS,
                'Hosts that may fail before no more are begun.'),
        _flag('return_servers', 'Move the servers back afterwards.'),
        *_MOVES)),
}


def defaults(action: str) -> dict[str, Any]:
    """Return what the flags of an action mean that are not given, by name.

    One that is no flag, such as a number, has its default in the conductor
    and is ``None`` until then.
    """
    return {field.name: False if field.type == fields.BOOLEAN else None
            for field in ACTIONS[action].fields if field.name != 'dry_run'}


PLAN = fields.Resource('', '', (
    Field('plan', fields.OBJECT, nullable=False,
          description='The plan of a dry run.'),))
ANSWERS = {202: answers.TASK_ID, 200: PLAN}
