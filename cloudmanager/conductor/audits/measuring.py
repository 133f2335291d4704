# SPDX-License-Identifier: Apache-2.0
"""Measuring what the moves of audits have gained, and acting on it."""

from collections.abc import Callable
import datetime

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import audits as db_audits
from cloudmanager.db.models import Row
from cloudmanager.domain.audit_states import MoveState
from cloudmanager.planning.drs import gains

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: An audit that could not be measured for this long stays unmeasured.
GIVE_UP = datetime.timedelta(days=1)


class Measuring:
    """Measures audits.

    :param tools: returns the clients
    """

    def __init__(self, tools: Callable[[], Tools]) -> None:
        self._tools = tools

    def __call__(self, context: RequestContext, audit: Row) -> None:
        """Measure an audit whose moves have ended, and store the gain."""
        made = [row for row in db_audits.moves(context, audit['id'])
                if row['state'] == MoveState.DONE]
        try:
            seen = picture.look(self._tools(), audit['aggregate_id'])
        except exception.NotFound as exc:
            found = _nothing(made, str(exc))
        except exception.CloudManagerException as exc:
            LOG.warning('The gain of audit %(audit)s cannot be measured yet: '
                        '%(why)s', {'audit': audit['id'], 'why': exc})
            if clock.utcnow() - audit['applied_at'] < GIVE_UP:
                return
            found = _nothing(made, str(exc))
        else:
            found = gains.measure(
                seen.cloud, seen.hosts, seen.use, seen.settings,
                [gains.Made(row['server_id'], row['source'],
                            row['destination'], row['gain'])
                 for row in made])
        db_audits.keep_gains(context, audit, _predicted(context, audit, made),
                             found.whole, found.moves, found.unknown)
        if audit['continuous']:
            self._judge(context, audit['aggregate_id'])

    def _judge(self, context: RequestContext,
               aggregate_id: int) -> None:
        """Freeze an aggregate whose moves have made its balance worse."""
        policy = db_policies.find(context, aggregate_id)
        if policy is None or policy['frozen_at'] is not None:
            return
        measured = db_audits.real_gains(
            context, aggregate_id, policy['updated_at'],
            CONF.drs.freeze_after)
        if len(measured) < CONF.drs.freeze_after or sum(measured) >= 0:
            return
        reason = (f'The last {len(measured)} audits whose moves were made '
                  'have raised the standard deviation of the loads by '
                  f'{-sum(measured):.4f} in all, by what was measured '
                  'afterwards.')
        if db_policies.freeze(context, aggregate_id, reason):
            LOG.error('ALARM: aggregate %(aggregate)s is frozen, its servers '
                      'are not moved by themselves any more until its policy '
                      'is set anew. %(why)s', {'aggregate': aggregate_id,
                                               'why': reason})


def _nothing(made: list[Row], why: str) -> gains.Gains:
    return gains.Gains(None, {}, {row['server_id']: why for row in made})


def _predicted(context: RequestContext, audit: Row,
               made: list[Row]) -> float | None:
    """Return the total gain that was predicted for the moves made."""
    if not (audit['before'] and audit['after']):
        return None
    whole = gains.predicted(audit['before']['deviations'],
                            audit['after']['deviations'],
                            picture.settings())
    total = sum(row['gain'] for row in db_audits.moves(context, audit['id']))
    part = sum(row['gain'] for row in made) / total if total else 1.0
    return round(whole * part, 4)
