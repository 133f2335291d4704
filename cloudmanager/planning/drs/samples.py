# SPDX-License-Identifier: Apache-2.0
"""Measurements over a while, and what follows from them.

A single measurement says little: loads go up and down all the time. So what
counts is an average in which later samples weigh more, and what is exceeded
only rarely. Whatever is too old, too little or no number is not known, which
is told and never taken as zero.
"""

import bisect
import collections.abc
import dataclasses
import math

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import load

#: MiB of memory that a server writes in a second.
DIRTY = 'DIRTY'
#: Fractions of the time in which something on a host waits for a resource.
PRESSURES = {
    model.VCPU: 'CPU_PRESSURE',
    model.MEMORY_MB: 'MEMORY_PRESSURE',
    'IO': 'IO_PRESSURE',
}
#: What is exceeded in one sample of twenty.
PERCENTILE = 0.95
#: With fewer samples there is no average.
FEWEST = 3

#: Pairs of seconds since 1970 and what was measured then, in order of time.
Series = collections.abc.Sequence[tuple[float, float]]
#: Series by what was measured: a resource class, ``DIRTY`` or a pressure.
Measures = collections.abc.Mapping[str, Series]


@dataclasses.dataclass(frozen=True, slots=True)
class Samples:
    """What was measured, as far as a source knows it.

    :ivar hosts: by name: busy CPUs, MiB, GiB, and pressures
    :ivar servers: by id: the same of what each of them uses, and ``DIRTY``
    :ivar missing: why nothing is known of hosts, by name
    """

    hosts: collections.abc.Mapping[str, Measures] = dataclasses.field(
        default_factory=dict)
    servers: collections.abc.Mapping[str, Measures] = dataclasses.field(
        default_factory=dict)
    missing: collections.abc.Mapping[str, str] = dataclasses.field(
        default_factory=dict)


NOTHING = Samples()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What counts of samples.

    :param window: seconds that are looked back
    :param half_life: seconds after which a sample counts half
    :param max_age: seconds; what was measured last before that is not known
    """

    window: float = 3600.0
    half_life: float = 600.0
    max_age: float = 300.0


DEFAULT = Limits()


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What a series says.

    :ivar average: in which later samples weigh more
    :ivar peak: that 95 % of the samples do not exceed
    :ivar age: seconds since the last one
    """

    average: float
    peak: float
    age: float


@dataclasses.dataclass(frozen=True, slots=True)
class Moved:
    """A server that has changed its host.

    :ivar at: seconds since 1970
    """

    server: str
    source: str
    target: str
    at: float


def _counted(series: Series, now: float,
             limits: Limits) -> list[tuple[float, float]]:
    """The samples of a series that count."""
    first = bisect.bisect_right(series, now - limits.window,
                                key=lambda sample: sample[0])
    last = bisect.bisect_right(series, now + limits.max_age,
                               key=lambda sample: sample[0])
    return [sample for sample in series[first:last]
            if math.isfinite(sample[1]) and sample[1] >= 0]


def _weights(found: Series, limits: Limits) -> list[float]:
    """How much each sample counts beside the last one."""
    return [0.5 ** ((found[-1][0] - time) / limits.half_life)
            for time, _ in found]


def summary(series: Series, now: float,
            limits: Limits = DEFAULT) -> Summary | str:
    """Return what a series says, or why it says nothing.

    :param now: seconds since 1970; later samples count as of no time, since
        clocks differ, but not those that are later by more than ``max_age``
    """
    found = _counted(series, now, limits)
    if not found:
        return 'is not measured'
    age = max(0.0, now - found[-1][0])
    if age > limits.max_age:
        return f'was measured {age:.0f} s ago last'
    if len(found) < FEWEST:
        return f'was measured {len(found)} times only'
    values = sorted(value for _, value in found)
    weights = _weights(found, limits)
    average = math.fsum(
        weight * value for weight, (_, value) in zip(
            weights, found, strict=True)) / math.fsum(weights)
    rank = math.ceil(PERCENTILE * len(values)) - 1
    return Summary(average, values[rank], age)


def use(found: Samples, hosts: collections.abc.Iterable[str], now: float,
        limits: Limits = DEFAULT,
        moves: collections.abc.Iterable[Moved] = ()) -> load.Use:
    """Return what hosts and servers use at a time.

    :param hosts: those that should be measured, by name
    :param now: seconds since 1970
    :param moves: of the time in which samples were taken: what a server used
        counts as if it had always been where it is now, or a host that has
        lost servers would look hot, and lose more, until its average follows
    """
    told = load.Use({}, {}, {}, {}, {}, {}, {}, dict(found.missing))
    for host in hosts:
        if host not in found.missing:
            _host(told, host, found.hosts.get(host, {}), now, limits)
    for server, measures in found.servers.items():
        average, peak = {}, {}
        for name, series in measures.items():
            made = summary(series, now, limits)
            if isinstance(made, str):
                continue
            if name == DIRTY:
                told.dirty[server] = made.average
            else:
                average[name], peak[name] = made.average, made.peak
        if average:
            told.servers[server] = average
            told.server_peaks[server] = peak
    for move in moves:
        _follow(told, found, move, now, limits)
    return told


def _follow(told: load.Use, found: Samples, move: Moved, now: float,
            limits: Limits) -> None:
    """Take what a server used before a move to where it went."""
    for name, amount in told.servers.get(move.server, {}).items():
        for host, sign in ((move.source, -1), (move.target, 1)):
            part = _part_before(found.hosts.get(host, {}).get(name, ()),
                                move.at, now, limits)
            if not part or name not in told.hosts.get(host, {}):
                continue
            told.hosts[host] = {**told.hosts[host], name: max(
                0.0, told.hosts[host][name] + sign * part * amount)}
            if sign > 0:
                peak = told.server_peaks[move.server][name]
                told.host_peaks[host] = {
                    **told.host_peaks[host],
                    name: told.host_peaks[host][name] + part * peak}


def _part_before(series: Series, at: float, now: float,
                 limits: Limits) -> float:
    """How much of an average comes from before a time, from 0 to 1."""
    found = _counted(series, now, limits)
    if not found:
        return 0.0
    weights = _weights(found, limits)
    return math.fsum(weight for weight, (time, _) in zip(
        weights, found, strict=True) if time <= at) / math.fsum(weights)


def _host(told: load.Use, host: str, measures: Measures, now: float,
          limits: Limits) -> None:
    """Add what is known of a host, and what is not."""
    average, peak, pressure, ages, reasons = {}, {}, {}, [], []
    for name in (model.VCPU, model.MEMORY_MB, model.DISK_GB):
        made = summary(measures.get(name, ()), now, limits)
        if not isinstance(made, str):
            average[name], peak[name] = made.average, made.peak
            ages.append(made.age)
        elif name in measures or name != model.DISK_GB:
            reasons.append(f'{load.NAMES[name]} {made}')
    for resource, name in PRESSURES.items():
        made = summary(measures.get(name, ()), now, limits)
        if not isinstance(made, str):
            pressure[resource] = made.average
    if average:
        told.hosts[host], told.host_peaks[host] = average, peak
        told.ages[host] = max(ages)
    if pressure:
        told.pressure[host] = pressure
    if reasons:
        told.missing[host] = ', '.join(reasons)
