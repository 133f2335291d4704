# SPDX-License-Identifier: Apache-2.0
"""Rebuilding the servers of a dead host elsewhere."""

from cloudmanager.common import exception
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.steps import hosts as host_steps
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

STATES = ('active', 'stopped', 'paused', 'suspended', 'rescued',
          'error', 'resized', 'shelved')


class EvacuationTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.dead_host()

    def ends(self):
        return [name for request, name in self.nova.arrived
                if request == 'evacuate']

    def test_all(self):
        self.nova.add(*(f'vm{number}' for number in range(12)))
        items = self.evacuate()
        self.assertEqual({'DONE'},
                         {item['state'] for item in items.values()})
        self.assertEqual([], self.nova.on('src'))
        self.assertEqual(12, len(set(self.ends())))
        self.assertEqual(12, self.nova.count('evacuate'))

    def test_every_state(self):
        """What Nova does not rebuild as it is, is reset first."""
        for state in STATES:
            self.nova.add(state, vm_state=state)
        items = self.evacuate()
        self.assertEqual({'DONE'},
                         {item['state'] for item in items.values()})
        self.assertEqual('stopped', self.nova.vms['stopped'].vm_state)
        reset = {name for request, name in self.nova.arrived
                 if request == 'reset_state'}
        self.assertEqual({'paused', 'suspended', 'rescued', 'resized',
                          'shelved'}, reset)

    def test_priority(self):
        """The most important come first, those with 0 never."""
        self.config(group='host_tasks', max_moves=1)
        for priority in (3, 0, 10, 7):
            self.nova.add(f'p{priority}', metadata={
                'recovery_priority': str(priority)})
        self.nova.add('none')
        self.evacuate()
        self.assertEqual(['p10', 'p7', 'none', 'p3'], self.ends())
        self.assertEqual('SKIPPED', self.states()['p0'])
        self.assertEqual(['p0'], self.nova.on('src'))

    def test_one_is_too_slow(self):
        """EV3 EV6: it is named, asked for once, and does not stay."""
        self.config(group='host_tasks', poll_interval=5)
        self.nova.add('vm1', 'vm2')
        self.nova.script['evacuate', 'vm1'] = [fakes.STUCK]
        items = self.evacuate()
        self.assertEqual({'vm1': 'FAILED', 'vm2': 'DONE'}, self.states())
        self.assertIn('not over after', items['vm1']['error'])
        self.assertEqual(1, self.nova.count('evacuate', 'vm1'))

    def test_failures_are_bounded(self):
        """EV6: so many tries and no more."""
        self.config(group='host_tasks', evacuation_retries=2)
        self.nova.add('vm1')
        self.nova.script['evacuate', 'vm1'] = [fakes.FAILS] * 99
        items = self.evacuate()
        self.assertEqual(('FAILED', 3), (items['vm1']['state'],
                                         items['vm1']['attempts']))
        self.assertEqual(3, self.nova.count('evacuate', 'vm1'))
        self.assertLess(sum(self.nova.reads.values()), 60)

    def test_refusals_are_bounded(self):
        self.nova.add('vm1')
        self.nova.script['evacuate', 'vm1'] = [fakes.REFUSED] * 99
        self.assertEqual('FAILED', self.evacuate()['vm1']['state'])
        self.assertEqual(3, self.nova.sent.count(('evacuate', 'vm1')))

    def test_second_try_succeeds(self):
        self.nova.add('vm1')
        self.nova.script['evacuate', 'vm1'] = [fakes.FAILS]
        item = self.evacuate()['vm1']
        self.assertEqual(('DONE', 2, None),
                         (item['state'], item['attempts'], item['error']))
        self.assertFalse(self.nova.vms['vm1'].locked)

    def test_accepted_and_never_recorded(self):
        """EV3: a server that Nova forgot in mid-task is given up."""
        self.config(group='host_tasks', poll_interval=5)
        self.nova.add('vm1')
        self.nova._begin = lambda *args: self.nova.set(
            'vm1', task_state='rebuilding')
        self.assertEqual('FAILED', self.evacuate()['vm1']['state'])
        self.assertEqual(3, self.nova.count('evacuate'))

    def test_outage_while_there_is_no_record(self):
        """A look that fails ends nothing: requests may be under way."""
        self.nova.add('vm1', 'vm2')
        self.nova.slow['vm2'] = 30
        self.nova.script['evacuate', 'vm1'] = [fakes.NO_RECORD]
        real, calls = self.nova.actions, []

        def flap(server_id):
            calls.append(server_id)
            if len(calls) == 1:
                raise exception.CloudUnreachable(service='Nova',
                                                 reason='503')
            return real(server_id)

        self.nova.actions = flap
        items = self.evacuate()
        self.assertEqual({'vm1': ('DONE', 2), 'vm2': ('DONE', 1)}, {
            key: (item['state'], item['attempts'])
            for key, item in items.items()})


class LockTestCase(fakes_case.ConductorCase):
    """EV8: servers are locked while they are evacuated."""

    def setUp(self):
        super().setUp()
        self.dead_host()
        self.nova.add('vm1')

    def test_locked_meanwhile(self):
        run = self.run_of('host.evacuate')
        self.plan(run)
        seen = []
        self.nova.slow['vm1'] = 10
        self.clock.at(5, lambda: seen.append(
            self.nova.vms['vm1'].locked_reason))
        self.drive(run, fakes_case.EVACUATION)
        self.assertEqual([nova_requests.lock_reason(run)], seen)
        self.assertFalse(self.nova.vms['vm1'].locked)
        self.assertEqual(1, self.nova.count('unlock'))

    def test_looks_at_servers(self):
        """Only when one was locked they are looked at, once, at the end."""
        self.nova.add('vm2', locked=True, locked_reason='mine')
        self.evacuate()
        self.assertEqual({'vm1': False, 'vm2': True}, {
            vm.id: vm.locked for vm in self.nova.vms.values()})
        self.assertEqual((1, 0), (self.nova.reads['locked_servers'],
                                  self.nova.reads['server']))

    def test_another_lock_meanwhile(self):
        """EV8: an administrator's lock replaces ours, and stays."""
        self.nova.slow['vm1'] = 10
        self.clock.at(5, self.nova.set, 'vm1', locked_reason='mine')
        self.assertEqual('DONE', self.evacuate()['vm1']['state'])
        self.assertEqual((True, 'mine'), (
            self.nova.vms['vm1'].locked, self.nova.vms['vm1'].locked_reason))

    def test_stopped_right_after(self):
        """EV8: what the tenant does then does not confuse the verdict."""
        run = self.run_of('host.evacuate')
        self.plan(run)
        self.nova.slow['vm1'] = 10
        self.clock.at(10.01, self.nova.set, 'vm1', vm_state='stopped')
        self.drive(run, fakes_case.EVACUATION)
        self.assertEqual('DONE', self.states()['vm1'])
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_lock_of_the_tenant(self):
        """EV8: a lock that is not ours stays."""
        self.nova.set('vm1', locked=True, locked_reason='mine')
        self.assertEqual('DONE', self.evacuate()['vm1']['state'])
        self.assertEqual('mine', self.nova.vms['vm1'].locked_reason)
        self.assertEqual(0, self.nova.count('unlock'))

    def test_off_by_configuration(self):
        self.config(group='host_tasks', lock_servers=False)
        self.evacuate()
        self.assertEqual(0, self.nova.count('lock'))

    def test_lost_unlock(self):
        self.nova.script['unlock', 'vm1'] = [fakes.LOST, fakes.REFUSED]
        self.assertEqual('DONE', self.evacuate()['vm1']['state'])
        self.assertFalse(self.nova.vms['vm1'].locked)

    def test_undo_removes_only_ours(self):
        """EV8: after a failure our locks go, others stay."""
        self.nova.add('vm2', locked=True, locked_reason='mine')
        self.nova.add('vm3')
        for name in ('vm1', 'vm2', 'vm3'):
            self.nova.script['evacuate', name] = [fakes.FAILS] * 9
        self.nova.script['unlock', 'vm1'] = [fakes.REFUSED]
        run = self.run_of('host.evacuate')
        self.plan(run)
        self.drive(run, fakes_case.EVACUATION)
        self.assertTrue(self.nova.vms['vm3'].locked)
        host_steps.EvacuateServers(run, self.tools).undo([])
        self.assertEqual(
            {'vm1': True, 'vm2': True, 'vm3': False},
            {vm.id: vm.locked for vm in self.nova.vms.values()})
        self.assertIn('vm1', self.logger.output)


class LostTestCase(fakes_case.ConductorCase):
    """Requests whose fate is not known."""

    def setUp(self):
        super().setUp()
        self.nova.add('vm1')

    def outcome(self, request, outcome):
        self.nova.script[request, 'vm1'] = [outcome]
        return self.drain()['vm1']['state']

    def test_never_arrived(self):
        """Asked again after the grace, and only then."""
        begin = self.clock.now
        self.assertEqual('DONE', self.outcome('live_migrate', fakes.LOST))
        self.assertEqual(1, self.nova.count('live_migrate'))
        self.assertEqual(2, len(self.nova.sent))
        self.assertGreater(self.clock.now - begin, 5)

    def test_answer_lost(self):
        self.assertEqual('DONE', self.outcome('live_migrate',
                                              fakes.ANSWER_LOST))
        self.assertEqual(1, len(self.nova.sent))

    def test_answer_lost_and_no_record(self):
        """The server's actions know of a request without a migration."""
        self.nova.add('vm1', vm_state='shelved')
        self.nova.seconds = 30
        self.assertEqual('DONE', self.outcome('shelve_offload',
                                              fakes.ANSWER_LOST))
        self.assertEqual(1, len(self.nova.sent))

    def test_confirmation(self):
        for outcome in (fakes.LOST, fakes.ANSWER_LOST, fakes.REFUSED):
            self.nova.add(outcome, vm_state='stopped')
            self.nova.script['confirm_resize', outcome] = [outcome]
        self.nova.delete('vm1')
        items = self.drain()
        self.assertEqual({'DONE'},
                         {item['state'] for item in items.values()})
        for name in items:
            self.assertEqual(1, self.nova.count('confirm_resize', name))

    def test_evacuation(self):
        self.dead_host()
        self.nova.add('vm2')
        self.nova.script['evacuate', 'vm1'] = [fakes.LOST]
        self.nova.script['evacuate', 'vm2'] = [fakes.ANSWER_LOST]
        self.evacuate()
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        self.assertEqual(2, self.nova.count('evacuate'))
        self.assertEqual({False}, {vm.locked
                                   for vm in self.nova.vms.values()})

    def test_second_try_lost(self):
        """The actions of the first try do not pass for the second."""
        self.nova.script['live_migrate', 'vm1'] = [
            fakes.FAILS, fakes.ANSWER_LOST]
        self.assertEqual('DONE', self.drain()['vm1']['state'])
        self.assertEqual(2, self.nova.count('live_migrate'))

    def test_second_try_never_arrived(self):
        """The record of the first try does not pass for the second."""
        self.nova.script['live_migrate', 'vm1'] = [fakes.FAILS, fakes.LOST]
        item = self.drain()['vm1']
        self.assertEqual(('DONE', 2), (item['state'], item['attempts']))
        self.assertEqual(2, self.nova.count('live_migrate'))

    def test_outage(self):
        """SE10 in kind: Nova is away for a while, moves go on after it."""
        self.nova.add('vm2', vm_state='stopped')
        self.nova.slow = {'vm1': 30, 'vm2': 30}
        self.nova.outages = [(self.clock.now + 10, self.clock.now + 60)]
        items = self.drain()
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        self.assertEqual([1, 1], [item['attempts'] for item in
                                  items.values()])
