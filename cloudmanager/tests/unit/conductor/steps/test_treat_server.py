# SPDX-License-Identifier: Apache-2.0
"""Recover, repair, reset and wake up on a fake cloud."""

from cloudmanager.clients import placement as clients_placement
from cloudmanager.common import exception
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor import server_case

WAKE = {'stopped': 'start', 'paused': 'unpause', 'suspended': 'resume',
        'rescued': 'unrescue', 'shelved': 'unshelve',
        'shelved_offloaded': 'unshelve'}


class WakeupTestCase(server_case.ServerCase):

    def test_states(self):
        for state, request in WAKE.items():
            self.nova.reset()
            self.nova.add('vm1', vm_state=state, host=None
                          if state == 'shelved_offloaded' else 'src')
            result = self.act('wakeup')
            self.assertEqual('active', self.vm.vm_state)
            self.assertEqual([request], self.asked())
            self.assertIn(f'{request}; it runs', result)
            item = self.item()
            self.assertEqual(('DONE', request, 1, self.vm.host),
                             tuple(item[key] for key in (
                                 'state', 'action', 'attempts',
                                 'destination')))

    def test_runs(self):
        """EV10: what is so already is a success."""
        self.nova.add('vm1')
        self.assertIn('it runs', self.act('wakeup'))
        self.assertEqual([], self.asked())

    def test_somebody_is_faster(self):
        """EV10: Nova's 409 for a server that runs is a success."""
        self.nova.add('vm1', vm_state='stopped')

        def faster(server_id):
            self.nova.set(server_id, vm_state='active')
            raise fakes.refusal('start', 'it is active')

        self.nova.start = faster
        self.act('wakeup')

    def test_error(self):
        self.nova.add('vm1', vm_state='error', fault='No disk')
        error = self.assertRaises(exception.ServerState, self.check,
                                  'wakeup')
        self.assertEqual(409, error.code)
        self.assertIn('No disk: repair it', str(error))
        self.assertIn('repair', self.act('wakeup', 'FAILURE'))
        self.assertEqual('FAILED', self.item()['state'])

    def test_start_fails(self):
        self.nova.add('vm1', vm_state='stopped')
        self.give_up('start', fakes.FAILS)
        result = self.act('wakeup', 'FAILURE')
        self.assertIn('it is SHUTOFF; start failed: It broke.', result)
        self.assertIn('repair it', result)
        self.assertEqual('It broke.', self.item()['memory']['history'][0][
            'error'])

    def test_never_ends(self):
        """The wait has an end; Nova is not asked again."""
        self.nova.add('vm1', vm_state='stopped')
        self.give_up('start', fakes.STUCK)
        self.config(group='server_tasks', action_timeout=100)
        self.assertIn('not over after', self.act('wakeup', 'FAILURE'))
        self.assertEqual(1, self.nova.count('start'))

    def test_busy(self):
        """It waits until what is under way has ended."""
        self.nova.add('vm1', vm_state='stopped')
        self.nova.start('vm1')
        self.act('wakeup')
        self.assertEqual(1, self.nova.count('start'))

    def test_busy_for_too_long(self):
        self.nova.add('vm1', vm_state='stopped')
        self.give_up('start', fakes.STUCK)
        self.nova.start('vm1')
        self.assertIn('did not end within 60 s',
                      self.act('wakeup', 'FAILURE'))

    def test_host_down(self):
        self.nova.add('vm1', vm_state='stopped')
        self.dead()
        self.assertIn('recover', str(self.assertRaises(
            exception.ServerState, self.check, 'wakeup')))

    def test_locked(self):
        """Locks keep tenants off, not the service."""
        self.nova.add('vm1', vm_state='stopped', locked=True)
        self.act('wakeup')
        self.assertTrue(self.vm.locked)

    def test_deleted(self):
        self.nova.add('vm1', vm_state='stopped')
        self.create('server.wakeup')
        self.nova.delete('vm1')
        row = self.run_flow()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('could not be found', row['result'])
        self.assertRaises(exception.ServerNotFound, self.check, 'wakeup')

    def test_deleted_in_the_middle(self):
        self.nova.add('vm1', vm_state='stopped')
        self.nova.seconds = 10
        self.clock.at(3, self.nova.delete, 'vm1')
        self.assertIn('deleted', self.act('wakeup', 'FAILURE'))

    def test_cancelled(self):
        self.nova.add('vm1', vm_state='stopped')
        run = self.run_of('server.wakeup')
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow(run)['status'])
        self.assertEqual([], self.asked())
        self.assertEqual('SKIPPED', self.item()['state'])

    def test_cancelled_in_the_middle(self):
        """What was asked for is waited for, then no more is done."""
        self.nova.add('vm1', vm_state='stopped')
        self.nova.seconds = 10
        self.clock.at(3, self.cancel)
        self.act('wakeup', 'REVOKED')
        self.assertEqual('active', self.vm.vm_state)

    def test_outage(self):
        """SE10: minutes without Nova in the middle."""
        self.nova.add('vm1', vm_state='stopped')
        self.nova.seconds = 20
        now = self.clock.now
        self.nova.outages = [(now + 1.5, now + 300)]
        self.act('wakeup')
        self.assertEqual(1, self.nova.count('start'))


class ResetTestCase(server_case.ServerCase):

    def test_reset(self):
        self.nova.add('vm1', vm_state='error', task_state='deleting-x')
        self.assertIn('its state is active', self.act('reset-reboot'))
        self.assertEqual((['reset_state'], 'active', None), (
            self.asked(), self.vm.vm_state, self.vm.task_state))

    def test_reboot(self):
        for state in ('active', 'error', 'stopped', 'paused', 'suspended',
                      'rescued'):
            self.nova.reset()
            self.nova.add('vm1', vm_state=state)
            self.act('reset-reboot', reboot=True)
            self.assertEqual(['reset_state', 'hard_reboot'], self.asked())
            self.assertEqual('active', self.vm.vm_state)

    def test_refused(self):
        for state in ('shelved', 'shelved_offloaded', 'soft-delete',
                      'building'):
            self.nova.reset()
            self.nova.add('vm1', vm_state=state)
            for action in ('reset-reboot', 'recover'):
                self.assertRaises(exception.ServerState, self.check, action)
                self.act(action, 'FAILURE')
        self.assertEqual([], self.asked())

    def test_resized(self):
        self.nova.resized('vm1')
        self.assertIn('repair', str(self.assertRaises(
            exception.ServerState, self.check, 'reset-reboot')))

    def test_in_mid_migration(self):
        self.nova.add('vm1')
        self.nova.seconds = 1000
        self.nova.live_migrate('vm1', 'dst1')
        for action in ('reset-reboot', 'recover'):
            self.assertIn('live-migration is under way', str(
                self.assertRaises(exception.ServerState, self.check,
                                  action)))
            self.act(action, 'FAILURE')
        self.assertEqual(0, self.nova.count('reset_state'))

    def test_stuck_migration(self):
        """A record that nobody writes to any more keeps nobody off."""
        self.nova.add('vm1')
        self.give_up('live_migrate', fakes.STUCK)
        self.nova.live_migrate('vm1', 'dst1')
        self.clock.sleep(1801)
        self.act('recover')
        self.assertEqual(1, self.nova.count('hard_reboot'))

    def test_queued_migration(self):
        """Those that wait for their turn are not stuck, however long."""
        self.nova.add('vm1')
        self.give_up('live_migrate', fakes.STUCK)
        self.nova.live_migrate('vm1', 'dst1')
        self.clock.sleep(5000)
        self.nova.records[-1].status = 'queued'
        self.assertRaises(exception.ServerState, self.check, 'recover')
        self.nova.computes['src'].alive = False
        self.nova.computes['dst1'].alive = False
        self.assertRaises(exception.HostNotFenced, self.check, 'recover')


class RecoverTestCase(server_case.ServerCase):

    def test_error(self):
        self.nova.add('vm1', vm_state='error')
        self.assertIn('it is ERROR; reset-state, hard-reboot; it runs',
                      self.act('recover'))
        self.assertEqual(['reset_state', 'hard_reboot'], self.asked())

    def test_reboot_fails(self):
        self.nova.add('vm1', vm_state='error')
        self.give_up('hard_reboot', fakes.FAILS)
        self.assertIn('It broke.', self.act('recover', 'FAILURE'))

    def test_reboot_refused(self):
        """To be ACTIVE does not make a refused reboot a good one."""
        self.nova.add('vm1')
        self.give_up('hard_reboot', fakes.REFUSED)
        self.assertIn('not now', self.act('recover', 'FAILURE'))

    def test_dead_host(self):
        for state, after in (('active', 'active'), ('error', 'active'),
                             ('paused', 'active'), ('stopped', 'active')):
            self.nova.reset()
            self.nova.add('vm1', vm_state=state)
            self.dead()
            self.act('recover')
            self.assertEqual((1, after), (self.nova.count('evacuate'),
                                          self.vm.vm_state))
            self.assertNotEqual('src', self.vm.host)
            self.assertFalse(self.vm.locked)
            self.assertEqual(self.vm.host, self.item()['destination'])
            # The host belongs to others, too.
            self.assertEqual(0, self.nova.count('force_down'))
            self.assertEqual(0, self.nova.count('disable_service'))

    def test_priority_zero(self):
        """Whoever asks for one server wants it."""
        self.nova.add('vm1', metadata={'recovery_priority': '0'})
        self.dead()
        self.act('recover')
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_dead_and_unproven(self):
        """Nothing is touched when nothing proves that the host is off."""
        self.nova.add('vm1')
        self.dead(proof=False)
        error = self.assertRaises(exception.HostNotFenced, self.check,
                                  'recover')
        self.assertIn('no power control', str(error))
        self.assertIn('no power control', self.act('recover', 'FAILURE'))
        self.assertEqual([], self.nova.sent)

    def test_down_but_not_off(self):
        """A host with power may run its servers, whatever Nova thinks."""
        self.add_power()
        self.nova.add('vm1')
        self.dead(proof=False)
        self.check('recover')
        self.assertIn('not seen to be off', self.act('recover', 'FAILURE'))
        self.assertEqual([], self.nova.sent)
        self.assertEqual('FAILED', self.item()['state'])

    def test_off_by_power(self):
        """Two readings of all feeds are proof; nothing is switched."""
        node = self.add_power(outputs=('1', '2'))
        for feed in self.feeds(node):
            feed.driver.power_off(feed.device, feed.output)
        self.nova.add('vm1')
        self.dead(proof=False)
        self.act('recover')
        self.assertEqual(1, self.nova.count('evacuate'))
        self.assertEqual(['power_off', 'power_off'],
                         self.power_states(node))

    def test_one_feed_is_on(self):
        node = self.add_power(outputs=('1', '2'))
        feed = self.feeds(node)[0]
        feed.driver.power_off(feed.device, feed.output)
        self.nova.add('vm1')
        self.dead(proof=False)
        self.act('recover', 'FAILURE')
        self.assertEqual([], self.nova.sent)

    def test_word_of_an_administrator(self):
        self.nova.add('vm1')
        self.dead(proof=False)
        self.check('recover', fenced=True)
        self.act('recover', fenced=True)
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_word_against_heartbeats(self):
        """It is not believed while nova-compute reports."""
        self.nova.add('vm1')
        self.nova.computes['src'].forced_down = True
        self.assertIn('heartbeats', self.act('recover', 'FAILURE',
                                             fenced=True))
        self.assertEqual(0, self.nova.count('evacuate'))

    def test_host_is_up(self):
        """It is never evacuated from, whatever is said of it."""
        self.nova.add('vm1')
        self.act('recover', fenced=True)
        self.assertEqual(['reset_state', 'hard_reboot'], self.asked())

    def test_forbidden(self):
        self.nova.add('vm1')
        self.dead()
        self.config(group='host_tasks', deny_evacuate=['src'])
        self.assertIn('deny_evacuate', str(self.assertRaises(
            exception.Conflict, self.check, 'recover')))
        self.assertIn('deny_evacuate', self.act('recover', 'FAILURE'))

    def test_evacuation_fails(self):
        self.nova.add('vm1')
        self.dead()
        self.give_up('evacuate', *[fakes.FAILS] * 9)
        self.assertIn('It broke.', self.act('recover', 'FAILURE'))
        self.assertEqual(3, self.nova.count('evacuate'))
        self.assertFalse(self.vm.locked)

    def test_no_room(self):
        """Nova has the last word, and the planner knows why."""
        self.nova.add('vm1', flavor={'vcpus': 99, 'ram': 1, 'disk': 1})
        self.dead()
        self.give_up('evacuate', *[fakes.NO_HOST] * 9)
        self.assertIn('VCPU', self.act('recover', 'FAILURE'))


class RepairTestCase(server_case.ServerCase):

    def test_nothing_is_wrong(self):
        for state in ('active', 'paused', 'suspended', 'rescued', 'shelved'):
            self.nova.reset()
            self.nova.add('vm1', vm_state=state)
            self.assertIn('nothing is wrong', self.act('repair'))
            self.assertEqual([], self.asked())

    def test_mildest_step(self):
        """A guest that runs needs no reboot."""
        self.nova.add('vm1', vm_state='error', fault='no volume')
        self.assertIn('it is in error: no volume; reset-state; it runs',
                      self.act('repair'))
        self.assertEqual(['reset_state'], self.asked())

    def test_next_step(self):
        """The hypervisor knows better than Nova."""
        self.nova.add('vm1', vm_state='error', guest='not running')
        self.act('repair')
        self.assertEqual(['reset_state', 'hard_reboot'], self.asked())

    def test_active_but_off(self):
        for values in ({'power': 4}, {'power': 6}, {'guest': 'shutdown'}):
            self.nova.reset()
            self.nova.add('vm1', **values)
            self.act('repair')
            self.assertEqual(['hard_reboot'], self.asked())

    def test_stopped(self):
        self.nova.add('vm1', vm_state='stopped')
        self.assertIn('it is off; start; it runs', self.act('repair'))

    def test_start_fails(self):
        self.nova.add('vm1', vm_state='stopped')
        self.give_up('start', fakes.REFUSED)
        self.act('repair')
        self.assertEqual(['hard_reboot'], self.asked())

    def test_stuck_task(self):
        self.nova.add('vm1', task_state='powering-off')
        self.assertIn('its task powering-off is stuck; reset-state',
                      self.act('repair'))
        self.assertEqual(['reset_state'], self.asked())

    def test_fresh_task(self):
        """What Nova works on is not reset."""
        self.nova.add('vm1', vm_state='stopped')
        self.give_up('start', fakes.STUCK)
        self.nova.start('vm1')
        self.act('repair', 'FAILURE')
        self.clock.sleep(1800)
        self.act('repair')
        self.assertEqual(['start', 'reset_state'], self.asked())

    def test_resize(self):
        self.nova.resized('vm1', age=2000)
        self.assertIn('confirm-resize', self.act('repair'))
        self.assertEqual((['confirm_resize'], 'active'),
                         (self.asked(), self.vm.vm_state))

    def test_resize_of_a_stopped_server(self):
        self.nova.resized('vm1', age=2000, before='stopped')
        self.assertIn('as it was before', self.act('repair'))
        self.assertEqual(['confirm_resize'], self.asked())

    def test_young_resize(self):
        """Its owner may still want it back."""
        self.nova.resized('vm1', age=100)
        self.assertIn('waits for its owner', self.act('repair'))
        self.assertEqual([], self.asked())

    def test_unfinished_resize(self):
        """Placement has it on its old host: there it goes back to."""
        self.nova.resized('vm1', age=2000)
        self.placement.allocations = lambda consumer: {'rp-dst1': {}}
        self.act('repair')
        self.assertEqual((['revert_resize'], 'dst1'),
                         (self.asked(), self.vm.host))

    def test_resize_with_a_dead_half(self):
        self.nova.resized('vm1', age=2000)
        self.nova.computes['dst1'].alive = False
        self.assertIn('dst1', str(self.assertRaises(
            exception.ServerState, self.check, 'repair')))

    def test_dead_host(self):
        self.nova.add('vm1', task_state='rebooting')
        self.dead()
        self.assertIn('its host src is down; evacuate; it runs',
                      self.act('repair'))

    def test_same_fakes(self):
        """The fake of Placement is like the real one."""
        self.nova.add('vm1')
        self.assertEqual(
            clients_placement.Placement.allocations.__code__.co_varnames[:2],
            type(self.placement).allocations.__code__.co_varnames[:2])
        self.assertEqual({'rp-src'}, set(self.placement.allocations('vm1')))


class OtherTasksTestCase(server_case.ServerCase):

    def drain(self):
        """Begin to empty the host of the server."""
        self.nova.add('vm1', vm_state='stopped')
        task, _ = db_tasks.create_task(
            self.context, 'host.shutdown', targets=['host:src'], params={},
            host='src')
        token = db_tasks.set_post_token(self.context, task['id'], None, 0)
        task = db_tasks.claim(self.context, task['id'], token, 'me')
        db_tasks.add_items(self.context, task['id'], task['generation'], [
            {'kind': 'server', 'object_id': 'vm1', 'state': 'PENDING',
             'memory': {}}])
        return task

    def test_drain_has_it(self):
        """The task of the host was there first."""
        task = self.drain()
        result = self.act('wakeup', 'FAILURE')
        self.assertIn(task['id'], result)
        self.assertEqual([], self.asked())

    def shut_down(self, status):
        """Empty the host of the server; return the state of its item."""
        self.add_power()
        self.task_id = None
        fakes_case.ConductorCase.create(self)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return self.item()

    def test_drain_waits(self):
        """A server that is acted on is moved when that has ended."""
        self.nova.add('vm1')
        task = self.create('server.wakeup')
        self.clock.at(20, db_tasks.finish, self.context, task['id'], 0,
                      'SUCCESS')
        began = self.clock.now
        self.assertEqual('DONE', self.shut_down('SUCCESS')['state'])
        self.assertGreater(self.clock.now, began + 20)

    def test_drain_does_not_wait_for_ever(self):
        self.nova.add('vm1')
        task = self.create('server.wakeup')
        item = self.shut_down('FAILURE')
        self.assertIn(task['id'], item['error'])
        self.assertEqual([], self.asked())

    def test_drain_is_over(self):
        task = self.drain()
        db_tasks.finish(self.context, task['id'], task['generation'],
                        'FAILURE')
        self.act('wakeup')


class CrashTestCase(server_case.ServerCase):
    """Killed at every write and request, each thing is asked for once."""

    def setUp(self):
        super().setUp()
        self.config(group='server_tasks', stale_after=600)

    def kills(self, action, requests, **values):
        def prepare():
            self.nova.add('vm1', **values)

        def check(where):
            self.assertEqual(requests, self.asked(), where)
            self.assertEqual('active', self.vm.vm_state, where)
            self.assertEqual('DONE', self.item()['state'], where)

        return self.kill_everywhere(action, prepare, check)

    def test_wakeup(self):
        for state in ('stopped', 'shelved_offloaded'):
            request = WAKE[state]
            self.assertGreater(self.kills('wakeup', [request],
                                          vm_state=state), 5)

    def test_recover(self):
        """A reset may be asked for twice: that changes nothing."""
        def check(where):
            asked = self.asked()
            self.assertEqual(1, asked.count('hard_reboot'), where)
            self.assertEqual('hard_reboot', asked[-1], where)
            self.assertLess(asked.count('reset_state'), 3, where)

        self.assertGreater(self.kill_everywhere(
            'recover', lambda: self.nova.add('vm1', vm_state='error'),
            check), 8)

    def test_evacuation(self):
        def prepare():
            self.nova.add('vm1')
            self.nova.computes['src'].alive = False

        def check(where):
            self.assertEqual(1, self.nova.count('evacuate'), where)
            self.assertNotEqual('src', self.vm.host, where)
            self.assertFalse(self.vm.locked, where)

        self.tools = conductor_tools.Tools(
            nova=self.nova, placement=self.placement,
            power=server_case.Off(self.tools.power))
        for action in ('recover', 'repair'):
            self.assertGreater(self.kill_everywhere(action, prepare, check),
                               8)

    def test_resize(self):
        def check(where):
            self.assertEqual(1, self.nova.count('confirm_resize'), where)

        self.assertGreater(self.kill_everywhere(
            'repair', lambda: self.nova.resized('vm1', age=2000), check), 5)

    def test_lost_requests(self):
        """Nobody knows whether it arrived: Nova's records do."""
        for outcome in (fakes.LOST, fakes.ANSWER_LOST):
            self.nova.reset()
            self.nova.add('vm1', vm_state='stopped')
            self.give_up('start', outcome)
            self.act('wakeup')
            self.assertEqual(1, self.nova.count('start'))
