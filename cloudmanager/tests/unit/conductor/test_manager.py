# SPDX-License-Identifier: Apache-2.0
"""What the API asks a conductor before it accepts a request."""

import dataclasses
import datetime
import types

import oslo_messaging as messaging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor import manager
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fake_agents
from cloudmanager.tests.unit.conductor import fakes_case


class Board:

    def __init__(self):
        self.posted = []

    def post(self, task_id):
        self.posted.append(task_id)


class ManagerTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.board = Board()
        self.manager = manager.ConductorManager(self.board,
                                                lambda: self.tools)

    def check(self, action='evacuate', host='src', **params):
        return self.manager.check_host_action(self.context, action, host,
                                              params)

    def refused(self, expected, *args, **kwargs):
        """Return the error as the API process gets it."""
        error = self.assertRaises(messaging.ExpectedException, self.check,
                                  *args, **kwargs).exc_info[1]
        self.assertIsInstance(error, expected)
        return error

    def test_run_task(self):
        self.manager.run_task(self.context, 'task')
        self.assertEqual(['task'], self.board.posted)

    def test_dry_run(self):
        self.nova.add('vm1', 'vm2')
        self.nova.add('vm3', vm_state='error')
        plan = self.check('shutdown', dry_run=True)['plan']
        self.assertEqual({'vm1', 'vm2', 'vm3'},
                         {item['id'] for item in plan['servers']})
        self.assertFalse(plan['feasible'])
        self.assertEqual([], self.nova.sent)

    def spent(self, plan, kind='blockers'):
        """Return which servers wait for budgets, and until when."""
        return {item['id']: blocker.get('until')
                for item in plan['servers'] for blocker in item[kind]
                if blocker['code'] == 'budget-spent'}

    def move_twice(self, key):
        """Let others move a server off its host and back again.

        :returns: when the second move can be made once more
        """
        times = []
        for host in ('dst1', 'src'):
            self.nova.live_migrate(key, host)
            self.clock.sleep(60)
            self.nova.on(host)
            times.append(self.nova.migrations_of(key)[0].updated_at)
        return clock.isoformat(times[0] + datetime.timedelta(days=1))

    def test_dry_run_budget_of_server(self):
        """Moves of others count, and the oldest is the first to end."""
        self.nova.add('vm1', metadata={'max_moves_per_day': '2'})
        self.nova.add('vm2', metadata={'max_moves_per_day': '0'})
        self.nova.add('vm3', metadata={'max_moves_per_day': '1'})
        until = self.move_twice('vm1')
        sent = list(self.nova.sent)
        plan = self.check('shutdown', dry_run=True)['plan']
        # A budget of none never ends.
        self.assertEqual({'vm1': until, 'vm2': None}, self.spent(plan))
        self.assertFalse(plan['feasible'])
        self.assertEqual(sent, self.nova.sent)
        plan = self.check('shutdown', dry_run=True, force=True)['plan']
        self.assertEqual({}, self.spent(plan))
        self.assertEqual({'vm1': until, 'vm2': None},
                         self.spent(plan, 'warnings'))
        self.assertTrue(plan['feasible'])
        self.clock.sleep(86400)
        plan = self.check('shutdown', dry_run=True)['plan']
        self.assertEqual({'vm2': None}, self.spent(plan))

    def test_dry_run_budget_of_project(self):
        """What the plan moves first uses the budget up."""
        self.tools = dataclasses.replace(
            self.tools, project_budgets=lambda: {'mine': 2})
        self.nova.add('vm1', 'vm2', 'vm3', project_id='mine')
        self.nova.add('vm4', project_id='other')
        plan = self.check('shutdown', dry_run=True)['plan']
        last = [item['id'] for item in plan['servers']
                if item['id'] != 'vm4'][-1]
        self.assertEqual({last: clock.isoformat(
            clock.utcnow() + datetime.timedelta(days=1))}, self.spent(plan))

    def test_dry_run_budget_and_evacuation(self):
        """A dead host is evacuated all the same, which is told."""
        self.nova.add('vm1', metadata={'max_moves_per_day': '0'})
        plan = self.check(dry_run=True)['plan']
        self.assertEqual(({}, {'vm1': None}), (
            self.spent(plan), self.spent(plan, 'warnings')))

    def test_dry_run_budget_and_restart(self):
        """A restart whose servers may move but once says so."""
        self.add_power()
        self.nova.add('vm1', metadata={'max_moves_per_day': '0'})
        plan = self.check('restart', None, hosts=['src'],
                          dry_run=True)['plan']
        self.assertEqual({'vm1': None}, self.spent(plan['waves'][0]['plan']))
        self.assertFalse(plan['feasible'])
        plan = self.check('restart', None, hosts=['src'], dry_run=True,
                          force=True)['plan']
        self.assertTrue(plan['feasible'])

    def test_dry_run_budget_and_way_back(self):
        """Who may move but once does not come back, which is told."""
        self.add_power()
        self.nova.add('vm1', metadata={'max_moves_per_day': '1'})
        self.nova.add('vm2', metadata={'max_moves_per_day': '2'})
        flags = {'hosts': ['src'], 'dry_run': True, 'return_servers': True}
        plan = self.check('restart', None, **flags)['plan']
        wave = plan['waves'][0]['plan']
        self.assertEqual((True, {}), (plan['feasible'], self.spent(wave)))
        until = clock.isoformat(clock.utcnow() + datetime.timedelta(days=1))
        self.assertEqual({'vm1': until}, self.spent(wave, 'warnings'))
        self.assertEqual((['vm2'], 3), (plan['returned'], plan['moves']))
        plan = self.check('restart', None, force=True, **flags)['plan']
        self.assertEqual(['vm1', 'vm2'], plan['returned'])
        self.assertEqual({}, self.spent(plan['waves'][0]['plan'],
                                        'warnings'))

    def test_dry_run_of_a_host_that_cannot_be_fenced(self):
        """A plan is only a plan."""
        self.nova.add('vm1')
        self.assertIn('plan', self.check(dry_run=True))

    def test_unknown_host(self):
        """DR2 404: also for a part of a name."""
        for host in ('nowhere', 'sr', 'src1'):
            for action in ('shutdown', 'evacuate'):
                self.assertEqual(404, self.refused(
                    exception.HostNotFound, action, host).code)

    def test_dry_run_without_hypervisor(self):
        self.nova.hypervisors = list
        self.refused(exception.HostNotFound, 'shutdown', dry_run=True)

    def test_evacuation_is_off(self):
        self.config(group='host_tasks', allow_evacuate_host=False)
        self.assertEqual(409, self.refused(exception.Conflict,
                                           fenced=True).code)

    def test_denied_host(self):
        self.nova.die('dst1')
        self.config(group='host_tasks', deny_evacuate=['src'])
        self.assertIn('src', str(self.refused(exception.Conflict,
                                              fenced=True)))
        self.assertEqual({}, self.check(host='dst1', fenced=True))

    def test_not_fenced(self):
        """A host that cannot be proven to be off: 409."""
        self.nova.die('src')
        error = self.refused(exception.HostNotFenced)
        self.assertEqual(409, error.code)
        self.assertIn('no power control', str(error))

    def test_fenced(self):
        self.nova.die('src')
        self.assertEqual({}, self.check(fenced=True))
        self.add_power()
        self.assertEqual({}, self.check())

    def test_shutdown(self):
        self.assertEqual({}, self.check('shutdown'))

    def test_decommission(self):
        self.assertEqual({}, self.check('decommission'))
        self.nova.add('vm1')
        plan = self.check('decommission', dry_run=True,
                          allow_live_migrate=False)['plan']
        self.assertFalse(plan['feasible'])
        plan = self.check('decommission', dry_run=True,
                          allow_live_migrate=True)['plan']
        self.assertTrue(plan['feasible'])

    def test_decommission_with_open_migrations(self):
        """AP10: 409 with a list, or waited for."""
        self.nova.records.append(types.SimpleNamespace(
            id=7, server_id='vm9', type='migration', status='finished',
            source='src', destination='dst1', updated_at=None))
        error = self.refused(exception.OpenMigrations, 'decommission')
        self.assertEqual(409, error.code)
        self.assertIn('7 (migration, finished, server vm9)', str(error))
        self.assertEqual({}, self.check('decommission', wait=True))

    def test_decommission_with_volumes(self):
        self.tools.cinder.volumes['src'] = ['v2', 'v1']
        error = self.refused(exception.HostHasVolumes, 'decommission')
        self.assertIn('v1, v2', str(error))
        self.tools.cinder.missing = True
        self.assertEqual({}, self.check('decommission'))

    def test_decommission_of_what_is_gone(self):
        """Remains can be removed; of what never was there are none."""
        del self.nova.computes['src']
        self.refused(exception.HostNotFound, 'decommission')
        self.placement.left['src'] = True
        self.assertEqual({'params': {'service_gone': True}},
                         self.check('decommission'))
        plan = self.check('decommission', dry_run=True)['plan']
        self.assertEqual([], plan['servers'])

    def test_restart(self):
        error = self.refused(exception.NoPowerControl, 'restart', None,
                             hosts=['src', 'dst1'])
        self.assertIn('src, dst1', str(error))
        self.add_power()
        self.assertEqual({}, self.check('restart', None, hosts=['src']))
        self.refused(exception.HostNotFound, 'restart', None,
                     hosts=['src', 'sr'])

    def test_restart_beside_hosts_out_of_use(self):
        """FD17: what no waiting changes is refused at once."""
        self.add_power()
        self.nova.computes['dst1'].status = 'disabled'
        error = self.refused(exception.HostsOutOfUse, 'restart', None,
                             hosts=['src'])
        self.assertEqual(409, error.code)
        self.assertIn('dst1 (disabled)', str(error))
        self.assertEqual({}, self.check('restart', None, hosts=['src'],
                                        max_unavailable=2))
        plan = self.check('restart', None, hosts=['src'],
                          dry_run=True)['plan']
        self.assertEqual({'dst1': 'disabled'}, plan['out_of_use'])
        # A task ends, and what is down may come back.
        db_tasks.create_task(self.context, 'host.restart', params={},
                             targets=['host:dst1'], host='dst1')
        self.nova.computes['dst2'].alive = False
        self.assertEqual({}, self.check('restart', None, hosts=['src']))

    def test_restart_is_planned(self):
        self.add_power()
        self.nova.add('vm1')
        plan = self.check('restart', None, hosts=['src'],
                          dry_run=True)['plan']
        self.assertEqual((['src'], 1, True), (
            plan['hosts'], plan['moves'], plan['feasible']))
        self.assertEqual([], self.nova.sent)

    def test_no_cloud(self):
        def missing():
            raise exception.CloudNotConfigured(setting='[cloud] auth_type')

        self.manager = manager.ConductorManager(self.board, missing)
        self.assertIn('auth_type', str(self.refused(
            exception.CloudNotConfigured)))


class UnknownActionTestCase(fakes_case.ConductorCase):
    """What a newer API, or a newer conductor, may ask for."""

    def test_check(self):
        made = manager.ConductorManager(None, lambda: self.tools)
        for ask in (
                lambda: made.check_host_action(self.context, 'quarantine',
                                               'src', {}),
                lambda: made.check_host_action(self.context, 'restart',
                                               'src', {}),
                lambda: made.check_server_action(self.context, 'heal',
                                                 'vm1', {})):
            error = self.assertRaises(messaging.ExpectedException, ask)
            self.assertIsInstance(error.exc_info[1],
                                  exception.ActionUnknown)
            self.assertIn('bring all conductors', str(error.exc_info[1]))

    def test_task(self):
        """It ends as failed, and says why."""
        row = self.run_flow(name='host.quarantine')
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('does not know the action host.quarantine',
                      row['result'])


class NodesTestCase(fakes_case.ConductorCase):
    """What is asked of the agents of nodes."""

    def setUp(self):
        super().setUp()
        self.agents = fake_agents.FakeAgents()
        self.node = self.add_power()
        self.manager = manager.ConductorManager(None, self.no_cloud,
                                                self.make)

    def make(self):
        return conductor_tools.Tools(power=self.tools.power,
                                     agents=self.agents)

    def no_cloud(self):
        raise exception.CloudNotConfigured(setting='[cloud]')

    def test_check_without_a_cloud(self):
        found = self.manager.check_node_action(
            self.context, 'set_mode', self.node['id'],
            {'changes': {'snmp': True}})
        self.assertEqual(['run: snmp'], found['plan']['steps'])

    def test_errors(self):
        self.agents.away = True
        error = self.assertRaises(
            messaging.ExpectedException, self.manager.check_node_action,
            self.context, 'set_mode', self.node['id'],
            {'changes': {'snmp': True}}).exc_info[1]
        self.assertIsInstance(error, exception.AgentUnreachable)

    def test_facts(self):
        """Each host has its own answer, or the reason why it has none."""
        self.agents._facts_hwinfo = lambda: {'cpu': None}
        ask = self.agents.call

        def call(context, host, *args, **kwargs):
            if host == 'cmp2':
                raise exception.AgentUnreachable(
                    host=host, reason='it is away', last_contact='never')
            return ask(context, host, *args, **kwargs)
        self.agents.call = call
        found = self.manager.node_facts(self.context, ['cmp1', 'cmp2'])
        self.assertEqual({'hwinfo': {'cpu': None}}, found['cmp1'])
        self.assertIn('it is away', found['cmp2']['reason'])

    def test_facts_in_time(self):
        """Those who would be asked too late are not asked."""
        self.agents._facts_hwinfo = lambda: self.clock.sleep(100)
        found = self.manager.node_facts(
            self.context, [f'cmp{number}' for number in range(60)])
        self.assertIn('too many agents', found['cmp59']['reason'])
