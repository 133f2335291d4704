# SPDX-License-Identifier: Apache-2.0
"""What the agents on the hosts have reported of their load."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping

from cloudmanager.common import context as cm_context
from cloudmanager.db import load_samples
from cloudmanager.domain import load_reports
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import samples

#: What agents call what audits measure; the units are the same.
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
    """Reads the reports that the database keeps."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return what was measured; see ``sources.Source``."""
        reports = load_samples.window(cm_context.admin_context(), hosts,
                                      start, end)
        found: _Found = {}
        uses: _Found = {}
        missing: dict[str, str] = {}
        for host in hosts:
            if host not in reports:
                missing[host] = 'no agent has reported its load'
                continue
            ids = {server.id for server in cloud.servers_on(host)}
            for report in reports[host]:
                for measure, value in _known(report.host, HOSTS):
                    found.setdefault(host, {}).setdefault(
                        measure, []).append((report.at, value))
                for server, values in report.guests.items():
                    if server not in ids:
                        # It has left, or an agent tells of what is not its.
                        continue
                    for measure, value in _known(values, SERVERS):
                        uses.setdefault(server, {}).setdefault(
                            measure, []).append((report.at, value))
            if host not in found:
                missing[host] = 'its agent cannot measure it: ' + ', '.join(
                    sorted(set(reports[host][-1].reasons.values())))
        return samples.Samples(found, uses, missing)


def _known(values: Mapping[str, float | None], names: Mapping[str, str]
           ) -> Iterator[tuple[str, float]]:
    """Give what is known of some values, by what audits call it."""
    for name, measure in names.items():
        value = values.get(name)
        if value is not None:
            yield measure, value
