# SPDX-License-Identifier: Apache-2.0
"""From a request to a plan, and from a plan to the items of a task."""

from collections.abc import Iterable
import dataclasses
import json

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor import cloud_model
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import classify
from cloudmanager.planning import disks
from cloudmanager.planning import drain
from cloudmanager.planning import open_resizes
from cloudmanager.planning import options
from cloudmanager.planning import plan as planning_plan
from cloudmanager.planning import projection
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


# How many servers an error names.
MAX_NAMED = 10
#: Actions for which a destination can be named.
TARGETED = frozenset((Action.LIVE, Action.COLD, Action.EVACUATE))


def plan_options(params: JsonObject,
                 **more: object) -> options.Options:
    """Translate the flags of a request for the planner.

    :param more: options that go before them
    """
    return options.Options(**{**_flags(params), **more})


def _flags(params: JsonObject) -> JsonObject:
    return dict(
        allow_live=bool(params.get('allow_live_migrate', True)),
        allow_off_vm=bool(params.get('allow_off_vm')
                          or params.get('allow_migrate')),
        allow_evacuate=bool(params.get('allow_evacuate')),
        allow_cold=CONF.host_tasks.allow_cold_migration,
        never_evacuate=tuple(CONF.host_tasks.never_evacuate),
        allow_data_loss=bool(params.get('allow_data_loss')),
        priority_key=CONF.host_tasks.priority_key,
        slow_key=CONF.host_tasks.slow_migration_key,
        budget_key=CONF.host_tasks.budget_key)


def load_cloud(tools: Tools, sources: Iterable[str]) -> model.Cloud:
    """Read the cloud as it is now, with what only this service knows.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    :param sources: exact names of the hosts that are to be emptied
    """
    context = cm_context.admin_context()
    return cloud_model.load(
        tools.nova, tools.placement, sources,
        db_nodes.reserved_hosts(context),
        CONF.host_tasks.shared_storage,
        db_tasks.hosts_in_work(context, clock.utcnow()))


def load_beside(tools: Tools, sources: Iterable[str],
                before: str | None = None) -> model.Cloud:
    """Read the cloud, with what other drains leave of it.

    Their servers are where they are to go, and their hosts take none.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    :param sources: exact names of the hosts that are to be emptied
    :param before: id of a task; drains that were begun later make room for
        it, and not it for them
    """
    own = list(sources)
    others = [row for row in db_tasks.drains(cm_context.admin_context(),
                                             before)
              if row['host'] not in own]
    cloud = load_cloud(tools, [*own, *(row['host'] for row in others)])
    for row in others:
        host = row['host']
        if host in cloud.hosts:
            cloud = projection.apply(cloud, drain.plan_drain(
                cloud, host, plan_options(
                    row['params'], cannot_fence=cannot_fence(tools, [host]))))
    return cloud


def check_places(plan: planning_plan.Plan, host: str,
                 params: JsonObject) -> None:
    """Check that every server that could leave a host has a place.

    :param params: of the request; those of older versions know no ``force``
    :raises NoPlace: one has none, and ``force`` was not said
    """
    lost = drain.without_place(plan, host)
    if not lost or params.get('force', True):
        return
    named = '; '.join(f'{entry.name} ({entry.id}): {entry.reason}'
                      for entry in lost[:MAX_NAMED])
    more = f' and {len(lost) - MAX_NAMED} more' if len(
        lost) > MAX_NAMED else ''
    raise exception.NoPlace(host=host, servers=named + more,
                            plan=json.dumps(plan.to_dict()))


def cannot_fence(tools: Tools, hosts: Iterable[str]) -> dict[str, str]:
    """Return the hosts that cannot be fenced, and why.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    """
    found = {}
    for host in hosts:
        why = forbidden(host)
        if not why and tools.power.node_of_host(
                cm_context.admin_context(), host) is None:
            why = 'no power control is assigned to it'
        if why:
            found[host] = f'the host is not fenced: {why}'
    return found


def forbidden(host: str) -> str:
    """Return why the configuration lets no host be evacuated, or ''."""
    if not CONF.host_tasks.allow_evacuate_host:
        return '[host_tasks] allow_evacuate_host is off'
    if host in CONF.host_tasks.deny_evacuate:
        return f'[host_tasks] deny_evacuate names {host}'
    return ''


def make_plan(tools: Tools, action: str, host: str, params: JsonObject,
              task_id: str | None = None,
              **more: object) -> planning_plan.Plan:
    """Plan what an action would do now, without touching anything.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    :param action: ``evacuate`` for a dead host, else what it is emptied for
    :param task_id: of the task that plans, if there is one yet
    :param more: further options of the planner
    :raises HostNotFound: there is no such compute host
    """
    dead = action == 'evacuate'
    make = drain.plan_evacuation if dead else drain.plan_drain
    # What is down goes before what can wait.
    cloud = (load_cloud(tools, [host]) if dead
             else load_beside(tools, [host], task_id))
    try:
        return make(cloud, host, _options_of(tools, host, params, **more))
    except model.UnknownHost:
        # It has a service, but no hypervisor.
        raise exception.HostNotFound(host=host) from None


@dataclasses.dataclass(frozen=True)
class Premises:
    """What a plan to empty a host that is up rests on, besides the cloud.

    :ivar flags: the options of the planner
    :ivar drains: ids of the tasks that it makes room for
    :ivar hosts: names of hosts that are reserved or that tasks work on
    """

    flags: options.Options
    drains: tuple[str, ...]
    hosts: frozenset[str]


def premises(tools: Tools, host: str, params: JsonObject,
             task_id: str | None = None) -> Premises:
    """Read what a plan made by ``make_plan`` would rest on now.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    :param task_id: of the task that plans, if there is one yet
    """
    context = cm_context.admin_context()
    in_work = db_tasks.hosts_in_work(context, clock.utcnow())
    return Premises(
        _options_of(tools, host, params),
        tuple(row['id'] for row in db_tasks.drains(context, task_id)
              if row['host'] != host),
        frozenset(db_nodes.reserved_hosts(context)).union(in_work) - {host})


def _options_of(tools: Tools, host: str, params: JsonObject,
                **more: object) -> options.Options:
    return plan_options(params, avoid_hosts=params.get('avoid_hosts', ()),
                        cannot_fence=cannot_fence(tools, [host]), **more)


def stay_for_data(
        found: Iterable[planning_plan.Entry | classify.Classification]
) -> bool:
    """Tell whether no server can be rebuilt, some because of their data.

    :param found: what an evacuation does with each server of a host
    """
    found = list(found)
    steps = {step for item in found for step in item.ladder}
    return steps.isdisjoint((Action.EVACUATE, Action.WAIT)) and any(
        blocker.code == disks.LOCAL_DISK
        for item in found for blocker in item.blockers)


def stay_at_a_glance(tools: Tools, host: str, params: JsonObject) -> bool:
    """Tell whether the servers of a host seem to stay for their data's sake.

    Of storages that only some hosts share, nothing is known yet.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    """
    flags = plan_options(params)
    return stay_for_data(
        classify.evacuation_choice(
            cloud_model.to_model(server, storage=_everywhere()), flags)
        for server in tools.nova.servers_on(host))


def destinations(tools: Tools, run: engine_run.Run, source: str,
                 items: Iterable[MoveItem], *,
                 evacuating: bool) -> dict[str, str]:
    """Choose hosts anew for servers of a task.

    :param source: the host that they leave
    :param items: of the servers; they remember which hosts refused them
    :param evacuating: they leave a dead host
    :returns: hosts by server; the choice for others is left to Nova
    """
    refused = {item.object_id: tuple(item.refused) for item in items}
    try:
        plan = make_plan(
            tools, 'evacuate' if evacuating else 'drain', source,
            run.params, run.task_id, only=frozenset(refused),
            refused=refused)
    except exception.CloudManagerException as exc:
        LOG.warning('No other host was found for server(s) %(servers)s: '
                    '%(why)s', {'servers': ', '.join(refused), 'why': exc})
        return {}
    return plan.destinations


@dataclasses.dataclass(frozen=True)
class Ladder:
    """What of an item follows from the state of its server.

    :ivar waits_for: what is waited for, in words
    :ivar error: why nothing may be done
    """

    ladder: list[Action]
    status: str
    wait: bool
    waits_for: str
    half: bool
    blockers: str
    error: str | None


def ladder_of(server: nova_records.Server, params: JsonObject, source: str,
              storage: Iterable[str] = ()) -> Ladder:
    """Decide anew on one server of a host that is being emptied.

    :param server: as Nova shows it now
    :param source: the host
    :param storage: by which other hosts reach the disks on that one
    """
    if server.host != source:
        return _elsewhere(server)
    found = cloud_model.to_model(
        server, storage={*storage, *_everywhere()})
    choice = classify.drain_choice(found, plan_options(params))
    steps = _steps(choice.ladder)
    wait = choice.action == Action.WAIT
    blockers = '; '.join(item.text for item in choice.blockers)
    return Ladder(
        ladder=steps, status=server.status, wait=wait,
        waits_for=_end_of(server) if wait else '', half=False,
        blockers=blockers,
        error=None if steps or wait else blockers or choice.reason)


def _end_of(server: nova_records.Server) -> str:
    return (f'its task {server.task_state} did not end within '
            f'{CONF.host_tasks.settle_timeout} s')


def _elsewhere(server: nova_records.Server) -> Ladder:
    """Decide on a server that somebody took off the host meanwhile.

    Nothing is done with it there. What may be left on the host is the old
    half of its resize, and that is up to its owner.
    """
    half = not server.task_state and server.status == 'VERIFY_RESIZE'
    wait = bool(server.task_state) or half
    error = None
    if not wait:
        fault = f': {server.fault}' if server.fault else ''
        error = (f'it is in error on {server.host or "no host"}{fault}; '
                 'repair it there')
    return Ladder(
        ladder=[], status=server.status, wait=wait, half=half,
        waits_for=open_resizes.text(server.host or 'no host') if half
        else _end_of(server),
        blockers='', error=error)


def _everywhere() -> set[str]:
    return {model.EVERYWHERE} & set(CONF.host_tasks.shared_storage)


def _steps(ladder: Iterable[Action]) -> list[Action]:
    return [name for name in ladder if name in verdicts.NOVA_ACTION]


def item_of(entry: planning_plan.Entry, params: JsonObject) -> MoveItem:
    """Return the item of a planned server.

    :param params: of the request
    """
    ladder = _steps(entry.ladder)
    state, error = ItemState.PENDING, None
    blockers = '; '.join(item.text for item in entry.blockers)
    half = any(item.code == open_resizes.OPEN_MIGRATION
               for item in entry.blockers)
    if entry.action == Action.SKIP:
        state, error = ItemState.SKIPPED, entry.reason
    elif half:
        # Its owner may decide while others move.
        error = blockers
    elif not ladder and entry.action != Action.WAIT:
        state, error = ItemState.FAILED, blockers or entry.reason
    return MoveItem(
        kind=ItemKind.SERVER, object_id=entry.id, name=entry.name,
        state=state, error=error, action=entry.action,
        source=entry.host, destination=entry.destination,
        priority=entry.priority, ladder=ladder, status=entry.status,
        wait=half or entry.action == Action.WAIT, half=half,
        group_id=entry.group_id, size_mb=entry.size_mb, force=entry.force,
        blockers=blockers,
        slow=params.get('slow_migration') or entry.slow,
        per_day=entry.per_day, project_id=entry.project_id,
        locked=entry.locked, reset_state=entry.reset_state,
        lock=CONF.host_tasks.lock_servers, disks=list(entry.disks),
        storage=list(entry.storage), chosen_for=_chosen_for(ladder))


def _chosen_for(ladder: list[Action]) -> Action | None:
    """Return for which action of a plan its destination was chosen."""
    return next((name for name in ladder if name in TARGETED), None)
