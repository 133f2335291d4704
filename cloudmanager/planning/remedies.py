# SPDX-License-Identifier: Apache-2.0
"""The next step that wakes, resets, recovers or repairs a server.

Each of these actions has a function. It is called again after every step,
with a fresh reading of the server. Its steps follow Nova's own checks
(nova/compute/api.py, nova/compute/vm_states.py, nova/compute/task_states.py):

* hard reboot: vm_state active, stopped, paused, suspended or error;
* start: stopped; stop: active or error; unpause: paused; resume: suspended;
  unrescue: rescued; unshelve: shelved or shelved_offloaded; all of them
  without a task;
* confirm and revert of a resize: resized, without a task;
* reset of the state: anything, to active or error, and it clears the task;
* evacuation: active, stopped or error, any task, nova-compute down.

Locks bind only users who are not admins.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import enum


class Step(enum.StrEnum):
    """One request to Nova."""

    RESET = 'reset-state'
    START = 'start'
    STOP = 'stop'
    UNPAUSE = 'unpause'
    RESUME = 'resume'
    UNSHELVE = 'unshelve'
    UNRESCUE = 'unrescue'
    CONFIRM = 'confirm-resize'
    REVERT = 'revert-resize'
    REBOOT = 'hard-reboot'
    EVACUATE = 'evacuate'


#: A server that needs more steps than this goes round in circles.
MAX_STEPS = 6

_RUNNING = 1
#: Power state of a server that is off.
OFF = 4
_POWER = {0: 'unknown', 1: 'running', 3: 'paused', 4: 'off', 6: 'crashed',
          7: 'suspended'}
_WAKE = {'SHUTOFF': Step.START, 'PAUSED': Step.UNPAUSE,
         'SUSPENDED': Step.RESUME,
         'SHELVED': Step.UNSHELVE, 'SHELVED_OFFLOADED': Step.UNSHELVE,
         'RESCUED': Step.UNRESCUE}
_INTENDED = {'PAUSED': 'paused', 'SUSPENDED': 'suspended',
             'RESCUED': 'in rescue', 'SHELVED': 'shelved',
             'SHELVED_OFFLOADED': 'shelved'}
#: By status: why a server is not reset, and what to do instead.
_NO_RESET = {
    'SHELVED': 'it is shelved, and a reset would leave its image behind: '
               'wake it up',
    'SHELVED_OFFLOADED': 'it is shelved and on no host: wake it up',
    'VERIFY_RESIZE': 'its resize waits for confirmation, and a reset would '
                     'leave the old half behind: repair it',
    'SOFT_DELETED': 'it is soft-deleted: restore it',
    'DELETED': 'it is deleted',
    'BUILD': 'it was never launched: delete it and create a new one',
}


class End(enum.Enum):
    """What follows from the state of a server."""

    STEP = 'step'
    #: Something is under way that has to end first.
    WAIT = 'wait'
    DONE = 'done'
    FAILED = 'failed'


@dataclasses.dataclass(frozen=True, slots=True)
class NextStep:
    """A decision, its reason, and the step if one is to be taken."""

    end: End
    text: str
    step: Step | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Tried:
    """A step that was taken, and why it failed if it did."""

    step: Step
    error: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Resize:
    """A resize or cold migration that waits for confirmation.

    :ivar source: host of the old half
    :ivar source_up: whether that host's nova-compute is up
    :ivar allocated: whether Placement has the server on its present host
    :ivar stuck: whether it has waited longer than an owner is given
    """

    source: str
    source_up: bool = True
    allocated: bool = True
    stuck: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Symptoms:
    """The state of a server at one moment.

    :ivar status: without its running task
    :ivar host: empty when it is on none
    :ivar host_up: whether that host's nova-compute is up
    :ivar power: Nova's power state; ``None`` when not known
    :ivar stopped: when a user stopped it, if that is why it is off
    :ivar guest: its state by the hypervisor, if that was asked
    :ivar busy: what Nova is doing with it right now, in words
    :ivar guarded: whether a reset in the middle of that would do harm
    """

    status: str
    task_state: str | None = None
    host: str = ''
    host_up: bool = True
    launched: bool = True
    power: int | None = _RUNNING
    stopped: str = ''
    guest: str | None = None
    fault: str = ''
    busy: str = ''
    guarded: bool = False
    resize: Resize | None = None

    @property
    def at_rest(self) -> bool:
        """Whether it has no task, and Nova is doing nothing with it."""
        return not self.task_state and not self.busy

    @property
    def runs(self) -> bool:
        """Whether it is ACTIVE and nothing says that it does not run."""
        return (self.status == 'ACTIVE' and self.at_rest and self.host_up
                and self.power == _RUNNING
                and self.guest in (None, 'running'))

    @property
    def not_running(self) -> str:
        """Say why it does not run although Nova calls it active."""
        if self.power != _RUNNING:
            return ('its power state is '
                    f'{_POWER.get(self.power or 0, self.power)}')
        return f'the hypervisor calls it {self.guest}'


History = Sequence[Tried]


def _step(step: Step, text: str) -> NextStep:
    return NextStep(End.STEP, text, step)


def _wait(text: str) -> NextStep:
    return NextStep(End.WAIT, text)


def _done(text: str) -> NextStep:
    return NextStep(End.DONE, text)


def _failed(text: str) -> NextStep:
    return NextStep(End.FAILED, text)


def _was_tried(history: History, *steps: Step) -> bool:
    return any(tried.step in steps for tried in history)


def _in_error(seen: Symptoms) -> str:
    return f'it is in error: {seen.fault}' if seen.fault else 'it is in error'


def _went_wrong(history: History) -> str:
    """Return why the last step failed, in words; empty when it did not."""
    if not history or not history[-1].error:
        return ''
    return f'{history[-1].step} failed: {history[-1].error}'


def _down(seen: Symptoms) -> bool:
    return bool(seen.host) and not seen.host_up


def wakeup(seen: Symptoms, history: History) -> NextStep:
    """Run a server that is stopped, paused, suspended, shelved or rescued."""
    if seen.runs:
        return _done('it runs')
    if seen.status == 'DELETED':
        return _failed(_NO_RESET['DELETED'])
    if _down(seen):
        return _failed(f'its host {seen.host} is down: recover it')
    if seen.busy:
        return _wait(seen.busy)
    if seen.task_state:
        return _failed(f'its task {seen.task_state} is stuck: repair it')
    wrong = _went_wrong(history)
    if wrong:
        return _failed(f'{wrong}; repair it')
    return _wake(seen, history)


def _wake(seen: Symptoms, history: History) -> NextStep:
    status = seen.status
    if status in _WAKE:
        if len(history) >= MAX_STEPS:
            return _failed(f'it does not keep running: it is {status} again')
        return _step(_WAKE[status], f'it is {status}')
    if status == 'VERIFY_RESIZE' and seen.power == _RUNNING:
        return _done('it runs, and its resize waits for confirmation')
    if status == 'VERIFY_RESIZE':
        return _failed(f'its resize waits for confirmation, and '
                       f'{seen.not_running}: confirm or revert it, or repair '
                       'it')
    if status == 'ACTIVE':
        return _failed(f'it is ACTIVE, but {seen.not_running}: repair it')
    if status == 'ERROR':
        return _failed(f'{_in_error(seen)}: repair it')
    return _failed(_NO_RESET.get(status, f'its state {status} is not known'))


def _unsafe_to_reset(seen: Symptoms) -> str:
    """Say why a reset would do harm; empty when it would not.

    A reset makes Nova forget what it was doing. Disks, images or an old half
    that the server has elsewhere would be left there for good.
    """
    if seen.guarded:
        return f'{seen.busy}; a reset now would do harm'
    if not seen.launched:
        return _NO_RESET['BUILD']
    return _NO_RESET.get(seen.status, '')


def reset_only(seen: Symptoms, history: History) -> NextStep:
    """Reset the state to active, whatever it is."""
    if _was_tried(history, Step.RESET):
        wrong = _went_wrong(history)
        return _failed(wrong) if wrong else _done('its state is active')
    unsafe = _unsafe_to_reset(seen)
    if unsafe:
        return _failed(unsafe)
    return _step(Step.RESET, f'it is {_with_task(seen)}')


def reset_and_reboot(seen: Symptoms, history: History) -> NextStep:
    """Reset the state to active, then reboot the server hard."""
    if _down(seen):
        return _failed(f'its host {seen.host} is down: recover it')
    if not _was_tried(history, Step.RESET):
        return reset_only(seen, history)
    wrong = _went_wrong(history)
    if wrong:
        return _failed(wrong)
    if seen.busy:
        return _wait(seen.busy)
    if not _was_tried(history, Step.REBOOT):
        return _step(Step.REBOOT, 'its state is active')
    if seen.runs:
        return _done('it runs')
    return _failed(f'it is {seen.status} after the reboot; {seen.not_running}'
                   if seen.status == 'ACTIVE' else
                   f'it is {seen.status} after the reboot')


def _with_task(seen: Symptoms) -> str:
    if seen.task_state:
        return f'{seen.status} with the task {seen.task_state}'
    return seen.status


def recover(seen: Symptoms, history: History) -> NextStep:
    """Reset the state and reboot, or evacuate if the host is down."""
    if _down(seen) and not _gone(seen):
        return _leave_dead_host(seen, history)
    if not _was_tried(history, Step.EVACUATE):
        return reset_and_reboot(seen, history)
    wrong = _went_wrong(history)
    if wrong:
        return _failed(wrong)
    if seen.runs:
        return _done('it runs')
    if seen.busy:
        return _wait(seen.busy)
    if seen.status == 'SHUTOFF' and not _was_tried(history, Step.START):
        return _step(Step.START, 'it arrived stopped')
    return _failed(f'it is {seen.status} after its evacuation')


def _gone(seen: Symptoms) -> bool:
    return seen.status in ('DELETED', 'SOFT_DELETED')


def _leave_dead_host(seen: Symptoms, history: History) -> NextStep:
    """Evacuate a server whose host is down."""
    if not seen.launched:
        return _failed(_NO_RESET['BUILD'])
    if _was_tried(history, Step.EVACUATE):
        return _failed(_went_wrong(history)
                       or f'its host {seen.host} is down as well')
    return _step(Step.EVACUATE, f'its host {seen.host} is down')


def repair(seen: Symptoms, history: History) -> NextStep:
    """Find out what is wrong, and take the mildest step that helps."""
    if _gone(seen):
        return _failed(_NO_RESET[seen.status])
    if _down(seen):
        return _leave_dead_host(seen, history)
    if seen.busy:
        return _wait(seen.busy)
    if not seen.launched:
        return _failed(_NO_RESET['BUILD'])
    if len(history) >= MAX_STEPS:
        return _failed(f'it is {_with_task(seen)} after {MAX_STEPS} steps')
    if seen.task_state:
        return _free(seen, history)
    return _REPAIRS.get(seen.status, _unknown)(seen, history)


def _unknown(seen: Symptoms, history: History) -> NextStep:
    return _failed(f'its state {seen.status} is not known')


def _free(seen: Symptoms, history: History) -> NextStep:
    """Clear a task that nothing is working on any more."""
    what = f'its task {seen.task_state} is stuck'
    if not seen.host:
        return _failed(f'{what}, and it is on no host')
    if _was_tried(history, Step.RESET):
        return _failed(f'{what} after a reset')
    return _step(Step.RESET, what)


def _by_user(seen: Symptoms) -> str:
    return f'a user stopped it at {seen.stopped}'


def _repair_active(seen: Symptoms, history: History) -> NextStep:
    if seen.runs:
        return _done('it runs' if history else 'nothing is wrong: it runs')
    if (seen.stopped and seen.power == OFF
            and not _was_tried(history, Step.STOP)):
        return _step(Step.STOP, f'it is ACTIVE, but {_by_user(seen)}')
    if _was_tried(history, Step.REBOOT):
        return _failed(_went_wrong(history)
                       or f'{seen.not_running} after a reboot')
    return _step(Step.REBOOT, f'it is ACTIVE, but {seen.not_running}')


def _repair_off(seen: Symptoms, history: History) -> NextStep:
    if history and history[-1] in (Tried(Step.CONFIRM), Tried(Step.REVERT)):
        return _done('it is off, as it was before its resize')
    if seen.stopped and not _was_tried(history, Step.START, Step.REBOOT):
        return _done(f'it is off: {_by_user(seen)}' if history else
                     f'nothing is wrong: {_by_user(seen)}; wake it up to '
                     'make it run')
    if not _was_tried(history, Step.START, Step.REBOOT):
        return _step(Step.START, 'it is off')
    if not _was_tried(history, Step.REBOOT):
        return _step(Step.REBOOT, _went_wrong(history) or 'it went off again')
    return _failed(_went_wrong(history) or 'it went off again')


def _repair_error(seen: Symptoms, history: History) -> NextStep:
    if not _was_tried(history, Step.RESET):
        return _step(Step.RESET, _in_error(seen))
    if not _was_tried(history, Step.REBOOT):
        return _step(Step.REBOOT, f'{_in_error(seen)} again')
    return _failed(_went_wrong(history) or _in_error(seen))


def _repair_resized(seen: Symptoms, history: History) -> NextStep:
    """Finish a resize. Placement decides how.

    If Placement has the server on its present host, the move was finished,
    and the resize is confirmed, which removes the old half. If not, the old
    half is the good one, and the resize is reverted.
    """
    resize = seen.resize
    if resize is None:
        return _failed('its resize waits for confirmation, and Nova has no '
                       'record of the resize')
    if not resize.stuck:
        return _done('nothing is wrong: its resize waits for its owner')
    if not resize.source_up:
        return _failed('its resize is stuck, and the host of its old half, '
                       f'{resize.source}, is down: bring that host back')
    step = Step.CONFIRM if resize.allocated else Step.REVERT
    where = 'its new' if resize.allocated else 'its old'
    if _was_tried(history, step):
        return _failed(_went_wrong(history) or 'its resize is stuck')
    return _step(step, f'its resize is stuck, and Placement has it on '
                       f'{where} host')


def _repair_intended(seen: Symptoms, history: History) -> NextStep:
    return _done(f'nothing is wrong: it is {_INTENDED[seen.status]}; wake it '
                 'up to make it run')


_REPAIRS: dict[str, Callable[
    [Symptoms, History], NextStep]] = {
        'ACTIVE': _repair_active, 'SHUTOFF': _repair_off,
        'ERROR': _repair_error, 'VERIFY_RESIZE': _repair_resized,
        **dict.fromkeys(_INTENDED, _repair_intended)}
