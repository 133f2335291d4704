# SPDX-License-Identifier: Apache-2.0
"""The cloud as it will be after a plan has been carried out."""

import collections
import dataclasses

from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model


def apply(cloud: model.Cloud, made: plan.Plan) -> model.Cloud:
    """Return the cloud with the planned servers on their destinations.

    Servers for which the plan has no destination stay where they are.
    """
    changes: dict[str, collections.Counter[str]] = collections.defaultdict(
        collections.Counter)
    servers = dict(cloud.servers)
    for server_id, host in made.destinations.items():
        server = servers[server_id]
        for name, amount in server.resources.items():
            changes[server.host][name] -= amount
            changes[host][name] += amount
        servers[server_id] = dataclasses.replace(server, host=host)
    hosts = [
        dataclasses.replace(host, used={
            name: max(0, host.used.get(name, 0) + changes[host.name][name])
            for name in {*host.used, *changes[host.name]}})
        for host in cloud.hosts.values()]
    return model.Cloud.of(hosts, servers.values(), cloud.groups.values())
