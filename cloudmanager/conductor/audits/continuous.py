# SPDX-License-Identifier: Apache-2.0
"""What the policy of an aggregate lets its own audits move."""

from collections.abc import Sequence
import datetime

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.moves import budgets
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import audits as db_audits
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.domain.audit_policies import Policy

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
DAY = datetime.timedelta(days=1)
# Moves of somebody else are looked for that far back at least.
HOUR = datetime.timedelta(hours=1)


def policy_of(context: RequestContext, aggregate_id: int) -> Policy:
    """Return the policy of an aggregate as it is now."""
    return Policy.from_row(db_policies.find(context, aggregate_id))


def why_not(context: RequestContext, audit: Row) -> str:
    """Return why no servers are moved for an audit now, or ''.

    One that a user has asked for is not held by the policy.
    """
    if not audit['continuous']:
        return ''
    return policy_of(context, audit['aggregate_id']).why_not_moved(
        clock.utcnow())


def within_cap(context: RequestContext, audit: Row,
               moves: Sequence[Row]) -> list[Row]:
    """Return those moves that the policy lets an audit make today.

    The first ones need nothing of the others.

    :param moves: in the order of their stages
    """
    most = policy_of(context, audit['aggregate_id']).max_moves_per_day
    if not audit['continuous'] or most is None:
        return list(moves)
    made = db_audits.moved_since(context, audit['aggregate_id'],
                                 clock.utcnow() - DAY)
    return list(moves[:max(0, most - made)])


def foreign(context: RequestContext, tools: Tools, aggregate_id: int,
            hosts: Sequence[str]) -> str:
    """Tell of moves within an aggregate that were not ours.

    :returns: a warning, or '' when they are few
    """
    since = max(clock.utcnow() - DAY, min(
        clock.utcnow() - HOUR, db_audits.last_made(context, aggregate_id)
        or clock.utcnow() - HOUR))
    moved = {record.server_id for host in hosts
             for record in tools.nova.migrations(source=host, since=since)
             if record.status in picture.ARRIVED
             and record.type in budgets.MOVES
             and record.destination in hosts}
    others = moved - db_tasks.servers_worked_on(context, since)
    if len(others) < CONF.drs.foreign_moves:
        return ''
    LOG.warning('Somebody else has moved %(count)d servers within aggregate '
                '%(aggregate)s since %(since)s; its audits do not move '
                'servers beside that.', {
                    'count': len(others), 'aggregate': aggregate_id,
                    'since': since})
    return (f'somebody else has moved {len(others)} servers within the '
            f'aggregate since {clock.isoformat(since)}: where two balance, '
            'each undoes what the other does')
