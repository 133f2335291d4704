# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates."""

from typing import Any

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models

_AUDIT = models.Audit


@api.reader
def get_audit(context: Any, aggregate_id: int,
              audit_id: int) -> dict[str, Any]:
    """Return an audit of an aggregate, without the model that it saw.

    :param aggregate_id: of Nova
    :raises AuditNotFound: the aggregate has no such audit
    """
    row = context.session.execute(
        sa.select(_AUDIT.id, _AUDIT.aggregate_id, _AUDIT.status,
                  _AUDIT.imbalance_before, _AUDIT.imbalance_after,
                  _AUDIT.error, _AUDIT.created_at, _AUDIT.updated_at)
        .where(_AUDIT.id == audit_id,
               _AUDIT.aggregate_id == aggregate_id)).mappings().first()
    if row is None:
        raise exception.AuditNotFound(aggregate=aggregate_id,
                                      audit=audit_id)
    return dict(row)
