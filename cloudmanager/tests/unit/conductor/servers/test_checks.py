# SPDX-License-Identifier: Apache-2.0
"""What an API process is told before it accepts an action on a server."""

import oslo_messaging as messaging

from cloudmanager.common import exception
from cloudmanager.conductor import manager
from cloudmanager.tests.unit.conductor import server_case


class CheckTestCase(server_case.ServerCase):

    def setUp(self):
        super().setUp()
        self.manager = manager.ConductorManager(None, lambda: self.tools)

    def ask(self, action, **params):
        return self.manager.check_server_action(self.context, action, 'vm1',
                                                params)

    def refused(self, expected, action, **params):
        """Return the error as the API process gets it."""
        error = self.assertRaises(messaging.ExpectedException, self.ask,
                                  action, **params).exc_info[1]
        self.assertIsInstance(error, expected)
        return error

    def test_host(self):
        self.nova.add('vm1')
        for action in server_case.ACTIONS:
            self.assertEqual({'host': 'src'}, self.ask(action))
        self.assertEqual([], self.nova.sent)

    def test_no_host(self):
        self.nova.add('vm1', vm_state='shelved_offloaded', host=None)
        self.assertEqual({'host': None}, self.ask('wakeup'))

    def test_unknown(self):
        for action in server_case.ACTIONS:
            self.assertEqual(404, self.refused(
                exception.ServerNotFound, action).code)
        self.nova.add('vm1', vm_state='deleted')
        for action in server_case.ACTIONS:
            self.refused(exception.ServerNotFound, action)

    def test_states(self):
        """Each action and each state: accepted, or 409 with the reason."""
        refused = {
            'balance': {'error', 'suspended', 'rescued', 'shelved',
                        'shelved_offloaded', 'soft-delete', 'resized'},
            'recover': {'shelved', 'shelved_offloaded', 'soft-delete',
                        'resized'},
            'repair': {'soft-delete'},
            'reset-reboot': {'shelved', 'shelved_offloaded', 'soft-delete',
                             'resized'},
            'wakeup': {'error', 'soft-delete'}}
        for state in ('active', 'stopped', 'paused', 'suspended', 'rescued',
                      'shelved', 'shelved_offloaded', 'error', 'resized',
                      'soft-delete'):
            self.nova.reset()
            if state == 'resized':
                self.nova.resized('vm1', age=2000)
            else:
                self.nova.add('vm1', vm_state=state,
                              host=None if 'offl' in state else 'src')
            for action in server_case.ACTIONS:
                if state in refused[action]:
                    error = self.refused(exception.ServerState, action)
                    self.assertEqual(409, error.code)
                    self.assertIn('vm1', str(error))
                else:
                    self.ask(action)

    def test_dead_host(self):
        self.nova.add('vm1')
        self.dead(proof=False)
        for action in ('balance', 'wakeup'):
            self.refused(exception.ServerState, action)
        self.refused(exception.ServerState, 'reset-reboot', reboot=True)
        self.ask('reset-reboot')
        for action in ('recover', 'repair'):
            self.refused(exception.HostNotFenced, action)
            self.ask(action, fenced=True)
        self.config(group='host_tasks', allow_evacuate_host=False)
        self.refused(exception.Conflict, 'recover', fenced=True)

    def test_no_cloud(self):
        def missing():
            raise exception.CloudNotConfigured(setting='[cloud] auth_type')

        self.manager = manager.ConductorManager(None, missing)
        self.refused(exception.CloudNotConfigured, 'wakeup')
