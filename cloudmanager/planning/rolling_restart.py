# SPDX-License-Identifier: Apache-2.0
"""The order of a rolling restart: hosts are emptied and restarted in turn.

A server that moves to a host which is still to be restarted has to move
again. So such a host takes only what fits nowhere else. The next host to
begin is the one that sends the fewest servers to such hosts; among equals, it
is the emptiest one.
"""

import collections
from collections.abc import Collection
from collections.abc import Iterable
import dataclasses

from cloudmanager.planning import drain
from cloudmanager.planning import open_resizes
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning import projection
from cloudmanager.planning.cloud import model

#: How many hosts are considered for each choice: the emptiest ones.
CANDIDATES = 8


@dataclasses.dataclass(frozen=True, slots=True)
class NextHost:
    """The host to begin next, with the plan that empties it.

    :ivar fits: whether all its servers find a place
    :ivar again: how many servers would go to hosts still to be restarted
    """

    host: str
    plan: plan.Plan
    fits: bool
    again: int


def _servers(made: plan.Plan, host: str) -> list[plan.Entry]:
    return [entry for entry in made.servers if entry.host == host]


def _unfit(made: plan.Plan, hosts: Iterable[str]) -> int:
    return sum(not entry.fits for host in hosts
               for entry in _servers(made, host))


def _judge(cloud: model.Cloud, host: str, pending: set[str],
           running: list[str], unfit: int, flags: opts.Options) -> NextHost:
    avoid = pending - {host}
    made = drain.plan_drain(cloud, [*running, host],
                            dataclasses.replace(flags, avoid_hosts=avoid))
    own = _servers(made, host)
    # With one more host out of use, the hosts that are being emptied must
    # still find room for all their servers.
    fits = (all(entry.fits for entry in own)
            and _unfit(made, running) <= unfit
            and not any(item.code == open_resizes.OPEN_MIGRATION
                        for item in made.blockers))
    return NextHost(host, made, fits,
                  sum(entry.destination in avoid for entry in own))


def choose(cloud: model.Cloud, pending: Collection[str],
           running: Collection[str] = (),
           flags: opts.Options = opts.DEFAULT,
           among: Collection[str] | None = None
           ) -> NextHost | None:
    """Choose the host to empty next.

    :param pending: hosts that are still to be restarted
    :param running: hosts that are being emptied or restarted now
    :param among: which of the pending hosts may be begun now; all of them if
        ``None``
    :returns: ``None`` if no host can be begun while others are running. If
        none is running and no host can be emptied, a choice that does not
        fit: its plan says why
    """
    def weight(name: str) -> tuple[int, str]:
        return sum(server.size_mb for server in cloud.servers_on(name)), name

    beside = list(running)
    unfit = _unfit(drain.plan_drain(cloud, beside, flags),
                   beside) if beside else 0
    found = [
        _judge(cloud, name, set(pending), beside, unfit, flags)
        for name in sorted(pending if among is None else among,
                           key=weight)[:CANDIDATES]]
    # Sorting is stable: among equals the emptiest goes first.
    found.sort(key=lambda choice: (not choice.fits, choice.again))
    if not found or (beside and not found[0].fits):
        return None
    return found[0]


def unavailable(cloud: model.Cloud,
                ours: Collection[str] = ()) -> dict[str, str]:
    """Return the hosts that are out of use already, and why.

    A host that takes no servers is out of use, whoever took it out: it is
    disabled, down, forced down or in reserve.

    :param ours: hosts that are left out
    """
    return {host.name: host.out_of_use
            for host in sorted(cloud.hosts.values(),
                               key=lambda host: host.name)
            if host.out_of_use and host.name not in ours}


@dataclasses.dataclass(frozen=True, slots=True)
class Wave:
    """Hosts that are out of use at the same time."""

    hosts: tuple[str, ...]
    plan: plan.Plan


@dataclasses.dataclass(frozen=True, slots=True)
class RollingRestart:
    """What a rolling restart would do.

    :ivar blocked: hosts that cannot be emptied
    :ivar left: hosts that are not begun because too many are blocked
    :ivar and_back: servers are moved back to their host after its restart
    :ivar away: ids of servers that are not, all the same
    """

    waves: tuple[Wave, ...]
    blocked: tuple[NextHost, ...]
    left: tuple[str, ...]
    and_back: bool = False
    away: frozenset[str] = frozenset()

    @property
    def moves(self) -> collections.Counter[str]:
        """How often each server is moved off a host."""
        return collections.Counter(
            server for wave in self.waves
            for server in wave.plan.destinations)

    def to_dict(self) -> dict[str, object]:
        """JSON-safe form, the answer to a dry run."""
        moves = self.moves
        returned = (sorted(moves.keys() - self.away) if self.and_back
                    else [])
        return {
            'action': 'restart',
            'hosts': [host for wave in self.waves for host in wave.hosts],
            'feasible': not (self.blocked or self.left) and all(
                entry.fits for wave in self.waves
                for entry in wave.plan.servers),
            'waves': [{'hosts': list(wave.hosts),
                       'plan': wave.plan.to_dict()} for wave in self.waves],
            'blocked': [{'host': choice.host,
                         'plan': choice.plan.to_dict()}
                        for choice in self.blocked],
            'left': list(self.left),
            'moves': moves.total() + len(returned),
            'returned': returned,
            'moved_again': sorted(server for server, count in moves.items()
                                  if count > 1)}


def simulate(cloud: model.Cloud, hosts: Iterable[str],
             flags: opts.Options = opts.DEFAULT, *, limit: int = 1,
             max_failures: int = 0,
             and_back: bool = False) -> RollingRestart:
    """Plan a whole rolling restart.

    The plan has waves of hosts. In reality the next host begins as soon as
    one is done, which needs no more room than waves do.

    :param limit: how many hosts may be out of use at a time
    :param max_failures: how many hosts may fail before no more are begun
    :param and_back: servers are moved back to their host after its restart
    :raises UnknownHost: if there is no host of exactly that name
    """
    pending = [cloud.host(name).name for name in dict.fromkeys(hosts)]
    waves: list[Wave] = []
    blocked: list[NextHost] = []
    while pending and len(blocked) <= max_failures:
        wave: list[str] = []
        while pending and len(wave) < limit:
            choice = choose(cloud, pending, wave, flags)
            if choice is None:
                break
            pending.remove(choice.host)
            if not choice.fits:
                blocked.append(choice)
                break
            wave.append(choice.host)
        if not wave:
            continue
        made = drain.plan_drain(cloud, wave, dataclasses.replace(
            flags, avoid_hosts=set(pending)))
        waves.append(Wave(tuple(wave), made))
        if not and_back:
            cloud = projection.apply(cloud, made)
    return RollingRestart(tuple(waves), tuple(blocked), tuple(pending),
                          and_back)
