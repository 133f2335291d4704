# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates."""


import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import table

_AUDIT = models.Audit
_AUDITS = sa.select(*_AUDIT.__table__.c)


@api.reader
def get_audit(context: api.Context, aggregate_id: int,
              audit_id: int) -> models.Row:
    """Return an audit of an aggregate.

    :param aggregate_id: of Nova
    :raises AuditNotFound: the aggregate has no such audit
    """
    return table.get(
        context, _AUDITS.where(_AUDIT.id == audit_id,
                               _AUDIT.aggregate_id == aggregate_id),
        exception.AuditNotFound(aggregate=aggregate_id, audit=audit_id))
