# SPDX-License-Identifier: Apache-2.0
"""Evacuations and the data on the disks of hosts."""

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.planning.terms import Action
from cloudmanager.power import states
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

VOLUME = {'image': None, 'volumes': ('v1',)}


class LocalDisksCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', shared_storage=[])

    def share(self, *hosts):
        """Let some hosts share their storage."""
        self.config(group='host_tasks', shared_storage=['pool'])
        self.nova.aggregate_list.append(nova_records.Aggregate(
            1, 'pool', None, hosts, {}))


class EvacuationTestCase(LocalDisksCase):

    def test_data_wait_for_the_host(self):
        """What nobody called shared is not rebuilt (FD24)."""
        self.nova.add('local')
        self.nova.add('volume', **VOLUME)
        self.dead_host()
        items = self.evacuate()
        self.assertEqual({'local': 'FAILED', 'volume': 'DONE'},
                         self.states())
        self.assertIn('allow_data_loss', items['local']['error'])
        self.assertEqual(0, self.nova.count('evacuate', 'local'))

    def test_allowed(self):
        """The caller gives the data up (FD24)."""
        self.nova.add('local')
        self.dead_host()
        self.evacuate(allow_data_loss=True)
        self.assertEqual({'local': 'DONE'}, self.states())

    def test_every_try_goes_where_the_disks_are(self):
        """Not even Nova's scheduler chooses another host (FD24)."""
        self.share('src', 'dst2')
        self.nova.add('local')
        self.nova.script['evacuate', 'local'] = [fakes.FAILS] * 9
        self.dead_host()
        self.evacuate()
        self.assertEqual({'local': 'FAILED'}, self.states())
        self.assertEqual({'dst2'}, {target for target, _ in
                                    self.nova.targets['local']})

    def lose_sight(self, **params):
        """Evacuate a powered host that Nova does not hear any more.

        :returns: the row of the task, and whether the host was cut off
        """
        node = self.add_power()
        self.nova.die('src')
        row = self.run_flow(name='host.evacuate', force=False, **params)
        return row, self.power_states(node) == [states.POWER_OFF]

    def test_no_fence_that_is_of_no_use(self):
        """Guests whose data have to stay keep their power (FD24)."""
        self.nova.add('local1', 'local2')
        row, cut_off = self.lose_sight()
        self.assertEqual('FAILURE', row['status'], row['result'])
        self.assertIn('Host src is not fenced', row['result'])
        self.assertIn('name-local2 (local2): no other host is known',
                      row['result'])
        self.assertFalse(cut_off)
        self.assertEqual(0, self.nova.count('force_down'))
        self.assertEqual({'local1': 'FAILED', 'local2': 'FAILED'},
                         self.states())

    def test_fence_for_one(self):
        """One server that can be rebuilt is worth it (FD24)."""
        self.nova.add('local')
        self.nova.add('volume', **VOLUME)
        row, cut_off = self.lose_sight()
        self.assertTrue(cut_off, row['result'])
        self.assertEqual({'local': 'FAILED', 'volume': 'DONE'},
                         self.states())

    def test_fence_where_a_few_hosts_share_disks(self):
        """It takes the whole plan to know that (FD24)."""
        self.share('src', 'dst2')
        self.nova.add('local')
        row, cut_off = self.lose_sight()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertTrue(cut_off)

    def test_word_of_an_administrator(self):
        """The power is off already: the servers are told apart (FD24)."""
        self.nova.add('local')
        row, _ = self.lose_sight(fenced=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual(1, self.nova.count('force_down'))

    def test_one_server(self):
        """recover and repair of a server are no way around it (FD24)."""
        for params, fits in (({}, False), ({'allow_data_loss': True}, True)):
            self.nova.add('local')
            plan = plans.make_plan(self.tools, 'evacuate', 'src', params,
                                   only=frozenset(('local',)),
                                   priority_key='')
            self.assertEqual(fits, plan.servers[0].fits)


class DrainTestCase(LocalDisksCase):

    def test_no_fence_for_data(self):
        """A host whose servers keep their data is not cut off (FD24)."""
        self.add_power()
        self.nova.add('local', vm_state='error')
        row = self.run_flow(allow_evacuate=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('allow_data_loss', row['result'])
        self.assertEqual([], [name for name, _ in self.nova.sent
                              if name in ('evacuate', 'force_down')])

    def test_no_evacuation_after_a_migration(self):
        """The ladder has no last step (FD24)."""
        self.nova.add('local')
        self.nova.script['live_migrate', 'local'] = [fakes.FAILS] * 9
        item = self.drain(allow_evacuate=True)['local']
        self.assertEqual(('FAILED', []),
                         (item['state'], item['memory']['ladder']))

    def test_a_changed_server_is_decided_on_by_its_disks(self):
        """Also when it was planned in another state (FD24)."""
        self.nova.add('local', task_state='rebooting')
        run = self.run_of(allow_evacuate=True)
        self.plan(run)
        self.nova.set('local', vm_state='error', task_state=None)
        self.drive(run)
        self.assertEqual({'local': 'FAILED'}, self.states())
        self.assertIn('allow_data_loss', self.items()['local']['error'])

    def test_a_changed_server_goes_where_its_disks_are(self):
        """The host chosen for a migration may be another one (FD24)."""
        self.share('src', 'dst2')
        self.nova.computes['dst2'].status = 'disabled'
        self.nova.add('local', task_state='rebooting')
        run = self.run_of(allow_evacuate=True)
        self.plan(run)
        self.assertEqual('dst1', self.items()['local']['destination'])
        self.nova.computes['dst2'].status = 'enabled'
        self.nova.set('local', vm_state='error', task_state=None)
        self.drive(run)
        self.assertEqual('PENDING', self.items()['local']['state'])
        self.dead_host()
        self.drive(run, fakes_case.EVACUATION)
        item = self.items()['local']
        self.assertEqual(('DONE', 'dst2', 1), (
            item['state'], item['destination'], item['attempts']))


class ConfiguredTestCase(fakes_case.ConductorCase):

    def test_never_evacuated(self):
        """The rule that keeps a server is in its item (FD20)."""
        self.config(group='host_tasks', never_evacuate=['tag:octavia'])
        self.nova.add('amphora', tags=('octavia',))
        self.nova.add('vm1')
        self.dead_host()
        items = self.evacuate()
        self.assertEqual({'amphora': 'SKIPPED', 'vm1': 'DONE'},
                         self.states())
        self.assertIn('tag:octavia', items['amphora']['error'])

    def test_rules_are_checked(self):
        for rule in ('octavia', 'host:a', 'tag:', 'TAG:a'):
            self.assertRaises(ValueError, self.config, group='host_tasks',
                              never_evacuate=[rule])

    def test_no_cold_migration(self):
        """A stopped server is not tried (FD21)."""
        self.config(group='host_tasks', allow_cold_migration=False)
        self.nova.add('off', vm_state='stopped')
        item = self.drain()['off']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('allow_cold_migration', item['error'])
        self.assertEqual([], self.nova.sent)


class RequestTestCase(LocalDisksCase):

    def send(self, destination='dst1', **values):
        self.nova.add('vm1')
        self.dead_host()
        nova_requests.send(self.nova, MoveItem(
            kind=ItemKind.SERVER, object_id='vm1', destination=destination,
            action=Action.EVACUATE, **values), 'src', 'why', True)

    def test_nova_does_not_choose(self):
        """No request leaves that may lose data (FD24)."""
        pool = {'disks': ['root disk'], 'storage': ['aggregate a']}
        for destination, chosen_for in ((None, Action.EVACUATE),
                                        ('dst1', Action.LIVE),
                                        ('dst1', None)):
            self.assertRaises(
                exception.CloudRequestRefused, self.send, destination,
                chosen_for=chosen_for, **pool)
        self.assertEqual([], self.nova.sent)
        self.send(chosen_for=Action.EVACUATE, **pool)
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_rows_of_before(self):
        """A task that began before an upgrade goes on."""
        self.send(None)
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_others(self):
        for values in ({'disks': [], 'storage': ['aggregate a']},
                       {'disks': ['root disk'], 'storage': ['all']}):
            self.send(None, **values)
        self.assertEqual(2, self.nova.count('evacuate'))
