# SPDX-License-Identifier: Apache-2.0
"""Tasks that bind nodes to a virtual controller, and release them."""

import dataclasses

from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.steps import binding
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fake_agents
from cloudmanager.tests.unit.conductor import fakes_case

CONTROLLER = '2eec580b-12f8-4518-bf79-3dc5529617da'
OTHER = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'
REASON = f'cloudmanager: bound to controller {CONTROLLER}'
HOSTS = ('dst1', 'dst2')


class FakeAgents(fake_agents.FakeAgents):
    """Agents of some nodes.

    :ivar serves: controller by host
    :ivar wrong: why a host cannot change, by its name
    :ivar on_apply: called when a host is told
    """

    def __init__(self):
        super().__init__()
        self.serves = dict.fromkeys(HOSTS)
        self.wrong = {}
        self.on_apply = lambda host: None

    def call(self, context, host, operation, arguments, *, timeout=None):
        self._host = host
        return super().call(context, host, operation, arguments,
                            timeout=timeout)

    def _modes_apply(self, generation, settings):
        self.on_apply(self._host)
        why = self.wrong.get(self._host)
        if why is None:
            self.serves[self._host] = settings['controller']
        return {'generation': generation, 'modes': {'controller': {
            'actual': self.serves[self._host], 'reason': why}}}


class BindingCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self):
        """Have nodes without a controller, and the server that is one."""
        self.set_agents(FakeAgents())
        self.task_id = None
        self.nova.vms.clear()
        self.nova.add(CONTROLLER)
        self.ids = {}
        for name in HOSTS:
            self.nova.computes[name].status = 'enabled'
            self.nova.computes[name].disabled_reason = None
            node = db_nodes.find_by_name(self.context, name)
            if node is None:
                node = db_nodes.create_node(self.context, {
                    'name': name, 'compute_host': name})
            self.ids[name] = node['id']
            db_nodes.update_node(self.context, node['id'], {
                'controller_id': None, 'controller_type': None,
                'is_reserved': False})

    def set_agents(self, agents):
        self.agents = agents
        self.tools = dataclasses.replace(self.tools, agents=agents)

    def create(self, name='hosts.attach', **params):
        params = {'controller_uuid': CONTROLLER, 'hostnames': list(HOSTS),
                  'node_ids': list(self.ids.values()), **params}
        task, _ = db_tasks.create_task(
            self.context, name, params=params,
            targets=[f'host:{host}' for host in params['hostnames']])
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        return task

    def run_task(self, name='hosts.attach', **params):
        self.create(name, **params)
        return self.run_flow(self.run_of())

    def check(self, name='attach', **params):
        return actions.check(f'hosts.{name}')(
            self.context, self.tools, None, {
                'controller_uuid': CONTROLLER, 'hostnames': list(HOSTS),
                **params})

    def bound(self):
        """Return what nodes and Nova have of each host."""
        found = {}
        for name, node_id in self.ids.items():
            node = db_nodes.get_columns(self.context, node_id)
            compute = self.nova.computes[name]
            found[name] = (node['controller_id'], node['controller_type'],
                           self.agents.serves[name], compute.status,
                           compute.disabled_reason)
        return found

    def assert_bound(self):
        self.assertEqual(dict.fromkeys(HOSTS, (
            CONTROLLER, 'virtual', CONTROLLER, 'disabled', REASON)),
            self.bound())

    def assert_free(self):
        self.assertEqual(dict.fromkeys(
            HOSTS, (None, None, None, 'enabled', None)), self.bound())
        for node_id in self.ids.values():
            self.assertIsNone(db_settings.get(self.context, node_id)[
                'settings'].get('controller'))


class AttachTestCase(BindingCase):

    def test_bound(self):
        row = self.run_task()
        self.assertEqual(('SUCCESS', f'Bound to controller {CONTROLLER}: '
                                     'dst1, dst2.'),
                         (row['status'], row['result']))
        self.assert_bound()
        self.task_id = None
        self.assertEqual('SUCCESS', self.run_task()['status'])
        self.assert_bound()

    def test_none_or_all(self):
        """One that cannot takes all back."""
        self.agents.wrong['dst2'] = '1 guest(s) are on the node: x.'
        row = self.run_task()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('dst2: 1 guest(s)', row['result'])
        self.assert_free()

    def test_agent_goes_away(self):
        """What is desired is put back, and the agent gets it later.

        Until then the node may serve the controller: it stays disabled.
        """
        def leave(host):
            self.agents.away = host == 'dst1'
        self.agents.on_apply = leave
        self.assertEqual('FAILURE', self.run_task()['status'])
        items = self.items().values()
        self.assertTrue(all('could not be put back' in item['error']
                            for item in items))
        self.assertIsNone(db_settings.get(
            self.context, self.ids['dst1'])['settings']['controller'])
        self.assertEqual({('disabled', REASON)},
                         {found[3:] for found in self.bound().values()})

    def test_server_came_meanwhile(self):
        """A tenant's server that was on its way is found, and stays."""
        disable = self.nova.disable_service

        def arrive(service_id, reason):
            disable(service_id, reason)
            self.nova.add('late', host='dst2')
        self.nova.disable_service = arrive
        row = self.run_task()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('late', row['result'])
        self.assert_free()
        self.assertNotIn('modes.apply', self.agents.sent)

    def test_what_an_operator_disabled_stays(self):
        for name in HOSTS:
            self.nova.computes[name].status = 'disabled'
            self.nova.computes[name].disabled_reason = 'repair'
        self.agents.wrong['dst2'] = 'no'
        self.run_task()
        self.assertEqual({('disabled', 'repair')},
                         {found[3:] for found in self.bound().values()})
        self.agents.wrong.clear()
        self.task_id = None
        self.assertEqual('SUCCESS', self.run_task()['status'])
        self.task_id = None
        self.assertEqual('SUCCESS', self.run_task('hosts.detach')['status'])
        self.assertEqual({('disabled', 'repair')},
                         {found[3:] for found in self.bound().values()})

    def test_controller_stops_after_the_end(self):
        """The end was not written yet; begun again, it is no failure."""
        self.create()
        run = self.run_of()
        binding.BindNodes(run, self.tools).do()
        self.nova.vms[CONTROLLER].vm_state = 'stopped'
        binding.BindNodes(run, self.tools).do()
        self.assert_bound()

    def test_cancelled(self):
        self.agents.on_apply = lambda host: self.cancel()
        self.assertEqual('REVOKED', self.run_task()['status'])
        self.assert_free()

    def test_killed(self):
        """Whenever its conductor is killed, another one goes on."""
        number = 0
        while True:
            number += 1
            for die_at in (number, -number):
                self.begin()
                self.agents.die_at = die_at
                self.create()
                try:
                    row = self.run_flow(self.run_of())
                except engine_run.HandOver:
                    row = self.run_flow(self.run_of())
                else:
                    if die_at < 0:
                        return self.assertEqual(2, number - 1)
                self.assertEqual('SUCCESS', row['status'], row['result'])
                self.assert_bound()


class DetachTestCase(BindingCase):

    def setUp(self):
        super().setUp()
        self.run_task()
        self.task_id = None

    def test_released(self):
        row = self.run_task('hosts.detach')
        self.assertEqual(('SUCCESS', 'Released from controller '
                                     f'{CONTROLLER}: dst1, dst2.'),
                         (row['status'], row['result']))
        self.assert_free()

    def test_controller_is_gone(self):
        self.nova.delete(CONTROLLER)
        self.check('detach')
        self.assertEqual('SUCCESS', self.run_task('hosts.detach')['status'])

    def test_guests(self):
        """The nested cloud loses none; the other node is bound again."""
        self.agents.wrong['dst2'] = '1 guest(s) are on the node: x.'
        row = self.run_task('hosts.detach')
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('guest(s)', row['result'])
        self.assert_bound()

    def test_refused(self):
        for params in ({'controller_uuid': OTHER}, {'hostnames': ['src']}):
            self.assertRaises(
                (exception.Conflict, exception.NodeNotFound), self.check,
                'detach', **params)


class CheckTestCase(BindingCase):

    def refused(self, kind=exception.Conflict, **params):
        return str(self.assertRaises(kind, self.check, **params))

    def test_plan(self):
        found = self.check()
        self.assertEqual({'node_ids': list(self.ids.values())},
                         found['params'])
        self.assertEqual(
            {'controller': CONTROLLER, 'hosts': {
                name: ['run: controller'] for name in HOSTS}}, found['plan'])
        self.assert_free()

    def test_controller(self):
        self.refused(exception.ServerNotFound, controller_uuid=OTHER)
        self.nova.vms[CONTROLLER].vm_state = 'stopped'
        self.assertIn('not ACTIVE', self.refused())
        self.assertEqual('FAILURE', self.run_task()['status'])
        self.assert_free()

    def test_nodes(self):
        self.refused(exception.NodeNotFound, hostnames=['dst1', 'nope'])
        db_nodes.create_node(self.context, {'name': 'nope'})
        self.refused(exception.HostNotFound, hostnames=['dst1', 'nope'])
        db_nodes.update_node(self.context, self.ids['dst2'],
                             {'controller_id': OTHER})
        self.assertIn(OTHER, self.refused())
        db_nodes.update_node(self.context, self.ids['dst2'],
                             {'controller_id': None, 'is_reserved': True})
        self.assertIn('reserve', self.refused())
        db_nodes.update_node(self.context, self.ids['dst2'],
                             {'is_reserved': False})
        self.nova.add('vm1', host='dst2')
        self.assertIn('vm1', self.refused())

    def test_server_that_is_on_its_way(self):
        self.nova.add('vm1', host=None, vm_state='building')
        self.placement.chosen['vm1'] = 'dst2'
        self.assertIn('vm1', self.refused())

    def test_dcc(self):
        db_settings.change(self.context, self.ids['dst1'], {'dcc': False})
        self.assertIn('enable-dcc', self.refused())

    def test_agent(self):
        self.agents.conflict = 'The node has no options.'
        self.assertIn('no options', self.refused())
        self.agents.away = True
        self.refused(exception.AgentUnreachable)
