# SPDX-License-Identifier: Apache-2.0
"""Whether anybody still uses a host that is about to lose its power."""

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools


def check_out_of_use(run: engine_run.Run, tools: Tools, *,
                     deleting: bool = False) -> None:
    """Check right before its power is touched that nobody uses the host.

    :param deleting: servers whose deletion has not ended count as well; to
        lose their power does not harm them, but Nova keeps a host for them
    :raises TaskFailed: it is enabled, or not empty
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
