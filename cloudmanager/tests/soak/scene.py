# SPDX-License-Identifier: Apache-2.0
"""The cloud, our programs and the power of hosts that a soak works on."""

import collections
import contextlib
import json
import pathlib
import sys
import time
from typing import Any

from novaclient import exceptions as nova_exc

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import kills
from cloudmanager.tests.integration import machines
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers
from cloudmanager.tests.integration import storage
from cloudmanager.tests.soak import plans
from cloudmanager.tests.soak import relay

sys.path.insert(0, str(cloud.ROOT / 'tools'))

import ipmisimlib  # noqa: E402  it is beside the tools, not in the package

DATABASE_PORT, BROKER_PORT = 3306, 5672
#: Hosts whose BMC has power over their nova-compute.
REAL = ('cmp1', 'cmp2')
#: Hosts whose power is only remembered.
FAKE = ('cmp3', 'cmp4')
SPARES = ('spare1', 'spare2', 'spare3', 'spare4')
OFF = 'power_off'
MOST_SERVERS = 14
#: Actions of Nova that may be repeated without harm.
HARMLESS = ('create', 'lock', 'unlock', 'resetState')
# Requests are made again while a disturbance of before lasts.
BEGIN_SECONDS = 120
CONFIGURATION = '''
[conductor]
lease = {lease}
sweep_interval = 1
workers = 16
[host_tasks]
max_moves = 2
retry_delay = 1
adopt_grace = 3
gate_interval = 0.5
restart_timeout = 120
heartbeat_silence = 6
[server_tasks]
create_grace = 8
stale_after = 60
[power]
soft_timeout = 5
fake_state_dir = {directory}/fake
[oslo_messaging_rabbit]
rabbit_retry_backoff = 0
'''

Actions = dict[str, collections.Counter[str]]


class Scene:
    """Everything that a round needs.

    :param directory: for files, removed by the caller
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self._closing = contextlib.ExitStack()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._closing.close()

    def _open(self) -> None:
        cloud.start()
        self.cloud = cloud.Cloud()
        self.cloud.clear()
        self.cloud.restore_hosts()
        name = f'cm_soak_{place.number()}'
        bus = servers.MessageBus(f'cloudmanager_soak_{place.number()}')
        self._closing.callback(bus.stop)
        self.relays = {plans.DATABASE: relay.Relay(DATABASE_PORT),
                       plans.BROKER: relay.Relay(BROKER_PORT)}
        for found in self.relays.values():
            self._closing.callback(found.close)
        processes.mysql(f'DROP DATABASE IF EXISTS {name}',
                        f'CREATE DATABASE {name} CHARACTER SET utf8mb4')
        self.installation = processes.Installation(
            self.directory, name, address=place.address(),
            database=f'mysql+pymysql://{processes.DATABASE_USER}@127.0.0.1:'
                     f'{self.relays[plans.DATABASE].port}/{name}',
            transport=bus.url.replace(
                f':{BROKER_PORT}/', f':{self.relays[plans.BROKER].port}/'),
            more=CONFIGURATION.format(lease=plans.LEASE,
                                      directory=self.directory))
        self._closing.callback(self.installation.close)
        workers = [self.installation.conductor(f'conductor{number}')
                   for number in (1, 2)]
        self.crew = kills.Crew(workers, name)
        self.installation.api()
        self.client = processes.Client()
        self.nodes: dict[str, int] = {}
        for number, host in enumerate(FAKE, 1):
            self.nodes[host] = self.client.enrol_fake(host, number)
        self.bmcs = {name: self._enrol_ipmi(name)
                     for name in (*REAL, *SPARES)}
        self.machines = {host: self._machine(host) for host in REAL}
        self.project = storage.Project()
        self.project.clear()
        self.project.let_in()
        self._closing.callback(self.project.keep_out)
        self._closing.callback(self.project.clear)
        self._closing.callback(self.cloud.clear)
        self._closing.callback(self.cloud.restore_hosts)
        self.ours = cloud.service_nova()
        self.source: str | None = None
        self.crew.wait()

    def _enrol_ipmi(self, name: str) -> ipmisimlib.BMC:
        bmc = ipmisimlib.create(
            self.directory, f'bmc-{name}', ipmisimlib.free_port(),
            user=base.BMC_USER, password=base.BMC_PASSWORD)
        bmc.start()
        self._closing.callback(bmc.remove)
        self.nodes[name] = self.client.enrol(name, {
            'control_type': 'SupermicroRackDevice', 'protocol_type': 'ipmi',
            'host': bmc.host, 'port_number': bmc.port,
            'login': base.BMC_USER, 'password': base.BMC_PASSWORD})
        return bmc

    def _machine(self, host: str) -> machines.Machine:
        machine = machines.Machine(host, self.bmcs[host].directory).start()
        self._closing.callback(machine.stop)
        return machine

    # Servers

    def stock(self, host: str, count: int) -> list[str]:
        """See that a host has servers; return the ids of all on it.

        Those of other hosts go when there are too many in all.
        """
        present = self.cloud.servers_on(host)
        found = self.cloud.all_servers()
        extra = len(found) + max(0, count - len(present)) - MOST_SERVERS
        for server_id, server in sorted(found.items()):
            if extra <= 0:
                break
            if (self.cloud.host_of(server) != host
                    and server_id != self.source):
                self.remove(server_id)
                extra -= 1
        if len(present) < count:
            present += self.cloud.boot(host, count - len(present))
        return present

    def remove(self, server_id: str) -> None:
        """Delete a server and wait until it is gone."""
        def gone() -> bool:
            try:
                self.cloud.nova.servers.force_delete(server_id)
            except nova_exc.NotFound:
                return True
            return False
        cloud.wait(gone, 60, f'server {server_id} is deleted')

    def actions(self) -> Actions:
        """Return how often each server was asked what, by Nova's records."""
        return {server_id: collections.Counter(
            action.action for action in
            self.cloud.nova.instance_action.list(server_id)
            if action.action not in HARMLESS)
            for server_id in self.cloud.all_servers()}

    # Power

    def switches(self) -> dict[str, list[str]]:
        """Return what each BMC was told to do so far."""
        return {name: [what for _, what in bmc.log
                       if what.startswith('set ')]
                for name, bmc in self.bmcs.items()}

    def is_off(self, name: str) -> bool:
        """Tell whether the power of a node is off."""
        if name in self.bmcs:
            return self.bmcs[name].state != 'on'
        return OFF in self._fake(name).values()

    def _fake_path(self, name: str) -> pathlib.Path:
        return (self.directory / 'fake'
                / f'127.0.0.1_{FAKE.index(name) + 1}.json')

    def _fake(self, name: str) -> dict[str, str]:
        try:
            return json.loads(self._fake_path(name).read_text())
        except FileNotFoundError:
            return {}

    def switch_on(self, name: str) -> None:
        """Switch a node on behind the service's back."""
        if name in self.bmcs:
            self.bmcs[name].switch(True)
        else:
            self._fake_path(name).unlink(missing_ok=True)

    # Tasks

    def begin(self, path: str, body: Any = None,
              again: tuple[int, ...] = ()) -> str:
        """Begin a task; return its id.

        Before the first disturbance, but those of the round before may
        still be felt: a request that could not be served is made again. One
        that was served all the same finds its task.

        :param again: further statuses for which the request is made again
        """
        deadline = time.monotonic() + BEGIN_SECONDS
        while True:
            answer = self.client.request('POST', path, body or {})
            if answer.status_code == 202:
                return answer.headers['Location'].rpartition('/')[2]
            if (answer.status_code not in (503, *again)
                    or time.monotonic() > deadline):
                raise AssertionError(
                    f'{path}: {answer.status_code} {answer.text}')
            time.sleep(0.5)

    def query(self, statement: str, *values: Any) -> Any:
        """Return rows of our database, past the relay."""
        return processes.query(self.installation.name, statement, *values)
