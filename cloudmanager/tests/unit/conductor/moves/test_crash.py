# SPDX-License-Identifier: Apache-2.0
"""A conductor is killed at any point, and another one goes on.

Killed before each write to the database, and at each request to Nova, once
when it did not arrive and once when it did.
"""

from keystoneauth1 import exceptions as ks_exc
import sqlalchemy as sa

from cloudmanager.clients import retry
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.db import models
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

LIVE, COLD, EVACUATE = 'live_migrate', 'cold_migrate', 'evacuate'
STATES = {LIVE: 'active', COLD: 'stopped', EVACUATE: 'active'}
CONFIRM = {LIVE: 0, COLD: 1, EVACUATE: 0}


class CrashTestCase(fakes_case.ConductorCase):

    servers = ('vm1', 'vm2')

    def begin(self, kind):
        """Set all back to where nothing was done."""
        for table in (models.TaskItem, models.TaskTarget, models.Task):
            self.execute(sa.delete(table))
        self.task_id = None
        self.nova = fakes.FakeNova(self.clock)
        self.placement.cloud = self.nova
        self.tools = type(self.tools)(
            nova=self.nova, placement=self.placement,
            power=self.tools.power)
        self.nova.add(*self.servers, vm_state=STATES[kind])
        if kind == EVACUATE:
            self.dead_host()
        self.create('host.evacuate' if kind == EVACUATE
                    else 'host.shutdown')

    def work(self, kind, die_at=None):
        """Let one conductor work until it is dead; return its writes."""
        run = self.mortal(die_at)
        try:
            self.plan(run)
            self.drive(run, fakes_case.EVACUATION if kind == EVACUATE
                       else fakes_case.DRAIN)
        except engine_run.HandOver:
            self.assertTrue(self.nova.dead)
        return run.writes

    def check(self, kind, where):
        self.assertEqual(dict.fromkeys(self.servers, 'DONE'), self.states(),
                         where)
        self.assertEqual([], self.nova.on('src'), where)
        for name in self.servers:
            self.assertEqual(
                (1, CONFIRM[kind], False),
                (self.nova.count(kind, name),
                 self.nova.count('confirm_resize', name),
                 self.nova.vms[name].locked), where)

    def kill_at_writes(self, kind):
        self.begin(kind)
        total = self.work(kind)
        self.check(kind, 'nobody was killed')
        self.assertGreater(total, 5)
        for number in range(1, total + 1):
            self.begin(kind)
            self.work(kind, die_at=number)
            self.nova.revive()
            self.work(kind)
            self.check(kind, f'killed before write {number}')

    def kill_at_requests(self, kind):
        self.begin(kind)
        self.work(kind)
        total = len(self.nova.sent)
        for number in range(1, total + 1):
            for arrives in (False, True):
                self.begin(kind)
                self.nova.kill_at = (number, arrives)
                self.work(kind)
                self.nova.revive()
                self.work(kind)
                self.check(kind, f'killed at request {number}, which '
                                 f'arrived: {arrives}')

    def test_live_writes(self):
        """EV15 in kind: nothing is asked twice and all is done."""
        self.kill_at_writes(LIVE)

    def test_cold_writes(self):
        self.kill_at_writes(COLD)

    def test_evacuation_writes(self):
        """EV8 EV15: nothing twice, no lock is left."""
        self.kill_at_writes(EVACUATE)

    def test_live_requests(self):
        self.kill_at_requests(LIVE)

    def test_cold_requests(self):
        self.kill_at_requests(COLD)

    def test_evacuation_requests(self):
        """EV8 EV15: nothing twice, no lock is left."""
        self.kill_at_requests(EVACUATE)

    def test_killed_again_and_again(self):
        """Each conductor lives for three writes."""
        for kind in (LIVE, COLD, EVACUATE):
            self.begin(kind)
            for _ in range(20):
                self.work(kind, die_at=4)
                if not self.nova.dead:
                    break
                self.nova.revive()
            self.check(kind, kind)


class RestartTestCase(fakes_case.ConductorCase):

    def test_adopts_skips_and_redoes(self):
        """EV15: watch what runs, skip what is done, redo what broke."""
        self.dead_host()
        self.nova.add('done', 'runs', 'broke', 'lost')
        self.nova.slow['runs'] = 100
        self.nova.script['evacuate', 'broke'] = [fakes.FAILS]
        self.nova.script['evacuate', 'lost'] = [fakes.LOST]
        run = self.mortal(name='host.evacuate')
        self.plan(run)
        self.clock.at(0.9, setattr, self.nova, 'dead', True)
        self.assertRaises(engine_run.HandOver, self.drive, run,
                          fakes_case.EVACUATION)
        self.clock.sleep(20)
        self.nova.revive()
        self.drive(self.run_of(), fakes_case.EVACUATION)
        self.assertEqual({'DONE'}, set(self.states().values()))
        self.assertEqual(
            {'done': 1, 'runs': 1, 'broke': 2, 'lost': 1},
            {name: self.nova.count('evacuate', name)
             for name in self.nova.vms})

    def test_group_under_way(self):
        """DR19: a member under way holds up the others after a restart."""
        self.nova.add('vm1', 'vm2')
        self.nova.server_groups.append(fakes.nova_records.Group(
            id='g1', name='g', policy='soft-anti-affinity', rules={},
            members=('vm1', 'vm2')))
        self.nova.slow['vm1'] = 30
        run = self.mortal()
        self.plan(run)
        self.clock.at(5, setattr, self.nova, 'dead', True)
        self.assertRaises(engine_run.HandOver, self.drive, run)
        self.nova.revive()
        self.drive(self.run_of())
        self.assertEqual(1, self.nova.peak)
        self.assertEqual({'DONE'}, set(self.states().values()))

    def test_the_former_owner_writes_nothing(self):
        """A conductor that was taken for dead and is not stops at once."""
        self.nova.add('vm1', 'vm2')
        self.nova.slow = {'vm1': 30, 'vm2': 30}
        former = self.run_of()
        self.plan(former)
        self.clock.at(5, self.run_of)
        self.assertRaises(engine_run.HandOver, self.drive, former)
        self.assertTrue(former.lost.is_set())
        self.assertFalse(former.is_owned())
        self.assertRaises(exception.LeaseLost, former.save, self.move())
        self.drive(self.run_of())
        self.assertEqual(2, self.nova.count('live_migrate'))
        self.assertEqual({'DONE'}, set(self.states().values()))

    def test_lease_lost_in_mid_retry(self):
        """The request of a lost task is not repeated by its old owner."""
        self.config(group='cloud', retry_delay=0)
        self.nova.add('vm1')
        former = self.run_of()
        self.plan(former)
        asked, sent = [], self.nova.live_migrate

        def busy():
            asked.append(former.generation)
            self.run_of()
            raise ks_exc.ServiceUnavailable()

        self.nova.live_migrate = lambda *args: retry.call(
            retry.Kind.ONCE, 'Nova', 'live-migrate', busy)
        self.assertRaises(engine_run.HandOver, self.drive, former)
        self.assertEqual(1, len(asked))
        self.nova.live_migrate = sent
        self.drive(self.run_of())
        self.assertEqual(1, self.nova.count('live_migrate'))

    def test_stop(self):
        """A conductor that ends leaves its moves for another one."""
        self.nova.add('vm1')
        self.nova.slow['vm1'] = 30
        run = self.run_of()
        self.plan(run)
        self.clock.at(5, run.stopping.set)
        self.assertRaises(engine_run.HandOver, self.drive, run)
        self.assertEqual('RUNNING', self.states()['vm1'])
        self.drive(self.run_of())
        self.assertEqual('DONE', self.states()['vm1'])
        self.assertEqual(1, self.nova.count('live_migrate'))
