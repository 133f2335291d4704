# SPDX-License-Identifier: Apache-2.0
"""Budgets of projects, as Keystone has them."""

from cloudmanager.clients import project_budgets
from cloudmanager.common import exception
from cloudmanager.tests import base
from cloudmanager.tests import clocks


class Keystone:
    """Answers projects by their tag."""

    def __init__(self):
        self.asked = []
        self.error = None
        self.projects = [
            {'id': 'a', 'tags': ['cloudmanager'], 'max_moves_per_day': '3'},
            {'id': 'b', 'tags': ['cloudmanager'], 'max_moves_per_day': 4},
            {'id': 'c', 'tags': ['cloudmanager'], 'max_moves_per_day': None},
            {'id': 'd', 'tags': ['cloudmanager'],
             'max_moves_per_day': 'many'},
            {'id': 'e', 'tags': ['cloudmanager']}]

    def projects_with_tag(self, tag):
        self.asked.append(tag)
        if self.error:
            raise self.error
        return self.projects


class ProjectBudgetsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.keystone = Keystone()
        self.budgets = project_budgets.ProjectBudgets(self.keystone)

    def test_read(self):
        self.assertEqual({'a': 3, 'b': 4}, self.budgets())

    def test_asked_now_and_then(self):
        self.budgets()
        self.budgets()
        self.assertEqual(['cloudmanager'], self.keystone.asked)
        self.clock.sleep(61)
        self.keystone.projects = []
        self.assertEqual({}, self.budgets())

    def test_switched_off(self):
        self.config(group='host_tasks', project_budget_tag='')
        self.assertEqual({}, self.budgets())
        self.assertEqual([], self.keystone.asked)

    def test_away(self):
        self.keystone.error = exception.CloudUnreachable(
            service='Keystone', reason='503')
        self.assertRaises(exception.CloudUnreachable, self.budgets)
        self.keystone.error = None
        self.assertEqual({'a': 3, 'b': 4}, self.budgets())
