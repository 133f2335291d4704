# SPDX-License-Identifier: Apache-2.0
"""A host is emptied, restarted, and in use again when it is well."""

from cloudmanager.common import exception
from cloudmanager.conductor.records.power import PowerMemory
from cloudmanager.conductor.steps import restart
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import walks


class RestartCase(walks.WalkCase):
    """The power of the host src restarts its nova-compute, too.

    :ivar boot_seconds: from the reset until heartbeats come; ``None`` for
        never
    """

    boot_seconds = 30

    def setUp(self):
        super().setUp()
        self.config(group='host_tasks', restart_timeout=300,
                    gate_interval=2.0)
        self.node = self.add_power()
        self.resets = []
        self.driver.on_reset = self.was_reset

    def was_reset(self):
        compute = self.nova.computes['src']
        self.resets.append((self.clock.now, self.nova.on('src'),
                            compute.status))
        compute.heard = self.clock.utcnow()
        compute.alive = False
        if self.boot_seconds is not None:
            self.clock.at(self.boot_seconds, self.boot)

    def boot(self):
        self.nova.computes['src'].alive = True

    def restart(self, **params):
        return self.run_flow(name='host.restart', **params)

    @property
    def source(self):
        return self.nova.computes['src']


class FlowTestCase(RestartCase):

    def test_all_is_well(self):
        self.nova.add('vm1', 'vm2')
        row = self.restart()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        ((when, servers, status),) = self.resets
        self.assertEqual(([], 'disabled'), (servers, status))
        self.assertEqual(('enabled', None), (self.source.status,
                                             self.source.disabled_reason))
        self.assertGreater(self.clock.now - when, self.boot_seconds)
        self.assertEqual([], self.nova.on('src'))

    def test_was_disabled_before(self):
        """DR26: what an operator disabled stays disabled."""
        self.source.status = 'disabled'
        self.source.disabled_reason = 'disk'
        self.assertEqual('SUCCESS', self.restart()['status'])
        self.assertEqual(('disabled', 'disk'), (
            self.source.status, self.source.disabled_reason))

    def test_server_that_stays(self):
        """RR2: nothing is reset, and the host is used on."""
        self.nova.add('vm1')
        self.nova.add('vm2', vm_state='error')
        row = self.restart()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('vm2', row['result'])
        self.assertEqual(('enabled', []), (self.source.status, self.resets))

    def test_enabled_by_somebody(self):
        """RR5: looked at right before the power is touched."""
        self.nova.add('vm1')
        self.clock.at(0.5, lambda: vars(self.source).update(
            status='enabled', disabled_reason=None))
        row = self.restart()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('was enabled by somebody', row['result'])
        self.assertEqual([], self.resets)

    def test_cancelled_before_the_reset(self):
        self.nova.add('vm1')
        self.clock.at(0.5, lambda: self.cancel())
        row = self.restart()
        self.assertEqual('REVOKED', row['status'])
        self.assertEqual(('enabled', []), (self.source.status, self.resets))

    def test_fenced_on_the_way(self):
        """The ladder's last step leaves a host that is switched on."""
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [
            exception.CloudRequestRefused(service='Nova', request='x',
                                          reason='no')] * 4
        self.clock.at(0, lambda: None)
        original = self.tools.power.fence

        def fence(node, run):
            original(node, run)
            self.nova.die('src')
            self.source.alive = False

        self.tools.power.fence = fence
        refused = iter([True, True, False])

        def lift(service_id, down):
            if not down and next(refused):
                raise fakes.refusal('force_down', 'evacuations are open',
                                    400)
            type(self.nova).force_down(self.nova, service_id, down)

        self.nova.force_down = lift
        self.boot_seconds = None
        self.clock.at(60, self._alive)
        row = self.restart(allow_evacuate=True)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(('enabled', False), (self.source.status,
                                              self.source.forced_down))
        self.assertEqual(['power_on'], self.power_states(self.node))

    def _alive(self):
        vars(self.source).update(alive=True, silent=False)


class GateTestCase(RestartCase):
    """RR1: the host counts only when its services are well."""

    def test_never_comes_back(self):
        self.boot_seconds = None
        row = self.restart()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('nova-compute is down; it stays disabled',
                      row['result'])
        self.assertEqual('disabled', self.source.status)
        self.assertEqual(1, len(self.resets))

    def test_old_heartbeat_is_none(self):
        """A service that reads as up, but was not heard of since."""
        def quiet():
            vars(self.source).update(alive=True, silent=True)

        self.boot = quiet
        row = self.restart()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('no new heartbeats', row['result'])

    def test_settles(self):
        """RR8: it has to be well for so long."""
        row = self.restart(settle_seconds=60)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - self.resets[0][0],
                           self.boot_seconds + 60)

    def test_falls_down_again(self):
        """What is not stable begins to settle anew."""
        self.clock.at(55, lambda: vars(self.source).update(alive=False))
        self.clock.at(90, self.boot)
        row = self.restart(settle_seconds=60)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - 1000, 90 + 60)

    def test_agents(self):
        """Those that were alive before have to be alive again."""
        agents = self.tools.neutron.present['src']
        agents.update(l2=True, broken=False)
        self.clock.at(20, lambda: agents.update(l2=False))
        self.clock.at(100, lambda: agents.update(l2=True))
        self.nova.add('vm1')
        self.nova.slow['vm1'] = 0.5
        row = self.restart()
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertGreater(self.clock.now - 1000, 100)

    def test_agent_stays_away(self):
        self.tools.neutron.present['src']['l2'] = True
        self.clock.at(20, lambda: self.tools.neutron.present[
            'src'].update(l2=False))
        row = self.restart()
        self.assertIn('some of its network agents are down', row['result'])

    def test_placement_has_not_heard(self):
        """Enabled once more until Placement takes it for enabled."""
        self.placement.traits_of['rp-src'] = [
            [restart.DISABLED_TRAIT]] * 12
        self.assertEqual('SUCCESS', self.restart()['status'])
        self.assertEqual('enabled', self.source.status)
        self.assertEqual(2, self.nova.count('enable_service'))

    def test_placement_does_not_hear(self):
        """The host is in use, and the result says what it waits for."""
        self.nova.add('vm1')
        self.placement.traits_of['rp-src'] = [[restart.DISABLED_TRAIT]] * 999
        row = self.restart()
        self.assertEqual('SUCCESS', row['status'])
        self.assertIn(
            '1 of 1 server(s) moved from src; host src is enabled, but '
            'Placement still has it as disabled', row['result'])
        self.assertEqual(3, self.nova.count('enable_service'))


class ReturnTestCase(RestartCase):

    def test_back_again(self):
        self.nova.add('runs', 'paused')
        self.nova.set('paused', vm_state='paused')
        self.nova.add('off', vm_state='stopped')
        row = self.restart(return_servers=True)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(['off', 'paused', 'runs'], self.nova.on('src'))
        self.assertEqual(2, self.nova.count('confirm_resize'))

    def test_moved_on_by_its_owner(self):
        """What somebody moved elsewhere meanwhile stays there."""
        self.nova.add('vm1')
        self.clock.at(20, lambda: self.nova.set('vm1', host='dst2'))
        row = self.restart(return_servers=True)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(['vm1'], self.nova.on('dst2'))

    def test_does_not_come_back(self):
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [None] + [
            fakes.FAILS] * 9
        row = self.restart(return_servers=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('in use again, but 1 server(s) did not come back',
                      row['result'])
        self.assertEqual('enabled', self.source.status)
        self.assertEqual([], self.nova.on('src'))


class JournalTestCase(RestartCase):
    """FD13: what must not happen twice is looked at first."""

    def begin(self, done):
        """Have a conductor that has died after it noted something."""
        run = self.run_of(name='host.restart')
        self.remember(run, was_enabled=True, no_return=True, agents=[])
        run.keep(PowerMemory(done=done))
        self.source.status = 'disabled'
        self.source.disabled_reason = (
            f'cloudmanager: {run.name}, task {run.task_id}')
        return run

    def noted(self, *what):
        return dict.fromkeys(what, self.clock.utcnow())

    def test_booting(self):
        """FD13: it was reset; both conductors died while it boots."""
        run = self.begin(done=self.noted('asked to reset', 'was reset'))
        row = self.run_flow(run)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual([], self.resets)
        self.assertEqual('enabled', self.source.status)

    def test_silent_after_the_question(self):
        """FD13: nobody knows that it was asked; the host shows it."""
        self.nova.die('src')
        run = self.begin(done=self.noted('asked to reset'))
        self.clock.at(60, self.come_back)
        row = self.run_flow(run)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual([], self.resets)

    def come_back(self):
        vars(self.source).update(alive=True, silent=False)

    def test_it_was_not_asked(self):
        """It sends heartbeats as before, so it was not reset."""
        row = self.run_flow(self.begin(done=self.noted('asked to reset')))
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(1, len(self.resets))

    def test_off(self):
        """It was cut off, and not yet switched on."""
        for feed in self.feeds(self.node):
            feed.driver.power_off(feed.device, feed.output, False)
        run = self.begin(done=self.noted('switching off'))
        row = self.run_flow(run)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(([], ['power_on']), (
            self.resets, self.power_states(self.node)))


class CrashTestCase(RestartCase):

    def test_killed_everywhere(self):
        """One reset is begun in a life; each life goes on where it was."""
        self.boot_seconds = 5

        def prepare():
            self.nova.add('vm1')
            self.resets.clear()

        def check(where):
            self.assertEqual(1, self.nova.count('live_migrate'), where)
            self.assertEqual('enabled', self.source.status, where)
            self.assertEqual({'vm1': 'DONE'}, self.states(), where)
            self.assertLessEqual(len(self.resets), 2, where)
            for request in ('disable_service', 'enable_service'):
                self.assertEqual(1, self.nova.count(request),
                                 (request, where))

        kills = self.walk(prepare, lambda: self.create('host.restart'),
                          check)
        self.assertNotIn(0, kills.values())
        self.assertGreater(kills[walks.WRITE], 8)
