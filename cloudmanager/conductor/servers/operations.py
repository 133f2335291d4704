# SPDX-License-Identifier: Apache-2.0
"""Operations on one server, each requested from Nova only once.

As with moves, the intent is recorded before the request is sent, and the
outcome is read from Nova's instance actions. A conductor that finds an intent
looks there before it sends the request again.
"""

from collections.abc import Callable
import dataclasses

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor import cloud_model
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.records.servers import Asked
from cloudmanager.conductor.records.servers import ServerItem
from cloudmanager.planning import classify
from cloudmanager.planning import remedies

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request.

    :ivar action: its name among Nova's instance actions
    :ivar request: sends the request; takes Nova's client and the server's id
    :ivar wanted: statuses of a server at rest that mean success
    :ivar repeats: whether the operation makes sense for a server that already
        has one of these statuses
    """

    action: str
    request: Callable[[protocols.Nova, str], None]
    wanted: frozenset[str] = frozenset(('ACTIVE',))
    repeats: bool = False


_AS_BEFORE = frozenset(('ACTIVE', 'SHUTOFF'))

OPERATIONS = {
    remedies.Step.START: Operation('start', lambda nova, key: nova.start(key)),
    remedies.Step.STOP: Operation(
        'stop', lambda nova, key: nova.stop(key), frozenset(('SHUTOFF',))),
    remedies.Step.UNPAUSE: Operation(
        'unpause', lambda nova, key: nova.unpause(key)),
    remedies.Step.RESUME: Operation(
        'resume', lambda nova, key: nova.resume(key)),
    remedies.Step.UNSHELVE: Operation(
        'unshelve', lambda nova, key: nova.unshelve(key)),
    remedies.Step.UNRESCUE: Operation(
        'unrescue', lambda nova, key: nova.unrescue(key)),
    remedies.Step.REBOOT: Operation(
        'reboot', lambda nova, key: nova.hard_reboot(key), repeats=True),
    remedies.Step.CONFIRM: Operation(
        'confirmResize', lambda nova, key: nova.confirm_resize(key),
        _AS_BEFORE),
    remedies.Step.REVERT: Operation(
        'revertResize', lambda nova, key: nova.revert_resize(key),
        _AS_BEFORE),
}


class Asker:
    """Carries one operation on the server of an item to its end.

    :param name: the name of the operation
    """

    def __init__(self, run: engine_run.Run, nova: protocols.Nova,
                 item: ServerItem, name: remedies.Step) -> None:
        self._run = run
        self._nova = nova
        self._item = item
        self._name = name
        self._operation = OPERATIONS[name]

    @property
    def _server_id(self) -> str:
        return self._item.object_id

    def carry_out(self) -> str:
        """Send the request, or find out what became of it, and wait.

        :returns: why the operation failed; empty when it did not
        """
        asked = self._item.asked
        if asked is None:
            newest = next(iter(self._nova.actions(self._server_id)), None)
            asked = self._item.asked = Asked(
                phase=Phase.ASK, at=clock.utcnow(),
                known=newest.request_id if newest else None)
            self._run.save(self._item)
            refused = self._ask(asked)
            if refused:
                return refused
        while True:
            self._run.guard()
            found = (self._adopt(asked) if asked.phase == Phase.ASK
                     else self._watch(asked))
            if found is not None:
                return found
            self._run.pause(self._interval(asked))

    @staticmethod
    def _interval(asked: Asked) -> float:
        age = clock.seconds_since(asked.at)
        return min(max(float(CONF.host_tasks.poll_interval),
                       age / mover.POLLS_PER_AGE),
                   float(CONF.host_tasks.poll_interval_max))

    def _ask(self, asked: Asked) -> str:
        """Send the request.

        :returns: why Nova refused it; empty when Nova did not
        """
        self._run.guard()
        try:
            retry.only_while(self._run.is_owned, self._operation.request,
                             self._nova, self._server_id)
        except (exception.CloudRequestRefused, exception.NotFound) as exc:
            # A user may have been faster. A server with the wanted status
            # is good, whoever made the request.
            server = self._nova.server(self._server_id)
            if (server is None or self._operation.repeats
                    or not self._is_good(server)):
                return str(exc)
        self._follow(asked)
        return ''

    def _follow(self, asked: Asked) -> None:
        """Record that Nova has the request."""
        asked.phase = Phase.FOLLOW
        self._run.save(self._item)

    def _since(self, asked: Asked) -> list[nova_records.Action]:
        """Return the actions requested for the server since the intent."""
        since = asked.at - migrations.CLOCK_SKEW
        return [action for action in verdicts.newer(
            self._nova.actions(self._server_id), asked.known)
            if action.action == self._operation.action
            and action.start_time >= since]

    def _adopt(self, asked: Asked) -> str | None:
        """Find out whether a request of unknown fate reached Nova."""
        if not verdicts.exists(self._nova.server(self._server_id)):
            return 'the server was deleted'
        if self._since(asked):
            self._follow(asked)
        elif clock.seconds_since(asked.at) >= CONF.host_tasks.adopt_grace:
            LOG.info('Nova never got the request for server %s; asking '
                     'again.', self._server_id)
            asked.at = clock.utcnow()
            self._run.save(self._item)
            return self._ask(asked) or None
        return None

    def _is_good(self, server: nova_records.Server) -> bool:
        return (server.task_state is None
                and classify.base_status(cloud_model.to_model(server))
                in self._operation.wanted)

    def _watch(self, asked: Asked) -> str | None:
        """Look at the server; return ``None`` while the operation goes on."""
        server = self._nova.server(self._server_id)
        if not verdicts.exists(server):
            return 'the server was deleted'
        if self._is_good(server):
            return ''
        if server.task_state is None:
            ended = self._ended(server, asked)
            if ended:
                return ended
        taken = clock.seconds_since(asked.at)
        if taken > CONF.server_tasks.action_timeout:
            return f'it was not over after {taken:.0f} s'
        return None

    def _ended(self, server: nova_records.Server, asked: Asked) -> str:
        """Return why a server at rest does not have the wanted status."""
        last = next(iter(self._since(asked)), None)
        if last is None:
            return ''
        if last.message:
            return server.fault or last.message
        if self._nova.is_over(server.id, last.request_id):
            return f'it ended, and the server is {server.status}'
        return ''
