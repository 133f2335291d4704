# SPDX-License-Identifier: Apache-2.0
"""Servers whose deletion hangs do not keep a host from being emptied."""

import datetime

from cloudmanager.power import states
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case


class DeletingTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.node = self.add_power()
        self.nova.add('vm1', 'vm2')

    def hangs(self, hours=1):
        """Let vm1 be in the middle of its deletion for some hours."""
        action = self.nova._log('vm1', 'request_deletion')
        action.start_time -= datetime.timedelta(hours=hours)
        self.nova.set('vm1', task_state='deleting')

    def test_asked_for_again(self):
        """A deletion that was lost is repeated, and the host goes (FD10)."""
        self.hangs()
        row = self.run_flow()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(['reset_state', 'request_deletion'], [
            request for request, target in self.nova.arrived
            if target == 'vm1'])
        self.assertNotIn('vm1', self.nova.vms)
        item = self.items()['vm1']
        self.assertEqual(('SKIPPED', 'The server was deleted.'),
                         (item['state'], item['error']))
        self.assertEqual([states.POWER_OFF], self.power_states(self.node))

    def test_hangs_again(self):
        """Then it is told apart, and no failure of the drain (FD10)."""
        self.hangs()
        self.nova.script['request_deletion', 'vm1'] = [fakes.STUCK]
        row = self.run_flow()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertIn('the deletion of 1 does not end', row['result'])
        self.assertIn('1 of 2 server(s) moved', row['result'])
        item = self.items()['vm1']
        self.assertEqual('SKIPPED', item['state'])
        self.assertIn('It was asked for again', item['error'])
        self.assertEqual(1, self.nova.count('request_deletion'))
        self.assertEqual([states.POWER_OFF], self.power_states(self.node))

    def test_young(self):
        """One that is asked for a moment ago is not interfered with."""
        self.hangs(hours=0)
        row = self.run_flow()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(0, self.nova.count('request_deletion'))
        self.assertIn('does not end', self.items()['vm1']['error'])

    def test_nobody_asked(self):
        """Without a record of a deletion Nova is not asked for one."""
        self.nova.set('vm1', task_state='deleting')
        self.run_flow()
        self.assertEqual(0, self.nova.count('request_deletion'))
        self.assertEqual('SKIPPED', self.states()['vm1'])

    def test_refused(self):
        """A server that Nova does not delete stays; it is asked once."""
        self.hangs()
        self.nova.script['request_deletion', 'vm1'] = [fakes.REFUSED] * 9
        row = self.run_flow()
        self.assertEqual('FAILURE', row['status'], row['result'])
        self.assertIn('its deletion hung', row['result'])
        self.assertEqual(1, self.nova.sent.count(('request_deletion',
                                                  'vm1')))
        self.assertIn('vm1', self.nova.vms)

    def test_killed_in_between(self):
        """A successor sends what its predecessor did not (FD10)."""
        self.hangs()
        # disable_service, the move of vm2, reset_state, request_deletion.
        self.nova.kill_at = (4, False)
        row = self.survive(self.run_of(), self.run_of)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, self.nova.count('request_deletion'))
        self.assertNotIn('vm1', self.nova.vms)

    def test_decommission(self):
        """Nova keeps a host for as long as it has servers (FD10)."""
        self.hangs(hours=0)
        row = self.run_flow(name='host.decommission')
        self.assertEqual('FAILURE', row['status'], row['result'])
        self.assertIn('is not empty', row['result'])
        self.assertEqual(0, self.nova.count('delete_service'))
