# SPDX-License-Identifier: Apache-2.0
"""Check that an audit or an undo can begin, before its task is created."""


from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.audits import application
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.moves import way_back
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import audits as db_audits


def audit(context: RequestContext, tools: Tools, aggregate_id: int,
          params: JsonObject) -> JsonObject:
    """Check that an aggregate exists.

    :raises AggregateNotFound: it does not
    """
    picture.find(tools, aggregate_id)
    return {}


def apply(context: RequestContext, tools: Tools, aggregate_id: int,
          params: JsonObject) -> JsonObject:
    """Check that an audit has moves that still fit the cloud.

    :raises AuditNotFound: the aggregate has no such audit
    :raises AuditNotApplicable: it has no moves to make
    :raises AuditStale: the cloud has changed
    """
    found = db_audits.get_audit(context, params['audit_id'], aggregate_id)
    application.check_stored(context, tools, found, params)
    return {}


def undo(context: RequestContext, tools: Tools, task_id: str,
         params: JsonObject) -> JsonObject:
    """Plan to bring back the servers that a task has moved.

    :returns: the plan under ``plan``
    :raises TaskNotFound: there is no such task
    :raises TaskNotUndoable: the task moved no servers, has not ended, or
        none of its servers can be brought back
    """
    plan = way_back.make(context, tools, task_id)
    if not params.get('dry_run') and not plan.moves:
        raise way_back.nothing(plan)
    return {'plan': plan.to_dict()}
