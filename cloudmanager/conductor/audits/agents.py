# SPDX-License-Identifier: Apache-2.0
"""Loads as the agents on the hosts have reported them."""

from collections.abc import Collection
from collections.abc import Mapping
import math

from cloudmanager.common import context as cm_context
from cloudmanager.db import load_samples
from cloudmanager.domain import load_reports
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import samples

#: The agents' names of the measures of audits; the units are the same.
HOSTS = {
    load_reports.CPUS: model.VCPU,
    load_reports.MEMORY_MB: model.MEMORY_MB,
    load_reports.DISK_GB: model.DISK_GB,
    load_reports.CPU_PRESSURE: samples.PRESSURES[model.VCPU],
    load_reports.MEMORY_PRESSURE: samples.PRESSURES[model.MEMORY_MB],
    load_reports.IO_PRESSURE: samples.PRESSURES['IO'],
}
SERVERS = {load_reports.CPUS: model.VCPU,
           load_reports.MEMORY_MB: model.MEMORY_MB}

_Found = dict[str, dict[str, list[tuple[float, float]]]]


class Agents:
    """Reads the reports that are stored in the database."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return what was measured; see ``sources.Source``."""
        reports = load_samples.window(cm_context.admin_context(), hosts,
                                      start, end)
        found: _Found = {}
        guests: dict[str, _Found] = {}
        missing: dict[str, str] = {}
        for host in hosts:
            if host not in reports:
                missing[host] = 'no agent has reported its load'
                continue
            for report in reports[host]:
                _add(found, host, report.at, report.host, HOSTS)
                for server, values in report.guests.items():
                    _add(guests.setdefault(server, {}), host, report.at,
                         values, SERVERS)
            if host not in found:
                missing[host] = 'its agent cannot measure it: ' + ', '.join(
                    sorted(set(reports[host][-1].reasons.values())))
        return samples.Samples(found, {
            server.id: _at_home(guests[server.id], host)
            for host in hosts for server in cloud.servers_on(host)
            if server.id in guests}, missing)


def _add(found: _Found, key: str, at: float,
         values: Mapping[str, float | None],
         names: Mapping[str, str]) -> None:
    """Add the known ones of some values, under the audits' names."""
    for name, measure in names.items():
        value = values.get(name)
        if value is not None:
            found.setdefault(key, {}).setdefault(measure, []).append(
                (at, value))


def _at_home(found: _Found, home: str) -> samples.Measures:
    """Return the samples of a server, by measure.

    Those of an agent on another host count only until the first sample of the
    agent on the server's present host.

    :param found: the samples by host and measure
    """
    own = found.get(home, {})
    since = min((series[0][0] for series in own.values()),
                default=math.inf)
    return {
        measure: sorted([
            *own.get(measure, ()), *(
                point for host, measures in found.items() if host != home
                for point in measures.get(measure, ()) if point[0] < since)])
        for measure in SERVERS.values()}
