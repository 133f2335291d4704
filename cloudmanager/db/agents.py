# SPDX-License-Identifier: Apache-2.0
"""Agents that were enrolled, and what they report."""

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

LOG = logging.getLogger(__name__)
_AGENT = models.Agent
_COLUMNS = sa.select(*_AGENT.__table__.c)
_SETTINGS = models.NodeSettings
_SAMPLE = models.LoadSample
_ONE = (_COLUMNS.add_columns(_SETTINGS.generation.label('wished'))
        .outerjoin(models.Node, models.Node.name == _AGENT.host)
        .outerjoin(_SETTINGS, _SETTINGS.node_id == models.Node.id)
        .where(_AGENT.host == sa.bindparam('agent')))


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
def list_agents(context: api.Context) -> list[models.Row]:
    """Return all agents, in the order of their hosts."""
    return db_query.rows(context, _COLUMNS.order_by(_AGENT.host))


@api.writer
def enrol(context: api.Context, host: str, key: signing.Key) -> bool:
    """Give the agent on a host a key, or a next one if it has one.

    The old key stays good until the agent has signed with the new one. Of
    several new ones the last counts.

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
    """Forget an agent: nothing that it signs counts any more.

    :raises AgentNotFound: there is none
    """
    if not table.changed(context,
                         sa.delete(_AGENT).where(_AGENT.host == host)):
        raise exception.AgentNotFound(host=host)


@api.writer
def record(context: api.Context, host: str, key_id: str, sent_at: float,
           values: models.Row, load: models.Row | None = None) -> bool:
    """Keep the report of an agent, unless a newer one was kept.

    One statement decides and writes, so no report counts twice, whichever
    conductors it reaches.

    :param key_id: of the key that it is signed with
    :param sent_at: seconds since 1970, by the clock of the node
    :param values: of columns
    :param load: values of a sample of the load, if the report has one
    :returns: whether it was kept
    """
    if not table.changed(
        context, sa.update(_AGENT).where(
            _AGENT.host == host,
            sa.or_(_AGENT.key_id == key_id, _AGENT.next_key_id == key_id),
            sa.or_(_AGENT.reported_at.is_(None),
                   _AGENT.reported_at < sent_at))
        .values(contact_at=clock.utcnow(), reported_at=sent_at, **values)):
        return False
    if load is not None:
        # Its row is ours until the end of the transaction.
        agent_id = context.session.scalar(
            sa.select(_AGENT.id).where(_AGENT.host == host))
        context.session.execute(sa.insert(_SAMPLE).values(
            agent_id=agent_id, at=sent_at, **load))
    return True


@api.writer
def switch_key(context: api.Context, host: str, key_id: str) -> None:
    """Let the next key of an agent take the place of the other."""
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

    One that no present key opens is logged and left as it is.

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
