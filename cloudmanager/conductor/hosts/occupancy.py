# SPDX-License-Identifier: Apache-2.0
"""Checking that a host is unused before its power is switched off."""

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools


def check_out_of_use(run: engine_run.Run, tools: Tools, *,
                     deleting: bool = False) -> None:
    """Check that the host is unused, right before its power is switched.

    :param deleting: count servers that are still being deleted as well; a
        power cut does not harm them, but Nova keeps their host until they
        are gone
    :raises TaskFailed: the host is enabled, or not empty
    """
    host = run.host
    if compute_services.of_host(tools.nova, host).status == 'enabled':
        raise exception.TaskFailed(
            reason=f'Host {host} was enabled by somebody meanwhile; it '
                   'stays on.')
    servers = [server for server in tools.nova.servers_on(host)
               if deleting or server.task_state not in verdicts.DELETING]
    for found, what in (
            (servers, 'is not empty'),
            (tools.nova.halves_on(host), 'has the old half of resizes '
             'that are not confirmed')):
        if found:
            raise exception.TaskFailed(
                reason=f'Host {host} {what}, it stays on: '
                       + ', '.join(server.id for server in found))
