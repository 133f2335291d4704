# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions on compute hosts."""

from cloudmanager.api.types import answers
from cloudmanager.api.types.common import flag
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Text
from cloudmanager.db import models

MAX_HOSTS = 1000


def _number(low: int, high: int, description: str) -> Field:
    """Return a number whose default only the conductor knows."""
    return Field(Integer(low, high), create=True, nullable=False,
                 default=None, description=description)


class DryRun(Resource):
    """Whether to plan only."""

    dry_run = flag('Only plan it; nothing is touched.')


class _MaxMoves(DryRun):
    max_moves = _number(1, 1000, 'Servers moved at a time.')


class _DataLoss(Resource):
    allow_data_loss = flag('Servers whose disks no other host can reach may '
                           'be rebuilt without their data.')


class _Moves(_MaxMoves, _DataLoss):
    """How a living host is emptied."""

    force = flag('Begin though no host can take some servers.')
    slow_migration = Field(
        Choice('wait', 'abort', 'force-complete'), create=True,
        nullable=False, default=None,
        description='What happens to live migrations that have stalled.')
    allow_evacuate = flag('What is left may be rebuilt elsewhere after the '
                          'host was cut off.')


class _OffVM(_Moves):
    allow_off_vm = flag('Running servers that cannot be migrated live may '
                        'be stopped and moved.')


class Shutdown(_OffVM):
    """How to empty a host before it is switched off."""


class Evacuate(_MaxMoves, _DataLoss):
    """How to bring the servers of a dead host back."""

    fenced = flag('An administrator states that the host is off.')
    force = flag('A host that is up is cut off, too, with the servers that '
                 'run on it.')


class Decommission(_Moves):
    """How to empty a host before it leaves the cloud."""

    allow_live_migrate = flag('Running servers may be migrated live.')
    allow_migrate = flag('Servers may be stopped and moved.')
    wait = flag('Open migrations of the host are waited for.')


class Restart(_OffVM):
    """Which hosts to restart, and how."""

    hosts = Field(List(Text(250, 1), 1, MAX_HOSTS, unique=True),
                  create=True, required=True, nullable=False,
                  description='Exact names of the hosts.')
    in_sequence = flag('One host at a time; so it is by default.')
    max_unavailable = _number(1, MAX_HOSTS, 'Hosts of the cloud that may be '
                                            'out of use at a time.')
    settle_seconds = _number(0, 86400, 'Seconds that a host has to be well '
                                       'before it counts.')
    max_failures = _number(0, MAX_HOSTS, 'Hosts that may fail before no '
                                         'more are begun.')
    return_servers = flag('Move the servers back afterwards.')


_BODIES: dict[str, type[DryRun]] = {
    'shutdown': Shutdown, 'evacuate': Evacuate, 'decommission': Decommission,
    'restart': Restart}


def body(action: str) -> type[DryRun]:
    """Return what the body of an action contains."""
    return _BODIES.get(action, DryRun)


def defaults(action: str) -> models.Row:
    """Return the defaults of an action's flags, by name.

    One that is no flag, such as a number, has its default in the conductor
    and is ``None`` until then.
    """
    found = body(action).defaults()
    del found['dry_run']
    return found


class ActionPlan(Resource):
    """What an action would do."""

    plan = Field(Object(), nullable=False,
                 description='The plan of a dry run.')


ANSWERS = {202: answers.TaskId, 200: ActionPlan}
