# SPDX-License-Identifier: Apache-2.0
"""Tasks that attach targets to a node."""

import dataclasses

from cloudmanager.common import exception
from cloudmanager.conductor.agents import nas
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests.unit.conductor import fake_agents
from cloudmanager.tests.unit.conductor.steps import test_nodes

KIND = {'vendor': 'IET', 'product': 'VIRTUAL-DISK'}


class FakeAgents(fake_agents.FakeAgents):
    """Agents on nodes that targets are attached to.

    :ivar attached: portals and targets
    :ivar wrong: why a target cannot be attached, by its name
    :ivar error: why multipath cannot be told
    :ivar rounds: how often a request is asked for until it ends
    :ivar on_attach: called when a request begins
    """

    def __init__(self):
        super().__init__()
        self.attached, self.wrong, self.error = [], {}, None
        self.rounds, self.requests = 1, {}
        self.errors = {}
        self.on_attach = lambda: None

    def forget(self):
        """Let the agent be restarted."""
        self.requests.clear()

    def _nas_plan(self, targets, vendor=None, product=None):
        return {'steps': ['log in: x'], 'attached': []}

    def _nas_discover(self, portals):
        return {'targets': {'10.0.0.2': ['volume-1']}, 'errors': {
            portal: self.errors[portal] for portal in portals
            if portal in self.errors}}

    def _nas_sessions(self):
        return {'targets': {'10.0.0.2': ['a'], '10.0.0.3:3261': ['b', 'a'],
                            '192.0.2.7': ['c']}}

    def _nas_attach(self, request, targets, vendor=None, product=None):
        paths = [(portal, name) for portal, names in targets.items()
                 for name in names]
        if request not in self.requests:
            self.on_attach()
            self.requests[request] = 0
            self.attached += [path for path in paths
                              if path not in self.attached
                              and path[1] not in self.wrong]
        self.requests[request] += 1
        running = self.requests[request] < self.rounds
        return {'running': running, 'error': self.error, 'outcomes': [
            [portal, name, self.wrong.get(name)] for portal, name in paths
            if not running]}


class TargetsCase(test_nodes.NodeCase):

    def setUp(self):
        super().setUp()
        self.agents = FakeAgents()
        self.tools = dataclasses.replace(self.tools, agents=self.agents)

    def attach(self, targets=None, **params):
        self.create('node.attach_targets',
                    targets=targets or {'10.0.0.2': ['volume-1']}, **params)
        return self.run_flow(self.run_of())

    def states(self):
        return {(item['source'], item['name']): (item['state'],
                                                 item['error'])
                for item in self.items().values()}


class AttachTestCase(TargetsCase):
    MANY = {'10.0.0.2': [f'volume-{number}' for number in range(20)]}

    def test_success(self):
        self.agents.rounds = 3
        row = self.attach({'10.0.0.2': ['volume-1'], '10.0.0.3': ['x', 'y']},
                          **KIND)
        self.assertEqual('SUCCESS', row['status'])
        self.assertIn('3 of 3 target(s) are attached: volume-1 on 10.0.0.2',
                      row['result'])
        self.assertEqual({('DONE', None)}, set(self.states().values()))
        self.assertEqual(1, len(self.agents.requests))

    def test_many(self):
        """A few at a time, and each of them is told of."""
        self.assertEqual('SUCCESS', self.attach(self.MANY)['status'])
        self.assertEqual((3, 20), (len(self.agents.requests),
                                   len(self.agents.attached)))

    def test_failure(self):
        """The rest is attached all the same."""
        self.agents.wrong['volume-7'] = 'It has no such target.'
        row = self.attach(self.MANY)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('19 of 20', row['result'])
        self.assertIn('volume-7 on 10.0.0.2: It has no such target.',
                      row['result'])
        self.assertEqual(('FAILED', 'It has no such target.'),
                         self.states()['10.0.0.2', 'volume-7'])

    def test_multipath_fails(self):
        self.agents.error = 'Program multipath failed.'
        row = self.attach()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('it is attached, but: Program multipath failed',
                      row['result'])

    def test_long_names(self):
        """Items are told apart by more than a row has room for."""
        host = '.'.join(['a' * 60] * 4)
        names = ['x' * 220 + str(number) for number in range(3)]
        self.assertEqual('SUCCESS', self.attach({host: names})['status'])
        self.assertEqual(3, len(self.states()))

    def test_agent_is_away(self):
        self.agents.away = True
        row = self.attach()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('it is away', row['result'])

    def test_agent_comes_back(self):
        self.agents.away = True
        self.clock.at(30, setattr, self.agents, 'away', False)
        self.assertEqual('SUCCESS', self.attach()['status'])

    def test_agent_is_restarted(self):
        """It begins what it has forgotten anew."""
        self.agents.rounds = 5
        self.clock.at(2, self.agents.forget)
        self.assertEqual('SUCCESS', self.attach()['status'])

    def test_never_ends(self):
        self.agents.rounds = 10 ** 6
        row = self.attach()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('within 600 s', row['result'])

    def test_agent_refuses(self):
        def refuse():
            raise exception.Conflict(reason='DCC is off.')
        self.agents.on_attach = refuse
        row = self.attach(**KIND)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('DCC is off', row['result'])

    def test_cancelled(self):
        """What was not begun is left out."""
        self.agents.on_attach = self.cancel
        row = self.attach(self.MANY)
        self.assertEqual('REVOKED', row['status'])
        self.assertEqual(8, len(self.agents.attached))
        states = [state for state, _ in self.states().values()]
        self.assertEqual((8, 12), (states.count('DONE'),
                                   states.count('SKIPPED')))

    def test_cancelled_before(self):
        self.create('node.attach_targets', targets=self.MANY)
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow(self.run_of())['status'])
        self.assertEqual([], self.agents.attached)

    def test_dcc(self):
        db_settings.change(self.context, self.node['id'], {'dcc': False})
        row = self.attach(**KIND)
        self.assertEqual(('FAILURE', []), (row['status'],
                                           self.agents.attached))
        self.task_id = None
        self.assertEqual('SUCCESS', self.attach()['status'])

    def test_killed(self):
        """Whenever its conductor is killed, another one goes on."""
        number = 0
        while True:
            number += 1
            for die_at in (number, -number):
                self.task_id = None
                self.agents = FakeAgents()
                self.agents.rounds, self.agents.die_at = 2, die_at
                self.tools = dataclasses.replace(self.tools,
                                                 agents=self.agents)
                self.create('node.attach_targets', targets=self.MANY)
                try:
                    row = self.run_flow(self.run_of())
                except test_nodes.engine_run.HandOver:
                    row = self.run_flow(self.run_of())
                else:
                    if die_at < 0:
                        return self.assertEqual(6, number - 1)
                self.assertEqual('SUCCESS', row['status'], row['result'])
                self.assertEqual((3, 20), (len(self.agents.requests),
                                           len(self.agents.attached)))


class CheckTestCase(TargetsCase):
    WANTED = {'targets': {'10.0.0.2': ['volume-1']}}

    def test_plan(self):
        self.assertEqual(
            {'host': 'src', 'steps': ['log in: x'], 'attached': []},
            self.check('attach_targets', **self.WANTED))

    def test_refused(self):
        db_settings.change(self.context, self.node['id'], {'dcc': False})
        self.check('attach_targets', **self.WANTED)
        self.assertIn('enable-dcc', self.refused(
            'attach_targets', **self.WANTED, **KIND))
        self.agents.away = True
        self.refused('attach_targets', exception.AgentUnreachable,
                     **self.WANTED)


class DiscoverTestCase(TargetsCase):

    def discover(self, **values):
        storage = db_nodes.create_node(self.context, values)
        return nas.discover(self.context, self.agents, self.node['id'],
                            storage['id'])

    def test_found(self):
        self.agents.errors['10.0.0.3'] = 'it is silent.'
        found = self.discover(name='stor1',
                              ip_addresses=['10.0.0.2', '10.0.0.3'])
        self.assertEqual({'targets': {'10.0.0.2': ['volume-1']},
                          'warnings': ['10.0.0.3: it is silent.']}, found)

    def test_nobody_answers(self):
        self.agents.errors['10.0.0.3'] = 'it is silent.'
        error = self.assertRaises(exception.Unavailable, self.discover,
                                  name='stor1', ip_addresses=['10.0.0.3'])
        self.assertIn('it is silent', str(error))

    def test_refused(self):
        self.assertRaises(exception.Conflict, self.discover, name='stor1')
        self.assertRaises(exception.NodeNotFound, nas.discover, self.context,
                          self.agents, self.node['id'], 10 ** 6)
        self.assertRaises(exception.NodeNotFound, nas.discover, self.context,
                          self.agents, 10 ** 6, self.node['id'])
        self.agents.away = True
        self.assertRaises(exception.AgentUnreachable, self.discover,
                          name='stor2', ip_addresses=['10.0.0.3'])

    def test_attached(self):
        """Two portals of one storage are one; others are addresses."""
        db_nodes.create_node(self.context, {
            'name': 'stor1', 'ip_addresses': ['10.0.0.2', '10.0.0.3']})
        self.assertEqual({'192.0.2.7': ['c'], 'stor1': ['a', 'b']},
                         nas.attached(self.context, self.agents, 'src'))
