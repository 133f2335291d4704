# SPDX-License-Identifier: Apache-2.0
"""Check that an action on hosts can begin, before its task is created.

Each function takes the exact name of the host, or ``None`` when ``params``
names the hosts. It returns ``plan`` for a dry run, and in ``params`` what the
task needs in addition. It raises a CloudManagerException when the action
cannot begin.
"""

import dataclasses

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.hosts import fencing
from cloudmanager.conductor.hosts import liveness
from cloudmanager.conductor.hosts import unavailable
from cloudmanager.conductor.moves import forecast
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import checks as volume_checks
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.planning import classify
from cloudmanager.planning import options
from cloudmanager.planning import plan as planning_plan
from cloudmanager.planning import rolling_restart
from cloudmanager.planning.cloud import model

SKEW_SECONDS = migrations.CLOCK_SKEW.total_seconds()


def _drain(context: RequestContext, tools: Tools, action: str, host: str,
           params: JsonObject) -> JsonObject:
    """Plan to empty a host.

    :raises NoPlace: no host has room for one of its servers; not raised for
        a dry run
    :raises TaskConflict: one of its volumes is being mirrored or moved; not
        raised for a dry run
    """
    premises = plans.premises(tools, host, params)
    plan = plans.make_plan(tools, action, host, params)
    if params.get('dry_run'):
        plan = forecast.of_plan(tools, plan, params.get('force') is True)
        try:
            volume_checks.check_no_volume_work(context, host)
        except exception.TaskConflict as exc:
            plan = dataclasses.replace(plan, blockers=(
                classify.Blocker('volume-work', exc.message, host=host),
                *plan.blockers))
        return {'plan': plan.to_dict()}
    volume_checks.check_no_volume_work(context, host)
    plans.check_places(plan, host, params)
    tools.checked_plans.keep(host, premises, plan)
    return {}


def shutdown(context: RequestContext, tools: Tools, host: str,
             params: JsonObject) -> JsonObject:
    """Check that a host that is up can be emptied."""
    compute_services.of_host(tools.nova, host)
    return _drain(context, tools, 'shutdown', host, params)


def evacuate(context: RequestContext, tools: Tools, host: str,
             params: JsonObject) -> JsonObject:
    """Check that a host may be treated as dead, and can be fenced."""
    service = compute_services.of_host(tools.nova, host)
    if params.get('dry_run'):
        return {'plan': _plan_of_evacuation(tools, host, service, params)}
    fencing.check_allowed(host)
    node = tools.power.node_of_host(context, host)
    if params.get('fenced'):
        _check_word(tools, service, params)
    elif params.get('force'):
        _check_power(context, tools, service, node)
    elif _is_up(tools, service):
        raise _refusal(tools, host)
    elif node is None:
        raise _no_control(service)
    return {}


def _no_control(service: nova_records.Service) -> exception.HostNotFenced:
    return exception.HostNotFenced(
        host=service.host, reason=f'its nova-compute is {service.state} and '
                                  'no power control is assigned to it')


def _is_up(tools: Tools, service: nova_records.Service) -> bool:
    return liveness.is_up(tools.nova, service, liveness.silent_for(service),
                          skew=SKEW_SECONDS)


def _running(tools: Tools, host: str) -> list[nova_records.Server]:
    """Return the servers that run on a host according to Nova."""
    return [server for server in tools.nova.servers_on(host)
            if server.power_state in classify.RUNNING_POWER]


def _check_word(tools: Tools, service: nova_records.Service,
                params: JsonObject) -> None:
    """Check an administrator's word that a host is off.

    Nova still reports a host as up just after it has died, so its heartbeats
    decide.

    :raises HostIsUp: the host sends heartbeats
    :raises HostNotFenced: the host sends heartbeats, and the request says
        ``force``
    """
    heard = (_is_up(tools, service) if service.forced_down
             else service.state == 'up'
             and liveness.sends_heartbeats(tools.nova, service))
    if not heard:
        return
    if params.get('force'):
        raise exception.HostNotFenced(
            host=service.host, reason='its nova-compute sends heartbeats')
    raise _refusal(tools, service.host)


def _refusal(tools: Tools, host: str) -> exception.HostIsUp:
    return liveness.refusal(host, [server.name for server in
                                   _running(tools, host)])


def _check_power(context: RequestContext, tools: Tools,
                 service: nova_records.Service, node: Row | None) -> None:
    """Check that the power of a host can be cut, whether it is up or not.

    The fence of a host that is down may wait for its power devices. Whether
    the host is up is not waited for if they answer.

    :param node: of the host, if it has a power control
    :raises HostNotFenced: it has none, or the host is up and one of its power
        devices does not answer
    """
    if node is None:
        raise _no_control(service)
    if not liveness.may_be_up(service, liveness.silent_for(service),
                              SKEW_SECONDS):
        return
    why = tools.power.why_unreadable(context, node)
    if why and _is_up(tools, service):
        raise exception.HostNotFenced(
            host=service.host, reason=f'it is up, and {why}')


def _plan_of_evacuation(tools: Tools, host: str, service: nova_records.Service,
                        params: JsonObject) -> JsonObject:
    """Plan an evacuation; first of all, say if the host is up."""
    # A dead host is evacuated whatever budgets say.
    plan = forecast.of_plan(
        tools, plans.make_plan(tools, 'evacuate', host, params), force=True)
    if not _is_up(tools, service):
        return plan.to_dict()
    running = _running(tools, host)
    warning = classify.Blocker(
        'host-up', f'the host is up, and {len(running)} of its servers run: '
                   'they are cut off', host=host,
        servers=tuple(server.id for server in running))
    refused = () if params.get('force') else (classify.Blocker(
        'host-up', 'the host is up; shut it down, or say `force`',
        host=host),)
    return dataclasses.replace(
        plan, warnings=(warning, *plan.warnings),
        blockers=(*refused, *plan.blockers)).to_dict()


def decommission(context: RequestContext, tools: Tools, host: str,
                 params: JsonObject) -> JsonObject:
    """Check that a host can leave the cloud."""
    if tools.nova.service(host) is None:
        return _remains(tools, host, params)
    if params.get('dry_run'):
        return _drain(context, tools, 'decommission', host, params)
    if not params.get('wait'):
        found = tools.nova.open_migrations(host)
        if found:
            raise exception.OpenMigrations(
                host=host, migrations=migrations.describe(found))
    try:
        volumes = tools.cinder.volumes_on(host)
    except exception.CloudServiceMissing:
        volumes = []
    if volumes:
        raise exception.HostHasVolumes(host=host,
                                       volumes=', '.join(sorted(volumes)))
    return _drain(context, tools, 'decommission', host, params)


def _remains(tools: Tools, host: str,
             params: JsonObject) -> JsonObject:
    """Look for what is left of a host that Nova no longer lists."""
    try:
        services = tools.cinder.services(host)
    except exception.CloudServiceMissing:
        services = []
    if not services and not tools.placement.providers(host):
        raise exception.HostNotFound(host=host)
    if params.get('dry_run'):
        return {'plan': planning_plan.Plan('decommission', (host,),
                                           ()).to_dict()}
    return {'params': {'service_gone': True}}


def restart(context: RequestContext, tools: Tools, host: str | None,
            params: JsonObject) -> JsonObject:
    """Check that hosts can be restarted one after the other."""
    known = {service.host for service in tools.nova.services()}
    unknown = [name for name in params['hosts'] if name not in known]
    if unknown:
        raise exception.HostNotFound(host=', '.join(unknown))
    if not params.get('dry_run'):
        for name in params['hosts']:
            volume_checks.check_no_volume_work(context, name)
    bare = [name for name in params['hosts']
            if tools.power.node_of_host(context, name) is None]
    if bare:
        raise exception.NoPowerControl(node=', '.join(bare))
    cloud = plans.load_beside(tools, params['hosts'])
    flags = plans.plan_options(
        params, cannot_fence=plans.cannot_fence(tools, params['hosts']))
    try:
        if params.get('dry_run'):
            return {'plan': _restart_plan(tools, cloud, params, flags)}
        _check_room(context, cloud, params)
        choice = rolling_restart.choose(cloud, params['hosts'], flags=flags)
    except model.UnknownHost as exc:
        raise exception.HostNotFound(host=str(exc)) from None
    if choice is not None:
        # The restart begins with the host that is easiest to empty.
        plans.check_places(choice.plan, choice.host, params)
    return {}


def _restart_plan(tools: Tools, cloud: model.Cloud, params: JsonObject,
                  flags: options.Options) -> JsonObject:
    and_back = params.get('return_servers') is True
    found = rolling_restart.simulate(
        cloud, params['hosts'], flags, limit=unavailable.limits(params)[0],
        max_failures=params.get('max_failures') or 0, and_back=and_back)
    spent = forecast.Forecast(
        tools, (entry for wave in found.waves for entry in wave.plan.servers),
        params.get('force') is True)
    found = dataclasses.replace(found, waves=tuple(
        dataclasses.replace(wave, plan=spent.mark(wave.plan, and_back))
        for wave in found.waves))
    found = dataclasses.replace(found, away=frozenset(spent.away))
    return {**found.to_dict(),
            'out_of_use': rolling_restart.unavailable(cloud)}


def _check_room(context: RequestContext, cloud: model.Cloud,
                params: JsonObject) -> None:
    """Check the limit on hosts out of use before hosts are restarted.

    A host that is down may come up again, and a host that a task holds will
    be released. A host that somebody has disabled or keeps in reserve stays
    out of use.

    :raises HostsOutOfUse: no further host may be taken out of use
    """
    most = unavailable.limits(params)[1]
    held = db_tasks.hosts_in_work(context, clock.utcnow(), '')
    found = rolling_restart.unavailable(cloud)
    out = {name: why for name, why in found.items()
           if cloud.hosts[name].up and name not in held}
    waiting = [name for name in params['hosts'] if name not in out]
    if waiting and len(out) >= most:
        raise exception.HostsOutOfUse(most=most,
                                      hosts=unavailable.describe(out))
