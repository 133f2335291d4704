# SPDX-License-Identifier: Apache-2.0
"""Whether an action on an aggregate can be begun, before there is a task."""


from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.audits import application
from cloudmanager.conductor.audits import picture
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
