# SPDX-License-Identifier: Apache-2.0
"""Checking that a host is unused."""

from collections.abc import Iterable

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import allocations
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.hosts import HostMemory
from cloudmanager.conductor.tools import Tools


def servers_of(tools: Tools, host: str) -> list[nova_records.Server]:
    """Return the servers that use a host which takes no new ones.

    These are on it, have the old half of a resize there, or are on their way
    to it.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    """
    # In this order, no server that changes meanwhile is missed.
    present = tools.nova.servers_on(host)
    halves = tools.nova.halves_on(host)
    found = allocations.Allocations(tools, host).read(
        {server.id for server in present})
    return [*present, *halves, *found.coming]


def check_out_of_use(run: engine_run.Run, tools: Tools, *,
                     deleting: bool = False) -> None:
    """Check that the host is unused, right before its power is switched.

    :param deleting: count servers that are still being deleted as well; a
        power cut does not harm them, but Nova keeps their host until they
        are gone
    :raises TaskFailed: the host is enabled, or not empty, or servers are on
        their way to it
    """
    host = run.host
    providers = run.recall(HostMemory).providers
    if compute_services.of_host(tools.nova, host).status == 'enabled':
        raise exception.TaskFailed(
            reason=f'Host {host} was enabled by somebody meanwhile; it '
                   'stays on.')
    present = tools.nova.servers_on(host)
    _check(host, 'is not empty', (
        server for server in present
        if deleting or server.task_state not in verdicts.DELETING))
    _check(host, 'has the old half of resizes that are not confirmed',
           tools.nova.halves_on(host))
    _check(host, 'is the place that Nova has chosen for servers which have '
                 'not arrived yet',
           allocations.Allocations(tools, host, providers).read(
               {server.id for server in present}).coming)


def _check(host: str, what: str,
           found: Iterable[nova_records.Server]) -> None:
    if ids := ', '.join(server.id for server in found):
        raise exception.TaskFailed(
            reason=f'Host {host} {what}, it stays on: {ids}')
