# SPDX-License-Identifier: Apache-2.0
"""Tasks that the agent of a node carries out."""

import dataclasses

from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.db import models
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import conditions
from cloudmanager.tests.unit.conductor import fake_agents
from cloudmanager.tests.unit.conductor import fakes_case

PASSTHROUGH = {'mode': 'host-passthrough', 'model': None}


class NodeCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.agents = fake_agents.FakeAgents()
        self.tools = dataclasses.replace(self.tools, agents=self.agents)
        self.node = self.add_power()
        self.set_node(compute_host='src', condition=conditions.DISABLED)
        self.nova.computes['src'].status = 'disabled'

    def set_node(self, **values):
        self.execute(models.Node.__table__.update().where(
            models.Node.id == self.node['id']).values(**values))

    def create(self, name='node.set_mode', **params):
        task, _ = db_tasks.create_task(
            self.context, name, targets=[f'node:{self.node["id"]}'],
            params={'node_id': self.node['id'], **params})
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        return task

    def check(self, action='set_mode', **params):
        return actions.check(f'node.{action}')(
            self.context, self.tools, self.node['id'], params)['plan']

    def refused(self, action='set_mode', kind=exception.Conflict, **params):
        return str(self.assertRaises(kind, self.check, action, **params))

    def wished(self):
        return db_settings.get(self.context, self.node['id'])['settings']

    def kill_at_each_call(self, request, check):
        """Kill a conductor before and after each call of an agent.

        :returns: how many there are
        """
        number = 0
        while True:
            number += 1
            for die_at in (number, -number):
                self.task_id = None
                self.agents = fake_agents.FakeAgents()
                self.agents.die_at = die_at
                self.tools = dataclasses.replace(self.tools,
                                                 agents=self.agents)
                request()
                try:
                    row = self.run_flow(self.run_of())
                except engine_run.HandOver:
                    row = self.run_flow(self.run_of())
                else:
                    if die_at < 0:
                        return number - 1
                self.assertEqual('SUCCESS', row['status'], row['result'])
                check(die_at)


class CheckTestCase(NodeCase):

    def test_plan(self):
        plan = self.check(changes={'snmp': True})
        self.assertEqual({'host': 'src', 'changes': {'snmp': True},
                          'steps': ['run: snmp']}, plan)
        self.assertEqual({}, self.wished())

    def test_away(self):
        self.agents.away = True
        for action, params in (('set_mode', {'changes': {'snmp': True}}),
                               ('update_system', {})):
            self.refused(action, exception.AgentUnreachable, **params)

    def test_unknown_node(self):
        self.node = {'id': 10 ** 6}
        self.refused(kind=exception.NodeNotFound, changes={})

    def test_node_without_a_name(self):
        node = db_nodes.create_node(self.context, {})
        self.node = {'id': node['id']}
        self.refused(kind=exception.AgentUnreachable, changes={})

    def test_hostile_changes(self):
        for changes in ({'x': 1}, {'snmp': 'yes'}, {'snmp': 1}, [],
                        {'log_redirection': 'a b'},
                        {'log_redirection': 'A.example'},
                        {'cpu_mode': None}, {'cpu_mode': {'mode': 'x'}},
                        {'cpu_mode': {'mode': 'custom', 'model': None}},
                        {'cpu_mode': {'mode': None, 'model': 'a'}},
                        {'cpu_mode': {'mode': 'custom', 'model': 'a\nb'}}):
            self.refused(kind=exception.Invalid, changes=changes)
        self.assertEqual([], self.agents.sent)

    def test_node_refuses(self):
        self.agents.conflict = 'The node does not know the model Z80.'
        self.assertIn('Z80', self.refused(changes={'cpu_mode': {
            'mode': 'custom', 'model': 'Z80'}}))

    def test_dcc(self):
        """It is over the configuration of components, and no more."""
        db_settings.change(self.context, self.node['id'], {'dcc': False})
        for changes in ({'cpu_mode': PASSTHROUGH},
                        {'log_redirection': None}):
            self.assertIn('enable-dcc', self.refused(changes=changes))
        self.check(changes={'snmp': True})
        self.check(changes={'dcc': True})

    def test_last_way_in(self):
        """SSH stays while no power control works, unless forced."""
        wanted = {'changes': {'ssh': False}}
        self.assertIn('force', self.refused(**wanted))
        self.check(**wanted, force=True)
        self.check(changes={'ssh': True})
        control = models.PowerControl.__table__
        for values, works in (({'last_success_at': self.clock.utcnow()},
                               True), ({'failures': 1}, False)):
            self.execute(control.update().values(**values))
            if works:
                self.check(**wanted)
            else:
                self.refused(**wanted)
        for link in db_power_controls.list_assignments(self.context,
                                                       self.node['id']):
            db_power_controls.unassign(self.context, self.node['id'],
                                       link['power_control_id'])
        self.refused(**wanted)

    def test_update(self):
        plan = self.check('update_system')
        self.assertEqual(['run: apt-get upgrade'], plan['steps'])
        self.assertEqual(['libc6'], plan['packages'])

    def test_update_of_a_node_in_use(self):
        self.set_node(condition=conditions.ENABLED)
        self.assertIn('not disabled', self.refused('update_system'))
        self.check('update_system', force=True)
        self.set_node(condition=conditions.DISABLED)
        self.nova.computes['src'].status = 'enabled'
        self.assertIn('is enabled', self.refused('update_system'))
        self.nova.computes['src'].status = 'disabled'
        self.nova.add('vm1')
        self.assertIn('vm1', self.refused('update_system'))
        self.check('update_system', force=True)

    def test_update_of_no_compute_host(self):
        """It needs no cloud to be found empty."""
        self.set_node(compute_host=None)
        self.nova.add('vm1')
        self.check('update_system')


class SetModeTestCase(NodeCase):

    def run_task(self, **changes):
        self.create(changes=changes, force=False)
        return self.run_flow(self.run_of())

    def test_success(self):
        row = self.run_task(snmp=True)
        self.assertEqual(('SUCCESS', 'snmp: set'),
                         (row['status'], row['result']))
        self.assertEqual({'snmp': True}, self.wished())
        self.assertIs(True, self.agents.modes['snmp'])

    def test_node_cannot(self):
        self.agents.reasons['snmp'] = 'There is no unit snmpd.service.'
        row = self.run_task(snmp=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('There is no unit', row['result'])
        self.assertIn('setting is kept', row['result'])
        self.assertEqual({'snmp': True}, self.wished())

    def test_nodesafe_is_kept(self):
        """The task says what the setting is worth yet."""
        self.agents.reasons['nodesafe'] = 'No watchdog.'
        row = self.run_task(nodesafe=True)
        self.assertEqual(('SUCCESS', 'nodesafe: No watchdog.'),
                         (row['status'], row['result']))

    def test_agent_is_away(self):
        """It is waited for; if it stays away, the setting is kept."""
        self.agents.away = True
        row = self.run_task(snmp=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('it is away', row['result'])
        self.assertEqual({'snmp': True}, self.wished())

    def test_agent_comes_back(self):
        self.agents.away = True
        self.clock.at(30, setattr, self.agents, 'away', False)
        self.assertEqual('SUCCESS', self.run_task(snmp=True)['status'])

    def test_dcc_was_switched_off_meanwhile(self):
        self.create(changes={'cpu_mode': PASSTHROUGH}, force=False)
        db_settings.change(self.context, self.node['id'], {'dcc': False})
        self.assertEqual('FAILURE', self.run_flow(self.run_of())['status'])
        self.assertEqual({'dcc': False}, self.wished())
        self.assertEqual([], self.agents.sent)

    def test_cancelled(self):
        self.create(changes={'snmp': True}, force=False)
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow(self.run_of())['status'])
        self.assertEqual({}, self.wished())

    def test_killed(self):
        """Whenever its conductor is killed, another one goes on."""
        def check(where):
            self.assertIs(True, self.agents.modes['snmp'], where)

        kills = self.kill_at_each_call(
            lambda: self.create(changes={'snmp': True}, force=False), check)
        self.assertEqual(1, kills)


class UpdateTestCase(NodeCase):

    def run_task(self, **params):
        self.create('node.update_system', **{'force': False, **params})
        return self.run_flow(self.run_of())

    def test_success(self):
        states = iter(('running', 'running', 'done'))
        self.agents.state = lambda: next(states)
        row = self.run_task()
        self.assertEqual('SUCCESS', row['status'])
        self.assertIn('must be restarted', row['result'])
        self.assertIn('Setting up', row['result'])
        self.assertEqual({self.task_id: 1}, self.agents.jobs)

    def test_failure(self):
        self.agents.state, self.agents.code = 'failed', 100
        row = self.run_task()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('status 100', row['result'])
        self.assertIn('Setting up', row['result'])

    def test_lost(self):
        """A job that nobody runs any more is not begun again."""
        self.agents.state = 'lost'
        row = self.run_task()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('cut off', row['result'])
        self.assertEqual({self.task_id: 1}, self.agents.jobs)

    def test_about_to_begin(self):
        states = iter(('lost', 'running', 'lost', 'lost', 'done'))
        self.agents.state = lambda: next(states)
        self.assertEqual('SUCCESS', self.run_task()['status'])

    def test_never_ends(self):
        self.agents.state = 'running'
        row = self.run_task()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('may still run', row['result'])

    def test_node_came_into_use(self):
        """It is looked at again right before."""
        self.nova.add('vm1')
        row = self.run_task()
        self.assertEqual(('FAILURE', {}), (row['status'], self.agents.jobs))
        self.task_id = None
        self.assertEqual('SUCCESS', self.run_task(force=True)['status'])

    def test_agent_is_restarted(self):
        """An upgrade may restart the agent, too."""
        states = iter(('running', 'running', 'running', 'done'))

        def state():
            self.agents.away = True
            self.clock.at(20, setattr, self.agents, 'away', False)
            return next(states)
        self.agents.state = state
        self.assertEqual('SUCCESS', self.run_task()['status'])

    def test_cancelled_before(self):
        self.create('node.update_system', force=False)
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow(self.run_of())['status'])
        self.assertEqual({}, self.agents.jobs)

    def test_killed(self):
        """The upgrade runs once, whenever a conductor is killed."""
        def check(where):
            self.assertEqual({self.task_id: 1}, self.agents.jobs, where)

        kills = self.kill_at_each_call(
            lambda: self.create('node.update_system', force=False), check)
        self.assertEqual(3, kills)
