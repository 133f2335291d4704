# SPDX-License-Identifier: Apache-2.0
"""A living host is fenced for what is on it and cannot leave otherwise."""

import datetime

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import open_resizes
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

ON, OFF = ['power_on'], ['power_off']


class LeftoversCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.node = self.add_power()
        for feed in self.feeds(self.node):
            feed.driver.power_on(feed.device, feed.output)

    def shutdown(self, **params):
        return self.run_flow(**{'allow_evacuate': True, **params})

    def is_alive(self):
        """Tell whether the host was left alone."""
        self.assertFalse(self.nova.computes['src'].forced_down)
        return self.power_states(self.node) == ON

    def others_at(self, seconds, *events):
        for number, (event, name) in enumerate(events):
            self.clock.at(seconds + 10 * number, self.nova.other, event,
                          name)


class ResizedTestCase(LeftoversCase):
    """A project resizes its server while it waits for its turn (FD3)."""

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', max_moves=1)
        self.nova.add('first', flavor={'vcpus': 1, 'ram': 4096, 'disk': 1})
        self.nova.slow['first'] = 20
        self.nova.add('vm1')

    def test_not_confirmed(self):
        """The living host is not fenced; the half is named (FD3)."""
        self.others_at(3, ('resize', 'vm1'))
        row = self.shutdown()
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual({'first': 'DONE', 'vm1': 'FAILED'}, self.states())
        self.assertTrue(self.is_alive())
        self.assertEqual(0, self.nova.count('evacuate'))
        self.assertIn(open_resizes.ADVICE, row['result'])
        self.assertEqual('resized', self.nova.vms['vm1'].vm_state)

    def test_advice_fits(self):
        """Nothing on this host can be allowed for a server elsewhere (FD5).
        """
        self.others_at(3, ('resize', 'vm1'))
        for params in ({'allow_evacuate': False}, {}):
            self.task_id = None
            error = self.shutdown(**params)['result']
            self.assertNotIn('allow_evacuate', error)
            self.assertIn('it is on dst1 now', error)
            self.assertIn('confirm or revert', error)

    def test_dry_run_says_so(self):
        """A dry run after the resize names the half (FD3)."""
        self.nova.other('resize', 'vm1')
        self.clock.sleep(2)
        plan = plans.make_plan(self.tools, 'drain', 'src',
                               {'allow_evacuate': True})
        entry = next(item for item in plan.servers if item.id == 'vm1')
        self.assertEqual(('blocked', False), (entry.action, entry.fits))
        self.assertEqual(open_resizes.text('dst1'), entry.reason)

    def test_confirmed(self):
        """The owner decides in the middle: the drain goes on (FD3)."""
        self.others_at(3, ('resize', 'vm1'), ('confirm', 'vm1'))
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual('DONE', self.states()['vm1'])
        self.assertEqual(0, self.nova.count('live_migrate', 'vm1'))

    def test_confirmed_late(self):
        """It is waited for when all else is done (FD3)."""
        self.others_at(3, ('resize', 'vm1'))
        self.others_at(50, ('confirm', 'vm1'))
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])

    def test_reverted(self):
        """What comes back is moved like the others (FD3)."""
        self.others_at(3, ('resize', 'vm1'))
        self.others_at(40, ('revert', 'vm1'))
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('live_migrate', 'vm1'))
        self.assertEqual(0, self.nova.count('evacuate'))

    def test_reverted_after_it_failed(self):
        """It failed by its half; when it is whole again it is moved (FD3).
        """
        self.config(group='host_tasks', settle_timeout=5)
        self.nova.slow['first'] = 60
        self.others_at(3, ('resize', 'vm1'))
        self.others_at(30, ('revert', 'vm1'))
        row = self.shutdown(allow_evacuate=False)
        self.assertEqual('SUCCESS', row['status'], row['result'])

    def test_asked_while_it_left(self):
        """A move that was to begin is given up, not repeated for ever."""
        self.nova.set('vm1', task_state='resize_finish')
        run = self.run_of(allow_evacuate=True)
        self.plan(run)
        item = self.move()
        item.state, item.action = ItemState.RUNNING, Action.LIVE
        item.attempt = Attempt(
            phase=Phase.ASK,
            asked_at=datetime.datetime(2031, 5, 6, 0, 10))
        run.save(item)
        self.nova.set('vm1', host='dst2', vm_state='resized',
                      task_state=None)
        self.nova.resize_off('vm1', host='dst2')
        self.drive(run)
        self.assertEqual('FAILED', self.states()['vm1'])
        self.assertEqual(0, self.nova.count('live_migrate', 'vm1'))

    def test_moved_by_an_operator(self):
        """Somebody else took it off the host whole: that is all right."""
        self.others_at(3, ('migrate', 'vm1'))
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(0, self.nova.count('live_migrate', 'vm1'))


class InErrorTestCase(LeftoversCase):
    """A live migration puts a server in error whose guest runs (FD4)."""

    def setUp(self):
        super().setUp()
        self.nova.add('vm1')

    def test_second_try(self):
        """Its state is reset, and it is moved by another try (FD4)."""
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR]
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        item = self.items()['vm1']
        self.assertEqual(('live-migrate', 2), (item['action'],
                                               item['attempts']))
        self.assertEqual(1, self.nova.count('reset_state', 'vm1'))
        self.assertEqual(0, self.nova.count('evacuate'))

    def test_again_and_again(self):
        """The host stays on; what was found is in the error (FD4)."""
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR] * 9
        row = self.shutdown()
        self.assertEqual('FAILURE', row['status'])
        self.assertTrue(self.is_alive())
        self.assertEqual(2, self.nova.count('live_migrate'))
        for text in ('It broke.', 'put in error on src',
                     'the hypervisor calls it running',
                     'its live-migration', 'has the status error',
                     'live-migration ended with "Error"'):
            self.assertIn(text, row['result'])
        self.assertEqual('active', self.nova.vms['vm1'].vm_state)

    def test_keeps_the_host_for_others(self):
        """Nothing else on the host is fenced for either (FD4)."""
        self.nova.add('vm2', vm_state='suspended')
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR] * 9
        self.shutdown()
        self.assertTrue(self.is_alive())
        self.assertIn('not fenced while other servers cannot leave it: '
                      'name-vm1', self.items()['vm2']['error'])

    def test_guest_that_does_not_run(self):
        """Nothing is cut off that still runs: the plan's last rung (FD4)."""
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR] * 9
        original = self.nova.guest_state
        self.nova.guest_state = lambda name: (original(name),
                                              'not running')[1]
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_without_the_word_of_the_hypervisor(self):
        """Then Nova's own power state counts (FD4)."""
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR] * 9
        self.nova.guest_state = lambda name: None
        self.nova.set('vm1', power=1)
        self.assertEqual('FAILURE', self.shutdown()['status'])
        self.assertTrue(self.is_alive())

    def test_refused_reset(self):
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR] * 9
        self.nova.script['reset_state', 'vm1'] = [fakes.REFUSED] * 9
        row = self.shutdown()
        self.assertIn('its state was not reset', row['result'])
        self.assertTrue(self.is_alive())

    def test_without_evacuation(self):
        self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR]
        row = self.shutdown(allow_evacuate=False)
        self.assertEqual('SUCCESS', row['status'], row['result'])

    def test_planned_in_error(self):
        """What the plan said beforehand is done (FD4)."""
        self.nova.set('vm1', vm_state='error', power=1, guest='running')
        plan = plans.make_plan(self.tools, 'drain', 'src',
                               {'allow_evacuate': True})
        self.assertEqual('evacuate', plan.servers[0].action)
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_killed_before_each_write(self):
        """Nothing is forgotten when the conductor dies (FD4)."""
        number = 0
        while True:
            number += 1
            self.task_id = None
            self.nova.reset()
            self.nova.add('vm1')
            self.nova.script['live_migrate', 'vm1'] = [fakes.IN_ERROR] * 9
            try:
                self.run_flow(self.mortal(number, allow_evacuate=True))
                break
            except engine_run.HandOver:
                self.nova.revive()
            row = self.run_flow()
            self.assertEqual('FAILURE', row['status'], number)
            self.assertEqual(ON, self.power_states(self.node), number)
            self.assertLessEqual(self.nova.count('live_migrate'), 2)
        self.assertGreater(number, 10)


class LastLookTestCase(LeftoversCase):
    """What happens between the last move and the fence is seen."""

    def look(self, change, **params):
        """Change something when the plan before the fence is made."""
        original = self.tools.placement.snapshot
        calls = []

        def snapshot(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                change()
            return original(*args, **kwargs)

        self.tools.placement.snapshot = snapshot
        return self.shutdown(**params)

    def test_resumed(self):
        """What runs again is moved live, not rebuilt."""
        self.nova.add('vm1', vm_state='suspended')
        row = self.look(lambda: self.nova.set('vm1', vm_state='active'))
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual((1, 0), (self.nova.count('live_migrate'),
                                  self.nova.count('evacuate')))
        self.assertFalse(self.nova.computes['src'].forced_down)

    def test_came_meanwhile(self):
        """A server that came last is moved before the fence."""
        self.nova.add('vm1', vm_state='suspended')
        row = self.look(lambda: self.nova.add('late'))
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('live_migrate', 'late'))
        self.assertEqual(1, self.nova.count('evacuate', 'vm1'))

    def test_old_half_came_meanwhile(self):
        self.nova.add('vm1', vm_state='suspended')
        row = self.look(lambda: self.nova.resize_off('late'))
        self.assertEqual('FAILURE', row['status'])
        self.assertTrue(self.is_alive())
        self.assertIn('name-late', self.items()['vm1']['error'])

    def test_busy_by_its_records(self):
        """Nova works on it, though its state does not say so."""
        self.nova.resized('vm1', source='dst1', host='src')
        self.nova.set('vm1', vm_state='suspended')
        self.nova.records[-1].status = 'running'
        row = self.shutdown()
        self.assertEqual('FAILURE', row['status'])
        self.assertTrue(self.is_alive())
        self.assertIn('is under way', row['result'])

    def test_nothing_left_to_fence_for(self):
        """The last one is deleted: the host is switched off softly."""
        self.nova.add('vm1', vm_state='suspended')
        row = self.look(lambda: self.nova.delete('vm1'))
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertFalse(self.nova.computes['src'].forced_down)
        self.assertEqual(OFF, self.power_states(self.node))

    def test_blocker_is_gone(self):
        """What is not in the way any more forbids no fence."""
        self.nova.add('vm1', vm_state='suspended')
        self.nova.add('vm2', vm_state='soft-delete')
        self.nova.add('slow')
        self.nova.slow['slow'] = 20
        self.clock.at(10, self.nova.delete, 'vm2')
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('evacuate', 'vm1'))

    def test_killed_at_the_fence(self):
        """A successor goes on with a fence that was begun."""
        self.nova.add('vm1', vm_state='suspended')
        run = self.run_of(allow_evacuate=True)
        original = self.tools.power.fence

        def fence(node, run):
            original(node, run)
            self.nova.die('src')
            # A tenant's wish can no longer be carried out there.
            self.nova.set('vm1', task_state='deleting')
            raise engine_run.HandOver

        self.tools.power.fence = fence
        self.assertRaises(engine_run.HandOver, self.run_flow, run)
        self.tools.power.fence = original
        row = self.run_flow()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('evacuate', 'vm1'))
