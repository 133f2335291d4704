# SPDX-License-Identifier: Apache-2.0
"""The request context, which is the database transaction context too."""

from typing import Any

from oslo_context import context
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import orm

from cloudmanager.common.json_types import JsonObject


@enginefacade.transaction_context_provider
class RequestContext(context.RequestContext):
    """Who asks, under which request id."""

    #: Of the transaction that a function of ``db`` runs in.
    session: orm.Session

    @classmethod
    def from_dict(cls, values: JsonObject,
                  **kwargs: Any) -> 'RequestContext':
        """Make a context from what crossed the message bus.

        :param values: the dictionary made by ``to_dict``
        """
        return super().from_dict(values, **kwargs)


def admin_context() -> RequestContext:
    """Return the context of the service's own work."""
    return RequestContext(is_admin=True, overwrite=False)
