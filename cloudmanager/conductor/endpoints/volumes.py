# SPDX-License-Identifier: Apache-2.0
"""Volumes on LVM; Cinder and the agents each know a part of them."""

from collections.abc import Callable

import oslo_messaging as messaging

from cloudmanager.common import rpc
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import views


class Volumes:
    """What API processes ask about volumes.

    :param tools: returns the clients; raises when no cloud is configured
    """

    target = messaging.Target(version='1.4')

    def __init__(self, tools: Callable[[], Tools]) -> None:
        self._tools = tools

    @rpc.answers_errors
    def list_volume_backends(
            self, context: RequestContext) -> list[JsonObject]:
        """Return the back ends on LVM; see rpcapi."""
        return views.list_backends(context, self._tools())

    @rpc.answers_errors
    def list_volumes(self, context: RequestContext) -> JsonObject:
        """Return the volumes on LVM; see rpcapi."""
        return views.list_volumes(context, self._tools())

    @rpc.answers_errors
    def show_volume(self, context: RequestContext,
                    volume_id: str) -> JsonObject:
        """Return a volume on LVM; see rpcapi."""
        return views.show_volume(context, self._tools(), volume_id)
