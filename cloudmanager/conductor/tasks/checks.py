# SPDX-License-Identifier: Apache-2.0
"""Whether an action on hosts can be begun, asked before there is a task."""

from collections.abc import Callable
from typing import Any

from cloudmanager.common import exception
from cloudmanager.conductor.tasks import base
from cloudmanager.conductor.tasks import decommission
from cloudmanager.conductor.tasks import host as host_steps
from cloudmanager.conductor.tasks import plans
from cloudmanager.conductor.tasks import roll as roll_step
from cloudmanager.planning import model
from cloudmanager.planning import roll


def check(context: Any, tools: base.Tools, action: str, host: str | None,
          params: dict[str, Any]) -> dict[str, Any]:
    """Check an action, or plan it.

    :param host: exact name; ``None`` when ``params`` names the hosts
    :returns: ``plan`` for a dry run; ``params`` that the task needs besides
    :raises CloudManagerException: the action cannot be begun
    """
    return _CHECKS[action](context, tools, action, host, params)


def _plan(tools: base.Tools, action: str, host: str,
          params: dict[str, Any]) -> dict[str, Any]:
    return {'plan': plans.make_plan(tools, action, host, params).to_dict()}


def _service(tools: base.Tools, host: str) -> Any:
    service = tools.nova.service(host)
    if service is None:
        raise exception.HostNotFound(host=host)
    return service


def _shutdown(context: Any, tools: base.Tools, action: str, host: str,
              params: dict[str, Any]) -> dict[str, Any]:
    _service(tools, host)
    return _plan(tools, action, host, params) if params.get(
        'dry_run') else {}


def _evacuate(context: Any, tools: base.Tools, action: str, host: str,
              params: dict[str, Any]) -> dict[str, Any]:
    service = _service(tools, host)
    if params.get('dry_run'):
        return _plan(tools, action, host, params)
    host_steps.check_allowed(host)
    if params.get('fenced'):
        return {}
    if tools.power.node_of_host(context, host) is None:
        raise exception.HostNotFenced(
            host=host, reason=f'its nova-compute is {service.state} and '
                              'no power control is assigned to it')
    return {}


def _decommission(context: Any, tools: base.Tools, action: str, host: str,
                  params: dict[str, Any]) -> dict[str, Any]:
    if tools.nova.service(host) is None:
        return _remains(tools, host, params)
    if params.get('dry_run'):
        return _plan(tools, action, host, params)
    if not params.get('wait'):
        found = tools.nova.open_migrations(host)
        if found:
            raise exception.OpenMigrations(
                host=host, migrations=decommission.describe(found))
    try:
        volumes = tools.cinder.volumes_on(host)
    except exception.CloudServiceMissing:
        volumes = []
    if volumes:
        raise exception.HostHasVolumes(host=host,
                                       volumes=', '.join(sorted(volumes)))
    return {}


def _remains(tools: base.Tools, host: str,
             params: dict[str, Any]) -> dict[str, Any]:
    """Look for what is left of a host that Nova has forgotten."""
    try:
        services = tools.cinder.services(host)
    except exception.CloudServiceMissing:
        services = []
    if not services and not tools.placement.providers(host):
        raise exception.HostNotFound(host=host)
    if params.get('dry_run'):
        return {'plan': {'action': 'decommission', 'host': host,
                         'hosts': [host], 'servers': [], 'blockers': [],
                         'warnings': [], 'targets': [], 'feasible': True}}
    return {'params': {'service_gone': True}}


def _restart(context: Any, tools: base.Tools, action: str, host: str | None,
             params: dict[str, Any]) -> dict[str, Any]:
    known = {service.host for service in tools.nova.services()}
    unknown = [name for name in params['hosts'] if name not in known]
    if unknown:
        raise exception.HostNotFound(host=', '.join(unknown))
    bare = [name for name in params['hosts']
            if tools.power.node_of_host(context, name) is None]
    if bare:
        raise exception.NoPowerControl(node=', '.join(bare))
    if not params.get('dry_run'):
        return {}
    cloud = plans.load_cloud(tools, params['hosts'])
    try:
        found = roll.simulate(
            cloud, params['hosts'], plans.plan_options(params),
            limit=roll_step.limits(params)[0],
            max_failures=params.get('max_failures') or 0)
    except model.UnknownHost as exc:
        raise exception.HostNotFound(host=str(exc)) from None
    return {'plan': found.to_dict()}


_CHECKS: dict[str, Callable[..., dict[str, Any]]] = {
    'shutdown': _shutdown, 'evacuate': _evacuate,
    'decommission': _decommission, 'restart': _restart}
