# SPDX-License-Identifier: Apache-2.0
"""Switching nodes: through all their feeds, confirmed, and logged."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.power import readings
from cloudmanager.conductor.records.power import Notes
from cloudmanager.conductor.records.power import PowerMemory
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_actions as db_power_actions
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import power_outcomes as db_power_outcomes
from cloudmanager.db import power_starts as db_power_starts
from cloudmanager.db import power_states as db_power_states
from cloudmanager.db.models import Row
from cloudmanager.power import confirm
from cloudmanager.power import exceptions as power_exc
from cloudmanager.power import registry
from cloudmanager.power import states

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

ON, OFF, RESET, FENCE = 'power-on', 'power-off', 'reset', 'fence'
OUTPUT_ON, OUTPUT_OFF = 'output-on', 'output-off'
SWITCHING_OFF = (OFF, FENCE, OUTPUT_OFF)
# A node keeps its place among the nodes being switched on for this many
# seconds longer than switching takes.
GRACE_SECONDS = 60


class KeptJournal(confirm.Journal):
    """Keeps what was done in a record that outlives this process.

    :param done: the notes of the record; changed in place
    :param keep: saves the record
    """

    def __init__(self, done: Notes, keep: Callable[[], None]) -> None:
        super().__init__()
        self._done = done
        self._keep = keep

    def note(self, what: str) -> None:
        self._done[what] = clock.utcnow()
        self._keep()

    def forget(self, *notes: str) -> None:
        known = [what for what in notes if what in self._done]
        for what in known:
            del self._done[what]
        if known:
            self._keep()

    def age(self, what: str) -> float | None:
        then = self._done.get(what)
        return None if then is None else clock.seconds_since(then)


@dataclasses.dataclass(frozen=True)
class Feeds:
    """The outputs that feed a node, the default one first."""

    feeds: list[confirm.Feed]
    #: The stored power control of each output.
    controls: list[Row]


class NodePower:
    """Switches nodes that have power controls."""

    def node_of_host(self, context: RequestContext,
                     host: str) -> Row | None:
        """Return the node of a compute host if it can be switched.

        :param host: exact name; the node has the same one
        """
        node = db_nodes.find_by_name(context, host)
        if node is None:
            return None
        controls = db_power_controls.list_assignments(context, node['id'])
        return node if controls else None

    def fence(self, node: Row, run: engine_run.Run) -> None:
        """Cut all feeds of a node and prove that it is off.

        :raises PowerError: nothing proves that it is off
        """
        self._act(node, run, FENCE, lambda feeds: confirm.fence(
            feeds, journal=task_journal(run), pause=run.pause))

    def is_off(self, node: Row, run: engine_run.Run) -> bool:
        """Tell whether all devices report a node as off; switch nothing.

        An error of a device proves nothing, and counts as not off.
        """
        try:
            return confirm.is_off(self.feeds(run.context, node),
                                  pause=run.pause)
        except exception.CloudManagerException as exc:
            LOG.warning('Cannot tell whether node %(node)s is off: '
                        '%(why)s', {'node': node['name'], 'why': exc})
            return False

    def why_unreadable(self, context: RequestContext,
                       node: Row) -> str:
        """Say which device of a node does not report its state, and why.

        Nothing is switched. With such a device, nothing could prove that the
        node is off.

        :returns: empty when all devices report it
        """
        try:
            for feed in self.feeds(context, node):
                state = feed.driver.state(feed.device, feed.output)
                if state == states.UNKNOWN:
                    return f'{feed.device} does not report its power state'
        except exception.CloudManagerException as exc:
            return str(exc)
        return ''

    def switch_off(self, node: Row, run: engine_run.Run, *,
                   manner: confirm.Manner = confirm.SOFT_THEN_HARD,
                   journal: confirm.Journal | None = None,
                   cancellable: bool = False) -> None:
        """Switch a node off, gracefully where its devices can.

        :param journal: records what was done, so that it is not done again
            after a crash; by default, the journal of the task
        :param cancellable: whether the task may be cancelled while the
            operating system shuts down
        :raises PowerError: the node did not go off
        :raises TaskCancelled: the task was cancelled during that time
        """
        wait = _pause(run, cancellable)
        kept = journal or task_journal(run)
        self._act(node, run, OFF, lambda feeds: confirm.switch_off(
            feeds, manner=manner, journal=kept, pause=run.pause,
            soft_pause=wait))

    def switch_on(self, node: Row, run: engine_run.Run, *,
                  cancellable: bool = False) -> None:
        """Switch a node on.

        :param cancellable: whether the task may be cancelled while the
            node waits for its turn
        :raises PowerError: the node did not come on
        :raises TaskCancelled: the task was cancelled during that time
        """
        wait = _pause(run, cancellable)
        self._act(node, run, ON, lambda feeds: confirm.switch_on(
            feeds, pause=run.pause,
            admit=lambda: _admission(node, run, wait)))

    def reset(self, node: Row, run: engine_run.Run, *,
              manner: confirm.Manner = confirm.HARD,
              journal: confirm.Journal | None = None,
              cancellable: bool = False) -> None:
        """Restart a node, by default at once.

        :param journal: as for ``switch_off``; without a journal, a conductor
            that takes the task over resets the node again
        :param cancellable: as for ``switch_off`` and ``switch_on``
        :raises PowerError: the node is not on afterwards
        :raises TaskCancelled: the task was cancelled before the power was cut
        """
        wait = _pause(run, cancellable)
        self._act(node, run, RESET, lambda feeds: confirm.reset(
            feeds, manner=manner, journal=journal, pause=run.pause,
            soft_pause=wait, admit=lambda: _admission(node, run,
                                                      run.pause)))

    def switch_output(self, control: Row, output: str, on: bool,
                      run: engine_run.Run) -> None:
        """Switch an output of a device, whatever is connected to it.

        :param control: the stored power control
        :raises PowerError: the device did not confirm it
        """
        device = readings.device(control)
        feed = confirm.Feed(registry.get(device), device, output)
        node = db_nodes.find_by_output(run.context, control['id'], output)

        def admit() -> contextlib.AbstractContextManager[None]:
            return (_admission(node, run, _pause(run, True)) if node
                    else contextlib.nullcontext())

        def switch(feeds: list[confirm.Feed]) -> None:
            if on:
                confirm.switch_on(feeds, pause=run.pause, admit=admit)
            else:
                confirm.fence(feeds, pause=run.pause)

        self._carry_out(Feeds([feed], [control]), node, run,
                        OUTPUT_ON if on else OUTPUT_OFF, switch, output)

    @classmethod
    def feeds(cls, context: RequestContext,
              node: Row) -> list[confirm.Feed]:
        """Return the outputs that feed a node, the default one first.

        :raises NoPowerControl: there is none
        """
        return cls._feeds(context, node).feeds

    @staticmethod
    def _feeds(context: RequestContext, node: Row) -> Feeds:
        found = Feeds([], [])
        for output, control in db_power_controls.devices_of(context,
                                                            node['id']):
            device = readings.device(control)
            found.controls.append(control)
            found.feeds.append(confirm.Feed(registry.get(device), device,
                                            output))
        if not found.feeds:
            raise exception.NoPowerControl(node=node['id'])
        return found

    def _act(self, node: Row, run: engine_run.Run, action: str,
             function: Callable[[list[confirm.Feed]], None]) -> None:
        """Carry out an action on all feeds of a node."""
        try:
            found = self._feeds(run.context, node)
        except exception.CloudManagerException as exc:
            entry = _Entry(node, run, action, None, None)
            db_power_outcomes.keep(run.context, entry.id, entry.end(exc))
            raise
        self._carry_out(found, node, run, action, function)

    def _carry_out(self, found: Feeds, node: Row | None,
                   run: engine_run.Run, action: str,
                   function: Callable[[list[confirm.Feed]], None],
                   output: str | None = None) -> None:
        """Carry out an action and store its outcome, good or bad."""
        entry = _Entry(node, run, action, found.controls[0]['id'], output)
        error: exception.CloudManagerException | None = None
        try:
            function(found.feeds)
        except exception.LeaseLost:
            # The conductor that takes the task over will store the outcome.
            raise
        except exception.CloudManagerException as exc:
            error = exc
        values = entry.end(error)
        wanted = {node['id']: action in SWITCHING_OFF} if node else {}
        db_power_outcomes.keep(run.context, entry.id, values,
                               off_wanted=wanted,
                               visits=_visits(found, action, error),
                               lost_after=CONF.power.lost_after)
        if error is not None:
            raise error


class _Entry:
    """The entry of an action in the power log of its node.

    An action on an output without a node is only in the record of its task.
    """

    def __init__(self, node: Row | None, run: engine_run.Run,
                 action: str, control_id: int | None,
                 output: str | None) -> None:
        self.id: int | None = None
        self._begun = clock.utcnow()
        name = node['name'] if node else f'of output {output}'
        self._words = {'node': name, 'action': action, 'user': run.user_id}
        if node:
            self.id, self._begun = db_power_actions.begin(run.context, {
                'node_id': node['id'], 'power_control_id': control_id,
                'power_control_port': output, 'action': action,
                'user_id': run.user_id, 'user_name': run.user_name,
                'task_id': run.task_id})
        LOG.info('Node %(node)s: %(action)s for user %(user)s begins.',
                 self._words)

    def end(self, error: exception.CloudManagerException | None
            ) -> Row:
        """Log the outcome of the action.

        :param error: why it failed, if it did
        :returns: what to store about it
        """
        seconds = (clock.utcnow() - self._begun).total_seconds()
        result = db_power_actions.SUCCESS
        if error is not None:
            result = (db_power_actions.CANCELLED
                      if isinstance(error, exception.TaskCancelled)
                      else db_power_actions.FAILURE)
        words = {**self._words, 'seconds': seconds, 'why': error}
        if error:
            LOG.error('Node %(node)s: %(action)s for user %(user)s failed '
                      'after %(seconds).1f s: %(why)s', words)
        else:
            LOG.info('Node %(node)s: %(action)s for user %(user)s is '
                     'confirmed after %(seconds).1f s.', words)
        return {'result': result, 'duration': seconds,
                'error': str(error) if error else None}


def task_journal(run: engine_run.Run) -> KeptJournal:
    """Return the journal of a task that switches one node."""
    memory = run.recall(PowerMemory)
    return KeptJournal(memory.done, lambda: run.keep(memory))


def _visits(found: Feeds, action: str, error: Exception | None
            ) -> list[db_power_states.Visit]:
    """Return what was confirmed, or what can be read after a failure."""
    confirmed = (states.POWER_OFF if action in SWITCHING_OFF
                 else states.POWER_ON)
    visits = []
    for feed, control in zip(found.feeds, found.controls, strict=True):
        if error is None:
            visits.append(db_power_states.Visit(
                control['id'], clock.utcnow(), {feed.output: confirmed},
                by_request=True))
        elif isinstance(error, power_exc.PowerError):
            visits.append(_look_again(feed, control, error))
    return visits


def _look_again(feed: confirm.Feed, control: Row,
                error: power_exc.PowerError) -> db_power_states.Visit:
    """Read a feed after an action that failed.

    If this fails too, this is the device that does not answer, and the action
    has tried for long enough. If it succeeds, the device answers but has not
    done what it was asked to.
    """
    least = CONF.power.lost_after
    mine = error.kwargs.get('device') == str(feed.device)
    if mine and isinstance(error, power_exc.HARMFUL):
        # One more login with a wrong password could lock the account.
        return readings.silent(control, error, least)
    visit = readings.look(control, [feed.output], least=least)
    if mine and visit.error is None:
        visit = dataclasses.replace(visit, note=str(error))
    return visit


def _pause(run: engine_run.Run,
           cancellable: bool) -> Callable[[float], None]:
    """Return a pause that ends when the task is cancelled, if it may be."""
    def pause(seconds: float) -> None:
        run.pause(seconds)
        run.checkpoint()
    return pause if cancellable else run.pause


@contextlib.contextmanager
def _admission(node: Row, run: engine_run.Run,
               pause: Callable[[float], None]) -> Iterator[None]:
    """Limit how many nodes are switched on at the same time.

    All nodes of a rack together would draw more current than its fuses bear.

    :param pause: waits some seconds; may raise to end the work
    """
    spacing = CONF.power.on_spacing
    if not spacing:
        yield
        return
    hold = CONF.power.confirm_timeout + GRACE_SECONDS
    rack = '/'.join(str(node[name]) for name in (
        'dtc_number', 'row_number', 'rack_number')
        if node[name] is not None)
    db_power_starts.enter(run.context, node['id'], rack, spacing, hold)
    try:
        while seconds := db_power_starts.wait(run.context, node['id'],
                                              CONF.power.on_limit):
            pause(min(seconds, 1.0))
            db_power_starts.keep(run.context, node['id'], hold)
        yield
    finally:
        db_power_starts.leave(run.context, node['id'])
