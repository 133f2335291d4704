# SPDX-License-Identifier: Apache-2.0
"""One server is balanced, on a fake cloud."""

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import server_case


class BalanceTestCase(server_case.ServerCase):

    def setUp(self):
        super().setUp()
        self.load('src', 4)
        self.load('dst1', 1)
        self.load('dst2', 2)

    def load(self, host, number):
        """Put some load on a host."""
        self.nova.add(*(f'{host}-{count}' for count in range(number)),
                      host=host, vm_state='stopped')

    def test_live(self):
        self.nova.add('vm1')
        self.check('balance')
        result = self.act('balance')
        self.assertEqual((['live_migrate'], 'dst1', 'active'),
                         (self.asked(), self.vm.host, self.vm.vm_state))
        self.assertEqual([('dst1', False)], self.nova.targets['vm1'])
        for word in ('from src to dst1', 'live-migrate', '%'):
            self.assertIn(word, result)
        item = self.item()
        self.assertEqual(('DONE', 'live-migrate', 'src', 'dst1'), tuple(
            item[key] for key in ('state', 'action', 'source',
                                  'destination')))

    def test_cold(self):
        """DR23: confirmed automatically, and it stays off."""
        self.nova.add('vm1', vm_state='stopped')
        self.act('balance')
        self.assertEqual((['cold_migrate', 'confirm_resize'], 'stopped'),
                         (self.asked(), self.vm.vm_state))

    def test_paused(self):
        self.nova.add('vm1', vm_state='paused')
        self.act('balance')
        self.assertEqual(('dst1', 'paused'), (self.vm.host,
                                              self.vm.vm_state))

    def test_not_back(self):
        self.nova.add('vm1')
        self.act('balance')
        result = self.act('balance')
        self.assertIn('stays on dst1', result)
        self.assertEqual(['live_migrate'], self.asked())
        self.assertEqual('SKIPPED', self.item()['state'])

    def test_no_better_host(self):
        """A success, which says why nothing was moved."""
        self.nova.add('vm1')
        for host in ('dst1', 'dst2'):
            self.nova.computes[host].status = 'disabled'
        self.assertIn('2 disabled', self.act('balance'))
        self.assertEqual([], self.asked())

    def test_nothing_to_gain(self):
        """Hosts of nearly the same load: no move, and why (FD16)."""
        self.config(group='server_tasks', balance_gain=0.05)
        self.nova.add('vm1')
        result = self.act('balance')
        self.assertIn('a move would gain too little: the load of src is 8% '
                      'with it, and that of dst1 would be ', result)
        self.assertIn('stays on src', result)
        self.assertEqual([], self.asked())

    def test_reserved(self):
        db_nodes.create_node(self.context, {'name': 'dst1',
                                            'is_reserved': True})
        self.nova.add('vm1')
        self.act('balance')
        self.assertEqual('dst2', self.vm.host)

    def test_aggregates(self):
        self.nova.aggregate_list = [nova_records.Aggregate(
            7, 'ssd', None, ('src', 'dst2'), {})]
        self.nova.add('vm1')
        self.act('balance')
        self.assertEqual('dst2', self.vm.host)

    def test_group(self):
        self.nova.add('vm1')
        self.nova.add('vm2', host='dst1')
        self.nova.server_groups = [nova_records.Group(
            'g', 'g', 'anti-affinity', ('vm1', 'vm2'), {})]
        self.act('balance')
        self.assertEqual('dst2', self.vm.host)

    def test_next_host(self):
        """Nova has the last word; the next best host is tried then."""
        for outcome in (fakes.FAILS, fakes.NO_HOST, fakes.NO_RECORD,
                        fakes.REFUSED):
            self.nova.set('vm1', host='src') if self.nova.vms.get(
                'vm1') else self.nova.add('vm1')
            self.nova.targets.clear()
            self.give_up('live_migrate', outcome)
            self.act('balance')
            self.assertEqual('dst2', self.vm.host, outcome)
            self.assertEqual(2, self.item()['attempts'])

    def test_all_refuse(self):
        """The source stays as it is, and Nova is not asked for ever."""
        self.nova.add('vm1')
        self.give_up('live_migrate', *[fakes.FAILS] * 9)
        result = self.act('balance')
        self.assertIn('stays on src', result)
        self.assertIn('refused by Nova', result)
        self.assertEqual(2, self.nova.count('live_migrate'))

    def test_tries(self):
        self.config(group='server_tasks', balance_tries=1)
        self.nova.add('vm1')
        self.give_up('live_migrate', fakes.FAILS)
        self.assertIn('It broke.', self.act('balance', 'FAILURE'))
        self.assertEqual(('active', 'src'), (self.vm.vm_state,
                                             self.vm.host))

    def test_refused_states(self):
        for state in ('suspended', 'rescued', 'error', 'shelved',
                      'shelved_offloaded', 'soft-delete'):
            self.nova.add('vm1', vm_state=state)
            error = self.assertRaises(exception.ServerState, self.check,
                                      'balance')
            self.assertEqual(409, error.code)
            self.act('balance', 'FAILURE')
        self.assertEqual([], self.asked())

    def test_host_down(self):
        self.nova.add('vm1')
        self.nova.die('src')
        self.nova.computes['src'].alive = False
        self.assertIn('recover', str(self.assertRaises(
            exception.ServerState, self.check, 'balance')))

    def test_busy(self):
        self.nova.add('vm1', vm_state='stopped')
        self.nova.start('vm1')
        self.check('balance')
        self.act('balance')
        self.assertEqual(['start', 'live_migrate'], self.asked())

    def test_stops_meanwhile(self):
        """What it is now decides how it is moved."""
        self.nova.add('vm1')

        def stopped(server_id, host=None, force=False):
            self.nova.set(server_id, vm_state='stopped')
            raise fakes.refusal('live-migrate', 'it is stopped')

        self.nova.live_migrate = stopped
        self.act('balance')
        self.assertEqual('cold_migrate', self.asked()[0])
        self.assertEqual('stopped', self.vm.vm_state)

    def test_cancelled(self):
        self.nova.add('vm1')
        self.nova.seconds = 50
        self.clock.at(5, self.cancel, 'abort')
        self.act('balance', 'REVOKED')
        self.assertEqual(('src', None), (self.vm.host, self.vm.task_state))

    def test_kills(self):
        for state, request in (('active', 'live_migrate'),
                               ('stopped', 'cold_migrate')):
            def prepare(state=state):
                self.load('src', 3)
                self.nova.add('vm1', vm_state=state)

            def check(where, request=request):
                self.assertEqual(1, self.nova.count(request, 'vm1'), where)
                self.assertNotEqual('src', self.vm.host, where)

            self.assertGreater(self.kill_everywhere(
                'balance', prepare, check), 5)
