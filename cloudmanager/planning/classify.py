# SPDX-License-Identifier: Apache-2.0
"""Which actions suit a server, given its state and what the caller allows.

The rows below follow Nova's own checks (nova/compute/api.py,
nova/conductor/tasks/live_migrate.py):

* live migration: vm_state active or paused, no task, power state running
  or paused;
* cold migration: vm_state active or stopped, no task, source service up;
* evacuation: vm_state active, stopped or error, any task, source down;
* shelve-offload: vm_state shelved, no task.

Locks bind only users who are not admins, and never an evacuation.
"""

import dataclasses
from typing import NamedTuple

from cloudmanager.planning import disks
from cloudmanager.planning import options as opts
from cloudmanager.planning import rules
from cloudmanager.planning import terms
from cloudmanager.planning.cloud import model

Action = terms.Action
Blocker = terms.Blocker
# Short names for the tables.
LIVE, COLD, EVACUATE = Action.LIVE, Action.COLD, Action.EVACUATE
OFFLOAD, WAIT, SKIP = Action.OFFLOAD, Action.WAIT, Action.SKIP

#: Code of the blocker that stops every evacuation off a host that is alive.
NOT_FENCED = 'not-fenced'
_EVACUATE_NOT_ALLOWED = 'evacuate-not-allowed'
#: Code of cold migrations that the configuration forbids.
NO_COLD = 'cold-not-allowed'
#: Codes of refused actions that the plan reports even though other actions
#: are left, because they are actions that the caller has allowed.
_REPORTED_EARLY = frozenset((disks.LOCAL_DISK, rules.NEVER, NO_COLD))

DEFAULT_PRIORITY = 5
MAX_PRIORITY = 10
_PRIORITIES = {str(number): number for number in range(MAX_PRIORITY + 1)}

RUNNING_POWER = (1, 3)
_OFF_POWER = (4, 6)
_PASSTHROUGH_CLASSES = frozenset(
    ('PCI_DEVICE', 'SRIOV_NET_VF', 'VGPU', 'PGPU', 'FPGA'))
_PASSTHROUGH_PREFIXES = ('CUSTOM_PCI_', 'CUSTOM_VGPU', 'CUSTOM_MDEV')

_STATUS_OF_VM_STATE = {
    'active': 'ACTIVE',
    'building': 'BUILD',
    'paused': 'PAUSED',
    'suspended': 'SUSPENDED',
    'stopped': 'SHUTOFF',
    'rescued': 'RESCUED',
    'resized': 'VERIFY_RESIZE',
    'soft-delete': 'SOFT_DELETED',
    'deleted': 'DELETED',
    'error': 'ERROR',
    'shelved': 'SHELVED',
    'shelved_offloaded': 'SHELVED_OFFLOADED'}
#: Statuses that Nova makes from a vm_state and a running task.
_STATUS_WITH_TASK = {
    'REBOOT': 'ACTIVE',
    'HARD_REBOOT': 'ACTIVE',
    'PASSWORD': 'ACTIVE',
    'REBUILD': 'ACTIVE',
    'MIGRATING': 'ACTIVE',
    'RESIZE': 'ACTIVE',
    'REVERT_RESIZE': 'VERIFY_RESIZE',
    'RESCUE': 'RESCUED'}
_MOVING_STATUSES = frozenset(('MIGRATING', 'RESIZE', 'REVERT_RESIZE'))
_DELETING_TASKS = frozenset(('deleting', 'soft-deleting'))
#: While one of these tasks runs, the server is leaving its host without our
#: doing. If it goes to another host, Nova has allocated the room there.
_LEAVING_TASKS = _DELETING_TASKS | frozenset(
    ('migrating', 'resize_prep', 'resize_migrating', 'resize_migrated',
     'resize_finish', 'resize_reverting', 'shelving',
     'shelving_image_pending_upload', 'shelving_image_uploading',
     'shelving_offloading'))


@dataclasses.dataclass(frozen=True, slots=True)
class Classification:
    """The actions to try in turn for a server, and why.

    :ivar ladder: the actions; if it is empty, nothing may be done, and
        ``blockers`` says why
    :ivar reset_state: the state to which the server is reset before its
        evacuation; empty when no reset is needed
    """

    ladder: tuple[Action, ...]
    reason: str
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[Blocker, ...] = ()
    reset_state: str = ''
    #: The server leaves the host by itself: no destination to choose.
    leaving: bool = False

    @property
    def action(self) -> Action:
        """The first action to try."""
        return self.ladder[0] if self.ladder else Action.BLOCKED

    @property
    def moves(self) -> tuple[Action, ...]:
        """The rungs of the ladder that need a destination."""
        if self.leaving:
            return ()
        return tuple(step for step in self.ladder if step in terms.MOVES)


class Rule(NamedTuple):
    """A row of a table: the whole ladder for a state, and its texts."""

    ladder: tuple[Action, ...]
    why: str
    code: str = ''
    advice: str = ''


DRAIN_RULES: dict[str, Rule] = {
    'ACTIVE': Rule((LIVE, COLD, EVACUATE), 'it runs'),
    'PAUSED': Rule((LIVE, EVACUATE),
                   'it is paused: it can only be moved live'),
    'SHUTOFF': Rule((COLD, EVACUATE), 'it does not run'),
    'SHELVED': Rule((OFFLOAD,), 'it is shelved: its snapshot is kept'),
    'SHELVED_OFFLOADED': Rule((SKIP,), 'it is on no host'),
    'DELETED': Rule((SKIP,), 'it is deleted'),
    'SOFT_DELETED': Rule((), 'it is soft-deleted', 'soft-deleted',
                         'restore it, or delete it for good'),
    'SUSPENDED': Rule((EVACUATE,), 'it is suspended', 'suspended',
                      'resume it'),
    'RESCUED': Rule((EVACUATE,), 'it is in rescue', 'rescued', 'unrescue it'),
    'ERROR': Rule((EVACUATE,), 'it is in error', 'error',
                  'repair it or delete it'),
    'VERIFY_RESIZE': Rule((EVACUATE,), 'its resize waits for confirmation',
                          'verify-resize', 'confirm or revert the resize'),
    'BUILD': Rule((WAIT, LIVE, COLD), 'it is being built')}

EVACUATION_RULES: dict[str, Rule] = {
    'ACTIVE': Rule((EVACUATE,), 'it ran'),
    'SHUTOFF': Rule((EVACUATE,), 'it was off'),
    'ERROR': Rule((EVACUATE,), 'it was in error'),
    'PAUSED': Rule((EVACUATE,), 'it was paused and will arrive running'),
    'SUSPENDED': Rule((EVACUATE,),
                      'it was suspended: its saved memory is lost'),
    'RESCUED': Rule((EVACUATE,),
                    'it was in rescue and will boot from its own disk'),
    'VERIFY_RESIZE': Rule(
        (EVACUATE,), 'its resize was not confirmed and cannot be reverted'),
    'SHELVED': Rule((EVACUATE,), 'it was shelved and still on the host'),
    'SHELVED_OFFLOADED': Rule((SKIP,), 'it is on no host'),
    'DELETED': Rule((SKIP,), 'it is deleted'),
    'SOFT_DELETED': Rule((SKIP,), 'it is soft-deleted'),
    'BUILD': Rule((), 'it was never launched', 'never-launched',
                  'delete it and create a new one')}
_UNKNOWN = Rule((), 'its state is not known', 'unknown-state',
                'look at it in Nova')
_UNDER_WAY = 'it was already being rebuilt or evacuated'
_NO_RESET = frozenset(('ACTIVE', 'SHUTOFF', 'ERROR'))


def base_status(server: model.Server) -> str:
    """The status without its running task, from vm_state when known."""
    known = _STATUS_OF_VM_STATE.get(server.vm_state.lower())
    if known is not None:
        return known
    status = server.status.upper()
    return _STATUS_WITH_TASK.get(status, status)


def passthrough_classes(server: model.Server) -> list[str]:
    """Resource classes of devices passed through to the server."""
    return sorted(name for name, amount in server.resources.items()
                  if amount and (name in _PASSTHROUGH_CLASSES
                                 or name.startswith(_PASSTHROUGH_PREFIXES)))


def recovery_priority(server: model.Server, key: str) -> tuple[int, str]:
    """Priority 0 (never) to 10 (first), and a warning when it is invalid."""
    value = server.metadata.get(key)
    if value is None:
        return DEFAULT_PRIORITY, ''
    text = str(value).strip()
    if text in _PRIORITIES:
        return _PRIORITIES[text], ''
    return DEFAULT_PRIORITY, (
        f'metadata {key}={text[:32]!r} is not a whole number from 0 to '
        f'{MAX_PRIORITY}; {DEFAULT_PRIORITY} is used')


def _mid_task(server: model.Server) -> bool:
    status = server.status.upper()
    return bool(server.task_state) or (
        not server.vm_state and status in _STATUS_WITH_TASK
        and status != 'RESCUE')


def _leaving(server: model.Server) -> bool:
    if server.task_state in _LEAVING_TASKS:
        return True
    return (not server.task_state
            and server.status.upper() in _MOVING_STATUSES)


def _no_live(server: model.Server, flags: opts.Options) -> Blocker | None:
    if not flags.allow_live:
        return Blocker('live-not-allowed', 'live migration is not allowed')
    if LIVE in server.refuses:
        return Blocker('live-refused', server.refuses[LIVE])
    devices = passthrough_classes(server)
    if devices or server.passthrough:
        what = ', '.join(devices) or 'a passed-through device'
        return Blocker('passthrough',
                       f'it uses {what} and cannot be moved live')
    power = server.power_state
    if power is not None and power not in RUNNING_POWER:
        return Blocker('power-state',
                       f'its power state is {power}: it does not run')
    return None


def _no_cold(server: model.Server, flags: opts.Options) -> Blocker | None:
    if COLD in server.refuses:
        return Blocker('cold-refused', server.refuses[COLD])
    if not flags.allow_cold:
        return Blocker(
            NO_COLD,
            'cold migration is not possible in this cloud ([host_tasks] '
            'allow_cold_migration)')
    runs = base_status(server) != 'SHUTOFF'
    if runs and server.power_state not in _OFF_POWER:
        if not flags.allow_off_vm:
            return Blocker(
                'off-vm-not-allowed',
                'it runs, and stopping servers is not allowed '
                '(allow_off_vm)')
    return None


def _no_evacuate(server: model.Server, flags: opts.Options) -> Blocker | None:
    if EVACUATE in server.refuses:
        return Blocker('evacuate-refused', server.refuses[EVACUATE])
    kept = rules.kept(server, flags)
    if kept:
        return kept
    if not flags.allow_evacuate:
        return Blocker(_EVACUATE_NOT_ALLOWED,
                       'evacuation is not allowed (allow_evacuate)')
    lost = disks.no_rebuild(server, flags)
    if lost:
        return lost
    if server.host in flags.cannot_fence:
        return Blocker(NOT_FENCED, flags.cannot_fence[server.host])
    return None


_CHECKS = {
    LIVE: _no_live,
    COLD: _no_cold,
    EVACUATE: _no_evacuate,
    OFFLOAD: disks.no_offload}


def _climb(rule: Rule, server: model.Server,
           flags: opts.Options) -> tuple[list[Action], list[Blocker]]:
    """The actions that may be tried, and why the others may not."""
    steps: list[Action] = []
    refused: list[Blocker] = []
    failed = flags.tried.get(server.id, ())
    for step in rule.ladder:
        check = _CHECKS.get(step)
        blocker = check(server, flags) if check else None
        if blocker is None and step in failed:
            blocker = Blocker('failed-before', f'{step} failed before')
        if blocker is None:
            steps.append(step)
        else:
            refused.append(blocker)
    return steps, refused


def _drain_reason(rule: Rule, steps: list[Action],
                  refused: list[Blocker]) -> str:
    if steps[0] == EVACUATE:
        return f'{rule.why}: rebuilt elsewhere once its host is fenced'
    if steps[0] == COLD and rule.ladder[0] == LIVE:
        why = refused[0].text if refused else rule.why
        return f'will be stopped, not migrated live: {why}'
    return rule.why


def _allowed(code: str, flags: opts.Options) -> bool:
    """Whether the caller has allowed what is refused."""
    return flags.allow_off_vm if code == NO_COLD else flags.allow_evacuate


def _drain_warnings(server: model.Server, steps: list[Action],
                    refused: list[Blocker],
                    flags: opts.Options) -> tuple[Blocker, ...]:
    """Warnings about a server that can be moved."""
    found = [
        Blocker(item.code, f'if its move fails: {item.text}')
        for item in refused
        if item.code in _REPORTED_EARLY and _allowed(item.code, flags)]
    lost = disks.losing(server, steps)
    return (lost, *found) if lost else tuple(found)


def _reset_state(server: model.Server, steps: list[Action]) -> str:
    if EVACUATE in steps and base_status(server) not in _NO_RESET:
        return 'error'
    return ''


def _advised(rule: Rule, refused: list[Blocker]) -> list[Blocker]:
    """The blockers, with advice first and nothing said twice."""
    text = f'{rule.why}: {rule.advice}'
    others = [item for item in refused if item.code != _EVACUATE_NOT_ALLOWED]
    if len(others) < len(refused):
        text += ', or allow its evacuation (allow_evacuate)'
    return [Blocker(rule.code, text), *others]


def drain_choice(server: model.Server,
                 flags: opts.Options = opts.DEFAULT) -> Classification:
    """What to do with a server whose host is alive and must be emptied."""
    rule = DRAIN_RULES.get(base_status(server), _UNKNOWN)
    if rule.ladder == (SKIP,):
        return Classification((SKIP,), rule.why)
    if _leaving(server):
        task = server.task_state or server.status
        return Classification(
            (WAIT,), f'its task {task} takes it off the host', leaving=True)
    steps, refused = _climb(rule, server, flags)
    waits = _mid_task(server)
    if not steps and not waits:
        if rule.code:
            refused = _advised(rule, refused)
        refused = disks.first(refused)
        return Classification((), refused[0].text, tuple(refused))
    warnings = _drain_warnings(server, steps, refused, flags)
    if waits and steps[:1] != [WAIT]:
        task = server.task_state or server.status
        return Classification(
            (WAIT, *steps), f'its task {task} must end first',
            warnings=warnings, reset_state=_reset_state(server, steps))
    return Classification(
        tuple(steps), _drain_reason(rule, steps, refused),
        warnings=warnings, reset_state=_reset_state(server, steps))


def _rebuilds(server: model.Server) -> bool:
    return (server.task_state or '').startswith('rebuild')


def _rebuilt(server: model.Server, rule: Rule,
             warnings: list[Blocker]) -> Classification:
    """The actions for a server of a dead host that Nova can rebuild."""
    lost = disks.losing(server, rule.ladder)
    if lost:
        warnings.insert(0, lost)
    reset = _reset_state(server, list(rule.ladder))
    reason = rule.why + (f'; reset to {reset} first' if reset else '')
    ladder = rule.ladder
    if _rebuilds(server):
        ladder = (WAIT, *ladder)
        reason = _UNDER_WAY
    return Classification(ladder, reason, (), tuple(warnings), reset)


def _opted_out(server: model.Server, priority: int,
               flags: opts.Options) -> Blocker | None:
    """Why the owner or the operator has excluded a server, if so."""
    if priority == 0:
        return Blocker('priority-zero',
                       f'{flags.priority_key} is 0: never evacuated')
    return rules.kept(server, flags)


def evacuation_choice(server: model.Server,
                      flags: opts.Options = opts.DEFAULT) -> Classification:
    """What to do with a server whose host is dead and fenced."""
    rule = EVACUATION_RULES.get(base_status(server), _UNKNOWN)
    priority, warning = recovery_priority(server, flags.priority_key)
    warnings = [Blocker('bad-priority', warning)] if warning else []
    if rule.ladder == (SKIP,):
        return Classification((SKIP,), rule.why, (), tuple(warnings))
    if server.task_state in _DELETING_TASKS:
        return Classification((SKIP,), 'it is being deleted', (),
                              tuple(warnings))
    opted = _opted_out(server, priority, flags)
    if opted:
        return Classification((SKIP,), opted.text, (), (*warnings, opted))
    blocker = disks.no_rebuild(server, flags)
    if blocker and _rebuilds(server):
        return Classification((WAIT,), _UNDER_WAY, leaving=True)
    if not rule.ladder:
        blocker = Blocker(rule.code, f'{rule.why}: {rule.advice}')
    elif EVACUATE in server.refuses:
        blocker = Blocker('evacuate-refused', server.refuses[EVACUATE])
    if blocker:
        return Classification((), blocker.text, (blocker,), tuple(warnings))
    return _rebuilt(server, rule, warnings)
