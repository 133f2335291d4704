# SPDX-License-Identifier: Apache-2.0
"""Work on hosts that is begun, disturbed and checked."""

import collections
import random
from typing import Any

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import nova_db
from cloudmanager.tests.integration.slots import equal
from cloudmanager.tests.soak import scene as soak_scene

EVACUATE, LIVE = 'evacuate', 'live-migration'


class Flow:
    """One kind of work.

    A round calls ``prepare``, ``begin`` (then come the disturbances),
    ``check`` and ``clean``, in this order.

    :param rng: for what the flow draws
    :ivar tasks: ids of the tasks that were begun
    :ivar expected: how often Nova is asked what for which server; for all
        others nothing
    :ivar switches: what each BMC may be told to do, at most
    :ivar off: nodes whose power is off in the end
    :ivar disabled: hosts that are disabled in the end
    :ivar down: hosts that are forced down in the end
    :ivar gone: hosts that are no longer in the cloud
    """

    def __init__(self, scene: soak_scene.Scene, rng: random.Random) -> None:
        self.scene = scene
        self.random = rng
        self.tasks: list[str] = []
        self.expected: soak_scene.Actions = collections.defaultdict(
            collections.Counter)
        self.switches: dict[str, list[str]] = {}
        self.off: set[str] = set()
        self.disabled: set[str] = set()
        self.down: set[str] = set()
        self.gone: set[str] = set()

    def __str__(self) -> str:
        return type(self).__name__.lower()

    def prepare(self) -> None:
        """Bring the cloud to where the work can begin."""

    def begin(self) -> None:
        """Begin the tasks."""
        raise NotImplementedError

    def check(self) -> None:
        """Check the outcome, further than it is done for all flows."""

    def clean(self) -> None:
        """Undo what the work did."""

    def check_task(self, task: dict[str, Any]) -> None:
        """Check one of the tasks."""
        equal('SUCCESS', task['status'], task['result'])


class HostFlow(Flow):
    """Takes the servers off a host.

    :cvar hosts: of which one is drawn
    :cvar asked: of Nova, for each server
    """

    hosts: tuple[str, ...] = ()
    asked = LIVE

    def __str__(self) -> str:
        return f'{super().__str__()} {self.host} ({len(self.servers)})'

    def prepare(self) -> None:
        self.host = self.random.choice(self.hosts)
        self.servers: list[str] = []
        self.servers = self.scene.stock(self.host,
                                        self.random.randint(2, 4))
        for server in self.servers:
            self.expected[server][self.asked] = 1

    def start(self, action: str, body: dict[str, Any], *again: int) -> None:
        self.tasks.append(self.scene.begin(
            f'/v1/hosts/{self.host}/actions/{action}', body, again))

    def check_task(self, task: dict[str, Any]) -> None:
        super().check_task(task)
        equal(dict.fromkeys(self.servers, 'DONE'), {
            item['id']: item['state'] for item in task['items']},
            'servers of the task')

    def check(self) -> None:
        equal([], self.scene.cloud.servers_on(self.host),
              f'servers on {self.host}')


class Drain(HostFlow):
    """Empties a host and switches it off, in name only."""

    hosts = soak_scene.FAKE

    def begin(self) -> None:
        self.off = self.disabled = {self.host}
        self.start('shutdown', {})

    def clean(self) -> None:
        self.scene.switch_on(self.host)
        self.scene.cloud.restore_hosts()


class Evacuate(HostFlow):
    """Brings the servers of a dead host back elsewhere."""

    hosts = soak_scene.FAKE
    asked = EVACUATE

    def begin(self) -> None:
        self.disabled = self.down = {self.host}
        cloud.minicloud('kill', self.host)
        if self.random.random() < 0.6:
            self.off = {self.host}
            self.start('evacuate', {'force': True})
        else:
            # Believed once nova-compute has been silent for long enough.
            self.start('evacuate', {'fenced': True}, 409)

    def clean(self) -> None:
        self.scene.switch_on(self.host)
        self.scene.cloud.restore_hosts()


class Restart(HostFlow):
    """Empties a host and resets it; its nova-compute really goes."""

    hosts = soak_scene.REAL

    def begin(self) -> None:
        self.switches = {self.host: ['set reset 1']}
        self.tasks.append(self.scene.begin('/v1/hosts/actions/restart',
                                           {'hosts': [self.host]}))

    def check_task(self, task: dict[str, Any]) -> None:
        equal('SUCCESS', task['status'], task['result'])
        equal({self.host: 'DONE'}, {
            item['id']: item['state'] for item in task['items']},
            'hosts of the task')

    def check(self) -> None:
        super().check()
        (part,) = self.scene.query(
            'SELECT id FROM tasks WHERE parent_id = %s', self.tasks[0])
        super().check_task(self.scene.client.task(part[0]))
        equal('up', self.scene.cloud.service(self.host).state,
              f'state of {self.host}')


class Decommission(HostFlow):
    """Takes a host out of the cloud for good."""

    hosts = soak_scene.REAL[1:]

    def begin(self) -> None:
        self.gone = self.off = {self.host}
        self.switches = {self.host: ['set shutdown 1', 'set power 0']}
        self.start('decommission', {'allow_live_migrate': True,
                                    'allow_migrate': True})

    def check(self) -> None:
        equal([], self.scene.cloud.nova.services.list(host=self.host),
              f'services of {self.host}')
        equal([], self.scene.cloud.placement.get(
            f'/resource_providers?name={self.host}').json()[
                'resource_providers'], f'providers of {self.host}')

    def clean(self) -> None:
        """Let the host be a new one of the cloud."""
        self.scene.switch_on(self.host)
        cloud.minicloud('kill', self.host)
        cloud.minicloud('run', self.host)
        self.scene.machines[self.host].assume_on()
        nova = self.scene.cloud.nova

        def is_known() -> bool:
            services = nova.services.list(host=self.host,
                                          binary='nova-compute')
            return bool(services and services[0].state == 'up' and [
                item for item in nova.hypervisors.list()
                if item.hypervisor_hostname == self.host])

        cloud.wait(is_known, 90, f'{self.host} is a host of Nova', 0.5)
        nova_db.archive_services()


class Power(Flow):
    """Switches machines that are no compute hosts, several at a time."""

    def prepare(self) -> None:
        self.asked: dict[str, str] = {}
        for name in soak_scene.SPARES:
            if self.scene.is_off(name):
                self.asked[name] = 'power-on'
            else:
                self.asked[name] = self.random.choice(
                    ('power-off', 'power-off', 'reset'))
            self.scene.bmcs[name].set_soft_delay(
                self.random.randint(500, 4000))

    def begin(self) -> None:
        for name, action in self.asked.items():
            self.switches[name] = {
                'power-on': ['set power 1'], 'reset': ['set reset 1'],
                'power-off': ['set shutdown 1']}[action]
            if action == 'power-off':
                self.off.add(name)
            self.tasks.append(self.scene.begin(
                f'/v1/nodes/{self.scene.nodes[name]}/actions/{action}'))

    def check_task(self, task: dict[str, Any]) -> None:
        # A reset that may have been sent is not sent again.
        if (task['status'] == 'FAILURE'
                and 'It is not known' in (task['result'] or '')
                and self.asked[soak_scene.SPARES[
                    self.tasks.index(task['id'])]] == 'reset'):
            return
        super().check_task(task)
