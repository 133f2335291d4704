# SPDX-License-Identifier: Apache-2.0
"""Answers of agents that have another form than they should."""

from unittest import mock

from cloudmanager.common import exception
from cloudmanager.conductor.agents import binding
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.agents import nas
from cloudmanager.db import nodes
from cloudmanager.tests import base

WRONG = (None, 7, 'x', [], ['x'], {'x': 'y'}, {'x': None}, {'x': [7]},
         {'targets': 7, 'errors': 7}, {'targets': {'10.0.0.9': 7}},
         {'targets': {'no portal': ['x']}, 'errors': ['x']})


class AnswersTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.node = nodes.create_node(self.context, {
            'name': 'cmp1', 'ip_addresses': ['10.0.0.9', '10.0.0.8']})['id']
        self.agents = mock.Mock()
        self.tools = mock.Mock(agents=self.agents)

    def refused(self, function, *arguments, answers=WRONG):
        for answer in answers:
            self.agents.call.return_value = answer
            found = self.assertRaises(exception.Unavailable, function,
                                      self.context, *arguments)
            self.assertIn('cmp1', found.message)

    def test_targets(self):
        self.refused(nas.discover, self.agents, self.node, self.node)
        self.refused(nas.attached, self.agents, 'cmp1')

    def test_plans(self):
        for check, params in (
                (checks.set_mode, {'changes': {'snmp': True}}),
                (checks.update_system, {}),
                (checks.attach_targets, {'targets': {}})):
            self.refused(check, self.tools, self.node, params,
                         answers=WRONG[:3] + WRONG[5:])
        self.refused(binding._plan, self.tools, [binding.Bound(
            {'id': 1, 'name': 'cmp1'}, mock.Mock())], None)

    def test_plan_names_its_host(self):
        """The agent cannot have another host shown in its place."""
        self.agents.call.return_value = {'commands': [], 'packages': [],
                                         'host': ['cmp2']}
        found = checks.update_system(self.context, self.tools, self.node,
                                     {'force': True})
        self.assertEqual('cmp1', found['plan']['host'])
