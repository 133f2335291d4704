# SPDX-License-Identifier: Apache-2.0
"""Takes reports of agents: verifies, stores, and answers them.

An agent that has not got its latest desired state or storages is sent them.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import hashlib
import threading

import orjson
from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import inbox
from cloudmanager.conductor.agents import known
from cloudmanager.conductor.tools import Agents
from cloudmanager.db import agents as db_agents
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db.models import Row
from cloudmanager.domain import agent_reports
from cloudmanager.domain import load_reports

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_MAX_TIME = 32
# Seconds that a sample may be early and still be stored, since the threads of
# agents are not punctual.
_EARLY = 0.5
#: Seconds for which reports are gathered at most before they are stored. This
#: is far less than the time after which an agent counts as out of reach.
GATHER_SECONDS = 1.0
# Reports that are stored in one transaction.
_TOGETHER = 100
_STOP_SECONDS = 5.0
_REFUSALS = {db_agents.Outcome.REPEATED: signing.Refusal.REPLAYED,
             db_agents.Outcome.LATE: signing.Refusal.LATE,
             db_agents.Outcome.UNKNOWN: signing.Refusal.UNKNOWN_KEY}


def until_quiet(now: float) -> float:
    """Return the seconds until the middle of a second.

    Agents report at the beginning of one, see ``agent.service``. So what
    comes together is stored together, and when nothing else comes.

    :param now: seconds since 1970
    """
    return (1.5 - now % 1.0) % GATHER_SECONDS


def _take_times(modes: Row) -> str | None:
    """Remove from modes the times at which they were checked.

    All modes are checked at nearly the same time. That time is stored apart,
    so that a report without other news can be recognised.

    :returns: the earliest time
    """
    times = [mode.pop('checked_at', None) for mode in modes.values()]
    return min((time[:_MAX_TIME] for time in times if time is not None),
               default=None)


def _load(body: JsonObject) -> Row | None:
    """Return the values of a report for a sample, if it has a load."""
    found = load_reports.check(body.get('load'))
    if found is None:
        return None
    load, guests, reasons = found
    return {'load': load, 'guests': guests, 'reasons': reasons}


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    """A report that is to be stored."""

    agent: known.Known
    message: signing.Message
    redelivered: bool
    report: db_agents.Report


def _keep_newest(found: dict[int, _Waiting], new: _Waiting) -> None:
    """Put a report among others, of which there is one of each agent."""
    number = new.report.agent_id
    old = found.get(number)
    if old is not None and old.message.sent_at > new.message.sent_at:
        old, new = new, old
    if old is not None and new.report.load is None:
        new = dataclasses.replace(new, report=dataclasses.replace(
            new.report, load=old.report.load))
    found[number] = new


def _tell_lost(count: int) -> None:
    LOG.warning('%d reports of agents are lost: the database cannot be '
                'reached.', count)


class Reports:
    """Takes reports of agents.

    A thread checks and stores what has come, a second's reports at once: a
    transaction costs more than a report, and threads that work at the same
    time wait for each other. What was not stored yet when the process is
    killed is lost, and comes again with the next reports.

    :param agents: sends agents their desired state when they lack it
    """

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        # Nonces are looked up in memory first. The database knows those that
        # another conductor, or an earlier process of this one, has accepted.
        self._nonces = signing.Nonces(CONF.agent.message_window)
        self._refusals = signing.Refusals()
        self._known = known.KnownAgents()
        self._soon = threading.Event()
        self._inbox = inbox.Inbox(self._soon.set)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='reports',
                                        daemon=True)
        # When the last sample of each agent was stored, by the agent's clock.
        self._loads: dict[str, float] = {}

    @property
    def refused(self) -> dict[str, int]:
        """How many reports were refused, by reason."""
        return self._refusals.counts

    def start(self) -> None:
        """Begin to store what is taken."""
        self._thread.start()

    def stop(self) -> None:
        """Store what was taken, and end."""
        self._stopping.set()
        self._soon.set()
        self._inbox.some.set()
        self._thread.join(_STOP_SECONDS)
        self.store(cm_context.admin_context())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._inbox.some.wait()
            clock.wait(self._soon, until_quiet(clock.timestamp()))
            self._soon.clear()
            try:
                self.store(cm_context.admin_context())
            except Exception:
                # Boundary of the thread: the next reports may do.
                LOG.exception('Reports of agents are lost.')

    def take(self, envelope: object, *, redelivered: bool = False) -> None:
        """Have a report stored if its signature is valid and it is new.

        This neither waits nor fails, see ``rpc.noted_at_once``.

        :param envelope: the message from the bus
        :param redelivered: whether the broker may have delivered it before
        """
        found = signing.trimmed(envelope)
        if found is None:
            self._refusals.add(signing.Refusal.MALFORMED, 'nobody')
        else:
            self._inbox.put(found, redelivered)

    def _check(self, envelope: signing.Envelope, redelivered: bool
               ) -> _Waiting:
        """Return what is to be stored of a message.

        :raises Refused: its signature is not valid, or it is no valid report
        """
        agent: known.Known | None = None

        def keys(host: str) -> dict[str, bytes]:
            nonlocal agent
            agent = self._known.find(host)
            return {} if agent is None else agent.keys

        message = signing.Verifier(
            signing.CONTROL, keys, CONF.agent.message_window, self._nonces,
            self._refusals).verify(envelope, signing.Kind.REPORT,
                                   redelivered=redelivered)
        if agent is None:
            raise AssertionError('its key was found')
        return _Waiting(agent, message, redelivered,
                        self._report(agent, message))

    def _report(self, agent: known.Known,
                message: signing.Message) -> db_agents.Report:
        """Return what is stored of a report whose signature is valid.

        :raises Refused: it is not a valid report
        """
        values = agent_reports.check(message.body)
        if values is None:
            raise self._refusals.add(signing.Refusal.MALFORMED,
                                     message.sender)
        checked_at = _take_times(values['modes'])
        digest = hashlib.sha256(orjson.dumps(
            values, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return db_agents.Report(
            agent.row['id'], message.key_id, message.sent_at, checked_at,
            digest, values, self._sample(message))

    def _checked(self) -> list[_Waiting]:
        """Return what is to be stored, only the newest of each agent."""
        found: dict[int, _Waiting] = {}
        taken = self._inbox.empty()
        for envelope, redelivered in taken:
            try:
                new = self._check(envelope, redelivered)
            except signing.Refused:
                # It was counted and logged.
                continue
            except db_exc.DBConnectionError:
                # Each of the others would wait for it in vain, too.
                _tell_lost(len(taken))
                return []
            except Exception:
                # Boundary between the agents: keys may be unreadable.
                LOG.exception('The report of %s could not be checked.',
                              envelope['sender'])
                continue
            _keep_newest(found, new)
        return list(found.values())

    def store(self, context: RequestContext) -> None:
        """Check and store the reports that were taken, and answer them."""
        waiting = self._checked()
        for start in range(0, len(waiting), _TOGETHER):
            batch = waiting[start:start + _TOGETHER]
            for one, outcome in self._record(context, batch):
                try:
                    self._follow_up(context, one, outcome)
                except Exception:
                    # Boundary between the agents.
                    LOG.exception('The report of %s could not be answered.',
                                  one.message.sender)

    @staticmethod
    def _record(context: RequestContext, batch: Sequence[_Waiting]
                ) -> Iterator[tuple[_Waiting, db_agents.Outcome]]:
        """Store reports; leave out those with errors, which are logged."""
        try:
            yield from zip(batch, db_agents.record(
                context, [one.report for one in batch]), strict=True)
            return
        except db_exc.DBConnectionError:
            _tell_lost(len(batch))
            return
        except Exception:
            # Boundary between the agents: an error in one report must not
            # lose the others.
            LOG.debug('Reports are stored one by one.', exc_info=True)
        for one in batch:
            try:
                (outcome,) = db_agents.record(context, [one.report])
            except Exception:
                # The same boundary, with the one that it was about.
                LOG.exception('The report of %s could not be stored.',
                              one.message.sender)
            else:
                yield one, outcome

    def _follow_up(self, context: RequestContext, one: _Waiting,
                   outcome: db_agents.Outcome) -> None:
        """Count a report that was not stored; answer one that was."""
        host = one.message.sender
        row, values = one.agent.row, one.report.values
        if outcome is not db_agents.Outcome.KEPT:
            # The agent may also have been revoked or enrolled again.
            self._known.forget()
            self._refusals.add(
                signing.Refusal.REDELIVERED
                if one.redelivered and outcome
                is not db_agents.Outcome.UNKNOWN
                else _REFUSALS[outcome], host)
            return
        if row['next_key_id'] == one.message.key_id:
            db_agents.switch_key(context, host, one.message.key_id)
            self._known.forget()
        if row['wished'] not in (None, values['generation']):
            self._catch_up(context, host, values['generation'])
        self._tell_storages(context, host, one.agent.storages,
                            values['facts'].get('storages'))

    def _sample(self, report: signing.Message) -> Row | None:
        """Return the sample of the load in a report, if it is due.

        An agent that reports too often must not fill the database.
        """
        load = _load(report.body)
        before = self._loads.get(report.sender)
        # A clock that was set back makes the last one younger than this.
        if load is None or (before is not None and 0 <= report.sent_at - before
                            < CONF.agent.load_interval * _EARLY):
            return None
        self._loads[report.sender] = report.sent_at
        return load

    def _catch_up(self, context: RequestContext, host: str,
                  generation: int) -> None:
        """Send an agent its desired state, if it has an older one."""
        wished = db_settings.of_host(context, host)
        if wished is None or wished['generation'] == generation:
            return
        LOG.info('The agent on %(host)s has desired state %(old)s; it gets '
                 '%(new)s.', {'host': host, 'old': generation,
                              'new': wished['generation']})
        self._tell(context, host, 'modes.apply', {
            'generation': wished['generation'],
            'settings': wished['settings']})

    def _tell_storages(self, context: RequestContext, host: str,
                       assigned: list[Row] | None, seen: object) -> None:
        """Send an agent the storages of its node, if it has other ones."""
        if assigned is None or not isinstance(seen, list):
            return
        known_ones = [(one.get('id'), one.get('path')) for one in seen
                      if isinstance(one, dict)]
        if known_ones == [(one['id'], one['path']) for one in assigned]:
            return
        LOG.info('The agent on %s gets its availability storages.', host)
        self._tell(context, host, 'storages.apply', {'storages': assigned})

    def _tell(self, context: RequestContext, host: str, operation: str,
              arguments: JsonObject) -> None:
        try:
            self._agents.tell(context, host, operation, arguments)
        except exception.Unavailable as exc:
            # It is tried again with the agent's next report.
            LOG.warning('The agent could not be reached: %s', exc)
