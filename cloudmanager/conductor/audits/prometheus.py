# SPDX-License-Identifier: Apache-2.0
"""Loads of hosts and servers from Prometheus.

The label of each series says which host the series belongs to. Series of two
exporters that claim the same host are noticed, and not used.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import re

from oslo_config import cfg

from cloudmanager.clients import prometheus
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import samples

CONF = cfg.CONF
MIB, GIB = float(1 << 20), float(1 << 30)
#: Options with a query of hosts: what each measures, and the factor that
#: turns our unit into that of the query.
HOSTS = {
    'host_cpu': (model.VCPU, 1.0),
    'host_memory': (model.MEMORY_MB, MIB),
    'host_disk': (model.DISK_GB, GIB),
    'host_cpu_pressure': (samples.PRESSURES[model.VCPU], 1.0),
    'host_memory_pressure': (samples.PRESSURES[model.MEMORY_MB], 1.0),
    'host_io_pressure': (samples.PRESSURES['IO'], 1.0),
}
SERVERS = {
    'server_cpu': (model.VCPU, 1.0),
    'server_memory': (model.MEMORY_MB, MIB),
    'server_dirty': (samples.DIRTY, MIB),
}
# A name with any other character is not safe within a query.
_PLAIN = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]*')
_PORT = re.compile(r':\d+\Z')
_TWICE = 'Prometheus has series of two hosts under this name'

_Points = Mapping[str, samples.Series]


class Prometheus:
    """Asks the server that ``[prometheus]`` names."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return what was measured; see ``sources.Source``."""
        server = prometheus.Prometheus()
        names = _Names(hosts)
        ends = {host: points[-1][1] + CONF.prometheus.step
                for host, points in names.sort(self._ask(
                    server, 'host_time', names, start, end)).items()}
        found: dict[str, dict[str, samples.Series]] = {}
        for option, (measure, unit) in HOSTS.items():
            series = self._ask(server, option, names, start, end)
            for host, points in names.sort(series).items():
                # A rate continues for a while after its series has ended.
                found.setdefault(host, {})[measure] = [
                    (time, value / unit) for time, value in points
                    if time <= ends.get(host, end)]
        for host in names.twice:
            found.pop(host, None)
        missing = {host: _TWICE for host in names.twice}
        for host in set(hosts) - found.keys() - missing.keys():
            missing[host] = 'Prometheus knows nothing of it'
        ids = {one.id for host in hosts for one in cloud.servers_on(host)}
        uses: dict[str, dict[str, samples.Series]] = {}
        for option, (measure, unit) in SERVERS.items():
            for one in self._ask(server, option, names, start, end):
                key = one.labels.get(CONF.prometheus.server_label, '')
                if key in ids:
                    uses.setdefault(key, {})[measure] = [
                        (time, value / unit) for time, value in one.points]
        return samples.Samples(found, uses, missing)

    def _ask(self, server: prometheus.Prometheus, option: str,
             names: '_Names', start: float,
             end: float) -> list[prometheus.Series]:
        """Return the result of an option's query, if the option is set."""
        query = CONF.prometheus[option]
        if not query or not names.pattern:
            return []
        for place, text in (('<hosts>', names.pattern),
                            ('<rate>', CONF.prometheus.rate),
                            ('<label>', CONF.prometheus.host_label)):
            query = query.replace(place, text)
        return server.range(query, start, end, CONF.prometheus.step)


class _Names:
    """Finds the host that a label means.

    :ivar pattern: a regular expression that matches all labels of the hosts
    :ivar twice: hosts with two series that cover the same time
    """

    def __init__(self, hosts: Collection[str]) -> None:
        plain = [host for host in sorted(hosts) if _PLAIN.fullmatch(host)]
        short: dict[str, set[str]] = {}
        for host in plain:
            short.setdefault(_short(host), set()).add(host)
        self._hosts = frozenset(plain)
        #: Hosts by their name without the domain, where that is unique.
        self._short = {name: next(iter(found))
                       for name, found in short.items() if len(found) == 1}
        self.twice: set[str] = set()
        texts = '|'.join(sorted(short)).replace('.', '[.]')
        self.pattern = f'({texts})([.].*)?(:[0-9]+)?' if plain else ''

    def host(self, label: str) -> str | None:
        """Return the host that a label means, if it is one of them."""
        name = _PORT.sub('', label)
        if name in self._hosts:
            return name
        host = self._short.get(_short(name))
        # If both names have a domain, and these differ, it is another host.
        return host if host and '.' not in (
            name if '.' in host else host) else None

    def sort(self, found: Iterable[prometheus.Series]) -> _Points:
        """Return the points by host."""
        made: dict[str, samples.Series] = {}
        for one in found:
            host = self.host(one.labels.get(CONF.prometheus.host_label, ''))
            if host is None or not one.points:
                continue
            other = made.get(host)
            if other is None:
                made[host] = one.points
            elif (other[-1][0] < one.points[0][0]
                    or one.points[-1][0] < other[0][0]):
                # One follows the other, for example after the exporter's
                # port was changed.
                made[host] = sorted([*other, *one.points])
            else:
                self.twice.add(host)
        return made


def _short(name: str) -> str:
    return name.partition('.')[0]
