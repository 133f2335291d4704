# SPDX-License-Identifier: Apache-2.0
"""System metadata of servers, which only Nova's databases have."""

from typing import Any

import oslo_messaging as messaging

from cloudmanager.common import rpc
from cloudmanager.common.context import RequestContext


class SystemMetadata:
    """The RPC methods about system metadata.

    :param database: ``cloudmanager.clients.nova_db.NovaDatabase``
    """

    target = messaging.Target(version='1.2')

    def __init__(self, database: Any) -> None:
        self._database = database

    @rpc.answers_errors
    def show_system_metadata(self, context: RequestContext,
                             server_id: str) -> dict[str, str]:
        """Return the system metadata of a server; see rpcapi."""
        found: dict[str, str] = self._database.system_metadata(server_id)
        return found

    @rpc.answers_errors
    def update_system_metadata(self, context: RequestContext, server_id: str,
                               metadata: dict[str, str]) -> None:
        """Set some of the system metadata of a server; see rpcapi."""
        self._database.set_system_metadata(server_id, metadata)

    @rpc.answers_errors
    def remove_system_metadata(self, context: RequestContext, server_id: str,
                               key: str) -> None:
        """Remove one key of the system metadata of a server; see rpcapi."""
        self._database.remove_system_metadata(server_id, key)
