# SPDX-License-Identifier: Apache-2.0
"""An audit: how unequal the loads of some hosts are, and what would help."""

import collections.abc
import dataclasses

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import fit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import ordering
from cloudmanager.planning.drs import picture
from cloudmanager.planning.drs import search
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.planning.drs import why
from cloudmanager.planning.terms import Action


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """One move of a plan.

    :ivar stage: those of lower stages must have ended before
    :ivar gain: by how much the difference between the two hosts falls
    :ivar seconds: that it is thought to take
    """

    server_id: str
    name: str
    source: str
    target: str
    action: Action
    stage: int
    reason: str
    gain: float
    seconds: float
    size_mb: int
    group_id: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """How unequal loads are, by resource, in fractions of what hosts have.

    :ivar ages: seconds since the use of hosts was measured, where it was
    """

    means: dict[str, float]
    deviations: dict[str, float]
    hosts: dict[str, dict[str, float]]
    ages: dict[str, float]

    @classmethod
    def of(cls, loads: load.Loads, use: load.Use) -> 'State':
        """The state of loads as they are now."""
        def named(values: load.Vector) -> dict[str, float]:
            return {name: round(value, 4) for name, value in zip(
                loads.resources, values, strict=True)}

        return cls(named(loads.means()), named(loads.deviations()), {
            host: named(values)
            for host, values in sorted(loads.values.items())},
            {host: round(age, 1) for host, age in sorted(use.ages.items())
             if host in loads.values})


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    :ivar conclusion: in words
    :ivar hot: why hosts are left above the mean, by name
    :ivar warnings: what limits what the audit can tell
    """

    before: State
    after: State
    moves: tuple[Move, ...]
    conclusion: str
    hot: dict[str, str]
    warnings: tuple[str, ...]


def in_scope(cloud: model.Cloud, hosts: collections.abc.Iterable[str],
             use: load.Use) -> list[str]:
    """Those of some hosts that lose and get servers, in order.

    Others are left out, such as those whose use is not known though that of
    others is: balancing by allocation instead would undo what was done by use.
    """
    found = [name for name in sorted(set(hosts))
             if name in cloud.hosts and not cloud.hosts[name].out_of_use]
    unknown = load.unmeasured(use, found)
    return [name for name in found if name not in unknown]


def state(
    cloud: model.Cloud,
    hosts: collections.abc.Iterable[str],
    use: load.Use = load.NOTHING,
    settings: drs_settings.Settings = drs_settings.DEFAULT,
) -> State:
    """Tell how unequal the loads of hosts are; see ``make``."""
    return State.of(
        load.Loads(cloud, in_scope(cloud, hosts, use), use, settings), use)


def make(
    cloud: model.Cloud,
    hosts: collections.abc.Iterable[str],
    use: load.Use = load.NOTHING,
    settings: drs_settings.Settings = drs_settings.DEFAULT,
    options: opts.Options = opts.DEFAULT,
    resting: collections.abc.Mapping[str, float] | None = None,
    busy: collections.abc.Container[str] = (),
    earlier: collections.abc.Sequence[picture.Earlier] = (),
    held: collections.abc.Mapping[str, str] | None = None,
) -> Audit:
    """Find the moves that balance some hosts.

    :param cloud: with all servers of these hosts, and all members of their
        groups
    :param hosts: names; those out of use neither lose nor get servers
    :param use: what is used, as it was measured
    :param options: how servers may be moved
    :param resting: seconds for which servers are left alone yet, by id
    :param busy: ids of servers that other tasks act on
    :param held: why further servers stay, by id
    :param earlier: loads that earlier audits found, the latest first; they
        count with ``settings.rounds``
    """
    names = sorted(set(hosts))
    options = dataclasses.replace(
        options, max_projected_usage=settings.max_load,
        soft_weight=settings.soft_weight)
    scope = in_scope(cloud, names, use)
    room = fit.Fit(cloud, scope, use, settings, options)
    loads = load.Loads(cloud, scope, use, settings)
    ways = movable.Ways(cloud, settings, options, resting, use, busy, held)
    found = search.Search(room, loads, ways, settings, earlier)
    before = State.of(loads, use)
    if loads.resources and len(scope) > 1:
        found.run()
    return Audit(
        before, State.of(loads, use),
        _moves(cloud, scope, use, settings, options, found),
        _conclusion(found, before, len(scope)),
        why.hot(found, ways, settings),
        (*why.not_in_scope(cloud, room, set(names) - set(scope),
                           load.unmeasured(use, names)),
         *_unmeasured(use, loads, room)))


def _moves(cloud: model.Cloud, scope: list[str], use: load.Use,
           settings: drs_settings.Settings, options: opts.Options,
           found: search.Search) -> tuple[Move, ...]:
    fresh = fit.Fit(cloud, scope, use, settings, options)
    stages = ordering.stages(fresh, found.steps)
    made = []
    for stage, step in zip(stages, found.steps, strict=True):
        server, group = step.server, cloud.group_of.get(step.server.id)
        if step.way.action is None:
            continue
        made.append(Move(
            server.id, server.name, step.source, step.target,
            step.way.action, stage, why.move(step, found.loads.resources),
            round(step.gain, 4), round(step.way.seconds, 1),
            server.size_mb, group.id if group else None))
    return tuple(sorted(made, key=lambda move: move.stage))


def _conclusion(found: search.Search, before: State, hosts: int) -> str:
    if not found.loads.resources:
        return 'No beneficial move: the hosts have no resource in common.'
    if hosts < 2:
        return ('No beneficial move: there are not two hosts in use to '
                'move servers between.')
    spread = ', '.join(
        f'{why.NAMES[name]} from {value:.3f} to {after:.3f}'
        for (name, value), after in zip(
            before.deviations.items(), found.loads.deviations(),
            strict=True))
    if found.steps:
        number = len(found.steps)
        end = '' if found.balanced else (
            '; that is not within the threshold yet')
        return (f'{number} move{"s" if number > 1 else ""} would lower the '
                f'standard deviation of {spread}{end}.')
    if found.balanced:
        return ('No beneficial move: the standard deviation of each '
                'resource is within the threshold.')
    return ('No beneficial move: the loads are not equal, but no move that '
            'may be made would gain what it costs.')


def _unmeasured(use: load.Use, loads: load.Loads,
                room: fit.Fit) -> list[str]:
    """What is not known of what is used, and what that means."""
    if not use.hosts and not use.missing:
        return []
    found = [f'the use of {why.NAMES[name]} is hardly measured, so it is '
             'balanced by what is allocated'
             for name in loads.resources if name not in loads.measured]
    if loads.estimated:
        found.append(
            f'the use of {len(loads.estimated)} servers is not known: what '
            'they add to the loads is estimated from what their hosts use')
    return found + [f'host {host} gets no servers: it waits for {text}'
                    for host, text in sorted(room.pressed.items())]
