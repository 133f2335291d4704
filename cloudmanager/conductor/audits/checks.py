# SPDX-License-Identifier: Apache-2.0
"""Whether audits and undoing can be begun, before there is a task."""


from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.audits import application
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.moves import way_back
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import audits as db_audits


def audit(context: RequestContext, tools: Tools, aggregate_id: int,
          params: JsonObject) -> JsonObject:
    """Check that there is such an aggregate.

    :raises AggregateNotFound: there is none
    """
    picture.find(tools, aggregate_id)
    return {}


def apply(context: RequestContext, tools: Tools, aggregate_id: int,
          params: JsonObject) -> JsonObject:
    """Check that an audit has moves that still fit the cloud.

    :raises AuditNotFound: the aggregate has no such audit
    :raises AuditNotApplicable: it has no moves to be made
    :raises AuditStale: the cloud has changed
    """
    found = db_audits.get_audit(context, params['audit_id'], aggregate_id)
    application.check_stored(context, tools, found, params)
    return {}


def undo(context: RequestContext, tools: Tools, task_id: str,
         params: JsonObject) -> JsonObject:
    """Plan the way back of the servers that a task has moved.

    :returns: the plan under ``plan``
    :raises TaskNotFound: there is no such task
    :raises TaskNotUndoable: it moved none, has not ended, or nothing of it
        can be brought back
    """
    plan = way_back.make(context, tools, task_id)
    if not params.get('dry_run') and not plan.moves:
        raise way_back.nothing(plan)
    return {'plan': plan.to_dict()}
