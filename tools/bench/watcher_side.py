#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The strategy workload_stabilization of Watcher on a model from stdin.

drs.py runs this with --watcher, by a Python that has python-watcher. The
model is JSON: "hosts" with what they offer by name, "servers" with host and
size by id, "threshold" and "tries", the number of random targets that
the strategy looks at for each server. What is used of a server is all that
it has, and a CPU is what may be allocated of one, so that its loads are those
of the audit beside it. The answer is JSON too: "seconds" of the processor,
and "moves" as pairs of server and target.
"""

import json
import random
import sys
import time
import uuid

from oslo_utils import units
from watcher.common import utils
from watcher.decision_engine.model import element
from watcher.decision_engine.model import model_root
from watcher.decision_engine.strategy.strategies import (
    workload_stabilization as stabilization,
)

ZERO = str(uuid.UUID(int=0))
METERS = ('instance_cpu_usage', 'instance_ram_usage')


class Measured:
    """A source of data that knows the model."""

    def __init__(self, hosts, servers):
        self._values = {
            **{name: {'host_cpu_usage': 100 * host['used_cpus']
                      / host['vcpus'],
                      'host_ram_usage': host['used_memory'] * units.Ki}
               for name, host in hosts.items()},
            **{key: {'instance_cpu_usage': 100,
                     'instance_ram_usage': server['memory']}
               for key, server in servers.items()}}

    def statistic_aggregation(self, resource, kind, meter, *others):
        """What Watcher asks its sources for."""
        return self._values[resource.uuid][meter]


def make_model(hosts, servers):
    """Watcher's picture of the cloud."""
    made = model_root.ModelRoot()
    nodes = {}
    for name, host in hosts.items():
        node = nodes[name] = element.ComputeNode(
            uuid=name, hostname=name, disabled_reason=None,
            memory=host['memory'], memory_mb_reserved=0, disk=host['disk'],
            disk_gb_reserved=0, vcpus=host['vcpus'], vcpu_reserved=0,
            memory_ratio=1.0, vcpu_ratio=1.0, disk_ratio=1.0)
        made.add_node(node)
    for key, server in servers.items():
        instance = element.Instance(
            uuid=key, name=key, memory=server['memory'],
            disk=server['disk'], vcpus=server['vcpus'], metadata={},
            project_id=ZERO, watcher_exclude=False)
        made.add_instance(instance)
        made.map_instance(instance, nodes[server['host']])
    return made


def main():
    """Read, let the strategy work, answer."""
    given = json.load(sys.stdin)
    random.seed(1)
    names = {host: str(uuid.UUID(int=number + 1)) for number, host
             in enumerate(given['hosts'])}
    keys = {server: str(uuid.UUID(int=number + 1_000_000))
            for number, server in enumerate(given['servers'])}
    hosts = {names[name]: host for name, host in given['hosts'].items()}
    servers = {keys[key]: {**server, 'host': names[server['host']]}
               for key, server in given['servers'].items()}
    strategy = stabilization.WorkloadStabilization(utils.Struct())
    strategy._compute_model = make_model(hosts, servers)
    strategy._datasource_backend = Measured(hosts, servers)
    values = {name: values['default'] for name, values
              in strategy.get_schema()['properties'].items()}
    values.update(metrics=list(METERS), retry_count=given['tries'],
                  thresholds=dict.fromkeys(METERS, given['threshold']),
                  weights={f'{name}_weight': 1.0 for name in METERS})
    strategy.input_parameters = utils.Struct(values)
    start = time.process_time()
    strategy._pre_execute = lambda: None
    strategy.pre_execute()
    strategy.do_execute()
    seconds = time.process_time() - start
    hosts_of = {value: name for name, value in names.items()}
    servers_of = {value: name for name, value in keys.items()}
    json.dump({'seconds': seconds, 'moves': [
        (servers_of[action['input_parameters']['resource_id']],
         hosts_of[action['input_parameters']['destination_node']])
        for action in strategy.solution.actions]}, sys.stdout)


if __name__ == '__main__':
    main()
