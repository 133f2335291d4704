# SPDX-License-Identifier: Apache-2.0
"""Fencing a host: proof that it is off, and telling Nova."""

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.hosts import HostMemory
from cloudmanager.conductor.records.hosts import Proof
from cloudmanager.conductor.tools import Tools

CONF = cfg.CONF


def check_allowed(host: str) -> None:
    """Check that the configuration lets a host be evacuated.

    :raises Conflict: the configuration forbids it
    """
    why = plans.forbidden(host)
    if why:
        raise exception.Conflict(reason=f'{why}.')


def fence(run: engine_run.Run, tools: Tools) -> None:
    """Switch the host off, or take an administrator's word for it.

    :raises HostNotFenced: nothing proves that the host is off
    """
    memory = run.recall(HostMemory)
    if memory.fenced:
        return
    if run.params.get('fenced'):
        believe(run, tools, run.host)
        memory.fenced = Proof.ADMINISTRATOR
        run.keep(memory)
        return
    node = tools.power.node_of_host(run.context, run.host)
    if node is None:
        raise exception.HostNotFenced(
            host=run.host, reason='no power control is assigned to it')
    run.guard()
    try:
        tools.power.fence(node, run)
    except exception.CloudManagerException as exc:
        raise exception.HostNotFenced(host=run.host,
                                      reason=str(exc)) from exc
    memory.fenced = Proof.POWER
    run.keep(memory)


def believe(run: engine_run.Run, tools: Tools, host: str) -> None:
    """Accept that a host is off, unless its nova-compute sends heartbeats."""
    service = compute_services.of_host(tools.nova, host)
    if service.state != 'up' and not service.forced_down:
        return
    # Nova shows a service that was forced down as down whatever it does, but
    # still records its heartbeats.
    seen = service.updated_at
    run.pause(CONF.host_tasks.heartbeat_silence)
    service = compute_services.of_host(tools.nova, host)
    if service.updated_at != seen or (seen is None
                                      and service.state == 'up'):
        raise exception.HostNotFenced(
            host=host,
            reason='its nova-compute still sends heartbeats')


def force_down(run: engine_run.Run, tools: Tools) -> None:
    """Force the Nova service down, once the host is fenced."""
    memory = run.recall(HostMemory)
    if not memory.fenced:
        raise exception.HostNotFenced(host=run.host,
                                      reason='it was not fenced')
    service = compute_services.of_host(tools.nova, run.host)
    if not service.forced_down:
        run.guard()
        memory.forced_down = True
        run.keep(memory)
        tools.nova.force_down(service.id, True)
