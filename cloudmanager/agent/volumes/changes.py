# SPDX-License-Identifier: Apache-2.0
"""Operations on logical volumes that conductors request.

Each operation reads a new report of LVM. Before a name gets into a command, it
is checked against LVM's grammar and that report.
"""

from collections.abc import Callable
from typing import Protocol
from typing import TypeVar

from cloudmanager.agent import commands
from cloudmanager.agent.operations import Json
from cloudmanager.agent.operations import operation
from cloudmanager.agent.volumes import reports
from cloudmanager.agent.volumes.works import Works
from cloudmanager.common import exception
from cloudmanager.domain import lvm
from cloudmanager.domain import lvm_rules

VERSION = '1.0'
#: Seconds that a command may take. Ending a command early could leave devices
#: suspended, so this is only for a command that hangs.
CHANGE_TIMEOUT = 3600.0
#: Seconds without progress after which LVM is told to resume a move.
STALLED = 120.0
#: The largest number of copies, which is the limit of the kernel's mirrors.
MAX_COPIES = 9
T = TypeVar('T')


def _checked(function: Callable[..., T], *arguments: object) -> T:
    """Return what a check of input returns.

    :raises Invalid: the input is wrong
    """
    try:
        return function(*arguments)
    except ValueError as exc:
        raise exception.Invalid(reason=f'{exc}.') from exc


def _names(vg: str, lv: str) -> tuple[str, str]:
    return (_checked(lvm.check_name, vg, 'vg'),
            _checked(lvm.check_volume_name, lv))


def _group(vg: str) -> lvm.VolumeGroup:
    return lvm_rules.find_group(reports.read(), vg)


def _run(*words: tuple[str, ...]) -> None:
    """Run commands one after the other, until one fails."""
    for command in words:
        commands.run(*command, timeout=CHANGE_TIMEOUT)


def _activation(vg: str, lv: str, wanted: str) -> tuple[str, ...]:
    return ('lvchange', '--activate', wanted, f'{vg}/{lv}')


def _plan(change: lvm_rules.Change) -> Json:
    return {'command': list(change.command), 'size': change.size,
            'removed': list(change.removed), 'resumes': change.resumes}


class Agent(Protocol):
    """What these operations need of the agent."""

    volumes: Works


@operation('lvm.report', version=VERSION)
def report(agent: Agent, groups: list[str] | None = None) -> Json:
    """Return volume groups with all that is in them.

    :param groups: names of those that are asked for; all when ``None``
    """
    return lvm.dump([group for group in reports.read()
                     if groups is None or group.name in groups])


@operation('lvm.mirror.begin', version=VERSION)
def mirror_begin(agent: Agent, vg: str, lv: str, copies: int,
                 request: str = '', dry_run: bool = False) -> Json:
    """Begin to have a volume keep so many copies of its data.

    If the volume has this number already, or is being changed to it, nothing
    is done.

    :param copies: in all; 1 ends mirroring
    :param request: names this request, whose failure is told by its name
    :param dry_run: only tell what would be done
    :raises NotFound: there is no such volume
    :raises LogicalVolumeState: its state, or lack of space, forbids it
    """
    vg, lv = _names(vg, lv)
    if type(copies) is not int or not 1 <= copies <= MAX_COPIES:
        raise exception.Invalid(
            reason=f'copies must be a number from 1 to {MAX_COPIES}.')
    group = _group(vg)
    change = lvm_rules.mirror(group, lv, copies)
    commands_to_run = [change.command] if change.command else []
    volume = lvm_rules.find_volume(group, lv)
    if not volume.is_active and (commands_to_run
                                 or not group.is_in_sync(volume)):
        # LVM converts and copies only active volumes.
        commands_to_run.insert(0, _activation(vg, lv, 'y'))
    if commands_to_run and not dry_run:
        agent.volumes.begin((vg, lv), request,
                            lambda: _run(*commands_to_run))
    return _plan(change)


@operation('lvm.mirror.end', version=VERSION)
def mirror_end(agent: Agent, vg: str, lv: str) -> Json:
    """Deactivate a volume that was activated to be mirrored.

    A volume that is open by now stays active.
    """
    vg, lv = _names(vg, lv)
    _, volume = reports.find(vg, lv)
    if volume.is_active and not volume.is_open:
        agent.volumes.begin((vg, lv), '',
                            lambda: _run(_activation(vg, lv, 'n')))
    return {}


@operation('lvm.mirror.status', version=VERSION)
def mirror_status(agent: Agent, vg: str, lv: str,
                  request: str = '') -> Json:
    """Return how many copies a volume has, and how complete they are."""
    vg, lv = _names(vg, lv)
    # Read before the report: a change that ends in between is in the report.
    running, error = agent.volumes.look((vg, lv), request)
    group, volume = reports.find(vg, lv)
    return {'running': running, 'error': error, 'copies': volume.copies,
            'percent': volume.percent, 'in_sync': group.is_in_sync(volume),
            'active': volume.is_active, 'size': volume.size,
            'devices': sorted(group.devices_of(volume))}


@operation('lvm.migrate.begin', version=VERSION)
def migrate_begin(agent: Agent, vg: str, lv: str, source: str,
                  destination: str | None = None, request: str = '',
                  dry_run: bool = False) -> Json:
    """Begin or resume to move the data of a volume off a physical volume.

    :param destination: LVM chooses when it is ``None``
    :param request: names this request, whose failure is told by its name
    :param dry_run: only tell what would be done
    :raises NotFound: there is no such volume
    :raises LogicalVolumeState: its state, another move, or lack of space
        forbids it
    """
    vg, lv = _names(vg, lv)
    _checked(lvm.check_device, source, 'source')
    if destination is not None:
        _checked(lvm.check_device, destination, 'destination')
    change = lvm_rules.move(_group(vg), lv, source, destination)
    if not dry_run:
        agent.volumes.begin((vg, lv), request,
                            lambda: _run(change.command))
    return _plan(change)


@operation('lvm.migrate.status', version=VERSION)
def migrate_status(agent: Agent, vg: str, lv: str, source: str,
                   request: str = '') -> Json:
    """Return the progress of a move, and have LVM resume it if it stopped.

    After a restart of the node nothing else makes LVM resume it, and a new
    process of the agent does not know what the previous one has begun.
    """
    vg, lv = _names(vg, lv)
    _checked(lvm.check_device, source, 'source')
    running, error = agent.volumes.look((vg, lv), request)
    group, volume = reports.find(vg, lv)
    move = group.move_of(volume)
    is_moving = move is not None and move.move_pv == source
    if move is not None and is_moving and not running:
        work = agent.volumes.find((vg, lv))
        if work is None or work.is_stalled(move.percent, STALLED):
            change = lvm_rules.move(group, lv, source, None)
            agent.volumes.begin((vg, lv), request,
                                lambda: _run(change.command))
    return {'running': running, 'error': error, 'moving': is_moving,
            'percent': move.percent if move is not None else None,
            'left': group.bytes_on(volume, source),
            'destinations': group.destinations(move)
            if move is not None else [],
            'devices': sorted(group.devices_of(volume))}


@operation('lvm.migrate.cancel', version=VERSION)
def migrate_cancel(agent: Agent, vg: str, lv: str, source: str) -> Json:
    """Abort a move; the data stay where they were."""
    vg, lv = _names(vg, lv)
    _checked(lvm.check_device, source, 'source')
    group, volume = reports.find(vg, lv)
    move = group.move_of(volume)
    if move is not None and move.move_pv == source:
        agent.volumes.begin((vg, lv), '', lambda: _run(
            ('pvmove', '--abort', source)))
    return {'moving': move is not None}
