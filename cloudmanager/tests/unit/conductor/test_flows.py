# SPDX-License-Identifier: Apache-2.0
"""Whole tasks, as a conductor carries them out, and several of them."""

from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.db import tasks as db_tasks
from cloudmanager.policies import hosts as host_policies
from cloudmanager.policies import servers as server_policies
from cloudmanager.tests import base
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor import walks


class FlowCase(walks.WalkCase):

    def setUp(self):
        super().setUp()
        self.node = self.add_power()

    def kill_everywhere(self, name, request, prepare=None, **params):
        """Kill a conductor at every crossing; nothing is asked twice.

        :param request: what moves the server vm1
        :returns: how many kills there were, by the kind of crossing
        """
        def world():
            self.nova.add('vm1')
            if prepare is not None:
                prepare()

        def check(where):
            self.assertEqual(1, self.nova.count(request), where)
            self.assertEqual(1, self.nova.count('disable_service'), where)
            self.assertEqual({'vm1': 'DONE'}, self.states(), where)
            self.assertEqual([False], [vm.locked for vm
                                       in self.nova.vms.values()], where)
            self.assertEqual(['power_off'], self.power_states(self.node),
                             where)
            self.assertLessEqual(len(self.driver.asked), 2, where)
            self.assertEqual(len(set(self.driver.asked)),
                             len(self.driver.asked), where)

        kills = self.walk(world, lambda: self.create(name, **params), check)
        self.assertNotIn(0, kills.values())
        return kills


class ShutdownTestCase(FlowCase):

    def test_success(self):
        self.nova.add('vm1', 'vm2')
        self.nova.add('vm3', vm_state='stopped')
        row = self.run_flow()
        self.assertEqual('SUCCESS', row['status'])
        self.assertIn('3 of 3', row['result'])
        self.assertEqual({'DONE'}, set(self.states().values()))
        self.assertEqual(['power_off'], self.power_states(self.node))
        self.assertEqual('disabled', self.nova.computes['src'].status)

    def test_disabled_before_anything_moves(self):
        """DR27: new servers are kept off first."""
        self.nova.add('vm1')
        self.run_flow()
        self.assertEqual(['disable_service', 'live_migrate'],
                         [request for request, _ in self.nova.arrived])

    def test_one_stays(self):
        """DR21: the host stays on and disabled, the server is named."""
        self.nova.add('vm1', 'vm2')
        self.nova.script['live_migrate', 'vm1'] = [fakes.FAILS] * 9
        row = self.run_flow()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('name-vm1', row['result'])
        self.assertEqual({'vm1': 'FAILED', 'vm2': 'DONE'}, self.states())
        self.assertEqual(['power_on'], self.power_states(self.node))
        self.assertEqual('disabled', self.nova.computes['src'].status)

    def test_cancelled(self):
        """DR16: nothing more starts, the host is enabled again."""
        self.config(group='host_tasks', max_moves=1)
        self.nova.add('vm1', 'vm2')
        self.nova.add('vm3', vm_state='suspended')
        self.nova.seconds = 30
        run = self.run_of(allow_evacuate=True)
        self.clock.at(10, self.cancel, 'abort')
        row = self.run_flow(run)
        self.assertEqual('REVOKED', row['status'])
        self.assertEqual({'SKIPPED'}, set(self.states().values()))
        self.assertEqual('enabled', self.nova.computes['src'].status)
        self.assertEqual(['power_on'], self.power_states(self.node))
        self.assertEqual(1, self.nova.count('live_migrate'))

    def test_leftovers_are_rebuilt(self):
        self.nova.add('vm1')
        self.nova.add('vm2', vm_state='suspended')
        row = self.run_flow(allow_evacuate=True)
        self.assertEqual('SUCCESS', row['status'])
        self.assertEqual((1, 1), (self.nova.count('live_migrate'),
                                  self.nova.count('evacuate')))
        self.assertTrue(self.nova.computes['src'].forced_down)

    def test_blocked_server_forbids_the_fence(self):
        """A fence would stop the server that nobody allowed to stop."""
        self.nova.add('vm1', vm_state='suspended')
        self.nova.add('vm2', vm_state='soft-delete')
        row = self.run_flow(allow_evacuate=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual(['power_on'], self.power_states(self.node))
        self.assertEqual(0, self.nova.count('force_down'))

    def test_outlives_a_long_outage(self):
        """SE10: minutes without the cloud in mid-drain."""
        self.nova.add('vm1', 'vm2')
        self.nova.seconds = 20
        self.config(group='host_tasks', poll_interval=5)
        now = self.clock.now
        self.nova.outages = [(now + 3, now + 300)]
        self.assertEqual('SUCCESS', self.run_flow()['status'])
        self.assertEqual(2, self.nova.count('live_migrate'))

    def test_killed_everywhere(self):
        kills = self.kill_everywhere('host.shutdown', 'live_migrate')
        self.assertGreater(kills[walks.WRITE], 5)


class EvacuateTestCase(FlowCase):

    def test_killed_everywhere(self):
        """EV8 EV15: every step, the fence too, is done once."""
        kills = self.kill_everywhere(
            'host.evacuate', 'evacuate', lambda: self.nova.die('src'),
            force=False)
        self.assertGreater(kills[walks.WRITE], 5)
        self.assertGreater(kills[walks.ARRIVED], 4)

    def test_order(self):
        """Fenced before forced down, forced down before any rebuild."""
        self.nova.add('vm1')
        self.nova.die('src')
        seen = []
        original = self.nova.force_down
        self.nova.force_down = lambda *args: (
            seen.extend(self.power_states(self.node)), original(*args))
        row = self.run_flow(name='host.evacuate')
        self.assertEqual('SUCCESS', row['status'])
        self.assertEqual(['power_off'], seen)
        self.assertEqual(
            ['disable_service', 'force_down', 'lock', 'evacuate', 'unlock'],
            [request for request, _ in self.nova.arrived])

    def test_not_fenced(self):
        """The host is enabled again, nothing was touched."""
        self.nova.add_host('bare')
        self.nova.add('vm1', host='bare')
        self.create('host.evacuate', host='bare')
        row = self.run_flow()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('fenced', row['result'])
        self.assertEqual('enabled', self.nova.computes['bare'].status)
        self.assertEqual((0, 0), (self.nova.count('force_down'),
                                  self.nova.count('evacuate')))

    def test_one_fails(self):
        """EV3 EV8: the task ends, names it, and no lock is left."""
        self.nova.add('vm1', 'vm2')
        self.nova.die('src')
        self.nova.script['evacuate', 'vm1'] = [fakes.FAILS] * 9
        row = self.run_flow(name='host.evacuate')
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('name-vm1', row['result'])
        self.assertNotIn('vm2', row['result'])
        self.assertEqual([False, False],
                         [vm.locked for vm in self.nova.vms.values()])

    def test_slow_rebuild(self):
        """EV7: it comes after its time, while another one is rebuilt."""
        self.config(group='host_tasks', move_timeout=20, poll_interval=2,
                    move_timeout_per_gib=0, evacuation_retries=0)
        self.nova.add('vm1', 'vm2')
        self.nova.die('src')
        self.nova.slow = {'vm1': 100, 'vm2': 70}
        self.nova.script['evacuate', 'vm2'] = [fakes.FAILS]
        self.config(group='host_tasks', evacuation_retries=1)
        row = self.run_flow(name='host.evacuate')
        self.assertEqual('SUCCESS', row['status'])
        self.assertEqual((1, 2), (self.nova.count('evacuate', 'vm1'),
                                  self.nova.count('evacuate', 'vm2')))
        self.assertFalse(self.nova.vms['vm1'].locked)


class SameTargetTestCase(fakes_case.ConductorCase):

    def request(self, _):
        return db_tasks.create_task(
            self.context.__class__(user_id='u', overwrite=False),
            'host.evacuate', targets=['host:src'], params={}, host='src')

    def test_at_once(self):
        """EV1 EV2: one task, the others get its id; the database decides."""
        made = base.Together(6, self.request)
        self.assertEqual([], made.raised)
        self.assertEqual(1, len({row['id'] for row, _ in made.results}))
        self.assertEqual(1, sum(new for _, new in made.results))

    def test_other_action(self):
        """AP12: another task on the host is in the way, and named."""
        row, _ = self.request(1)
        error = self.assertRaises(exception.TaskConflict, self.create,
                                  'host.shutdown')
        self.assertIn(row['id'], str(error))


class BuildersTestCase(fakes_case.ConductorCase):

    def test_what_the_api_offers(self):
        """Each action with a path of its own has a check and a flow."""
        offered = {f'{kind}.{action}' for kind, policies in (
            ('host', host_policies), ('server', server_policies))
            for action in policies.ACTIONS.texts}
        self.assertEqual({name for name, action in actions.ACTIONS.items()
                          if action.check
                          and name.startswith(('host.', 'server.'))}, offered)

    def test_steps(self):
        run = self.run_of()
        names = {name: [atom.name for atom, _ in
                        action.flow(run, self.tools).iter_nodes()]
                 for name, action in actions.ACTIONS.items()}
        self.assertEqual({
            'host.shutdown': ['DisableHost', 'PlanMoves', 'MoveServers',
                              'EvacuateLeftovers', 'VerifyItems',
                              'PowerOffHost'],
            'host.evacuate': ['DisableHost', 'Fence', 'ForceDown',
                              'PlanEvacuation', 'EvacuateServers',
                              'VerifyItems'],
            'host.restart': ['DisableHost', 'PlanMoves', 'MoveServers',
                             'EvacuateLeftovers', 'VerifyItems',
                             'ResetHost', 'AwaitHost', 'EnableHost',
                             'ReturnServers'],
            'hosts.attach': ['BindNodes'],
            'hosts.detach': ['ReleaseNodes'],
            'hosts.restart': ['RollingRestart'],
            'host.decommission': ['FindHost', 'DisableHost',
                                  'AwaitMigrations', 'PlanMoves',
                                  'MoveServers', 'EvacuateLeftovers',
                                  'VerifyItems', 'SwitchOff',
                                  'RemoveService', 'CleanUp'],
            'aggregate.audit': ['RunAudit'],
            'aggregate.apply': ['ApplyAudit'],
            'node.attach_targets': ['AttachTargets'],
            'node.power': ['SwitchNode'],
            'node.set_mode': ['SetModes'],
            'node.repair_locks': ['RepairLocks'],
            'node.update_system': ['UpdateSystem'],
            'task.undo': ['UndoMoves'],
            **dict.fromkeys(('nodes.power', 'nodes.reset'),
                            ['SwitchNodes']),
            'output.power': ['SwitchOutput'],
            'server.balance': ['BalanceServer'],
            'server.clone': ['PlanClones', 'TakeSnapshots', 'MakeClones',
                             'ClearUp', 'VerifyClones'],
            **dict.fromkeys(('server.recover', 'server.repair',
                             'server.reset-reboot', 'server.wakeup'),
                            ['FixServer']),
            'volume.mirror': ['MirrorVolume'],
            'volume.pv-migrate': ['MigrateVolume']}, names)
