# SPDX-License-Identifier: Apache-2.0
"""Conductors are killed while they act on single servers.

Tasks of all kinds run all the time, so that each kill hits several of them
at some instant. Nova's own records tell whether anything was done twice.
"""

import random
import threading
import time

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import kills
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import slots
from cloudmanager.tests.integration import storage
from cloudmanager.tests.integration import test_kills

ENDED = ('SUCCESS', 'FAILURE', 'REVOKED')
# A kill within this many seconds after a task was seen to be at work.
LATEST_KILL = 0.5
# Seconds between two looks at all servers.
PAUSE = 0.3


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
        self.crew = kills.Crew(self.workers, self.installation.name)

    def make(self):
        """Boot the servers; return the slots."""
        # Ten more on the first host, so that servers are better off
        # elsewhere.
        booted = self.cloud.boot_each({'cmp1': 13, 'cmp2': 6, 'cmp3': 3,
                                       'cmp4': 3})
        made = []
        for host, kind in (
                ('cmp2', slots.Wakeup), ('cmp3', slots.Recover),
                ('cmp4', slots.Repair), ('cmp2', slots.Reset),
                ('cmp1', slots.Balance)):
            made += [kind(self, booted[host].pop()) for _ in range(3)]
        return made + [slots.source(self, f'source{number}')
                       for number in range(2)]

    def start(self, path, body):
        """Begin a task; nobody is killed meanwhile."""
        with self.asking:
            return self.client.start_task(path, body)

    def query(self, statement, *values):
        return processes.query(self.installation.name, statement, *values)

    def wanting(self):
        """Return the kinds that were not killed often enough."""
        return {name for name in self.names
                if self.harasser.hits[name] < self.wanted}

    def rarest(self):
        """Return a conductor that has such tasks, or better the rarest."""
        hits, wanting = self.harasser.hits, self.wanting()
        held = {worker: {task.name for task in self.crew.held(worker)}
                for worker in self.workers}
        return max(
            (worker for worker in self.workers if held[worker] & wanting),
            key=lambda worker: -min(hits[name] for name
                                    in held[worker] & wanting), default=None)

    def step(self, made, wanting):
        """Take all slots one step further; return how many have a task.

        :param made: the slots
        :param wanting: the kinds of which new tasks are begun
        """
        self.found = self.cloud.all_servers()
        status = dict(self.query('SELECT id, status FROM tasks'))
        for slot in made:
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
        return sum(bool(slot.task) for slot in made)

    def test_kills(self):
        """Nothing lost, nothing twice, nothing left (CC1, CC11)."""
        made = self.make()
        self.prepared = set()
        self.names = {slot.name for slot in made}
        self.harasser = kills.Harasser(self.crew, self.random, self.rarest,
                                       LATEST_KILL, guard=self.asking)
        deadline = time.monotonic() + 300 + 15 * self.wanted
        with self.harasser:
            while wanting := self.wanting():
                self.assertLess(time.monotonic(), deadline,
                                self.harasser.hits)
                self.step(made, wanting)
                time.sleep(PAUSE)
        cloud.wait(lambda: not self.step(made, ()), 120,
                   'all tasks have ended', 0.5)
        runs = sum(slot.runs for slot in made)
        print(f'{self.harasser.kills} kills in {runs} tasks; by kind: '
              f'{dict(sorted(self.harasser.hits.items()))}')
