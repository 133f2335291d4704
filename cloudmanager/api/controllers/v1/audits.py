# SPDX-License-Identifier: Apache-2.0
"""Audits of all host aggregates, and what they found."""

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import audits as audit_types
from cloudmanager.common import exception
from cloudmanager.db import audits as db_audits
from cloudmanager.policies import aggregates as policies

Audit = audit_types.Audit


@routing.route('GET', '/v1/audits', policies.LIST_AUDITS,
               query=Parameters(Audit, paged=True, order=(('id', 'desc'),)),
               answers={200: audit_types.LIST})
def list_audits(call: routing.Call) -> routing.Document:
    """List audits, the newest first."""
    return listing.page(call, db_audits.list_audits,
                        lambda rows: [Audit.render(row) for row in rows])


@routing.route('GET', '/v1/audits/{audit_id}', policies.GET_AUDIT,
               answers={200: audit_types.ONE})
def show_audit(call: routing.Call, audit_id: str) -> routing.Document:
    """Show an audit with its moves and their reasons."""
    key = routing.integer(audit_id, exception.AuditNotFound(
        audit=audit_id[:255]))
    row = db_audits.get_audit(call.context, key)
    moves = db_audits.moves(call.context, key)
    return {'audit': audit_types.Detail.render(row) | {
        'moves': [audit_types.Move.render(move) for move in moves]}}
