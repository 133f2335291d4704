# SPDX-License-Identifier: Apache-2.0
"""Reports of agents: verified, kept, and answered where one is behind."""


from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import contacts
from cloudmanager.conductor.tools import Agents
from cloudmanager.db import agents as db_agents
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db.models import Row
from cloudmanager.domain import load_reports

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_TEXTS = {'version': 64, 'interface': 16}
_OBJECTS = ('operations', 'capabilities', 'modes', 'refused')
# A sample that comes a little early is kept; threads are not punctual.
_EARLY = 0.5


def _columns(body: object) -> Row | None:
    """Return what a report has for the columns of an agent.

    :returns: ``None`` if it is not what agents report
    """
    if not isinstance(body, dict):
        return None
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
    # Agents of the first version have none.
    facts = body.get('facts', {})
    if not isinstance(facts, dict):
        return None
    capabilities = {**found['capabilities'], 'types': body.get('types')}
    return {**found, 'capabilities': capabilities, 'facts': facts,
            'generation': body['generation']}


def _load(body: JsonObject) -> Row | None:
    """Return what a report has for the columns of a sample, if it does."""
    found = load_reports.check(body.get('load'))
    if found is None:
        return None
    load, guests, reasons = found
    return {'load': load, 'guests': guests, 'reasons': reasons}


class Reports:
    """Takes reports of agents.

    :param agents: tells agents that are behind what is wished of them
    """

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        # Nonces are looked for in memory first; what another conductor has
        # taken, or this one in a former life, the database knows.
        self._nonces = signing.Nonces(CONF.agent.message_window)
        self._refusals = signing.Refusals()
        # When the last sample of each agent was kept, by its clock.
        self._loads: dict[str, float] = {}

    @property
    def refused(self) -> dict[str, int]:
        """How many reports were refused, by why."""
        return self._refusals.counts

    def take(self, context: RequestContext, envelope: object) -> bool:
        """Keep a report if it is to be believed.

        :param envelope: as it came from the bus
        :returns: whether it was kept
        """
        agent: Row | None = None

        def keys(host: str) -> dict[str, bytes]:
            nonlocal agent
            agent = db_agents.find(context, host)
            return {} if agent is None else contacts.keys_of(agent)

        verifier = signing.Verifier(signing.CONTROL, keys,
                                    CONF.agent.message_window, self._nonces,
                                    self._refusals)
        try:
            report = verifier.verify(envelope, signing.Kind.REPORT)
            self._keep(context, report)
        except signing.Refused:
            # It was counted and logged.
            return False
        if agent is not None and agent['next_key_id'] == report.key_id:
            db_agents.switch_key(context, report.sender, report.key_id)
        if agent is not None and agent['wished'] not in (
                None, report.body['generation']):
            self._catch_up(context, report.sender, report.body['generation'])
        return True

    def _keep(self, context: RequestContext,
              report: signing.Message) -> None:
        """Keep a report whose signature is good.

        :raises Refused: it is none, or a newer one was kept
        """
        values = _columns(report.body)
        if values is None:
            raise self._refusals.add(signing.Refusal.MALFORMED,
                                     report.sender)
        if not db_agents.record(context, report.sender, report.key_id,
                                report.sent_at, values,
                                self._sample(report)):
            raise self._refusals.add(signing.Refusal.REPLAYED,
                                     report.sender)

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
        """Tell an agent what is wished, if it knows an older state."""
        wished = db_settings.of_host(context, host)
        if wished is None:
            return
        LOG.info('The agent on %(host)s has desired state %(old)s; it gets '
                 '%(new)s.', {'host': host, 'old': generation,
                              'new': wished['generation']})
        try:
            self._agents.tell(context, host, 'modes.apply', {
                'generation': wished['generation'],
                'settings': wished['settings']})
        except exception.Unavailable as exc:
            # Its next report is another occasion.
            LOG.warning('The agent was not told: %s', exc)
