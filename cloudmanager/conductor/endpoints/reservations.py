# SPDX-License-Identifier: Apache-2.0
"""Putting nodes into reserve and taking them out."""

from collections.abc import Callable

import oslo_messaging as messaging

from cloudmanager.common import rpc
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.hosts import reserve
from cloudmanager.conductor.tools import Tools


class Reservations:
    """The RPC methods about nodes in reserve.

    :param tools: returns the clients; raises when no cloud is configured
    """

    target = messaging.Target(version='1.1')

    def __init__(self, tools: Callable[[], Tools]) -> None:
        self._tools = tools

    @rpc.answers_errors
    def reserve_node(self, context: RequestContext, node_id: int,
                     is_reserved: bool) -> None:
        """Put a node into reserve or take it out; see rpcapi."""
        reserve.set_reserved(context, self._tools, node_id, is_reserved)
