# SPDX-License-Identifier: Apache-2.0
"""Old halves of resizes that nobody has confirmed keep a host on."""

from cloudmanager.common import exception
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.steps import hosts as steps
from cloudmanager.planning import open_resizes
from cloudmanager.tests.unit.conductor import fakes_case

OFF = 'power_off'


class HalvesTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.node = self.add_power()
        self.config(group='host_tasks', settle_timeout=60)
        for feed in self.feeds(self.node):
            feed.driver.power_on(feed.device, feed.output)

    def shutdown(self, **params):
        return self.run_flow(**params)

    def is_on(self):
        return self.power_states(self.node) == ['power_on']

    def test_shutdown(self):
        """The server is named, and what to do; the host stays on."""
        self.nova.add('vm1')
        self.nova.resize_off('vm2')
        row = self.shutdown()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('vm2', row['result'])
        self.assertIn(open_resizes.ADVICE, row['result'])
        self.assertNotIn('vm1', row['result'])
        self.assertEqual({'vm1': 'DONE', 'vm2': 'FAILED'}, self.states())
        item = self.items()['vm2']
        self.assertEqual(('src', 0), (item['source'], item['attempts']))
        self.assertTrue(self.is_on())
        self.assertEqual('disabled', self.nova.computes['src'].status)

    def test_dry_run(self):
        self.nova.resize_off('vm2')
        plan = plans.make_plan(self.tools, 'drain', 'src', {}).to_dict()
        self.assertFalse(plan['feasible'])
        self.assertEqual(['open-migration'],
                         [item['code'] for item in plan['blockers']])
        self.assertEqual(['vm2'], plan['blockers'][0]['servers'])

    def test_nothing_is_fenced(self):
        """With allow_evacuate neither: the tenant may revert yet."""
        self.nova.add('err', vm_state='error')
        self.nova.resize_off('vm2')
        row = self.shutdown(allow_evacuate=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertTrue(self.is_on())
        self.assertFalse(self.nova.computes['src'].forced_down)

    def test_confirmed_meanwhile(self):
        """What is settled at the end is in nobody's way."""
        self.nova.add('vm1')
        self.nova.slow['vm1'] = 20
        self.nova.resize_off('vm2')
        self.clock.at(10, self.nova.confirm_resize, 'vm2')
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        self.assertFalse(self.is_on())

    def test_reverted_meanwhile(self):
        """A server that comes back is moved off like the others."""
        self.nova.resize_off('vm2', status='reverting',
                             task_state='resize_reverting')

        def back():
            self.nova.records[-1].status = 'reverted'
            self.nova.set('vm2', host='src', vm_state='active',
                          task_state=None)

        self.clock.at(5, back)
        row = self.shutdown()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual('dst1', self.nova.vms['vm2'].host)
        self.assertEqual(1, self.nova.count('live_migrate', 'vm2'))

    def test_revert_that_does_not_end(self):
        self.nova.resize_off('vm2', status='reverting',
                             task_state='resize_reverting')
        row = self.shutdown()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('resize_reverting', row['result'])
        self.assertTrue(self.is_on())

    def resized_meanwhile(self):
        """Half of a server that was there remains."""
        vm = self.nova.vms.pop('vm1')
        self.nova.resize_off('vm1', metadata=vm.metadata)

    def test_resized_while_it_is_emptied(self):
        """The server left by itself, but half of it did not."""
        self.nova.add('vm1', task_state='resize_migrating')
        self.clock.at(5, self.resized_meanwhile)
        row = self.shutdown()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn(open_resizes.ADVICE, row['result'])
        self.assertEqual({'vm1': 'FAILED'}, self.states())
        self.assertTrue(self.is_on())

    def test_last_look(self):
        """One that comes after everything else is seen right before."""
        run = self.run_of()
        self.nova.computes['src'].status = 'disabled'
        self.nova.resize_off('late')
        error = self.assertRaises(
            exception.TaskFailed, steps.PowerOffHost(run, self.tools).do)
        self.assertIn('late', str(error))
        self.assertTrue(self.is_on())

    def test_evacuation(self):
        """Of a dead host it is a warning: the half is lost anyway."""
        self.nova.add('vm1')
        self.nova.resize_off('vm2')
        self.nova.die('src')
        row = self.run_flow(name='host.evacuate')
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual({'vm1': 'DONE'}, self.states())
