#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an agent takes of its node while nothing happens.

A real agent, with its helpers for commands that need privileges, reports to a
conductor on MariaDB and RabbitMQ, asks a real libvirt, which has the test
driver only, for its guests, and writes their states to one availability
storage. All intervals have their defaults. Beside its memory and CPU is the
memory of a bare process of Python that has imported the same libraries.

Targets: 80 MB, 1 % of a core. Exit code 1: it takes more.

Has to be run by root, and needs libvirt-daemon, libvirt-clients and
openssh-server.
"""

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from memory import megabytes  # noqa: E402
from power_burst import processor_seconds  # noqa: E402
import psutil  # noqa: E402

from cloudmanager.tests.functional import nodes  # noqa: E402
from cloudmanager.tests.integration import cloud  # noqa: E402
from cloudmanager.tests.integration import hypervisor  # noqa: E402
from cloudmanager.tests.integration import processes  # noqa: E402
from cloudmanager.tests.integration import servers  # noqa: E402

LIMIT_MB, LIMIT_PERCENT = 80.0, 1.0
HOST = 'idle'
# By then what comes with a start is over.
SETTLE_SECONDS = 30
DEFAULTS = {'heartbeat_interval': 30, 'reconcile_interval': 60,
            'command_timeout': 15, 'privileged': 'privsep',
            # A directory stands for the share.
            'storage_must_be_mounted': False}
LIBRARIES = '''
import sys
import oslo_messaging, oslo_messaging._drivers.impl_rabbit
import oslo_privsep.daemon, oslo_log.log
print('runs.', flush=True)
sys.stdin.read()
'''


def libraries() -> float:
    """Return the memory of a process that has imported the libraries."""
    with subprocess.Popen([sys.executable, '-c', LIBRARIES],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return megabytes(process.pid)


def measure(node: nodes.Node, seconds: float) -> dict[str, float]:
    """Return what an agent and its helpers take."""
    pid = node.process.pid
    helpers = psutil.Process(pid).children(recursive=True)
    time.sleep(SETTLE_SECONDS)
    before = processor_seconds(pid)
    time.sleep(seconds)
    used = (processor_seconds(pid) - before) * 100 / seconds
    return {'agent_mb': megabytes(pid), 'cpu_percent': round(used, 2),
            'libraries_mb': libraries(), 'helpers': len(helpers),
            'helpers_own_mb': [
                round(helper.memory_full_info().uss / 1024 ** 2, 1)
                for helper in helpers]}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=float, default=120.0)
    options = parser.parse_args()
    name = f'cm_bench_{os.getpid()}'
    load = os.getloadavg()[0]
    with (tempfile.TemporaryDirectory() as directory,
          hypervisor.Hypervisor('unused') as libvirt):
        bus = servers.MessageBus(name)
        installation = processes.Installation(
            Path(directory), name, auth='noauth', transport=bus.url,
            port=processes.free_port(), forged=False)
        try:
            installation.conductor('conductor1')
            installation.api()
            client = processes.Client(installation.port, user=None)
            node_id = client.node(HOST)
            share = Path(directory) / 'share'
            share.mkdir()
            made = client.call('POST', '/v1/availability-storages', {
                'availability_storage': {
                    'name': 'share', 'compute_path': str(share),
                    'controller_path': str(share)}}, 201)
            client.call('POST', f'/v1/nodes/{node_id}/availability-storages',
                        {'availability_storages': [
                            made['availability_storage']['id']]}, 204)
            with nodes.Node(bus.url, HOST, libvirt_uri=libvirt.uri,
                            **DEFAULTS) as node:
                # The stand-in has no guests; the real one asks libvirt.
                (node.root / 'bin' / 'virsh').unlink()
                node.forged = False
                node.put_key(installation.manage('agent', 'enrol', HOST))
                node.start()
                cloud.wait(lambda: list(share.iterdir()), 90,
                           'states on the storage')
                found = measure(node, options.seconds)
        finally:
            installation.close()
            bus.stop()
    print(json.dumps({'load_average': round(load, 1), **found}))
    return int(found['agent_mb'] > LIMIT_MB
               or found['cpu_percent'] > LIMIT_PERCENT)


if __name__ == '__main__':
    sys.exit(main())
