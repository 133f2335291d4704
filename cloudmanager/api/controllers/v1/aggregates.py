# SPDX-License-Identifier: Apache-2.0
"""Whether, how and when to balance the load of host aggregates."""

import datetime

from oslo_config import cfg

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.types import audits as audit_types
from cloudmanager.api.types import policies as policy_types
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import waiting
from cloudmanager.conductor import rpcapi
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import audits as db_audits
from cloudmanager.db import models
from cloudmanager.domain import schedules
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.domain.audit_states import UNMADE
from cloudmanager.policies import aggregates as policies

CONF = cfg.CONF
_ONE = '/v1/aggregates/{aggregate_id}'
_PATH = f'{_ONE}/actions'
_POLICY = f'{_ONE}/policy'
# Seconds between two looks at an audit that is waited for.
LOOK_SECONDS = 0.1


def _key(aggregate_id: str) -> int:
    """Return the id of a host aggregate in a path."""
    return routing.integer(aggregate_id, exception.AggregateNotFound(
        aggregate=aggregate_id[:255]))


@routing.route('POST', f'{_PATH}/execute-audit', policies.EXECUTE_AUDIT,
               body=audit_types.Execute,
               answers={200: audit_types.PROGRESS}, errors=(409, 503))
def execute_audit(call: routing.Call, aggregate_id: str) -> routing.Document:
    """Find out what moves would balance the load of an aggregate."""
    key = _key(aggregate_id)
    rpcapi.ConductorAPI().check_aggregate_action(call.context, 'audit', key,
                                                 {})
    task_id = work.start(
        call, 'aggregate.audit', targets=[f'aggregate:{key}'],
        params={'aggregate_id': key,
                'auto_apply': call.values.get('auto_apply', False)})
    row = _wait(call, db_audits.ensure(call.context, key, task_id))
    return {'audit': audit_types.Progress.render(row)}


def _wait(call: routing.Call, row: models.Row) -> models.Row:
    """Return an audit once it is made, or as it is after a while."""
    end = clock.monotonic() + CONF.drs.audit_wait
    with waiting.slot():
        while row['status'] in UNMADE and clock.monotonic() < end:
            clock.sleep(LOOK_SECONDS)
            row = db_audits.get_audit(call.context, row['id'])
    return row


@routing.route('POST', f'{_PATH}/apply-audit', policies.APPLY_AUDIT,
               body=audit_types.Apply, answers={202: None},
               errors=(409, 503))
def apply_audit(call: routing.Call, aggregate_id: str) -> None:
    """Carry out the moves of an audit."""
    key, audit_id = _key(aggregate_id), call.values['audit_id']
    db_audits.get_audit(call.context, audit_id, key)
    params = {'audit_id': audit_id,
              'servers': sorted(call.values.get('servers', [])),
              'force': call.values.get('force', False)}
    running = db_audits.find_applying(call.context, audit_id, params)
    if running is None:
        rpcapi.ConductorAPI().check_aggregate_action(
            call.context, 'apply', key, params)
        running = work.start(
            call, 'aggregate.apply', targets=[f'aggregate:{key}'],
            params={'aggregate_id': key, **params})
    work.accepted(running)


@routing.route('POST', f'{_PATH}/get-audit-status',
               policies.GET_AUDIT_STATUS, body=audit_types.Chosen,
               answers={200: audit_types.PROGRESS})
def get_audit_status(call: routing.Call,
                     aggregate_id: str) -> routing.Document:
    """Show how far an audit is."""
    row = db_audits.get_audit(call.context, call.values['audit_id'],
                              _key(aggregate_id))
    return {'audit': audit_types.Progress.render(row)}


def _rendered(aggregate_id: int, row: models.Row | None) -> routing.Document:
    """Return the document of a policy, or of none."""
    found: models.Row = row or {
        'aggregate_id': aggregate_id, 'mode': Mode.OFF, 'document': {},
        'next_audit_at': None, 'frozen_at': None, 'frozen_reason': None,
        'updated_at': None}
    whole = {**policy_types.EMPTY, **found['document'], **found}
    return {'policy': policy_types.Policy.render(whole) | {
        'time_zone': 'UTC'}}


@routing.route('GET', _POLICY, policies.GET_POLICY,
               answers={200: policy_types.ONE}, errors=(503,))
def show_policy(call: routing.Call, aggregate_id: str) -> routing.Document:
    """Show when an aggregate is audited by itself, and by what limits."""
    key = _key(aggregate_id)
    row = db_policies.find(call.context, key)
    if row is None:
        rpcapi.ConductorAPI().check_aggregate_action(
            call.context, 'audit', key, {})
    return _rendered(key, row)


@routing.route('PUT', _POLICY, policies.SET_POLICY,
               body=policy_types.Policy, answers={200: policy_types.ONE},
               errors=(503,))
def set_policy(call: routing.Call, aggregate_id: str) -> routing.Document:
    """Set when an aggregate is audited by itself, and by what limits.

    What is not named is as in an aggregate without a policy. An aggregate
    that was frozen is frozen no more.
    """
    key, given = _key(aggregate_id), dict(call.values)
    mode = Mode(given.pop('mode'))
    given.pop('time_zone', None)
    document = {**policy_types.EMPTY, **given}
    _check_schedule(mode, document)
    rpcapi.ConductorAPI().check_aggregate_action(call.context, 'audit', key,
                                                 {})
    return _rendered(key, db_policies.put(
        call.context, key, mode, document, _first_audit(mode, document)))


@routing.route('POST', f'{_PATH}/backtest', policies.BACKTEST,
               body=policy_types.Backtest,
               answers={200: policy_types.RESULT}, errors=(409, 503))
def backtest(call: routing.Call, aggregate_id: str) -> routing.Document:
    """Try limits of audits on loads that were measured before.

    Nothing is moved.
    """
    key, params = _key(aggregate_id), {'hours': 24, 'interval': 3600,
                                       **call.values}
    if params['hours'] * 3600 // params['interval'] > policy_types.MAX_ROUNDS:
        raise exception.Invalid(
            reason=f'Fields hours and interval ask for more than '
                   f'{policy_types.MAX_ROUNDS} audits.')
    return {'backtest': rpcapi.ConductorAPI().backtest_aggregate(
        call.context, key, params)}


def _check_schedule(mode: Mode, document: models.Row) -> None:
    """Check that it is clear when audits are made.

    :raises Invalid: it is not
    """
    given = [name for name in ('interval', 'cron')
             if document[name] is not None]
    if len(given) > 1:
        raise exception.Invalid(
            reason='Fields interval and cron exclude each other.')
    if mode != Mode.OFF and not given:
        raise exception.Invalid(
            reason=f'Mode {mode} needs the field interval or cron.')


def _first_audit(mode: Mode,
                 document: models.Row) -> datetime.datetime | None:
    """Return when the first audit of a new policy is due."""
    if mode == Mode.OFF:
        return None
    now = clock.utcnow()
    if document['cron'] is None:
        return now
    return schedules.following(None, document['cron'], now, None)
