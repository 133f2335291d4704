# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates: whether and how to balance their load."""

from oslo_config import cfg

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.types import audits as audit_types
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import waiting
from cloudmanager.conductor import rpcapi
from cloudmanager.db import audits as db_audits
from cloudmanager.db import models
from cloudmanager.domain.audit_states import UNMADE
from cloudmanager.policies import aggregates as policies

CONF = cfg.CONF
_PATH = '/v1/aggregates/{aggregate_id}/actions'
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
