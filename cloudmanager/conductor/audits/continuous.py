# SPDX-License-Identifier: Apache-2.0
"""Which moves the policy of an aggregate allows its periodic audits."""

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
# The shortest time in which to look for moves of other tools.
HOUR = datetime.timedelta(hours=1)


def policy_of(context: RequestContext, aggregate_id: int) -> Policy:
    """Return the policy of an aggregate as it is now."""
    return Policy.from_row(db_policies.find(context, aggregate_id))


def why_not(context: RequestContext, audit: Row) -> str:
    """Return why no servers may be moved for an audit now, or ''.

    The policy does not limit an audit that a user has requested.
    """
    if not audit['continuous']:
        return ''
    return policy_of(context, audit['aggregate_id']).why_not_moved(
        clock.utcnow())


def within_cap(context: RequestContext, audit: Row,
               moves: Sequence[Row]) -> list[Row]:
    """Return those moves that the policy lets an audit make today.

    These are the first ones, which do not depend on later moves.

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
    """Look for moves within an aggregate that this service did not make.

    :returns: a warning, or '' when there are few
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
                'servers for now.', {
                    'count': len(others), 'aggregate': aggregate_id,
                    'since': since})
    return (f'somebody else has moved {len(others)} servers within the '
            f'aggregate since {clock.isoformat(since)}: two balancers would '
            'undo each other\'s moves')
