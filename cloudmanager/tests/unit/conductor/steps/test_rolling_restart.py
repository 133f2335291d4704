# SPDX-License-Identifier: Apache-2.0
"""Many hosts are restarted, never more than may be missing."""

import threading

import fixtures

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.steps import rolling_restart
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor import walks

HOSTS = ('h1', 'h2', 'h3', 'h4')


class RollCase(walks.WalkCase):
    """The tasks of single hosts are ended by the test, after some time.

    :ivar outcomes: status and result by host; SUCCESS when not given
    :ivar begun: hosts in the order in which they were begun
    :ivar peak: most hosts under way at a time
    """

    seconds = 30

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', gate_interval=2.0,
                    restart_timeout=300)
        self.nova.reset(HOSTS)
        self.outcomes, self.begun, self.peak = {}, [], 0
        self._seen = set()

    def children(self):
        return [row for row in db_tasks.list_tasks(
            self.context, fakes_case.everything())
            if row['parent_id'] == self.task_id]

    def look(self):
        """Take up new tasks of hosts, as other conductors would."""
        active = 0
        for row in self.children():
            active += row['status'] in db_tasks.ACTIVE
            if row['id'] not in self._seen:
                self._seen.add(row['id'])
                self.begun.append(row['host'])
                self.clock.at(self.seconds, self.end, row['id'])
        self.peak = max(self.peak, active)

    def end(self, task_id):
        row = db_tasks.get_task(self.context, task_id)
        status, result = self.outcomes.get(row['host'], ('SUCCESS', None))
        if row['cancel']:
            status, result = 'REVOKED', 'cancelled'
        db_tasks.finish(self.context, task_id, row['generation'], status,
                        result=result)

    def create(self, name='hosts.restart', host=None, **params):
        params.setdefault('hosts', list(HOSTS))
        task, _ = db_tasks.create_task(
            self.context, name, params=params,
            targets=[f'host:{host}' for host in params['hosts']])
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        return task

    def run_of(self, name='hosts.restart', kind=engine_run.Run, **params):
        if self.task_id is None:
            self.create(name, **params)
        task = db_tasks.claim(self.context, self.task_id, self.token, 'me')
        run = kind(self.context, task, threading.Event())
        pause = run.pause

        def paused(seconds):
            self.look()
            pause(seconds)

        run.pause = paused
        return run

    def roll(self, **params):
        return self.run_flow(self.run_of(**params))


class SequenceTestCase(RollCase):

    def test_one_after_the_other(self):
        row = self.roll()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual('4 of 4 host(s) restarted', row['result'])
        self.assertEqual(sorted(HOSTS), sorted(self.begun))
        self.assertEqual(1, self.peak)
        self.assertEqual(dict.fromkeys(HOSTS, 'DONE'), self.states())

    def test_emptiest_first(self):
        self.nova.add('vm1', 'vm2', host='h1')
        self.nova.add('vm3', host='h2')
        self.nova.add('vm4', 'vm5', host='h3')
        self.roll()
        self.assertEqual(['h4', 'h2'], self.begun[:2])
        self.assertEqual({'h1', 'h2', 'h3'}, set(next(
            row['params']['avoid_hosts'] for row in self.children()
            if row['host'] == 'h4')))

    def test_flags_are_handed_down(self):
        self.roll(allow_off_vm=True, settle_seconds=5, max_moves=3,
                  in_sequence=True)
        (params,) = {tuple(sorted(
            (key, value) for key, value in row['params'].items()
            if key != 'avoid_hosts')) for row in self.children()}
        self.assertEqual((('allow_off_vm', True), ('max_moves', 3),
                          ('settle_seconds', 5)), params)

    def test_stops_at_the_first_failure(self):
        """RR3: nobody has to click; what was not begun is told."""
        self.outcomes['h1'] = ('FAILURE', 'it did not come back')
        row = self.roll()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('h1: task', row['result'])
        self.assertIn('it did not come back', row['result'])
        self.assertEqual(['h1'], self.begun)
        self.assertEqual({'h1': 'FAILED', 'h2': 'SKIPPED', 'h3': 'SKIPPED',
                          'h4': 'SKIPPED'}, self.states())

    def test_goes_on_after_a_failure_that_is_allowed(self):
        self.outcomes['h1'] = ('FAILURE', 'x')
        row = self.roll(max_failures=1)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('3 of 4', row['result'])

    def test_host_that_cannot_be_emptied(self):
        """RR2: it is skipped untouched, the others go on."""
        self.nova.add('vm1', host='h2', vm_state='error')
        row = self.roll(max_failures=1)
        self.assertEqual(['h1', 'h3', 'h4'], sorted(self.begun))
        self.assertIn('cannot be emptied', self.items()['h2']['error'])
        self.assertEqual('FAILURE', row['status'])


class LimitTestCase(RollCase):

    def test_some_at_a_time(self):
        """RR12: as many as are allowed, and no more."""
        self.roll(in_sequence=False, max_unavailable=3)
        self.assertEqual(3, self.peak)
        self.assertEqual(4, len(self.begun))

    def test_default_of_the_configuration(self):
        self.config(group='host_tasks', max_unavailable=2)
        self.roll(in_sequence=False)
        self.assertEqual(2, self.peak)

    def test_no_more_than_there_is_room_for(self):
        """RR12: three times forty of 64 CPUs do not fit onto one host."""
        for host in HOSTS[:3]:
            self.nova.add(f'{host}-vm', host=host, flavor={
                'vcpus': 40, 'ram': 100, 'disk': 1})
        self.roll(in_sequence=False, max_unavailable=4)
        self.assertLessEqual(self.peak, 2)
        self.assertEqual(4, len(self.begun))

    def test_short_already(self):
        """RR7: a host that is down without us counts."""
        self.nova.add_host('h5')
        self.nova.die('h5')
        self.nova.computes['h5'].alive = False
        self.clock.at(100, lambda: vars(self.nova.computes['h5']).update(
            alive=True, silent=False))
        row = self.roll()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - 1000, 100 + 4 * self.seconds)

    def test_short_for_ever(self):
        self.nova.add_host('h5', alive=False)
        row = self.roll()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('other hosts are out of use: h5 (down)',
                      row['result'])
        self.assertEqual([], self.begun)

    def test_more_may_be_missing(self):
        self.nova.add_host('h5', alive=False)
        row = self.roll(max_unavailable=2)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.peak)


class OthersTestCase(RollCase):
    """FD17: hosts that others have taken out of use count."""

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', gate_interval=10.0,
                    restart_timeout=100)

    def other(self, status='disabled', name='host.restart', host='h4'):
        """Let somebody else's task work on a host."""
        self.nova.computes[host].status = status
        task, _ = db_tasks.create_task(self.context, name, params={},
                                       targets=[f'host:{host}'], host=host)
        return task

    def end_other(self, task):
        self.nova.computes['h4'].status = 'enabled'
        db_tasks.finish(self.context, task['id'], task['generation'],
                        'SUCCESS')

    def test_host_that_another_task_disabled(self):
        """FD17: it is waited for, as long as that task takes."""
        other = self.other()
        self.clock.at(300, self.end_other, other)
        before = self.clock.now
        row = self.roll(hosts=['h1'])
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - before, 300 + self.seconds)

    def test_host_that_another_task_is_about_to_disable(self):
        """FD17: its task counts before Nova shows anything of it."""
        for name in ('host.shutdown', 'host.restart', 'host.evacuate',
                     'host.decommission'):
            self.task_id, self.begun = None, []
            other = self.other('enabled', name)
            self.clock.at(100, self.end_other, other)
            before = self.clock.now
            row = self.roll(hosts=['h1'])
            self.assertEqual('SUCCESS', row['status'], row['result'])
            self.assertGreater(self.clock.now - before, 100)

    def test_host_that_an_operator_disabled(self):
        self.nova.computes['h4'].status = 'disabled'
        row = self.roll(hosts=['h1'])
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('h4 (disabled)', row['result'])
        self.assertEqual([], self.begun)

    def test_it_is_to_be_restarted_itself(self):
        """That takes no host out of use that was not."""
        self.nova.computes['h4'].status = 'disabled'
        row = self.roll(hosts=['h4'])
        self.assertEqual('SUCCESS', row['status'], row['result'])

    def test_more_may_be(self):
        self.other()
        row = self.roll(hosts=['h1', 'h2'], max_unavailable=2)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.peak)

    def test_same_moment(self):
        """FD17: two decide on the same picture; one takes the room."""
        begin_part = engine_run.Run.begin_part
        others = []

        def begin(run, *args):
            if not others:
                others.append(self.other('enabled', host='h2'))
                self.clock.at(50, self.end_other, others[0])
            begin_part(run, *args)

        self.useFixture(fixtures.MockPatchObject(engine_run.Run,
                                                 'begin_part', begin))
        before = self.clock.now
        row = self.roll(hosts=['h1'])
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - before, 50 + self.seconds)
        self.assertEqual(['h1'], self.begun)


@tests_base.databases()
class RoomTestCase(tests_base.DbTestCase):

    def test_at_the_same_moment(self):
        """FD17: of two that take the last room, one gets it."""
        parents = []
        for number in range(4):
            task, _ = db_tasks.create_task(
                self.context, 'hosts.restart', params={},
                targets=[f'host:h{number}'])
            parents.append(task['id'])
        room = db_tasks.Room(1, frozenset(), clock.utcnow())

        def take(number):
            db_tasks.create_part(
                cm_context.admin_context(), parents[number], 0,
                f'part-{number}', 'host.restart', host=f'h{number}',
                params={}, room=room)
            return number

        both = tests_base.Together(4, take)
        (winner,) = [number for number, error in enumerate(both.errors)
                     if error is None]
        self.assertEqual([exception.HostsOutOfUse] * 3,
                         [type(error) for error in both.raised])
        # Who has it keeps it.
        self.assertRaises(exception.HostsOutOfUse, take, (winner + 1) % 4)
        take(winner)


class CancelTestCase(RollCase):

    def test_cancelled(self):
        """DR16: the host under way is asked to stop; no other begins."""
        self.clock.at(10, lambda: self.cancel('abort'))
        row = self.roll()
        self.assertEqual('REVOKED', row['status'])
        (child,) = self.children()
        self.assertEqual('abort', child['cancel'])
        self.assertEqual({'SKIPPED', 'FAILED'}, set(self.states().values()))


class CrashTestCase(RollCase):

    def test_killed_everywhere(self):
        """No host is begun twice, and none is forgotten."""
        def prepare():
            self.nova.reset(HOSTS)
            self.begun, self._seen = [], set()

        def check(where):
            self.assertEqual(sorted(HOSTS), sorted(self.begun), where)
            self.assertEqual(4, len(self.children()), where)
            self.assertEqual(dict.fromkeys(HOSTS, 'DONE'), self.states(),
                             where)

        kills = self.walk(prepare, self.create, check)
        self.assertGreater(kills[walks.WRITE], 8)

    def test_killed_before_the_part_was_there(self):
        run = self.run_of()
        step = rolling_restart.RollingRestart(run, self.tools)
        run.begin_part = lambda *args: (_ for _ in ()).throw(
            engine_run.HandOver())
        self.assertRaises(engine_run.HandOver, step.do)
        self.assertEqual([], self.children())
        row = self.run_flow(self.run_of())
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(4, len(self.children()))

    def test_part_of_a_lost_task(self):
        run = self.run_of()
        self.run_of()
        self.assertRaises(exception.LeaseLost, run.begin_part, 'p',
                          'host.restart', 'h1', {})
