# SPDX-License-Identifier: Apache-2.0
"""What audits would have done with the loads of some time ago.

Loads that were measured are replayed: servers begin where they are now, and
each round finds its moves and makes them at once. The loads of hosts are made
of what servers use alone, wherever the servers are in the replay.
"""

import collections
import collections.abc
import dataclasses
import datetime

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import samples
from cloudmanager.planning.drs import settings as drs_settings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long servers are left alone after a move, in seconds."""

    base: float = 0.0
    most: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay.

    :ivar moves: how many would have been made
    :ivar most_moved: how often the server that was moved most often was
    :ivar deviation: mean standard deviation of the loads over all rounds,
        each resource by its weight; ``None`` without rounds
    :ivar rounds: how many there were
    :ivar unknown: rounds that were left out, since nothing was measured
    """

    moves: int
    most_moved: int
    deviation: float | None
    rounds: int
    unknown: int


class Past:
    """Loads that were measured, to be replayed.

    :param cloud: as it is now
    :param hosts: of the aggregate, by name
    :param found: what was measured
    :param limits: what counts of it at a time
    """

    def __init__(self, cloud: model.Cloud,
                 hosts: collections.abc.Iterable[str],
                 found: samples.Samples, limits: samples.Limits) -> None:
        self._cloud = cloud
        self._hosts = sorted(set(hosts))
        self._servers = samples.Samples(servers=found.servers)
        self._limits = limits

    def replay(self, times: collections.abc.Iterable[float],
               settings: drs_settings.Settings, options: opts.Options,
               pauses: Pauses) -> Replay:
        """Replay some rounds.

        :param times: of the rounds, seconds since 1970, in order
        """
        course = self.course(settings, options, pauses)
        for time in times:
            course.step(time)
        return course.result()

    def course(self, settings: drs_settings.Settings, options: opts.Options,
               pauses: Pauses) -> 'Course':
        """Begin a replay that is made round by round."""
        return Course(self, settings, options, pauses)

    @property
    def cloud(self) -> model.Cloud:
        """The cloud as it is now."""
        return self._cloud

    @property
    def hosts(self) -> list[str]:
        """Those of the aggregate, by name."""
        return self._hosts

    def use(self, cloud: model.Cloud, time: float) -> load.Use | None:
        """Return what was used at a time, with servers where they are.

        A server of which nothing is known uses what is allocated to it.
        """
        use = samples.use(self._servers, (), time, self._limits)
        if not use.servers:
            return None
        names = sorted({name for found in use.servers.values()
                        for name in found})
        for host in self._hosts:
            if host not in cloud.hosts:
                continue
            servers = cloud.servers_on(host)
            use.hosts[host] = {name: sum(
                use.servers.get(server.id, {}).get(
                    name, float(server.resources.get(name, 0)))
                for server in servers) for name in names}
            use.host_peaks[host] = {name: sum(
                use.peak_by(server, names)[name] for server in servers)
                for name in names}
        return use


class Course:
    """A replay under way.

    :param past: what is replayed
    """

    def __init__(self, past: Past, settings: drs_settings.Settings,
                 options: opts.Options, pauses: Pauses) -> None:
        self._past = past
        self._settings = settings
        self._options = options
        self._pauses = pauses
        self._cloud = past.cloud
        self._place: dict[str, str] = {}
        self._moved: dict[str, list[datetime.datetime]] = (
            collections.defaultdict(list))
        self._deviations: list[float] = []
        self._unknown = 0

    def step(self, time: float) -> None:
        """Replay the next round.

        :param time: of the round, seconds since 1970
        """
        use = self._past.use(self._cloud, time)
        if use is None:
            self._unknown += 1
            return
        now = datetime.datetime.fromtimestamp(
            time, datetime.UTC).replace(tzinfo=None)
        found = audit.make(
            self._cloud, self._past.hosts, use, self._settings,
            self._options, {
                key: movable.cooldown(moves, now, self._pauses.base,
                                      self._pauses.most)
                for key, moves in self._moved.items()})
        self._deviations.append(_mean(found.before.deviations,
                                      self._settings))
        for move in found.moves:
            self._place[move.server_id] = move.target
            self._moved[move.server_id].append(now)
        if found.moves:
            self._cloud = _moved(self._past.cloud, self._place)

    def result(self) -> Replay:
        """Return what came of the rounds so far."""
        known = len(self._deviations)
        moves = [len(times) for times in self._moved.values()]
        return Replay(
            sum(moves), max(moves, default=0),
            sum(self._deviations) / known if known else None,
            known, self._unknown)


def _moved(cloud: model.Cloud,
           place: collections.abc.Mapping[str, str]) -> model.Cloud:
    """Return a cloud with servers on other hosts."""
    used = {name: collections.Counter(host.used)
            for name, host in cloud.hosts.items()}
    servers = []
    for server in cloud.servers.values():
        target = place.get(server.id, server.host)
        if target != server.host:
            used[server.host].subtract(server.resources)
            used[target].update(server.resources)
            server = dataclasses.replace(server, host=target)
        servers.append(server)
    return type(cloud).of(
        [dataclasses.replace(host, used=dict(used[host.name]))
         for host in cloud.hosts.values()], servers, cloud.groups.values())


def _mean(deviations: collections.abc.Mapping[str, float],
          settings: drs_settings.Settings) -> float:
    weights = {name: settings.weights.get(name, 0.0) for name in deviations}
    total = sum(weights.values())
    return sum(weight * deviations[name] for name, weight
               in weights.items()) / total if total else 0.0
