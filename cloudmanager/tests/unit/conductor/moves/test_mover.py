# SPDX-License-Identifier: Apache-2.0
"""Emptying a living host: which moves, how many, and what goes wrong."""

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.moves import items
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

GROUP = {'name': 'g', 'rules': {}}


class DrainTestCase(fakes_case.ConductorCase):

    def test_all_of_many(self):
        """DR1: a limit of moves at a time is none of moves in all."""
        self.config(group='host_tasks', max_moves=5,
                    max_moves_per_destination=5)
        names = [f'vm{number}' for number in range(40)]
        self.nova.add(*names)
        items = self.drain()
        self.assertEqual({'DONE'}, {item['state'] for item in
                                    items.values()})
        self.assertEqual([], self.nova.on('src'))
        self.assertEqual(40, self.nova.count('live_migrate'))
        self.assertEqual(5, self.nova.peak)

    def test_next_begins_before_an_arrival_is_checked(self):
        """A slow list of servers keeps no free slot waiting."""
        self.config(group='host_tasks', max_moves=1)
        self.nova.add('vm1', 'vm2')
        seen = []

        def ids_in_error(since, read=self.nova.ids_in_error):
            seen.append(self.states())
            return read(since)

        self.nova.ids_in_error = ids_in_error
        self.drain()
        self.assertEqual({'vm1': 'RUNNING', 'vm2': 'RUNNING'}, seen[0])
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        self.assertEqual(1, self.nova.peak)

    def test_exact_host(self):
        """DR2: a host whose name begins with this one's is another."""
        self.nova.add_host('src1')
        self.nova.add('vm1')
        self.nova.add('other', host='src1')
        self.assertEqual(['vm1'], list(self.drain()))
        self.assertEqual(0, self.nova.count('live_migrate', 'other'))

    def test_outcome_is_not_acceptance(self):
        """DR3 DR14: Nova accepts, the migration fails, the server stays."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.FAILS] * 9
        item = self.drain()['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('It broke', item['error'])
        self.assertEqual(['vm1'], self.nova.on('src'))
        self.assertEqual('active', self.nova.vms['vm1'].vm_state)
        self.assertEqual(0, self.nova.count('cold_migrate'))

    def test_every_state(self):
        """DR4: each state gets its action, the host is not called empty."""
        for number in range(3):
            self.nova.add(f'active{number}')
        for number in range(2):
            self.nova.add(f'off{number}', vm_state='stopped')
        self.nova.add('paused', vm_state='paused')
        self.nova.add('error', vm_state='error')
        items = self.drain()
        self.assertEqual(
            {'active0': 'live-migrate', 'active1': 'live-migrate',
             'active2': 'live-migrate', 'off0': 'cold-migrate',
             'off1': 'cold-migrate', 'paused': 'live-migrate',
             'error': 'blocked'},
            {key: item['action'] for key, item in items.items()})
        self.assertEqual('FAILED', items['error']['state'])
        self.assertEqual(['error'], self.nova.on('src'))

    def test_no_valid_host(self):
        """DR10: a bounded number of tries, then a clear reason."""
        for outcome in (fakes.NO_HOST, fakes.NO_RECORD):
            self.nova.add(outcome)
            self.nova.script['live_migrate', outcome] = [outcome] * 9
        items = self.drain()
        for name, item in items.items():
            self.assertEqual('FAILED', item['state'])
            self.assertIn('No valid host', item['error'])
            self.assertEqual(2, self.nova.count('live_migrate', name))

    def test_never_to_a_disabled_host(self):
        """DR13 DR26: hosts in maintenance are no targets and stay so."""
        self.nova.computes['dst1'].status = 'disabled'
        self.nova.computes['dst2'].status = 'disabled'
        self.nova.add_host('dst3')
        self.nova.add('vm1', 'vm2', 'vm3')
        self.drain()
        self.assertEqual(['vm1', 'vm2', 'vm3'], self.nova.on('dst3'))
        self.assertEqual(0, self.nova.count('enable_service'))

    def test_ladder(self):
        """DR14: a running server is stopped only when that is allowed."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.FAILS] * 9
        item = self.drain(allow_off_vm=True)['vm1']
        self.assertEqual(('DONE', 'cold-migrate', 3),
                         (item['state'], item['action'], item['attempts']))
        self.assertEqual(1, self.nova.count('confirm_resize'))

    def test_passthrough_told_beforehand(self):
        """DR17: a server with a device is stopped, and it is said before."""
        self.nova.add('vm1')
        original = self.placement.allocations_of_provider
        self.placement.allocations_of_provider = lambda uuid: {
            key: {**value, 'CUSTOM_PCI_10DE': 1}
            for key, value in original(uuid).items()}
        self.placement.inventory['CUSTOM_PCI_10DE'] = 8
        item = self.drain(allow_off_vm=True)['vm1']
        self.assertEqual(('DONE', 'cold-migrate'),
                         (item['state'], item['action']))
        self.assertEqual(0, self.nova.count('live_migrate'))

    def test_one_member_of_a_group_at_a_time(self):
        """DR19: members of a group follow one another, never together."""
        self.nova.add('vm1', 'vm2')
        self.nova.server_groups.append(nova_records.Group(
            id='g1', policy='soft-anti-affinity', members=('vm1', 'vm2'),
            **GROUP))
        self.drain()
        self.assertEqual(2, self.nova.count('live_migrate'))
        self.assertEqual(1, self.nova.peak)

    def test_a_failure_is_not_forgotten(self):
        """DR21: what succeeds later does not hide it."""
        self.nova.add('vm1', 'vm2')
        self.nova.script['live_migrate', 'vm1'] = [fakes.FAILS] * 9
        self.drain()
        self.assertEqual({'vm1': 'FAILED', 'vm2': 'DONE'}, self.states())

    def test_cold_is_confirmed(self):
        """DR23: confirmed once, and the source's room is free again."""
        self.nova.add('vm1', vm_state='stopped')
        item = self.drain()['vm1']
        self.assertEqual('DONE', item['state'])
        self.assertEqual('stopped', self.nova.vms['vm1'].vm_state)
        self.assertEqual(1, self.nova.count('confirm_resize'))
        self.assertEqual({}, self.placement.allocations_of_provider(
            'rp-src'))

    def test_limit_grows_with_memory(self):
        """DR24: a large server gets its time."""
        self.config(group='host_tasks', move_timeout=120,
                    move_timeout_per_gib=60)
        self.nova.add('vm1', flavor={'vcpus': 1, 'ram': 4096, 'disk': 1})
        self.nova.slow['vm1'] = 300
        self.assertEqual('DONE', self.drain()['vm1']['state'])
        self.assertEqual(0, self.nova.count('abort_migration'))
        self.assertLess(self.nova.reads['server_migrations'], 300 / 10)

    def test_slots_are_refilled_at_once(self):
        """DR28: no lock-step; 100 servers of 10 s, four at a time."""
        self.config(group='host_tasks', max_moves=4,
                    max_moves_per_destination=4)
        names = [f'vm{number}' for number in range(100)]
        self.nova.add(*names, flavor={'vcpus': 0, 'ram': 64, 'disk': 1})
        self.nova.slow = {name: 9 + number % 3 for number, name
                          in enumerate(names)}
        begin = self.clock.now
        self.drain()
        self.assertEqual([], self.nova.on('src'))
        self.assertLess(self.clock.now - begin, 100 / 4 * 10 * 1.2)
        self.assertEqual(4, self.nova.peak)

    def test_polling_is_in_bulk(self):
        """One request a round looks after all moves under way."""
        self.nova.add(*(f'vm{number}' for number in range(8)))
        self.nova.slow = dict.fromkeys(self.nova.vms, 60)
        self.drain()
        self.assertLess(self.nova.reads['migrations'], 2 * 60)
        self.assertLess(self.nova.reads['server'], 4 * 8)


class UnavailableTestCase(fakes_case.ConductorCase):
    """Nova refuses moves while a heartbeat of a nova-compute is late."""

    def refuse(self, request, times):
        self.nova.add('vm1', vm_state=(
            'stopped' if request == 'cold_migrate' else 'active'))
        self.nova.script[request, 'vm1'] = [fakes.refusal(
            request, 'Service is unavailable at this time.')] * times

    def check(self, request):
        self.refuse(request, 4)
        item = self.drain()['vm1']
        self.assertEqual(('DONE', 1), (item['state'], item['attempts']))
        self.assertEqual(1, self.nova.count(request))

    def test_live_for_a_moment(self):
        self.check('live_migrate')

    def test_cold_for_a_moment(self):
        self.check('cold_migrate')

    def test_for_ever(self):
        """Then it is a refusal like any other."""
        self.refuse('live_migrate', 10 ** 4)
        begin = self.clock.now
        item = self.drain()['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('is unavailable at this time', item['error'])
        self.assertLess(self.clock.now - begin, 200)

    def test_cancelled_meanwhile(self):
        self.refuse('live_migrate', 10 ** 4)
        run = self.run_of()
        self.plan(run)
        self.clock.at(20, self.cancel)
        self.assertRaises(exception.TaskCancelled, self.drive, run)
        self.assertLess(self.clock.now - 1000, 200)


class ProgressTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', move_timeout=60, poll_interval=5,
                    move_timeout_per_gib=0, migration_retries=0,
                    stall_timeout=30)

    def test_never_converges(self):
        """DR7: aborted within minutes, the next step; others go on."""
        self.nova.add('busy', 'vm2')
        self.nova.script['live_migrate', 'busy'] = [fakes.STUCK]
        self.nova.remaining['busy'] = lambda: 5000
        begin = self.clock.now
        items = self.drain(allow_off_vm=True)
        self.assertEqual(('DONE', 'cold-migrate'), (
            items['busy']['state'], items['busy']['action']))
        self.assertEqual(1, self.nova.count('abort_migration'))
        self.assertLess(self.clock.now - begin, 120)
        self.assertEqual('live-migrate', items['vm2']['action'])

    def test_slow_but_advancing(self):
        """DR8: not ended while what remains gets less."""
        self.nova.add('vm1')
        self.nova.slow['vm1'] = 200
        begin = self.clock.now
        self.nova.remaining['vm1'] = lambda: int(
            10 ** 6 * (1 - (self.clock.now - begin) / 200))
        self.assertEqual('DONE', self.drain()['vm1']['state'])
        self.assertEqual(0, self.nova.count('abort_migration'))
        self.assertEqual(1, self.nova.count('live_migrate'))

    def stuck(self, name='vm1', **values):
        self.nova.add(name, **values)
        self.nova.script['live_migrate', name] = [fakes.STUCK]
        self.nova.remaining[name] = lambda: 5000

    def test_wait(self):
        """DR7: a server whose owner would rather wait is waited for."""
        self.stuck(metadata={'slow_migration': 'wait'})
        begin = self.clock.now
        item = self.drain(allow_off_vm=True)['vm1']
        self.assertEqual('FAILED', item['state'])
        self.assertIn('it was not over', item['error'])
        self.assertEqual(0, self.nova.count('abort_migration'))
        self.assertGreater(self.clock.now - begin, 200)

    def test_force_complete(self):
        """DR7: forced once, and moved."""
        self.config(group='host_tasks', slow_migration='force-complete')
        self.stuck()
        item = self.drain()['vm1']
        self.assertEqual(('DONE', 'live-migrate'),
                         (item['state'], item['action']))
        self.assertEqual(1, self.nova.count('force_complete'))
        self.assertEqual(0, self.nova.count('abort_migration'))

    def test_task_goes_before_metadata(self):
        self.stuck(metadata={'slow_migration': 'wait'})
        item = self.drain(slow_migration='force-complete')['vm1']
        self.assertEqual('DONE', item['state'])

    def test_metadata_that_is_no_policy(self):
        self.stuck(metadata={'slow_migration': 'magic'})
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('abort_migration'))

    def test_lost_force_is_repeated(self):
        self.config(group='host_tasks', slow_migration='force-complete')
        self.stuck()
        self.nova.script['force_complete', 'vm1'] = [fakes.LOST]
        self.assertEqual('DONE', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('force_complete'))

    def test_trickle_is_no_progress(self):
        """A server that writes as fast as is copied does not get on."""
        self.stuck()
        self.nova.remaining['vm1'] = lambda: 10 ** 9 - int(self.clock.now)
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('abort_migration'))

    def test_lost_abort(self):
        """An abort that never arrived does not keep the task for ever."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.STUCK]
        self.nova.script['abort_migration', 'vm1'] = [fakes.LOST]
        self.nova.remaining['vm1'] = lambda: 5000
        begin = self.clock.now
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('abort_migration'))
        self.assertLess(self.clock.now - begin, 120)

    def test_stuck_cold(self):
        """A migration that goes on is not asked for again."""
        self.nova.add('vm1', vm_state='stopped')
        self.nova.script['cold_migrate', 'vm1'] = [fakes.STUCK]
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('cold_migrate'))

    def test_stuck_offload(self):
        self.nova.add('vm1', vm_state='shelved')
        self.nova.script['shelve_offload', 'vm1'] = [fakes.STUCK]
        self.assertEqual('FAILED', self.drain()['vm1']['state'])
        self.assertEqual(1, self.nova.count('shelve_offload'))

    def test_offload(self):
        self.nova.add('vm1', vm_state='shelved')
        item = self.drain()['vm1']
        self.assertEqual(('DONE', None),
                         (item['state'], item['destination']))


class CancelTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', max_moves=2)
        self.nova.add('vm1', 'vm2', 'vm3', 'vm4')
        self.nova.slow = dict.fromkeys(self.nova.vms, 30)

    def begin(self, running, **params):
        run = self.run_of(**params)
        self.plan(run)
        self.clock.at(5, self.cancel, running)
        self.assertRaises(exception.TaskCancelled, self.drive, run)

    def test_finish(self):
        """DR16: what runs is finished, nothing more is begun."""
        self.begin('finish')
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE', 'vm3': 'SKIPPED',
                          'vm4': 'SKIPPED'}, self.states())
        self.assertEqual(2, self.nova.count('live_migrate'))
        self.assertEqual(0, self.nova.count('abort_migration'))

    def test_abort(self):
        """DR16: what runs is aborted, and runs where it was."""
        self.begin('abort')
        self.assertEqual({'SKIPPED'}, set(self.states().values()))
        self.assertEqual(2, self.nova.count('abort_migration'))
        self.assertEqual(4, len(self.nova.on('src')))
        self.assertEqual(2, self.nova.count('live_migrate'))

    def test_abort_refused(self):
        """EV10 in kind: it ended by itself meanwhile, which is success."""
        self.nova.script['abort_migration', 'vm1'] = [fakes.REFUSED]
        self.begin('abort')
        self.assertEqual('DONE', self.states()['vm1'])

    def test_cold_is_finished(self):
        """DR16: what Nova cannot abort is finished and confirmed."""
        for name in self.nova.vms:
            self.nova.set(name, vm_state='stopped')
        self.begin('abort')
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE', 'vm3': 'SKIPPED',
                          'vm4': 'SKIPPED'}, self.states())


class ChangeTestCase(fakes_case.ConductorCase):
    """Tenants and operators do things meanwhile."""

    def test_deleted_under_way(self):
        self.nova.add('vm1', 'vm2')
        self.nova.slow['vm1'] = 30
        run = self.run_of()
        self.plan(run)
        self.clock.at(3, self.nova.delete, 'vm1')
        self.drive(run)
        self.assertEqual({'vm1': 'SKIPPED', 'vm2': 'DONE'}, self.states())

    def test_deleted_before(self):
        self.nova.add('vm1', 'vm2')
        run = self.run_of()
        self.plan(run)
        self.nova.delete('vm1')
        self.drive(run)
        self.assertEqual({'vm1': 'SKIPPED', 'vm2': 'DONE'}, self.states())

    def test_deleted_after_a_lost_request(self):
        """Nova has no actions of it any more; the others go on."""
        self.nova.add('vm1', 'vm2')
        self.nova.script['live_migrate', 'vm1'] = [fakes.LOST]
        self.nova.slow['vm2'] = 30
        run = self.run_of()
        self.plan(run)
        self.clock.at(2, self.nova.delete, 'vm1')
        self.drive(run)
        self.assertEqual({'vm1': 'SKIPPED', 'vm2': 'DONE'}, self.states())

    def test_deleted_after_its_time(self):
        """Nova has no progress of it any more; the others go on."""
        self.config(group='host_tasks', move_timeout=10,
                    move_timeout_per_gib=0)
        self.nova.add('vm1', 'vm2')
        self.nova.slow = {'vm1': 40, 'vm2': 5}
        listed = self.nova.server_migrations

        def listing(name):
            self.nova.vms.pop('vm1', None)
            return listed(name)

        self.nova.server_migrations = listing
        self.drain()
        self.assertEqual({'vm1': 'SKIPPED', 'vm2': 'DONE'}, self.states())

    def test_stopped_by_its_tenant(self):
        """A server that was stopped meanwhile is moved cold."""
        self.nova.add('vm1')
        run = self.run_of()
        self.plan(run)
        self.nova.set('vm1', vm_state='stopped')
        self.drive(run)
        item = self.items()['vm1']
        self.assertEqual(('DONE', 'cold-migrate'),
                         (item['state'], item['action']))

    def test_busy_then_free(self):
        self.nova.add('vm1', task_state='rebooting')
        run = self.run_of()
        self.plan(run)
        self.clock.at(20, self.nova.set, 'vm1', task_state=None)
        self.drive(run)
        self.assertEqual('DONE', self.states()['vm1'])
        self.assertEqual(1, self.nova.count('live_migrate'))

    def test_busy_for_ever(self):
        self.nova.add('vm1', 'vm2', task_state=None)
        self.nova.set('vm1', task_state='image_uploading')
        items = self.drain()
        self.assertEqual({'vm1': 'FAILED', 'vm2': 'DONE'}, self.states())
        self.assertIn('image_uploading', items['vm1']['error'])

    def test_moved_by_somebody_else(self):
        """It left the host by itself: nothing is asked for."""
        self.nova.add('vm1', task_state='migrating')
        run = self.run_of()
        self.plan(run)
        self.clock.at(5, self.nova.set, 'vm1', task_state=None,
                      host='dst2')
        self.drive(run)
        item = self.items()['vm1']
        self.assertEqual(('DONE', 'dst2'),
                         (item['state'], item['destination']))
        self.assertEqual([], self.nova.sent)

    def test_gone_elsewhere_when_refused(self):
        """One that is on another host by now is not moved once more."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.REFUSED]
        run = self.run_of()
        self.plan(run)
        self.nova.set('vm1', host='dst2')
        self.drive(run)
        self.assertEqual(('DONE', 'dst2'), (
            self.states()['vm1'], self.items()['vm1']['destination']))
        self.assertEqual([], self.nova.arrived)

    def test_offloaded_by_its_tenant(self):
        """One that is on no host any more has left."""
        self.nova.add('vm1', vm_state='shelved',
                      task_state='shelving_offloading')
        run = self.run_of()
        self.plan(run)
        self.clock.at(5, self.nova.set, 'vm1', task_state=None, host=None,
                      vm_state='shelved_offloaded')
        self.drive(run)
        self.assertEqual('DONE', self.states()['vm1'])

    def test_offloaded_when_refused(self):
        self.nova.add('vm1')
        run = self.run_of()
        self.plan(run)
        self.nova.script['live_migrate', 'vm1'] = [fakes.REFUSED]
        self.nova.set('vm1', host=None, vm_state='shelved_offloaded')
        self.drive(run)
        self.assertEqual('DONE', self.states()['vm1'])

    def test_changes_without_end(self):
        """A server that changes all the time is given up in the end."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.REFUSED] * 99
        self.nova.script['cold_migrate', 'vm1'] = [fakes.REFUSED] * 99

        def flip():
            stopped = self.nova.vms['vm1'].vm_state == 'stopped'
            self.nova.set('vm1',
                          vm_state='active' if stopped else 'stopped')
            if self.clock.now < 1500:
                self.clock.at(0.3, flip)

        run = self.run_of()
        self.plan(run)
        self.clock.at(0.3, flip)
        self.drive(run)
        self.assertEqual('FAILED', self.states()['vm1'])
        self.assertLess(len(self.nova.sent),
                        4 * (items.MAX_REPLANS + 1))

    def test_no_second_host_that_refused(self):
        """A host that did not take a server is not asked again."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.FAILS]
        self.drain()
        first, second = [target for target, _ in self.nova.targets['vm1']]
        self.assertEqual({'dst1', 'dst2'}, {first, second})
