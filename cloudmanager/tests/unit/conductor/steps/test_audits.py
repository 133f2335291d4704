# SPDX-License-Identifier: Apache-2.0
"""Audits of aggregates and their moves, whole tasks."""

import datetime
from unittest import mock

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.conductor import actions
from cloudmanager.db import agents as db_agents
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import audits as db_audits
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import schedules
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.tests import agent_reports
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import walks

AGGREGATE = 7
# An eighth of a host.
LARGE = {'vcpus': 8, 'ram': 8192, 'disk': 10}


class AuditCase(walks.WalkCase):
    """An aggregate of src and dst1, with six servers on the former."""

    def setUp(self):
        super().setUp()
        self.audit_id = None
        self.fill()

    def fill(self):
        self.nova.aggregate_list = [nova_records.Aggregate(
            AGGREGATE, 'ssd', None, ('src', 'dst1'), {})]
        self.nova.add(*(f'vm{number}' for number in range(1, 7)),
                      flavor=LARGE)

    def start_over(self, prepare):
        self.execute(models.AuditMove.__table__.delete())
        self.execute(models.Audit.__table__.delete())
        super().start_over(prepare)

    def begin(self, name='aggregate.audit', **params):
        task, _ = db_tasks.create_task(
            self.context, name, targets=[f'aggregate:{AGGREGATE}'],
            params={'aggregate_id': AGGREGATE, **params})
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)

    def run_of(self, name='aggregate.audit', **kwargs):
        return super().run_of(name, **kwargs)

    def execute_audit(self, status='SUCCESS', **params):
        """Run the task of an audit; return its result."""
        self.begin(**params)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        found = db_audits.find_of_task(self.context, self.task_id)
        self.audit_id = found['id'] if found else None
        return row['result']

    def apply(self, status='SUCCESS', **params):
        self.begin('aggregate.apply', audit_id=self.audit_id, **params)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return row['result']

    def check(self, **params):
        """Do what is done before there is a task."""
        return actions.check('aggregate.apply')(
            self.context, self.tools, AGGREGATE,
            {'audit_id': self.audit_id, **params})

    @property
    def audit(self):
        return db_audits.get_audit(self.context, self.audit_id)

    def moves(self):
        return db_audits.moves(self.context, self.audit_id)

    def move_states(self):
        return {row['server_id']: row['state'] for row in self.moves()}

    def only_a_swap_helps(self):
        """Have servers of which only an exchange balances the hosts."""
        for number in range(1, 7):
            self.nova.delete(f'vm{number}')
        for name, vcpus, host in (
                ('a1', 27, 'src'), ('a2', 27, 'src'),
                ('b1', 15, 'dst1'), ('b2', 15, 'dst1')):
            self.nova.add(name, host=host, flavor={
                'vcpus': vcpus, 'ram': 1024, 'disk': 10})


class RoundsTestCase(AuditCase):
    """With ``[drs] rounds`` earlier audits of the aggregate count."""

    def moves_of_audit(self):
        self.execute_audit()
        return len(self.moves())

    def test_rounds(self):
        self.config(group='drs', rounds=3)
        self.assertEqual([0, 0, 3], [
            self.moves_of_audit() for _ in range(3)])

    def test_gap(self):
        """What an audit found long ago does not count."""
        self.config(group='drs', rounds=2, round_gap=3600)
        self.moves_of_audit()
        self.assertEqual(3, self.moves_of_audit())
        self.clock.sleep(3601)
        self.assertEqual(0, self.moves_of_audit())
        self.assertEqual(3, self.moves_of_audit())

    def test_failed(self):
        """One that was not made tells nothing."""
        self.config(group='drs', rounds=2)
        self.config(group='drs', source='oracle')
        self.execute_audit('FAILURE')
        self.config(group='drs', source='none')
        self.assertEqual(0, self.moves_of_audit())


class UseTestCase(AuditCase):
    """What is used is what agents have told."""

    def setUp(self):
        super().setUp()
        self.config(group='drs', source='agent', cooldown=0)
        secrets.create_key()
        self.keys = {host: signing.new_key() for host in ('src', 'dst1')}
        for host, key in self.keys.items():
            db_agents.enrol(self.context, host, key)

    def fill(self):
        """The servers are on both hosts, and those of one work hard."""
        super().fill()
        for number in (4, 5, 6):
            self.nova.vms[f'vm{number}'].host = 'dst1'

    def pass_time(self, minutes, hosts=('src', 'dst1')):
        for _ in range(minutes):
            for host in hosts:
                guests = {
                    name: {'cpus': 16.0 if name < 'vm4' else 1.0,
                           'memory_mb': 4096.0}
                    for name, server in self.nova.vms.items()
                    if server.host == host}
                agent_reports.record(
                    self.context, host, self.keys[host].id,
                    clock.timestamp(),
                    {'load': {'cpus': sum(one['cpus'] for one
                                          in guests.values()),
                              'memory_mb': 4096.0 * len(guests)},
                     'guests': guests, 'reasons': {}})
            self.clock.sleep(60)

    def test_use(self):
        """Allocations are equal; one host works sixteen times as hard."""
        self.pass_time(60)
        self.execute_audit()
        self.assertIn('src', {row['source'] for row in self.moves()})
        before = self.audit['before']
        self.assertEqual({'src', 'dst1'}, set(before['ages']))
        self.assertGreater(before['hosts']['src']['VCPU'],
                           2 * before['hosts']['dst1']['VCPU'])
        self.apply()
        reached = self.audit['reached']['deviations']
        self.assertLess(reached['VCPU'], before['deviations']['VCPU'] / 2)
        # Averages of an hour, of which most was before the moves.
        self.pass_time(2)
        self.execute_audit()
        self.assertEqual([], self.moves(), self.audit['conclusion'])

    def test_silent(self):
        self.pass_time(10)
        self.pass_time(6, ['src'])
        self.execute_audit()
        self.assertEqual([], self.moves())
        self.assertIn('host dst1 is left out: CPU was measured',
                      self.audit['warnings'][0])

    def test_falls_silent(self):
        """What becomes unknown after the audit gets no servers."""
        self.pass_time(10)
        self.execute_audit()
        self.assertTrue(self.moves())
        self.pass_time(6, ['src'])
        error = self.assertRaises(exception.AuditStale, self.check)
        self.assertIn('host dst1 is left out', str(error))


class ExecuteTestCase(AuditCase):

    def test_finds(self):
        result = self.execute_audit()
        self.assertIn('3 moves would lower', result)
        audit = self.audit
        self.assertEqual(
            ('DONE', result, 0.375, 0.0, {}, [], 'none'),
            (audit['status'], audit['conclusion'],
             audit['before']['deviations']['VCPU'],
             audit['after']['deviations']['VCPU'], audit['hot'],
             audit['warnings'], audit['source']))
        self.assertEqual(64, len(audit['fingerprint']))
        self.assertEqual(
            [('src', 'dst1', 'live-migrate', 0, 'PLANNED')] * 3,
            [tuple(row[key] for key in (
                'source', 'destination', 'action', 'stage', 'state'))
             for row in self.moves()])
        self.assertEqual([], self.nova.arrived)

    def test_nothing_to_gain(self):
        """FD16: balanced is an answer."""
        self.nova.add(*(f'other{number}' for number in range(6)),
                      host='dst1', flavor=LARGE)
        self.assertIn('No beneficial move', self.execute_audit())
        self.assertEqual([], self.moves())
        self.assertEqual('DONE', self.audit['status'])

    def test_other_hosts(self):
        """dst2, the emptiest host, is in no aggregate of theirs."""
        self.execute_audit()
        self.assertEqual({'dst1'}, {row['destination']
                                    for row in self.moves()})
        self.assertEqual({'src', 'dst1'}, set(self.audit['before']['hosts']))

    def test_moved_lately(self):
        """DS3: whoever moved a server, it rests for a while."""
        for number in range(1, 7):
            self.nova.set(f'vm{number}', host='dst1')
            self.nova.live_migrate(f'vm{number}', 'src')
        self.clock.sleep(5)
        self.execute_audit()
        self.assertEqual([], self.moves())
        self.assertIn('6 servers moved not long ago',
                      self.audit['hot']['src'])
        self.clock.sleep(1800)
        self.execute_audit()
        self.assertEqual(3, len(self.moves()))

    def test_server_of_another_task(self):
        db_tasks.create_task(
            self.context, 'server.repair', targets=['server:vm1'],
            params={}, server_id='vm1')
        self.execute_audit()
        self.assertNotIn('vm1', self.move_states())

    def test_host_of_another_task(self):
        """Anchor 20: a host that a task works on is left alone."""
        db_tasks.create_task(
            self.context, 'host.restart', targets=['host:dst1'], params={},
            host='dst1')
        self.execute_audit()
        self.assertEqual([], self.moves())
        self.assertIn('dst1 is left out: in maintenance',
                      self.audit['warnings'][0])

    def test_no_moves_at_all(self):
        """DS16: with max_moves 0 audits only tell."""
        self.config(group='drs', max_moves=0)
        self.execute_audit(auto_apply=True)
        self.assertEqual(([], []), (self.moves(), self.nova.arrived))

    def test_cancelled(self):
        """DS13: what was cancelled before it began never runs."""
        self.begin()
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow()['status'])
        audit = db_audits.find_of_task(self.context, self.task_id)
        self.assertEqual('FAILED', audit['status'])
        self.assertIn('cancelled', audit['conclusion'])

    def test_aggregate_gone(self):
        self.nova.aggregate_list = []
        self.execute_audit('FAILURE')
        self.assertEqual('FAILED', self.audit['status'])
        self.assertIn('could not be found', self.audit['conclusion'])
        self.assertRaises(
            exception.AggregateNotFound, actions.check('aggregate.audit'),
            self.context, self.tools, AGGREGATE, {})

    def test_unknown_source(self):
        self.config(group='drs', source='oracle')
        self.execute_audit('FAILURE')
        self.assertIn('oracle', self.audit['conclusion'])

    def test_kills(self):
        def check(where):
            found = db_audits.find_of_task(self.context, self.task_id)
            self.assertEqual('DONE', found['status'], where)
            self.assertEqual(
                3, len(db_audits.moves(self.context, found['id'])), where)

        self.walk(self.fill, self.begin, check)


class ApplyTestCase(AuditCase):

    def test_applies(self):
        self.execute_audit()
        self.check()
        self.assertIn('3 of 3 servers were moved', self.apply())
        self.assertEqual({'DONE'}, set(self.move_states().values()))
        self.assertEqual((3, 3), (len(self.nova.on('src')),
                                  len(self.nova.on('dst1'))))
        audit = self.audit
        self.assertEqual(('APPLIED', 0.0, self.task_id), (
            audit['status'], audit['reached']['deviations']['VCPU'],
            audit['apply_task_id']))

    def test_auto_apply(self):
        self.execute_audit(auto_apply=True)
        self.assertEqual('APPLIED', self.audit['status'])
        self.assertEqual(3, self.nova.count('live_migrate'))

    def test_auto_apply_nothing(self):
        self.config(group='drs', threshold=0.5)
        self.assertIn('No beneficial', self.execute_audit(auto_apply=True))
        self.assertEqual('DONE', self.audit['status'])

    def test_both_ways(self):
        """Servers of two hosts are moved in one task."""
        self.nova.add('big1', 'big2', host='dst2', flavor={
            'vcpus': 24, 'ram': 4096, 'disk': 10})
        self.nova.aggregate_list = [nova_records.Aggregate(
            AGGREGATE, 'ssd', None, ('src', 'dst1', 'dst2'), {})]
        self.execute_audit()
        sources = {row['source'] for row in self.moves()}
        self.apply()
        self.assertEqual({'src', 'dst2'}, sources)
        self.assertEqual('APPLIED', self.audit['status'])

    def test_changed(self):
        """DS14: a plan whose cloud has changed is refused, with why."""
        self.execute_audit()
        self.nova.set('vm6', host='dst1')
        error = self.assertRaises(exception.AuditStale, self.check)
        self.assertEqual(409, error.code)
        self.assertIn('name-vm6 (vm6) is on dst1, not on src', str(error))
        self.assertEqual('STALE', self.audit['status'])
        error = self.assertRaises(exception.AuditNotApplicable, self.check)
        self.assertIn('STALE', str(error))

    def test_changed_before_the_task(self):
        self.execute_audit()
        self.nova.computes['dst1'].status = 'disabled'
        self.assertIn('host dst1 is disabled', self.apply('FAILURE'))
        self.assertEqual('STALE', self.audit['status'])
        self.assertEqual([], self.nova.arrived)

    def test_forced(self):
        """What has changed elsewhere can be put up with."""
        self.execute_audit()
        self.nova.add('new', host='dst1')
        self.check(force=True)
        self.apply(force=True)
        self.assertEqual('APPLIED', self.audit['status'])

    def test_forced_unfit(self):
        self.execute_audit()
        moved = self.moves()[0]['server_id']
        self.nova.set(moved, vm_state='suspended')
        error = self.assertRaises(exception.AuditStale, self.check,
                                  force=True)
        self.assertIn(f'({moved}) cannot be moved', str(error))
        self.assertEqual('DONE', self.audit['status'])

    def test_partial(self):
        """Some moves now, the others later."""
        self.execute_audit()
        one, *others = self.move_states()
        self.apply(servers=[one])
        self.assertEqual('DONE', self.audit['status'])
        self.assertEqual({one: 'DONE', **dict.fromkeys(others, 'PLANNED')},
                         self.move_states())
        self.apply()
        self.assertEqual('APPLIED', self.audit['status'])
        self.assertEqual(3, self.nova.count('live_migrate'))
        self.assertRaises(exception.AuditNotApplicable, self.check)

    def test_partial_unknown(self):
        self.execute_audit()
        error = self.assertRaises(exception.AuditNotApplicable, self.check,
                                  servers=['vm9'])
        self.assertIn('vm9', str(error))

    def test_one_fails(self):
        """DS9: a plan of which one move failed is not applied."""
        self.execute_audit()
        failing = self.moves()[1]['server_id']
        self.nova.script['live_migrate', failing] = [fakes.FAILS]
        result = self.apply('FAILURE')
        self.assertIn('2 of 3', result)
        self.assertIn(failing, result)
        self.assertEqual('FAILED', self.audit['status'])
        self.assertEqual('FAILED', self.move_states()[failing])
        self.assertIn('It broke', self.moves()[1]['error'])
        # Another try makes what is left.
        self.apply()
        self.assertEqual('APPLIED', self.audit['status'])
        self.assertEqual(2, self.nova.count('live_migrate', failing))

    def test_deleted_meanwhile(self):
        self.execute_audit()
        gone = self.moves()[2]['server_id']
        self.config(group='host_tasks', max_moves=1)
        self.clock.at(0.5, self.nova.delete, gone)
        self.apply()
        self.assertEqual('SKIPPED', self.move_states()[gone])
        self.assertEqual('APPLIED', self.audit['status'])

    def test_cancelled(self):
        """What is under way ends, and the rest can be made later."""
        self.config(group='host_tasks', max_moves=1)
        self.nova.seconds = 20
        self.execute_audit()
        self.clock.at(5, self.cancel)
        self.apply('REVOKED')
        self.assertEqual('DONE', self.audit['status'])
        self.assertEqual(['DONE', 'PLANNED', 'PLANNED'],
                         sorted(self.move_states().values()))
        self.apply()
        self.assertEqual('APPLIED', self.audit['status'])

    def test_taken_meanwhile(self):
        """A server that another task works on by now is left to it."""
        self.execute_audit()
        taken = self.moves()[0]['server_id']
        task, _ = db_tasks.create_task(
            self.context, 'host.shutdown', targets=['host:src'],
            params={}, host=None)
        token = db_tasks.set_post_token(self.context, task['id'], None, 0)
        claimed = db_tasks.claim(self.context, task['id'], token, 'other')
        db_tasks.add_items(self.context, task['id'], claimed['generation'], [
            {'kind': 'server', 'object_id': taken, 'state': 'PENDING'}])
        self.assertIn(f'task {task["id"]} acts on it', self.apply('FAILURE'))
        self.assertEqual(2, self.nova.count('live_migrate'))

    def test_kills(self):
        """Each server is asked for once, whenever a conductor dies."""
        def begin():
            self.begin(auto_apply=True)

        def check(where):
            self.assertEqual(3, self.nova.count('live_migrate'), where)
            self.assertEqual(3, len(self.nova.on('dst1')), where)
            found = db_audits.find_of_task(self.context, self.task_id)
            self.assertEqual('APPLIED', found['status'], where)
            self.assertEqual({'DONE'}, {
                row['state'] for row
                in db_audits.moves(self.context, found['id'])}, where)

        kills = self.walk(self.fill, begin, check)
        self.assertGreater(kills[walks.WRITE], 9)
        self.assertEqual((3, 3), (kills[walks.REQUEST],
                                  kills[walks.ARRIVED]))

    def test_kills_of_stages(self):
        """A swap, whose second move waits for the first one."""
        def prepare():
            self.nova.reset()
            self.fill()
            self.only_a_swap_helps()

        def check(where):
            self.assertEqual(2, self.nova.count('live_migrate'), where)
            found = db_audits.find_of_task(self.context, self.task_id)
            self.assertEqual('APPLIED', found['status'], where)
            first, second = db_audits.moves(self.context, found['id'])
            self.assertEqual(('dst1', 0, 'src', 1), (
                first['destination'], first['stage'],
                second['destination'], second['stage']))

        self.walk(prepare, lambda: self.begin(auto_apply=True), check)


class ContinuousTestCase(AuditCase):
    """Audits that the policy of the aggregate asks for."""

    def policy(self, mode=Mode.AUTOMATIC, **document):
        return db_policies.put(self.context, AGGREGATE, mode,
                               {'interval': 600, **document}, None)

    def run_audit(self, status='SUCCESS', auto_apply=True):
        return self.execute_audit(status, continuous=True,
                                  auto_apply=auto_apply)

    def window(self, shift):
        """A window of half an hour that began some minutes ago."""
        begin = clock.utcnow() - datetime.timedelta(minutes=shift)
        end = begin + datetime.timedelta(minutes=30)
        return {'days': [*schedules.DAYS], 'start': f'{begin:%H:%M}',
                'end': f'{end:%H:%M}'}

    def assert_left(self, reason):
        """Nothing was moved, and the audit says why."""
        self.assertEqual([], self.nova.arrived)
        self.assertEqual('DONE', self.audit['status'])
        self.assertIn(reason, self.audit['warnings'][-1])

    def test_applied(self):
        self.policy(threshold=0.01)
        self.run_audit()
        self.assertEqual(('APPLIED', True), (self.audit['status'],
                                             self.audit['continuous']))
        self.assertEqual(3, self.nova.count('live_migrate'))

    def test_limits(self):
        """The limits of the policy hold for audits of requests, too."""
        self.policy(Mode.OFF, threshold=0.5)
        self.assertIn('No beneficial', self.execute_audit())
        self.policy(Mode.OFF, max_moves=1)
        self.execute_audit()
        self.assertEqual(1, len(self.moves()))

    def test_outside_the_window(self):
        self.policy(maintenance_windows=[self.window(45)])
        self.assertIn('not made: this is no maintenance window',
                      self.run_audit())
        self.assert_left('no maintenance window')
        # An operator may apply it all the same.
        self.apply()
        self.assertEqual('APPLIED', self.audit['status'])

    def test_inside_the_window(self):
        self.policy(maintenance_windows=[self.window(45), self.window(5)])
        self.run_audit()
        self.assertEqual('APPLIED', self.audit['status'])

    def test_quiet(self):
        self.policy(quiet_hours=[self.window(5)])
        self.run_audit()
        self.assert_left('quiet hours')

    def test_frozen(self):
        self.policy()
        db_policies.freeze(self.context, AGGREGATE, 'worse')
        self.run_audit()
        self.assert_left('frozen')

    def test_changed_meanwhile(self):
        """The mode is looked at when moves are to begin, not only before."""
        self.policy(Mode.RECOMMEND)
        self.run_audit()
        self.assert_left('mode of the policy is recommend')

    def test_window_ends(self):
        """What is under way ends; the next stage is not begun."""
        self.only_a_swap_helps()
        self.policy()
        self.nova.seconds = 20
        self.clock.at(5, self.policy, quiet_hours=[self.window(5)])
        self.run_audit()
        self.assertEqual('DONE', self.audit['status'])
        self.assertEqual({0: 'DONE', 1: 'PLANNED'}, {
            row['stage']: row['state'] for row in self.moves()})
        self.assertEqual(1, self.nova.count('live_migrate'))

    def test_cap_of_a_day(self):
        """Moves of a day are counted, whichever audit has made them."""
        self.policy(max_moves_per_day=2)
        self.run_audit()
        self.assertEqual(2, self.nova.count('live_migrate'))
        self.assertEqual(['DONE', 'DONE', 'PLANNED'],
                         sorted(self.move_states().values()))
        self.config(group='drs', cooldown=0.0)
        self.nova.add('more1', 'more2', 'more3', 'more4', flavor=LARGE)
        self.run_audit()
        self.assertTrue(self.moves())
        self.assertIn('moves of a day are used up',
                      self.audit['warnings'][-1])
        self.assertEqual(2, self.nova.count('live_migrate'))
        self.clock.sleep(86400)
        self.run_audit()
        self.assertEqual(4, self.nova.count('live_migrate'))

    def test_foreign_moves(self):
        """DS19: where somebody else balances too, nothing is moved."""
        self.config(group='drs', cooldown=0.0)
        self.policy()
        for number in range(1, 4):
            self.nova.live_migrate(f'vm{number}', 'dst1')
        self.clock.sleep(60)
        self.nova.add('more1', 'more2', 'more3', 'more4', flavor=LARGE)
        before = self.nova.count('live_migrate')
        self.assertIn('somebody else has moved 3 servers',
                      self.run_audit())
        self.assertEqual(before, self.nova.count('live_migrate'))
        self.assertTrue(self.moves())
        # Once it has stopped, audits go on.
        self.clock.sleep(7200)
        self.run_audit()
        self.assertEqual('APPLIED', self.audit['status'])

    def test_own_moves(self):
        """Moves of our own tasks are no reason to stop."""
        self.config(group='drs', cooldown=0.0)
        self.policy()
        self.run_audit()
        self.nova.add('more1', 'more2', 'more3', 'more4', flavor=LARGE)
        self.run_audit()
        self.assertEqual('APPLIED', self.audit['status'])

    def test_kills(self):
        """A conductor dies anywhere: each move is made once, in the cap."""
        def prepare():
            self.fill()
            self.policy(max_moves_per_day=2)

        def check(where):
            self.assertEqual(2, self.nova.count('live_migrate'), where)
            found = db_audits.find_of_task(self.context, self.task_id)
            self.assertEqual('DONE', found['status'], where)

        self.walk(prepare, lambda: self.begin(
            continuous=True, auto_apply=True), check)


class ReadingTestCase(AuditCase):
    """What a picture of the cloud is made of."""

    def test_boots_from_volume(self):
        """DS20: what a flavor says of disks is nothing on the host then."""
        self.config(group='drs', disk_weight=1.0, cpu_weight=0.0,
                    memory_weight=0.0, source_floor=0.0)
        local = fakes.FakePlacement._resources

        def resources(flavor):
            found = local(flavor)
            if flavor.get('on_volume'):
                # Placement has no allocation of a disk there.
                del found['DISK_GB']
            return found

        self.enterContext(mock.patch.object(
            fakes.FakePlacement, '_resources', staticmethod(resources)))
        for on_volume, number in ((False, 3), (True, 0)):
            self.start_over(self.fill)
            for vm in self.nova.vms.values():
                vm.flavor = {'vcpus': 1, 'ram': 1024, 'disk': 300,
                             'on_volume': on_volume}
            self.execute_audit()
            self.assertEqual(number, len(self.moves()), on_volume)
        self.assertEqual(0.0, self.audit['before']['hosts']['src']['DISK_GB'])

    def while_read(self, times, function):
        """Do something each time that Placement has been read.

        :param times: how often at most
        """
        left = list(range(times))
        snapshot = self.placement.snapshot

        def reading(*args, **kwargs):
            found = snapshot(*args, **kwargs)
            if left:
                function(left.pop())
            return found

        self.enterContext(mock.patch.object(self.placement, 'snapshot',
                                            reading))

    def arrive(self, name):
        """Let a server arrive at dst1, as one that an operator moved."""
        self.nova.live_migrate(name, 'dst1')
        self.clock.sleep(self.nova.seconds + 1)

    def test_move_meanwhile(self):
        """DS11: loads are of the places that servers have."""
        self.while_read(1, lambda _: self.arrive('vm1'))
        self.execute_audit()
        # Six servers: two are left to be moved.
        self.assertEqual(2, len(self.moves()))
        self.assertNotIn('vm1', self.move_states())
        self.apply()
        self.assertEqual([3, 3], [len(self.nova.on(host))
                                  for host in ('src', 'dst1')])

    def test_move_into_it_meanwhile(self):
        """DS11: a server that comes from elsewhere counts as well."""
        self.nova.add('vm7', flavor=LARGE, host='dst2')
        self.while_read(1, lambda _: self.arrive('vm7'))
        self.execute_audit()
        self.assertEqual(2, len(self.moves()))

    def test_moves_elsewhere_meanwhile(self):
        """What is none of the aggregate's is read over."""
        self.nova.add_host('dst3')
        self.nova.add('vm7', 'vm8', host='dst2')
        reads = self.nova.reads['changed_migrations']

        def elsewhere(number):
            self.nova.live_migrate(f'vm{7 + number}', 'dst3')
            self.clock.sleep(self.nova.seconds + 1)

        self.while_read(2, elsewhere)
        self.execute_audit()
        self.assertEqual(3, len(self.moves()))
        self.assertEqual(2, self.nova.reads['changed_migrations'] - reads)

    def test_moves_all_the_time(self):
        names = [f'vm{number}' for number in range(10, 30)]
        self.nova.add(*names)
        self.while_read(20, lambda number: self.arrive(names[number]))
        self.assertIn('moved each time', self.execute_audit('FAILURE'))
        self.assertEqual(0, self.nova.count('live_migrate', 'vm1'))
