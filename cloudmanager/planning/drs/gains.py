# SPDX-License-Identifier: Apache-2.0
"""What moves of an audit have gained in fact.

Loads change anyway, so loads of now are not compared with those of before.
What counts is what the loads of now would be had the servers stayed.
"""

import collections
import collections.abc
import dataclasses

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import settings as drs_settings


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A move that was made.

    :ivar gain: that it was thought to have
    """

    server_id: str
    source: str
    target: str
    gain: float


@dataclasses.dataclass(frozen=True, slots=True)
class Gains:
    """What moves gain now.

    :ivar whole: by how much they lower the standard deviation of the loads,
        each resource by its weight; ``None`` when nothing can be told
    :ivar moves: by how much each lowers the difference between its hosts, by
        server
    :ivar unknown: why that cannot be told of a move, by server
    """

    whole: float | None
    moves: dict[str, float]
    unknown: dict[str, str]


def measure(
    cloud: model.Cloud,
    hosts: collections.abc.Iterable[str],
    use: load.Use,
    settings: drs_settings.Settings,
    moves: collections.abc.Iterable[Made],
) -> Gains:
    """Tell what moves gain now.

    Moves between the same two hosts are judged together, and share what they
    gain by what was thought of them: the two of a swap are of no use alone.

    :param hosts: of the aggregate, by name
    """
    loads = load.Loads(cloud, audit.in_scope(cloud, hosts, use), use, settings)
    known: dict[frozenset[str], list[Made]] = collections.defaultdict(list)
    unknown = {}
    for move in moves:
        why = _why_unknown(cloud, loads, move)
        if why:
            unknown[move.server_id] = why
        else:
            known[frozenset((move.source, move.target))].append(move)
    gains = {}
    for some in known.values():
        one = some[0]
        now = _apart(loads, one)
        _send(cloud, loads, some, back=True)
        gain = _apart(loads, one) - now
        _send(cloud, loads, some, back=False)
        gains.update(_shared(some, gain))
    return Gains(_whole(cloud, loads, known), gains, unknown)


def _why_unknown(cloud: model.Cloud, loads: load.Loads, move: Made) -> str:
    server = cloud.servers.get(move.server_id)
    if server is None:
        return 'the server has left the aggregate'
    if server.host != move.target:
        return f'the server is on {server.host or "no host"} now'
    for host in (move.source, move.target):
        if host not in loads.values:
            return f'host {host} is not in use any more'
    if not loads.resources:
        return 'the hosts have no resource in common'
    return ''


def _apart(loads: load.Loads, move: Made) -> float:
    return loads.difference(loads.values[move.source],
                            loads.values[move.target])


def _send(cloud: model.Cloud, loads: load.Loads,
          moves: collections.abc.Iterable[Made], *, back: bool) -> None:
    """Take the loads of servers where they came from, or to where they are."""
    for move in moves:
        way = (move.target, move.source) if back else (move.source,
                                                       move.target)
        loads.move(cloud.servers[move.server_id], *way)


def _shared(moves: collections.abc.Sequence[Made],
            gain: float) -> dict[str, float]:
    """Share what moves gain together, by what was thought of each."""
    total = sum(max(0.0, move.gain) for move in moves)
    return {move.server_id: round(gain * (
        max(0.0, move.gain) / total if total else 1 / len(moves)), 4)
        for move in moves}


def _whole(cloud: model.Cloud, loads: load.Loads,
           known: collections.abc.Mapping[frozenset[str], list[Made]]
           ) -> float | None:
    if not known:
        return None
    moves = [move for some in known.values() for move in some]
    now = _deviation(loads)
    _send(cloud, loads, moves, back=True)
    return round(_deviation(loads) - now, 4)


def _deviation(loads: load.Loads) -> float:
    return sum(weight * value for weight, value in zip(
        loads.weights, loads.deviations(), strict=True))


def predicted(before: collections.abc.Mapping[str, float],
              after: collections.abc.Mapping[str, float],
              settings: drs_settings.Settings) -> float:
    """By how much a plan was thought to lower the standard deviation.

    :param before: deviations by resource, as is ``after``
    """
    weights = {name: settings.weights.get(name, 0.0) for name in before}
    total = sum(weights.values())
    return sum(weight * (before[name] - after.get(name, 0.0))
               for name, weight in weights.items()) / total if total else 0.0
