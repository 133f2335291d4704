# SPDX-License-Identifier: Apache-2.0
"""Which role may do what; the loops go over every operation there is."""

import re

from oslo_policy import policy as oslo_policy

from cloudmanager import policies
from cloudmanager.api import routing
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import pages
from cloudmanager.tests.functional import base

PROTECTED = [route for route in routing.TABLE if route.rule is not None]
# Actions that only show something.
READING = ('/v1/aggregates/{aggregate_id}/actions/get-audit-status',
           '/v1/aggregates/{aggregate_id}/actions/backtest',
           '/v1/domains/actions/get-store', '/domains/actions/get-store')
CHANGING = [route for route in PROTECTED
            if route.method != 'GET' and route.path not in READING]


def fill(path):
    return re.sub(r'{\w+}', '1', path)


class AccessTestCase(base.ApiTestCase):

    def test_routes_were_found(self):
        self.assertGreater(len(PROTECTED), 25)
        self.assertGreater(len(CHANGING), 13)

    def test_stranger(self):
        """SE4: without a role of ours everything is refused."""
        for route in PROTECTED:
            found = self.error(route.method, fill(route.path), status=403,
                               user='stranger')
            self.assertEqual('cloudmanager.forbidden', found['code'])
            self.assertIn(route.rule, found['detail'])

    def test_without_a_token(self):
        for route in PROTECTED:
            self.error(route.method, fill(route.path), status=401,
                       user=None)

    def test_what_is_public_tells_nothing_of_nodes(self):
        """SE7: whoever has no token learns nothing, and can tell nothing,
        of a node, whatever he knows of it."""
        node = self.powered_node(name='secret-node',
                                 mac_address='52:54:00:12:34:56',
                                 ip_addresses=['10.9.8.7'])
        for known in ('mac_address=52:54:00:12:34:56', 'name=secret-node',
                      f'id={node["id"]}'):
            for path in ('/v1/nodes', '/v1/nodes/count'):
                self.call('GET', f'{path}?{known}', status=401, user=None)
        for method, body in (('PUT', {'node': {'title': 'x'}}),
                             ('POST', {'mac_address': '52:54:00:12:34:56'})):
            self.call(method, f'/v1/nodes/{node["id"]}', body, user=None,
                      status=401)
        for route in routing.TABLE:
            if route.rule is None:
                text = self.call(route.method, route.path, user=None).text
                for word in ('secret-node', '52:54:00', '10.9.8.7'):
                    self.assertNotIn(word, text)

    def test_reader_changes_nothing(self):
        """SE4: a reader is refused before its request is looked at."""
        for route in CHANGING:
            for body in (None, b'{', {'unknown': 1}):
                self.error(route.method, fill(route.path), body, 403,
                           user='reader')
        self.assertEqual(([], []), (self.conductor.posted,
                                    self.conductor.checked))

    def test_reader_reads_everything(self):
        node = self.powered_node(name='mnode1')
        self.assertEqual(1, node['id'])
        for route in PROTECTED:
            if route.method == 'GET':
                answer = self.call('GET', fill(route.path), user='reader')
                # Of a task or an action with this id there is none.
                self.assertIn(answer.status_int, (200, 404, 501), route)
                self.call('HEAD', fill(route.path), user='reader',
                          status=answer.status_int)

    def test_slashes(self):
        """Both forms of a path are one, for every method."""
        for route in routing.TABLE:
            first, second = (self.call(
                route.method, fill(route.path) + slash, user='stranger')
                for slash in ('', '/'))
            self.assertEqual(first.status_int, second.status_int, route)
            self.assertNotIn(first.status_int, (301, 302, 307, 308))
            self.assertNotIn('Location', first.headers)

    def test_a_rule_of_the_operator(self):
        """What an operator writes into policy.yaml is obeyed."""
        rules = self.directory / 'policy.yaml'
        rules.write_text('"cloudmanager:nodes:create": "role:member"\n')
        self.config(group='oslo_policy', policy_file=str(rules))
        self.app = self.make_app()
        self.call('POST', '/v1/nodes/', {'node': {}}, 201, user='stranger')
        self.call('POST', '/v1/nodes/', {'node': {}}, 403, user='reader')


class TracebackTestCase(base.ApiTestCase):

    def test_only_for_administrators(self):
        task, _ = db_tasks.create_task(self.context, 'host.shutdown',
                                       targets=['host:a'], params={})
        self.finish(task['id'], db_tasks.FAILURE, result='it failed',
                    traceback='Traceback: ...')
        path = f'/v1/tasks/{task["id"]}'
        self.assertEqual('Traceback: ...', self.get(path)['traceback'])
        found = self.get(path, user='reader')
        self.assertIsNone(found['traceback'])
        self.assertEqual('it failed', found['result'])


class DocumentedRulesTestCase(base.ApiTestCase):
    """The rules and the operations name each other."""

    def test_operations(self):
        documented = {
            (rule.name, operation['method'], operation['path'].rstrip('/'))
            for rule in policies.list_rules()
            if isinstance(rule, oslo_policy.DocumentedRuleDefault)
            for operation in rule.operations}
        served = {(route.rule, route.method, route.path)
                  for route in PROTECTED}
        # The one rule that is about a part of an answer.
        documented.discard(('cloudmanager:tasks:traceback', 'GET',
                            '/v1/tasks/{task_id}'))
        self.assertEqual(documented, served)

    def test_public(self):
        """What needs no token is what the page about policies says."""
        sentence = re.search(r'The paths (.+?) need no token\.',
                             pages.text('configuration/policies'), re.S)
        self.assertEqual(
            set(pages.names(sentence[1])),
            {route.path for route in routing.TABLE if route.rule is None})

    def test_no_operation_twice(self):
        seen = [(route.method, route.path) for route in routing.TABLE]
        self.assertEqual(len(seen), len(set(seen)))
