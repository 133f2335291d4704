# SPDX-License-Identifier: Apache-2.0
"""Each attempt of a move begins with a record of its own."""

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

LIVE = 'live_migrate'


class AttemptTestCase(fakes_case.ConductorCase):
    """What one try learnt does not decide on the next."""

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', move_timeout=60, poll_interval=5,
                    move_timeout_per_gib=0, migration_retries=1,
                    stall_timeout=120)
        self.nova.add('vm1')

    def copies(self, seconds):
        """Let the next live migration copy steadily for some seconds."""
        begin = self.clock.now
        self.nova.slow['vm1'] = seconds
        self.nova.remaining['vm1'] = lambda: int(
            10 ** 9 * max(0, 1 - (self.clock.now - begin) / seconds)) + 1000

    def second_try(self, after, then):
        """Let the first try fail so many seconds from now.

        :param then: what the second one is like; a function
        """
        self.nova.script[LIVE, 'vm1'] = [fakes.STUCK]

        def fail():
            record = self.nova.records[-1]
            self.nova._broken(LIVE, record, self.nova.log[-1], 'It broke.')
            then()

        self.clock.at(after, fail)

    def test_healthy_second_try(self):
        """A healthy second try is not aborted (FD1)."""
        self.config(group='host_tasks', move_timeout=200)
        self.nova.remaining['vm1'] = lambda: 100
        self.second_try(90, lambda: self.copies(400))
        item = self.drain()['vm1']
        self.assertEqual(('DONE', 2), (item['state'], item['attempts']))
        self.assertEqual(0, self.nova.count('abort_migration'))
        self.assertEqual(2, self.nova.count(LIVE))

    def test_copies_in_passes(self):
        """One that has less to copy each time is healthy (FD1)."""
        self.config(group='host_tasks', move_timeout=600)
        begin = self.clock.now
        passes = ((0, 600, 10 ** 9), (600, 300, 5 * 10 ** 8),
                  (900, 160, 2 * 10 ** 8))

        def remaining():
            for start, seconds, size in reversed(passes):
                age = self.clock.now - begin - start
                if age >= 0:
                    return int(size * max(0, 1 - age / seconds)) + 100

        self.nova.slow['vm1'] = 1050
        self.nova.remaining['vm1'] = remaining
        self.assertEqual('DONE', self.drain()['vm1']['state'])
        self.assertEqual(0, self.nova.count('abort_migration'))

    def test_copies_the_same_again_and_again(self):
        """One that never has less to copy is aborted (DR7)."""
        self.config(group='host_tasks', move_timeout=600,
                    migration_retries=0)
        begin = self.clock.now
        self.nova.script[LIVE, 'vm1'] = [fakes.STUCK]
        self.nova.remaining['vm1'] = lambda: int(
            10 ** 9 * (1 - (self.clock.now - begin) % 50 / 50)) + 100
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('abort_migration'))
        self.assertLess(self.clock.now - begin, 400)

    def test_record_is_replaced(self):
        """Nothing of the first try is left in the record (FD1)."""
        self.nova.remaining['vm1'] = lambda: 100
        seen = []

        def then():
            self.nova.slow['vm1'] = 25
            self.clock.at(20, lambda: seen.append(
                self.items()['vm1']['memory']))

        self.second_try(90, then)
        self.drain()
        self.assertEqual({'phase', 'asked_at', 'lock_taken'},
                         set(seen[0]['attempt']))
        self.assertEqual(set(), stored.kinds(Attempt).keys() & seen[0])

    def test_stalled_twice(self):
        """A second try that gets stuck is aborted like the first (FD2)."""
        self.nova.script[LIVE, 'vm1'] = [fakes.STUCK, fakes.STUCK]
        self.nova.remaining['vm1'] = lambda: 5000
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(2, self.nova.count('abort_migration'))

    def test_refused_for_a_moment_twice(self):
        """The passing refusals of one try are not those of the next (FD1).

        So each has its own time until they count as a failure.
        """
        self.config(group='host_tasks', settle_timeout=30)
        passing = fakes.refusal(LIVE, 'host is unavailable at this time.')
        self.nova.script[LIVE, 'vm1'] = [passing, fakes.FAILS, passing]
        self.nova.slow['vm1'] = 40
        item = self.drain()['vm1']
        self.assertEqual(('DONE', 2), (item['state'], item['attempts']))

    def test_busy_after_a_long_try(self):
        """A wait begins when it begins, not when the task did (FD1)."""
        self.config(group='host_tasks', settle_timeout=60)
        self.nova.script[LIVE, 'vm1'] = [fakes.STUCK]
        self.nova.remaining['vm1'] = lambda: 5000

        def tenant():
            record = self.nova.records[-1]
            self.nova._set(record, 'error')
            self.nova.set('vm1', task_state='image_snapshot')
            self.clock.at(20, self.nova.set, 'vm1', task_state=None)

        self.clock.at(100, tenant)
        self.assertEqual('DONE', self.drain()['vm1']['state'])


class CancelTestCase(fakes_case.ConductorCase):
    """A cancel with ``abort`` reaches whatever runs now."""

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', move_timeout=200, poll_interval=5,
                    move_timeout_per_gib=0, migration_retries=1,
                    stall_timeout=60)
        self.nova.add('vm1')
        self.nova.script[LIVE, 'vm1'] = [fakes.STUCK] * 3
        self.nova.remaining['vm1'] = lambda: 5000
        self.begin = self.clock.now

    def run_until(self, after, running):
        run = self.run_of()
        self.plan(run)
        self.clock.at(after, self.cancel, running)
        self.assertRaises(exception.TaskCancelled, self.drive, run)
        return self.clock.now - self.begin

    def test_second_try(self):
        """The abort of the first try does not protect the second (FD2)."""
        self.assertLess(self.run_until(130, 'abort'), 160)
        self.assertEqual(2, self.nova.count(LIVE))
        self.assertEqual(2, self.nova.count('abort_migration'))
        self.assertEqual('SKIPPED', self.states()['vm1'])

    def test_forced_and_stuck(self):
        """One that was forced to complete is aborted all the same (FD2)."""
        self.config(group='host_tasks', slow_migration='force-complete')
        self.nova._force = lambda *args: None
        self.assertLess(self.run_until(130, 'abort'), 160)
        self.assertEqual(1, self.nova.count('force_complete'))
        self.assertEqual(1, self.nova.count('abort_migration'))

    def test_abort_without_effect(self):
        """An abort that came to nothing is asked for again (FD2)."""
        self.config(group='host_tasks', slow_migration='wait')
        self.nova.script['abort_migration', 'vm1'] = [fakes.REFUSED]
        self.assertLess(self.run_until(40, 'abort'), 100)
        self.assertEqual(1, self.nova.count('abort_migration'))
        self.assertEqual(2, self.nova.sent.count(('abort_migration',
                                                  'vm1')))

    def test_abort_after_finish(self):
        """Who would rather abort after all is heard (FD2)."""
        self.config(group='host_tasks', slow_migration='wait')
        self.clock.at(60, self.cancel, 'abort')
        self.assertLess(self.run_until(30, 'finish'), 90)
        self.assertEqual(1, self.nova.count('abort_migration'))


class StoredTestCase(fakes_case.ConductorCase):
    """Rows of before an upgrade have the values of the attempt flat."""

    def flatten(self):
        for item in self.items().values():
            memory = dict(item['memory'])
            memory.update(memory.pop('attempt'))
            self.rewrite(item['id'], memory=memory)

    def adopt(self, after, **params):
        """Kill the conductor after a while; another adopts old rows."""
        run = self.run_of(**params)
        self.plan(run)
        self.clock.at(after, run.stopping.set)
        self.assertRaises(engine_run.HandOver, self.drive, run)
        successor = self.run_of()
        self.flatten()
        return successor

    def test_goes_on(self):
        """A move under way during the upgrade is adopted (FD1)."""
        self.nova.add('vm1', 'vm2', vm_state='stopped')
        self.nova.slow = {'vm1': 30, 'vm2': 30}
        self.drive(self.adopt(10))
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        self.assertEqual(2, self.nova.count('cold_migrate'))

    def test_old_values_do_not_outlive_their_try(self):
        """What an old row says of a try is gone with that try (FD1)."""
        self.config(group='host_tasks', migration_retries=1)
        self.nova.add('vm1')
        self.nova.script[LIVE, 'vm1'] = [fakes.STUCK]
        self.nova.remaining['vm1'] = lambda: 100
        run = self.adopt(50)
        self.assertEqual(100, self.items()['vm1']['memory']['least'])
        self.nova._broken(LIVE, self.nova.records[-1], self.nova.log[-1],
                          'It broke.')
        self.drive(run)
        memory = self.items()['vm1']['memory']
        self.assertEqual('DONE', self.states()['vm1'])
        self.assertNotIn('least', memory)
        self.assertNotIn('least', memory['attempt'])
