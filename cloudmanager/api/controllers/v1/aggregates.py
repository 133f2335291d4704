# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates: whether and how to balance their load."""

from cloudmanager.api import routing
from cloudmanager.api.types import aggregates as aggregate_types
from cloudmanager.common import exception
from cloudmanager.db import audits as db_audits
from cloudmanager.policies import aggregates as policies

_PATH = '/v1/aggregates/{aggregate_id}/actions'


def _key(aggregate_id: str) -> int:
    """Return the id of a host aggregate in a path."""
    return routing.integer(aggregate_id, exception.AggregateNotFound(
        aggregate=aggregate_id[:255]))


@routing.route('POST', f'{_PATH}/execute-audit', policies.EXECUTE_AUDIT,
               body=aggregate_types.Execute,
               answers={200: aggregate_types.ONE_AUDIT},
               errors=(409, 501, 503))
def execute_audit(call: routing.Call, aggregate_id: str) -> routing.Document:
    """Find out what moves would balance the load of an aggregate."""
    _key(aggregate_id)
    raise exception.OperationNotImplemented(
        what='audit the load of an aggregate')


@routing.route('POST', f'{_PATH}/apply-audit', policies.APPLY_AUDIT,
               body=aggregate_types.Chosen, answers={202: None},
               errors=(409, 501, 503))
def apply_audit(call: routing.Call, aggregate_id: str) -> routing.Document:
    """Carry out the moves of an audit."""
    db_audits.get_audit(call.context, _key(aggregate_id),
                        call.values['audit_id'])
    raise exception.OperationNotImplemented(what='apply an audit')


@routing.route('POST', f'{_PATH}/get-audit-status',
               policies.GET_AUDIT_STATUS, body=aggregate_types.Chosen,
               answers={200: aggregate_types.ONE_AUDIT})
def get_audit_status(call: routing.Call,
                     aggregate_id: str) -> routing.Document:
    """Show how far an audit is."""
    row = db_audits.get_audit(call.context, _key(aggregate_id),
                              call.values['audit_id'])
    return {'audit': aggregate_types.Audit.render(row)}
