# SPDX-License-Identifier: Apache-2.0
"""Conductors are killed while they act on single servers.

Tasks of all kinds run all the time, so that each kill hits several of them
at some instant. Nova's own records tell whether anything was done twice.
"""

import collections
import random
import threading
import time

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import nova_db
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import storage
from cloudmanager.tests.integration import test_kills

ENDED = ('SUCCESS', 'FAILURE', 'REVOKED')
# A kill within this many seconds after a task was seen to be at work.
LATEST_KILL = 0.5
# So long it takes until a task that was begun is at work.
LOOK_SECONDS = 1.0
# Seconds between two looks at all servers.
PAUSE = 0.3
# Seconds between two looks for a conductor to kill.
HUNT_PAUSE = 0.05


class Slot:
    """A server that goes through one action again and again.

    :cvar action: in the path of the request
    :cvar body: of the request
    :cvar asked: what Nova is asked for, once for each task
    """

    action = ''
    body = {}
    asked = ''

    def __init__(self, case, server):
        self.case = case
        self.server = server
        self.task = None
        self.runs = 0

    @property
    def name(self):
        return f'server.{self.action}'

    def prepare(self):
        """Bring the server to where the action is needed."""

    def is_ready(self):
        """Tell whether it is there."""
        return self.found().status == 'ACTIVE' and self.at_rest()

    def found(self):
        return self.case.found[self.server]

    def at_rest(self):
        return getattr(self.found(), 'OS-EXT-STS:task_state') is None

    def begin(self):
        with self.case.asking:
            self.task = self.case.client.start_task(
                f'/v1/servers/{self.server}/actions/{self.action}',
                self.body)
        self.runs += 1

    def check(self, task):
        """Check what a task has done."""
        self.case.assertEqual('SUCCESS', task['status'], task['result'])
        server = self.case.cloud.server(self.server)
        self.case.assertEqual('ACTIVE', server.status)
        self.case.assertEqual(
            self.runs, len(self.case.cloud.actions(self.server, self.asked)),
            f'{self.name}: not asked for {self.asked} once for each task')


class Wakeup(Slot):

    action, asked = 'wakeup', 'start'

    def prepare(self):
        self.case.cloud.nova.servers.stop(self.server)

    def is_ready(self):
        return self.found().status == 'SHUTOFF' and self.at_rest()


class Recover(Slot):

    action, asked = 'recover', 'reboot'

    def prepare(self):
        self.case.cloud.nova.servers.reset_state(self.server, 'error')

    def is_ready(self):
        return self.found().status == 'ERROR'


class Repair(Slot):
    """The guest is off, and Nova does not know."""

    action, asked = 'repair', 'reboot'

    def prepare(self):
        nova_db.update([self.server], power_state=4)


class Reset(Slot):

    action, body, asked = 'reset-reboot', {'reboot': True}, 'reboot'


class Balance(Slot):
    """Off a full host, to which the test moves it back."""

    action, asked = 'balance', 'live-migration'

    def prepare(self):
        if self.case.cloud.host_of(self.found()) != 'cmp1':
            self.case.cloud.nova.servers.live_migrate(
                self.server, 'cmp1', 'auto')
            self.runs += 1

    def is_ready(self):
        return (self.case.cloud.host_of(self.found()) == 'cmp1'
                and super().is_ready())


class Clone(Slot):
    """A server with a volume; the clone is removed again."""

    action = 'clone'

    def check(self, task):
        self.case.assertEqual('SUCCESS', task['status'], task['result'])
        (item,) = task['items']
        project = self.case.project
        clones = [server for server in project.nova.servers.list()
                  if server.name.startswith(self.prefix)]
        self.case.assertEqual([item['id']], [clone.id for clone in clones])
        self.case.assertIsNone(
            getattr(project.nova.servers.get(item['id']), 'description'))
        mine = [volume for volume in project.volumes().values()
                if volume.name.startswith(self.prefix)]
        self.case.assertEqual([('in-use', 'about data')], [
            (volume.status, volume.description) for volume in mine])
        for name in (*project.images().values(),
                     *(snapshot.name for snapshot in
                       project.cinder.volume_snapshots.list())):
            self.case.assertNotIn(task['id'], name)
        self.case.assertNotIn(task['id'], str(
            [pair.name for pair in self.case.ours.keypairs.list()]))
        self.away = [volume.id for volume in mine]
        clones[0].delete()

    @property
    def prefix(self):
        return f'{self.found().name}-clone-'

    away = ()

    def is_ready(self):
        """Wait until the last clone is gone."""
        present = self.case.project.volumes()
        for volume in [key for key in self.away if key in present]:
            if present[volume].status == 'available':
                self.case.project.cinder.volumes.delete(volume)
            return False
        return super().is_ready()


class ServerKillsCase(base.IntegrationCase):

    conductors = 2
    # Kills while tasks of a kind are in the hands of the one killed.
    wanted = test_kills.KILLS
    more = ('[conductor]\nlease = 2\nworkers = 12\n'
            '[host_tasks]\nadopt_grace = 3\n'
            '[server_tasks]\nstale_after = 60\ncreate_grace = 8\n'
            'balance_gain = 0\n')

    def setUp(self):
        super().setUp()
        self.random = random.Random(test_kills.seed_of(self))
        self.project = storage.Project()
        self.project.clear()
        self.project.let_in()
        self.addCleanup(self.project.keep_out)
        self.addCleanup(self.project.clear)
        self.addCleanup(self.cloud.clear)
        self.ours = cloud.service_nova()
        # Who is killed while it checks a request cannot answer it.
        self.asking = threading.Lock()
        self.hits = collections.Counter()
        self.kills = 0

    def make(self):
        """Boot the servers; return the slots."""
        slots = []
        for host, kind, count in (
                ('cmp2', Wakeup, 3), ('cmp3', Recover, 3),
                ('cmp4', Repair, 3), ('cmp2', Reset, 3),
                ('cmp1', Balance, 3)):
            slots += [kind(self, server)
                      for server in self.cloud.boot(host, count)]
        # So that those on the first host are better off elsewhere.
        self.cloud.boot('cmp1', 10)
        return slots + [self.clone_slot(number) for number in range(2)]

    def clone_slot(self, number):
        volume = self.project.volume('data', kind='fake')
        made = self.project.nova.servers.create(
            f'source{number}', self.cloud.image, self.cloud.flavors[
                'm1.nano'], nics='none', block_device_mapping_v2=[
                    {'uuid': volume, 'source_type': 'volume',
                     'destination_type': 'volume', 'boot_index': -1}])
        cloud.wait(lambda: self.cloud.server(made.id).status == 'ACTIVE', 60,
                   'the source of clones is active')
        return Clone(self, made.id)

    def query(self, statement, *values):
        return processes.query(self.installation.name, statement, *values)

    def held(self, worker):
        """Return the kinds of tasks that a conductor has in its hands."""
        return {name for (name,) in self.query(
            "SELECT name FROM tasks WHERE status = 'STARTED' "
            'AND owner LIKE %s', f'{worker.name}:%')}

    def holder(self, names):
        """Return a conductor that has such tasks, if there soon is one."""
        deadline = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < deadline:
            for worker in self.random.sample(self.workers, 2):
                if self.held(worker) & names:
                    return worker
            time.sleep(HUNT_PAUSE)
        return None

    def wanting(self):
        """Return the kinds that were not killed often enough."""
        return {name for name in self.names
                if self.hits[name] < self.wanted}

    def harass(self):
        """Kill conductors, one at a time, until each kind has had its due."""
        while (wanting := self.wanting()) and not self.over.is_set():
            self.kill(wanting)
            time.sleep(HUNT_PAUSE)

    def kill(self, wanting):
        """End a conductor that has what wants kills, and start it again."""
        if not processes.all_run(self.workers):
            return
        rarest = {name for name in wanting if self.hits[name]
                  == min(self.hits[name] for name in wanting)}
        victim = self.holder(rarest) or self.holder(wanting)
        if victim is None:
            return
        time.sleep(self.random.uniform(0, LATEST_KILL))
        with self.asking:
            held = self.held(victim)
            victim.kill()
        self.hits.update(held)
        self.kills += 1
        victim.start()

    def step(self, slots, wanting):
        """Take all slots one step further; return how many have a task.

        :param wanting: the kinds of which new tasks are begun
        """
        self.found = self.cloud.all_servers()
        status = dict(self.query('SELECT id, status FROM tasks'))
        for slot in slots:
            if slot.task and status[slot.task] in ENDED:
                slot.check(self.client.task(slot.task))
                slot.task = None
                self.prepared.discard(slot)
            elif not slot.task and slot.name in wanting:
                if slot not in self.prepared:
                    slot.prepare()
                    self.prepared.add(slot)
                elif slot.is_ready():
                    slot.begin()
        return sum(bool(slot.task) for slot in slots)

    def test_kills(self):
        """Nothing lost, nothing twice, nothing left (CC1, CC11)."""
        slots = self.make()
        self.prepared = set()
        self.names = {slot.name for slot in slots}
        self.over = threading.Event()
        harasser = threading.Thread(target=self.harass, daemon=True)
        harasser.start()
        self.addCleanup(harasser.join, 30)
        self.addCleanup(self.over.set)
        deadline = time.monotonic() + 300 + 15 * self.wanted
        while wanting := self.wanting():
            self.assertLess(time.monotonic(), deadline, self.hits)
            self.step(slots, wanting)
            time.sleep(PAUSE)
        harasser.join(30)
        cloud.wait(lambda: not self.step(slots, ()), 120,
                   'all tasks have ended', 0.5)
        runs = sum(slot.runs for slot in slots)
        print(f'{self.kills} kills in {runs} tasks; by kind: '
              f'{dict(sorted(self.hits.items()))}')
