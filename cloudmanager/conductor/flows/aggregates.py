# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on host aggregates."""

from taskflow.patterns import linear_flow

from cloudmanager.conductor.audits import checks
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.steps import audits
from cloudmanager.conductor.tools import Tools


def audit_aggregate(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Find the moves that balance an aggregate, and make them if asked to."""
    flow = linear_flow.Flow('aggregate.audit').add(
        audits.RunAudit(run, tools))
    if run.params.get('auto_apply'):
        flow.add(audits.ApplyAudit(run, tools))
    return flow


def apply_audit(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Carry out the moves of an audit."""
    return linear_flow.Flow('aggregate.apply').add(
        audits.ApplyAudit(run, tools))


#: By the names of tasks.
ACTIONS = {
    'aggregate.audit': Action(audit_aggregate, checks.audit),
    'aggregate.apply': Action(apply_audit, checks.apply),
}
