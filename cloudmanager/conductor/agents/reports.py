# SPDX-License-Identifier: Apache-2.0
"""Takes reports of agents: verifies, stores, and answers them.

An agent that has not got its latest desired state or storages is sent them.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import hashlib
import threading

import orjson
from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import known
from cloudmanager.conductor.tools import Agents
from cloudmanager.db import agents as db_agents
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db.models import Row
from cloudmanager.domain import load_reports

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_TEXTS = {'version': 64, 'interface': 16}
_OBJECTS = ('operations', 'capabilities', 'modes', 'refused')
_MAX_TIME = 32
# Seconds that a sample may be early and still be stored, since the threads of
# agents are not punctual.
_EARLY = 0.5
#: Seconds for which reports are gathered for one transaction.
GATHER_SECONDS = 0.5
#: Reports after which a batch waits no longer, since each waiting report
#: occupies a thread of the server.
GATHER_MOST = 24
_REFUSALS = {db_agents.Outcome.REPEATED: signing.Refusal.REPLAYED,
             db_agents.Outcome.LATE: signing.Refusal.LATE,
             db_agents.Outcome.UNKNOWN: signing.Refusal.UNKNOWN_KEY}


def _columns(body: JsonObject) -> Row | None:
    """Return the values of a report for the columns of an agent.

    :returns: ``None`` if it is not a valid report
    """
    found: Row = {}
    for name, most in _TEXTS.items():
        value = body.get(name)
        if not isinstance(value, str):
            return None
        found[name] = value[:most]
    for name in _OBJECTS:
        if not isinstance(body.get(name), dict):
            return None
        found[name] = body[name]
    if type(body.get('generation')) is not int:
        return None
    # Agents of the first version report no facts.
    facts = body.get('facts', {})
    if not isinstance(facts, dict):
        return None
    guests = facts.get('guests')
    return {**found, 'generation': body['generation'],
            'capabilities': {**found['capabilities'],
                             'types': body.get('types')},
            'guests': guests if isinstance(guests, list) else None,
            'facts': {name: value for name, value in facts.items()
                      if name != 'guests'}}


def _take_times(modes: Row) -> str | None:
    """Remove from modes the times at which they were checked.

    All modes are checked at nearly the same time. That time is stored apart,
    so that a report without other news can be recognised.

    :returns: the earliest time
    """
    times = [mode.pop('checked_at', None) for mode in modes.values()
             if isinstance(mode, dict)]
    return min((time[:_MAX_TIME] for time in times if isinstance(time, str)),
               default=None)


def _load(body: JsonObject) -> Row | None:
    """Return the values of a report for a sample, if it has a load."""
    found = load_reports.check(body.get('load'))
    if found is None:
        return None
    load, guests, reasons = found
    return {'load': load, 'guests': guests, 'reasons': reasons}


@dataclasses.dataclass
class _Batch:
    """Reports that are stored together."""

    reports: dict[int, db_agents.Report] = dataclasses.field(
        default_factory=dict)
    full: threading.Event = dataclasses.field(
        default_factory=threading.Event)
    done: threading.Event = dataclasses.field(
        default_factory=threading.Event)
    outcomes: dict[int, db_agents.Outcome] = dataclasses.field(
        default_factory=dict)
    errors: dict[int, Exception] = dataclasses.field(default_factory=dict)


class Keeper:
    """Stores reports of several threads in one transaction.

    The first thread waits for a moment and then writes all reports that have
    come; the other threads wait for it. A transaction costs more than a
    report.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: _Batch | None = None

    def keep(self, context: RequestContext,
             report: db_agents.Report) -> db_agents.Outcome:
        """Store a report; see ``db.agents.record``."""
        with self._lock:
            first = self._next is None
            batch = self._next = self._next or _Batch()
            other = batch.reports.get(report.agent_id)
            if other is not None:
                if other.sent_at == report.sent_at:
                    return db_agents.Outcome.REPEATED
                if other.sent_at > report.sent_at:
                    return db_agents.Outcome.LATE
                # The newer report replaces the older, for both threads.
                report = dataclasses.replace(
                    report, load=report.load or other.load)
            batch.reports[report.agent_id] = report
            if len(batch.reports) >= GATHER_MOST:
                batch.full.set()
                self._next = None
        if first:
            with self._ending(batch):
                clock.wait(batch.full, GATHER_SECONDS)
                with self._lock:
                    if self._next is batch:
                        self._next = None
                self._write(context, batch)
        batch.done.wait()
        if report.agent_id in batch.errors:
            raise batch.errors[report.agent_id]
        return batch.outcomes[report.agent_id]

    @staticmethod
    @contextlib.contextmanager
    def _ending(batch: _Batch) -> Iterator[None]:
        try:
            yield
        finally:
            batch.done.set()

    @staticmethod
    def _write(context: RequestContext, batch: _Batch) -> None:
        reports = list(batch.reports.values())
        try:
            batch.outcomes.update(zip(
                (report.agent_id for report in reports),
                db_agents.record(context, reports), strict=True))
            return
        except Exception:
            # Boundary between the agents: an error in one report must not
            # lose the others.
            LOG.debug('Reports are stored one by one.', exc_info=True)
        for report in reports:
            try:
                (batch.outcomes[report.agent_id],) = db_agents.record(
                    context, [report])
            except Exception as exc:
                # Raised in the thread of the report.
                batch.errors[report.agent_id] = exc


class Reports:
    """Takes reports of agents.

    :param agents: sends agents their desired state when they lack it
    """

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        # Nonces are looked up in memory first. The database knows those that
        # another conductor, or an earlier process of this one, has accepted.
        self._nonces = signing.Nonces(CONF.agent.message_window)
        self._refusals = signing.Refusals()
        self._known = known.KnownAgents()
        self._keeper = Keeper()
        # When the last sample of each agent was stored, by the agent's clock.
        self._loads: dict[str, float] = {}

    @property
    def refused(self) -> dict[str, int]:
        """How many reports were refused, by reason."""
        return self._refusals.counts

    def take(self, context: RequestContext, envelope: object, *,
             redelivered: bool = False) -> bool:
        """Store a report if its signature is valid and it is new.

        :param envelope: the message from the bus
        :param redelivered: whether the broker may have delivered it before
        :returns: whether it was stored
        """
        agent: known.Known | None = None

        def keys(host: str) -> dict[str, bytes]:
            nonlocal agent
            agent = self._known.find(context, host)
            return {} if agent is None else agent.keys

        verifier = signing.Verifier(signing.CONTROL, keys,
                                    CONF.agent.message_window, self._nonces,
                                    self._refusals)
        try:
            report = verifier.verify(envelope, signing.Kind.REPORT,
                                     redelivered=redelivered)
            if agent is None:
                raise AssertionError('its key was found')
            facts = self._keep(context, agent, report, redelivered)
        except signing.Refused:
            # The refusal was counted and logged.
            return False
        row = agent.row
        if row['next_key_id'] == report.key_id:
            db_agents.switch_key(context, report.sender, report.key_id)
            self._known.forget()
        if row['wished'] not in (None, report.body['generation']):
            self._catch_up(context, report.sender, report.body['generation'])
        self._tell_storages(context, report.sender, agent.storages,
                            facts.get('storages'))
        return True

    def _keep(self, context: RequestContext, agent: known.Known,
              report: signing.Message, redelivered: bool) -> JsonObject:
        """Store a report whose signature is valid.

        :returns: its facts
        :raises Refused: it is not a valid report, or a newer one was stored
        """
        body = report.body if isinstance(report.body, dict) else {}
        values = _columns(body)
        if values is None:
            raise self._refusals.add(signing.Refusal.MALFORMED,
                                     report.sender)
        checked_at = _take_times(values['modes'])
        digest = hashlib.sha256(orjson.dumps(
            values, option=orjson.OPT_SORT_KEYS)).hexdigest()
        outcome = self._keeper.keep(context, db_agents.Report(
            agent.row['id'], report.key_id, report.sent_at, checked_at,
            digest, values, self._sample(report)))
        if outcome is not db_agents.Outcome.KEPT:
            # The agent may also have been revoked or enrolled again.
            self._known.forget()
            raise self._refusals.add(
                signing.Refusal.REDELIVERED
                if redelivered and outcome is not db_agents.Outcome.UNKNOWN
                else _REFUSALS[outcome], report.sender)
        facts: JsonObject = values['facts']
        return facts

    def _sample(self, report: signing.Message) -> Row | None:
        """Return the sample of the load in a report, if it is due.

        An agent that reports too often must not fill the database.
        """
        load = _load(report.body)
        before = self._loads.get(report.sender)
        if load is None or (before is not None and report.sent_at - before
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
