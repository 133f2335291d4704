# SPDX-License-Identifier: Apache-2.0
"""Agents that were enrolled, and what they report."""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import datetime
import enum

from oslo_config import cfg
from oslo_log import log as logging
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_AGENT = models.Agent
#: Columns that a report updates if their values have changed.
VALUES = ('version', 'interface', 'operations', 'capabilities', 'generation',
          'modes', 'refused', 'guests', 'facts')
_COLUMNS = sa.select(*_AGENT.__table__.c)
_SETTINGS = models.NodeSettings
_SAMPLE = models.LoadSample
_ONE = (_COLUMNS.add_columns(_SETTINGS.generation.label('wished'))
        .outerjoin(models.Node, models.Node.name == _AGENT.host)
        .outerjoin(_SETTINGS, _SETTINGS.node_id == models.Node.id)
        .where(_AGENT.host == sa.bindparam('agent')))
_CONTACTS = (
    sa.select(_AGENT.id, _AGENT.host, _AGENT.key_id, _AGENT.key,
              _AGENT.next_key_id, _AGENT.next_key,
              models.Node.id.label('node_id'),
              _SETTINGS.generation.label('wished'))
    .outerjoin(models.Node, models.Node.name == _AGENT.host)
    .outerjoin(_SETTINGS, _SETTINGS.node_id == models.Node.id))


@api.reader
def find(context: api.Context, host: str) -> models.Row | None:
    """Return the agent on a host, if it was enrolled.

    Its keys are as they are stored, which is encrypted. ``wished`` is the
    generation of the desired state of its node, if there is one.
    """
    row = db_query.first(context, _ONE, agent=host)
    # Some collations find more than was asked for.
    return row if row is not None and row['host'] == host else None


@api.reader
def list_contacts(context: api.Context,
                  host: str | None = None) -> list[models.Row]:
    """Return the values of agents that their reports are compared with.

    These are ``id``, ``host``, the keys in stored form, the ``node_id`` of its
    node, and ``wished``, the generation of its desired state. The last two may
    be ``None``.

    :param host: the host of a single agent to return
    """
    if host is None:
        return db_query.rows(context, _CONTACTS)
    # Some collations find more than was asked for.
    return [row for row in db_query.rows(
        context, _CONTACTS.where(_AGENT.host == host)) if row['host'] == host]


@api.reader
def list_agents(context: api.Context) -> list[models.Row]:
    """Return all agents, in the order of their hosts."""
    return db_query.rows(context, _COLUMNS.order_by(_AGENT.host))


@api.writer
def enrol(context: api.Context, host: str, key: signing.Key) -> bool:
    """Give the agent on a host a key, or a next key if it has one.

    The old key stays valid until the agent has signed with the new one. If
    there are several new keys, the last one counts.

    :returns: whether the agent is new
    """
    secret = secrets.encrypt(key.secret.hex())
    if table.changed(context, sa.update(_AGENT).where(_AGENT.host == host)
                     .values(next_key_id=key.id, next_key=secret)):
        return False
    table.insert(context, _AGENT, {'host': host, 'key_id': key.id,
                                   'key': secret})
    return True


@api.writer
def revoke(context: api.Context, host: str) -> None:
    """Delete an agent: nothing that it signs is accepted any more.

    :raises AgentNotFound: there is no such agent
    """
    if not table.changed(context,
                         sa.delete(_AGENT).where(_AGENT.host == host)):
        raise exception.AgentNotFound(host=host)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """The part of a report that is stored.

    :ivar key_id: the id of the key that signed it
    :ivar sent_at: seconds since 1970, by the clock of the node
    :ivar checked_at: when the agent has compared the modes last
    :ivar digest: of ``values``
    :ivar values: of columns of the agent
    :ivar load: values of a sample of the load, if the report has one
    """

    agent_id: int
    key_id: str
    sent_at: float
    checked_at: str | None
    digest: str
    values: models.Row
    load: models.Row | None = None


class Outcome(enum.Enum):
    """What became of a report."""

    KEPT = enum.auto()
    #: It is the one that was stored last.
    REPEATED = enum.auto()
    #: A newer one was stored before.
    LATE = enum.auto()
    #: Its agent, or the key that signed it, is no longer known.
    UNKNOWN = enum.auto()


_LAST = (sa.select(_AGENT.id, _AGENT.key_id, _AGENT.next_key_id,
                   _AGENT.reported_at, _AGENT.digest)
         .where(_AGENT.id.in_(sa.bindparam('agents', expanding=True)))
         # Always in the same order, so that two conductors do not wait for
         # each other.
         .order_by(_AGENT.id).with_for_update())
_NEWS = (sa.update(_AGENT).where(_AGENT.id == sa.bindparam('of_agent'))
         .values({name: sa.bindparam(f'new_{name}') for name in (
             'contact_at', 'reported_at', 'checked_at', 'digest', *VALUES)}))
_INSERT_SAMPLE = sa.insert(_SAMPLE)


def _outcome(report: Report, last: sa.RowMapping | None,
             newest: float) -> Outcome:
    """Return what becomes of a report.

    :param newest: when a report may have been made at most, in seconds since
        1970
    """
    if last is None or report.key_id not in (last['key_id'],
                                             last['next_key_id']):
        return Outcome.UNKNOWN
    reported_at = last['reported_at']
    # What was made later was made while the clocks were wrong; whatever
    # follows would be older.
    if (reported_at is None or reported_at < report.sent_at
            or reported_at > newest):
        return Outcome.KEPT
    return (Outcome.REPEATED if reported_at == report.sent_at
            else Outcome.LATE)


def _signs_of_life(reports: Sequence[Report],
                   now: datetime.datetime) -> sa.Update:
    """Return the statement that stores reports without news.

    A single statement for all of them costs far less than one for each.
    """
    columns = _AGENT.__table__.c

    def by_agent(name: str, values: Iterable[object]) -> sa.Case[object]:
        return sa.case(
            {report.agent_id: sa.literal(value, columns[name].type)
             for report, value in zip(reports, values, strict=True)},
            value=_AGENT.id)

    return (sa.update(_AGENT)
            .where(_AGENT.id.in_([report.agent_id for report in reports]))
            .values(contact_at=now,
                    reported_at=by_agent('reported_at', (
                        report.sent_at for report in reports)),
                    checked_at=by_agent('checked_at', (
                        report.checked_at for report in reports))))


@api.writer
def record(context: api.Context,
           reports: Sequence[Report]) -> list[Outcome]:
    """Store reports, in one transaction.

    The agents are locked before their reports are compared with what is
    stored, so no report counts twice, even if it reaches several conductors.

    :param reports: reports of different agents
    :returns: what became of each
    """
    connection = context.session.connection()
    last = {row['id']: row for row in connection.execute(_LAST, {
        'agents': [report.agent_id for report in reports]}).mappings()}
    newest = clock.timestamp() + CONF.agent.message_window
    outcomes = [_outcome(report, last.get(report.agent_id), newest)
                for report in reports]
    kept = [report for report, outcome in zip(reports, outcomes, strict=True)
            if outcome is Outcome.KEPT]
    now = clock.utcnow()
    same = [report for report in kept
            if report.digest == last[report.agent_id]['digest']]
    if same:
        connection.execute(_signs_of_life(same, now))
    news = [{'of_agent': report.agent_id, 'new_contact_at': now,
             'new_reported_at': report.sent_at,
             'new_checked_at': report.checked_at,
             'new_digest': report.digest,
             **{f'new_{name}': report.values[name] for name in VALUES}}
            for report in kept
            if report.digest != last[report.agent_id]['digest']]
    if news:
        connection.execute(_NEWS, news)
    samples = [{'agent_id': report.agent_id, 'at': report.sent_at,
                **report.load} for report in kept if report.load is not None]
    if samples:
        connection.execute(_INSERT_SAMPLE, samples)
    return outcomes


@api.writer
def switch_key(context: api.Context, host: str, key_id: str) -> None:
    """Replace the key of an agent by its next key."""
    # MySQL sees what earlier assignments of the statement have written.
    row = context.session.execute(
        sa.select(_AGENT.id, _AGENT.next_key).where(
            _AGENT.host == host, _AGENT.next_key_id == key_id)
        .with_for_update()).first()
    if row is not None:
        table.update(context, _AGENT, row.id, {
            'key_id': key_id, 'key': row.next_key, 'next_key_id': None,
            'next_key': None})


@api.writer
def reencrypt(context: api.Context) -> int:
    """Encrypt all keys with the newest encryption key.

    A key that none of the present encryption keys decrypts is logged and left
    as it is.

    :returns: how many agents were changed
    """
    changed = 0
    for row in context.session.execute(
            sa.select(_AGENT.id, _AGENT.host, _AGENT.key, _AGENT.next_key)
            .order_by(_AGENT.id).with_for_update()).all():
        try:
            new = {name: secrets.rotate(value) for name, value in
                   (('key', row.key), ('next_key', row.next_key))
                   if value is not None}
        except exception.SecretUnreadable:
            LOG.error('The keys of the agent on %s cannot be decrypted with '
                      'the present keys.', row.host)
            continue
        table.update(context, _AGENT, row.id, new)
        changed += 1
    return changed
