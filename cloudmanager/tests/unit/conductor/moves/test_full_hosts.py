# SPDX-License-Identifier: Apache-2.0
"""Servers wait for a place, tries have pauses, and ERROR is no success."""

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

LIVE = 'live_migrate'


class PlaceTestCase(fakes_case.ConductorCase):
    """FD23: all other hosts are down for a while."""

    def setUp(self):
        super().setUp()
        self.begin = self.clock.now

    def others(self, **values):
        for host in ('dst1', 'dst2'):
            vars(self.nova.computes[host]).update(values)

    def down_for(self, seconds):
        self.others(alive=False)
        self.clock.at(seconds, self.others, alive=True)

    def ends(self, items):
        return {key: (item['state'], item['attempts'], item['error'])
                for key, item in items.items()}

    def test_down_from_the_start(self):
        """No attempt is counted and Nova is not asked meanwhile (FD23)."""
        self.dead_host()
        self.nova.add('vm1', 'vm2')
        self.down_for(15)
        seen = []
        self.clock.at(10, lambda: seen.append(
            (self.items()['vm1'], list(self.nova.sent))))
        items = self.evacuate()
        self.assertEqual({'vm1': ('DONE', 1, None),
                          'vm2': ('DONE', 1, None)}, self.ends(items))
        item, sent = seen[0]
        self.assertEqual(('PENDING', 0, []),
                         (item['state'], item['attempts'], sent))
        self.assertIn('waits for a place', item['error'])
        # They go where they were planned to go, once there was a place.
        self.assertTrue(all(self.nova.targets[name][0][0]
                            for name in ('vm1', 'vm2')))

    def test_down_in_mid_evacuation(self):
        """Those that have no place yet are not burnt (FD23)."""
        self.config(group='host_tasks', max_moves=1, evacuation_retries=0)
        self.dead_host()
        self.nova.add('vm1', 'vm2', 'vm3')
        self.nova.seconds = 10
        self.clock.at(5, self.down_for, 40)
        self.assertEqual({f'vm{number}': ('DONE', 1, None)
                          for number in (1, 2, 3)},
                         self.ends(self.evacuate()))

    def test_failed_because_all_are_down(self):
        """Nova knew first: the try does not count (FD23)."""
        self.config(group='host_tasks', evacuation_retries=0)
        self.dead_host()
        self.nova.add('vm1')
        self.nova.script['evacuate', 'vm1'] = [fakes.NO_HOST]
        self.clock.at(0.05, self.down_for, 20)
        item = self.evacuate()['vm1']
        self.assertEqual(('DONE', 2, None), (
            item['state'], item['attempts'], item['error']))

    def test_limit(self):
        """They do not wait for ever, and Nova is never asked (FD23)."""
        self.config(group='host_tasks', place_timeout=60)
        self.dead_host()
        self.nova.add('vm1')
        self.others(alive=False)
        item = self.evacuate()['vm1']
        self.assertEqual(('FAILED', 0), (item['state'], item['attempts']))
        self.assertIn('within 60 s', item['error'])
        self.assertEqual([], self.nova.sent)
        self.assertLess(self.clock.now - self.begin, 70)

    def test_deadline_outlives_the_conductor(self):
        """A successor waits for the rest of the time only (FD23)."""
        self.config(group='host_tasks', place_timeout=60)
        self.dead_host()
        self.nova.add('vm1')
        self.others(alive=False)
        run = self.run_of('host.evacuate')
        self.plan(run)
        self.clock.at(40, run.stopping.set)
        self.assertRaises(engine_run.HandOver, self.drive, run,
                          fakes_case.EVACUATION)
        self.drive(self.run_of(), fakes_case.EVACUATION)
        self.assertEqual('FAILED', self.states()['vm1'])
        self.assertLess(self.clock.now - self.begin, 70)

    def test_planned_once(self):
        """Those that have to wait for a slot are not planned all the time."""
        self.config(group='host_tasks', max_moves_per_destination=1)
        self.dead_host()
        self.nova.add(*(f'vm{number}' for number in range(6)))
        self.down_for(15)
        self.nova.seconds = 20
        planned = self.placement.reads['snapshot']
        self.evacuate()
        self.assertEqual({'DONE'}, set(self.states().values()))
        self.assertLessEqual(self.placement.reads['snapshot'] - planned, 2)

    def test_drain(self):
        """The servers of a living host wait as well (FD23)."""
        self.nova.add('vm1')
        self.others(status='disabled')
        self.clock.at(30, self.others, status='enabled')
        item = self.drain()['vm1']
        self.assertEqual(('DONE', 1, None), (
            item['state'], item['attempts'], item['error']))

    def test_offload_needs_none(self):
        self.nova.add('vm1', vm_state='shelved')
        self.others(alive=False)
        self.assertEqual('DONE', self.drain()['vm1']['state'])
        self.assertLess(self.clock.now - self.begin, 20)

    def test_planned_host_went_down(self):
        """One whose destination is down goes elsewhere at once (FD23)."""
        self.dead_host()
        self.nova.add('vm1')
        run = self.run_of('host.evacuate')
        self.plan(run)
        planned = self.items()['vm1']['destination']
        self.nova.computes[planned].alive = False
        self.drive(run, fakes_case.EVACUATION)
        item = self.items()['vm1']
        self.assertEqual(('DONE', 1), (item['state'], item['attempts']))
        self.assertNotEqual(planned, item['destination'])

    def test_cancelled_meanwhile(self):
        self.dead_host()
        self.nova.add('vm1')
        self.others(alive=False)
        run = self.run_of('host.evacuate')
        self.plan(run)
        self.clock.at(20, self.cancel)
        self.assertRaises(fakes.exception.TaskCancelled, self.drive, run,
                          fakes_case.EVACUATION)
        self.assertEqual('SKIPPED', self.states()['vm1'])


class PauseTestCase(fakes_case.ConductorCase):
    """FD11: destinations that refuse."""

    def setUp(self):
        super().setUp()
        self.dead_host()
        self.nova.add('vm1')
        self.config(group='host_tasks', retry_delay=10.0,
                    evacuation_retries=2)

    def times(self):
        return [(item.start_time - clocks.BEGINNING).total_seconds()
                for item in self.nova.log if item.action == 'evacuate']

    def test_pauses_and_other_hosts(self):
        """Tries are spread out, and go to another host each (FD11)."""
        self.nova.add_host('dst3')
        self.nova.script['evacuate', 'vm1'] = [fakes.FAILS] * 3
        item = self.evacuate()['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertEqual(3, len({target for target, _ in
                                 self.nova.targets['vm1']}))
        first, second, third = self.times()
        self.assertTrue(7 <= second - first - 1 <= 16, self.times())
        self.assertTrue(14 <= third - second - 1 <= 30, self.times())

    def test_pause_is_bounded(self):
        self.config(group='host_tasks', retry_delay_max=5.0,
                    evacuation_retries=4)
        self.nova.script['evacuate', 'vm1'] = [fakes.FAILS] * 4
        self.assertEqual('DONE', self.evacuate()['vm1']['state'])
        times = self.times()
        self.assertTrue(all(later - earlier < 10 for earlier, later in
                            zip(times, times[1:], strict=False)), times)

    def test_next_action_at_once(self):
        """The next step of the ladder does not wait (FD11)."""
        self.nova.computes['src'].forced_down = False
        self.nova.computes['src'].alive = True
        self.config(group='host_tasks', migration_retries=0)
        self.nova.script[LIVE, 'vm1'] = [fakes.FAILS]
        begin = self.clock.now
        self.nova.computes['src'].silent = False
        item = self.drain(allow_off_vm=True)['vm1']
        self.assertEqual(('DONE', 'cold-migrate'),
                         (item['state'], item['action']))
        self.assertLess(self.clock.now - begin, 10)


class BrokenTestCase(fakes_case.ConductorCase):
    """FD12: Nova is done, and the server is in error where it went."""

    def check(self, item):
        self.assertEqual('FAILED', item['state'])
        self.assertEqual(self.nova.vms['vm1'].host, item['destination'])
        self.assertIn(item['destination'], ('dst1', 'dst2'))
        self.assertIn('No port could be bound', item['error'])
        self.assertIn('repair it', item['error'])
        self.assertEqual(1, item['attempts'])

    def broken(self, request, **values):
        self.nova.add('vm1', **values)
        self.nova.add('vm2', **values)
        self.nova.script[request, 'vm1'] = [fakes.ARRIVES_BROKEN]

    def test_evacuation(self):
        """An evacuated server in ERROR is no success (FD12)."""
        self.dead_host()
        self.broken('evacuate')
        items = self.evacuate()
        self.check(items['vm1'])
        self.assertEqual('DONE', items['vm2']['state'])
        self.assertEqual(1, self.nova.count('evacuate', 'vm1'))

    def test_evacuation_without_lock(self):
        """The same where no lock makes us look at the server (FD12)."""
        self.config(group='host_tasks', lock_servers=False)
        self.test_evacuation()

    def test_live(self):
        """A live-migrated server in ERROR is no success (FD12)."""
        self.broken(LIVE)
        items = self.drain(allow_off_vm=True)
        self.check(items['vm1'])
        self.assertEqual('DONE', items['vm2']['state'])
        self.assertEqual(0, self.nova.count('cold_migrate'))

    def test_cold(self):
        """A cold-migrated server in ERROR is no success (FD12)."""
        self.broken('cold_migrate', vm_state='stopped')
        items = self.drain()
        self.check(items['vm1'])
        self.assertEqual('DONE', items['vm2']['state'])

    def test_cold_before_its_confirmation(self):
        """One that breaks while it waits for that ends as well (FD12)."""
        self.nova.add('vm1', vm_state='stopped')
        self.nova.confirm_resize = lambda server_id: None
        self.clock.at(20, self.nova.set, 'vm1', vm_state='error',
                      fault='It broke.')
        item = self.drain()['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('It broke', item['error'])

    def test_never_confirmed(self):
        """A confirmation without effect is not waited for for ever."""
        self.config(group='host_tasks', move_timeout=60, poll_interval=5,
                    move_timeout_per_gib=0)
        self.nova.add('vm1', vm_state='stopped')
        self.nova.confirm_resize = lambda server_id: None
        item = self.drain()['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('not confirmed', item['error'])

    def test_its_own_operation(self):
        """So does one that left by itself (FD12)."""
        self.nova.add('vm1', task_state='migrating')
        self.clock.at(20, self.nova.set, 'vm1', task_state=None,
                      host='dst2', vm_state='error', fault='It broke.')
        item = self.drain()['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('It broke', item['error'])
