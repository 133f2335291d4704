# SPDX-License-Identifier: Apache-2.0
"""The cloud as audits see it: hosts of an aggregate, loads, recent moves."""

from collections.abc import Iterable
from collections.abc import Mapping
from concurrent import futures
import dataclasses
import datetime
import functools
import types

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.audits import budget
from cloudmanager.conductor.audits import sources
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import audits as db_audits
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.audit_policies import Policy
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import recheck
from cloudmanager.planning.drs import samples
from cloudmanager.planning.drs import settings as drs_settings

CONF = cfg.CONF
# Statuses of Nova's migrations that have moved their server.
ARRIVED = ('completed', 'finished', 'confirmed', 'done')
#: How often an aggregate is read in which servers move meanwhile.
READINGS = 5
# Seconds by which Nova's clock may be behind ours.
_CLOCKS_DIFFER = 60
WORKERS = 8


def settings(
    limits: Mapping[str, float] = types.MappingProxyType({}),
) -> drs_settings.Settings:
    """Return what the configuration says of audits.

    :param limits: values that override the configuration, by name
    """
    more: JsonObject = dict(limits)
    return dataclasses.replace(drs_settings.Settings(
        threshold=CONF.drs.threshold,
        weights={model.VCPU: CONF.drs.cpu_weight,
                 model.MEMORY_MB: CONF.drs.memory_weight,
                 model.DISK_GB: CONF.drs.disk_weight},
        use_weight=CONF.drs.use_weight, max_load=CONF.drs.max_load,
        source_floor=CONF.drs.source_floor,
        minimum_gain=CONF.drs.minimum_gain, max_moves=CONF.drs.max_moves,
        network=CONF.drs.network_speed,
        migration_load=CONF.drs.migration_load, horizon=CONF.drs.horizon,
        ignored=tuple(CONF.drs.never_move),
        max_pressure=CONF.drs.max_pressure, rounds=CONF.drs.rounds), **more)


def find(tools: Tools, aggregate_id: int) -> nova_records.Aggregate:
    """Return a host aggregate of Nova.

    :raises AggregateNotFound: Nova has no aggregate with this id
    """
    for found in tools.nova.aggregates():
        if found.id == aggregate_id:
            return found
    raise exception.AggregateNotFound(aggregate=aggregate_id)


@dataclasses.dataclass(frozen=True)
class Seen:
    """An aggregate as it is now.

    :ivar hosts: names of its hosts
    :ivar settings: settings of its audits
    """

    aggregate_id: int
    cloud: model.Cloud
    hosts: tuple[str, ...]
    use: load.Use
    settings: drs_settings.Settings

    @property
    def picture(self) -> recheck.Picture:
        """The facts that plans for the aggregate depend on."""
        return recheck.picture(self.cloud, self.hosts)

    @property
    def state(self) -> audit.State:
        """How unequal the loads of its hosts are."""
        return audit.state(self.cloud, self.hosts, self.use, self.settings)

    def problems(self, moves: Iterable[recheck.Planned]) -> dict[str, str]:
        """Return why some moves cannot be made now, by server."""
        return recheck.problems(self.cloud, self.hosts, list(moves),
                                self.use, self.settings,
                                plans.plan_options({}))

    def audit(self, tools: Tools) -> audit.Audit:
        """Find the moves that balance the aggregate within all budgets."""
        context = cm_context.admin_context()
        resting = _resting(tools, self.hosts)
        busy = db_tasks.servers_in_work(context)
        earlier = db_audits.earlier_loads(
            context, self.aggregate_id, CONF.drs.rounds - 1,
            CONF.drs.round_gap)
        limits = budget.Limits(tools, self.cloud, self.hosts)
        while True:
            found = audit.make(
                self.cloud, self.hosts, self.use, self.settings,
                plans.plan_options({}), resting, busy, earlier, limits.held)
            if not limits.hold_what_exceeds(
                    move.server_id for move in found.moves):
                return found


def look(tools: Tools, aggregate_id: int) -> Seen:
    """Read an aggregate with all that is on its hosts.

    Hosts, servers and loads are read one after the other. When a server has
    moved meanwhile they disagree, and all of them are read again.

    :raises AggregateNotFound: Nova has no aggregate with this id
    :raises Unavailable: the source of the loads cannot be read, or servers
        move all the time
    """
    hosts = find(tools, aggregate_id).hosts
    since = clock.utcnow() - datetime.timedelta(seconds=_CLOCKS_DIFFER)
    before = _migrations(tools, hosts, since)
    for _ in range(READINGS):
        cloud = plans.load_cloud(tools, hosts)
        use = sources.read(CONF.drs.source, cloud, hosts,
                           functools.partial(_moves, tools, hosts))
        after = _migrations(tools, hosts, since)
        if after == before:
            policy = Policy.from_row(db_policies.find(
                cm_context.admin_context(), aggregate_id))
            return Seen(aggregate_id, cloud, hosts, use,
                        settings(policy.limits))
        before = after
    raise exception.Unavailable(
        reason=f'Servers of aggregate {aggregate_id} moved each time that it '
               'was read; try again when they have arrived.')


def _migrations(tools: Tools, hosts: Iterable[str],
                since: datetime.datetime) -> set[tuple[str, int, str]]:
    """Return how migrations from and to hosts stand that changed lately."""
    return {(record.server_id, record.id, record.status)
            for record in tools.nova.changed_migrations(since)
            if not {record.source, record.destination}.isdisjoint(hosts)}


def _resting(tools: Tools, hosts: Iterable[str]) -> dict[str, float]:
    """Return how many seconds servers are not to be moved again, by id.

    Nova has a record of each move, whoever requested it.
    """
    if not CONF.drs.cooldown:
        return {}
    now = clock.utcnow()
    times: dict[str, list[datetime.datetime]] = {}
    for record in _arrived(tools, hosts, CONF.drs.cooldown_max):
        if record.updated_at:
            times.setdefault(record.server_id, []).append(record.updated_at)
    return {server_id: movable.cooldown(
        moved, now, CONF.drs.cooldown, CONF.drs.cooldown_max)
        for server_id, moved in times.items()}


def _arrived(tools: Tools, hosts: Iterable[str],
             seconds: float) -> list[nova_records.Migration]:
    """Return the migrations off some hosts in the last ``seconds``."""
    since = clock.utcnow() - datetime.timedelta(seconds=seconds)
    with futures.ThreadPoolExecutor(
            WORKERS, thread_name_prefix='audit') as pool:
        records = pool.map(
            lambda host: tools.nova.migrations(source=host, since=since),
            hosts)
        return [record for found in records for record in found
                if record.status in ARRIVED]


def _moves(tools: Tools, hosts: Iterable[str],
           seconds: float) -> list[samples.Moved]:
    """Return the servers that changed their host in the last ``seconds``."""
    return [samples.Moved(
        record.server_id, record.source or '', record.destination or '',
        record.updated_at.replace(tzinfo=datetime.UTC).timestamp())
        for record in _arrived(tools, hosts, seconds) if record.updated_at]
