# SPDX-License-Identifier: Apache-2.0
"""Nodes in reserve, over the API."""

from cloudmanager.common import exception
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base


@tests_base.databases()
class ReserveTestCase(base.ApiTestCase):

    def reserve(self, node, reserved, **kwargs):
        return self.call('POST', f'/v1/nodes/{node["id"]}/actions/reserve',
                         {'is_reserved': reserved}, **kwargs)

    def show(self, node):
        return self.get(f'/v1/nodes/{node["id"]}')['node']

    def test_compute_host(self):
        """A conductor does it."""
        node = self.node(name='cmp1')
        answer = self.reserve(node, True, status=204)
        self.assertEqual(b'', answer.body)
        found = self.show(node)
        self.assertEqual((True, 4, 'It is reserved.'), (
            found['is_reserved'], found['condition'],
            found['condition_reason']))
        self.reserve(node, False, status=204)
        found = self.show(node)
        self.assertEqual((False, 0), (found['is_reserved'],
                                      found['condition']))
        self.assertEqual([(node['id'], True), (node['id'], False)],
                         self.conductor.reserved)

    def test_other_classes(self):
        """Nobody has to be asked."""
        node = self.node(name='s', node_class_id=2)
        self.reserve(node, True, status=204)
        self.assertEqual(4, self.show(node)['condition'])
        self.assertEqual([], self.conductor.reserved)

    def test_what_the_conductor_says(self):
        node = self.node(name='cmp1')
        for status, error in (
                (409, exception.Conflict(reason='There are 2 servers.')),
                (503, exception.Unavailable(reason='nobody answered'))):
            self.conductor.check_error = error
            found = self.error(
                'POST', f'/v1/nodes/{node["id"]}/actions/reserve',
                {'is_reserved': True}, status)
            self.assertEqual(str(error), found['detail'])
        self.assertFalse(self.show(node)['is_reserved'])

    def test_refused_bodies(self):
        """AP1"""
        path = f'/v1/nodes/{self.node(name="a")["id"]}/actions/reserve'
        for body in ({}, {'is_reserved': None}, {'is_reserved': 'true'},
                     {'is_reserved': 1}, {'is_reserved': True, 'x': 1}):
            self.error('POST', path, body)
        self.error('POST', f'{path}?force=true', {'is_reserved': True})
        self.assertEqual([], self.conductor.reserved)

    def test_unknown_node(self):
        self.error('POST', '/v1/nodes/99/actions/reserve',
                   {'is_reserved': True}, 404)

    def test_who_may(self):
        node = self.node(name='a')
        for user in ('reader', 'stranger'):
            self.reserve(node, True, status=403, user=user)


class UpdateTestCase(base.ApiTestCase):
    """The flag in a node's own fields means the same."""

    def put(self, node, status=200, **values):
        return self.call('PUT', f'/v1/nodes/{node["id"]}',
                         {'node': values}, status)

    def test_changed_flag(self):
        node = self.node(name='cmp1')
        self.put(node, is_reserved=True, title='x')
        self.put(node, is_reserved=True, title='y')
        self.assertEqual([(node['id'], True)], self.conductor.reserved)
        found = self.get(f'/v1/nodes/{node["id"]}')['node']
        self.assertEqual((True, 'y', 4), (
            found['is_reserved'], found['title'], found['condition']))

    def test_refused(self):
        """Nothing of the change is made."""
        node = self.node(name='cmp1')
        self.conductor.check_error = exception.Conflict(reason='servers')
        self.put(node, 409, is_reserved=True, title='x')
        self.assertEqual(node, self.get(f'/v1/nodes/{node["id"]}')['node'])

    def test_inactive(self):
        node = self.node(name='cmp1')
        self.put(node, active=False)
        found = self.get(f'/v1/nodes/{node["id"]}')['node']
        self.assertEqual('It is not active.', found['condition_reason'])
