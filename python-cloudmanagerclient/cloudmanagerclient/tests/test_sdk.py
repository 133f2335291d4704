# SPDX-License-Identifier: Apache-2.0
"""The service of openstacksdk, against a real service."""

import logging
import os
import pathlib
import subprocess
import sys

import fixtures
from keystoneauth1 import exceptions as ksa_exc
import openstack
from openstack import exceptions as sdk_exc
import requests
import testtools

from cloudmanagerclient import sdk
from cloudmanagerclient.sdk import exceptions
from cloudmanagerclient.sdk import filters
from cloudmanagerclient.tests import base

CLOUDS = """
clouds:
  tested:
    auth_type: none
    auth:
      endpoint: {url}
    vendor_hook: cloudmanagerclient.sdk:add_service
"""

# In a process of its own, where nobody has added the service before.
PLAIN = """
import sys
import openstack
conn = openstack.connect()
for node in conn.cloudmanager.nodes(name=sys.argv[1]):
    print(node.id, conn.cloudmanager.get_endpoint())
"""


class HttpBasicTestCase(base.ClientCase):

    def test_endpoint(self):
        """A service with passwords of its own is found like one without."""
        conn = openstack.connect(
            load_yaml_config=False, load_envvars=False,
            auth_type='http_basic', auth={
                'endpoint': self.service.url, 'username': 'ops',
                'password': 'secret'},
            vendor_hook='cloudmanagerclient.sdk:add_service')
        self.addCleanup(conn.close)
        recorder = self.useFixture(base.Recorder())
        node = conn.cloudmanager.create_node(name=self.name())
        self.assertEqual(node.name, self.client.get_node(node).name)
        self.assertEqual('/v1/nodes', next(
            request.path.rstrip('/') for request in recorder.requests
            if request.method == 'POST'))


class ConnectionTestCase(base.ClientCase):

    def test_plain_connect(self):
        """clouds.yaml alone is enough, and the version is discovered."""
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        file = path / 'clouds.yaml'
        file.write_text(CLOUDS.format(url=self.service.url))
        node = self.node()
        done = subprocess.run(
            [sys.executable, '-c', PLAIN, node.name], capture_output=True,
            text=True, check=False, env={
                **os.environ, 'OS_CLIENT_CONFIG_FILE': str(file),
                'OS_CLOUD': 'tested'})
        self.assertEqual([str(node.id), f'{self.service.url}/v1/'],
                         done.stdout.split(), done.stderr)

    def test_proxy(self):
        self.assertIs(self.client, sdk.proxy(self.conn))


class ListsTestCase(base.ClientCase):

    def test_pages(self):
        """All pages are followed, and each object comes once."""
        title = self.name('title')
        made = [self.node(title=title).id for _ in range(5)]
        with base.Recorder() as recorder:
            found = [node.id for node in self.client.nodes(
                title=title, limit=2, sort='id:desc')]
        self.assertEqual(made[::-1], found)
        self.assertEqual(3, len(recorder.requests))

    def test_pages_are_asked_for_when_needed(self):
        title = self.name('title')
        for _ in range(3):
            self.node(title=title)
        with base.Recorder() as recorder:
            next(self.client.nodes(title=title, limit=1))
        self.assertEqual(1, len(recorder.requests))

    def test_max_items(self):
        title = self.name('title')
        for _ in range(3):
            self.node(title=title)
        self.assertEqual(2, len(list(self.client.nodes(
            title=title, max_items=2))))

    def test_only_the_query_of_a_link_is_used(self):
        """The token goes nowhere but to the endpoint."""
        title = self.name('title')
        for _ in range(2):
            self.node(title=title)
        url = self.service.url

        def elsewhere(session, method, asked, **kwargs):
            assert asked.startswith(url), asked
            response = real(session, method, asked, **kwargs)
            response._content = response.content.replace(
                url.encode(), b'http://elsewhere.example.org')
            return response

        real = requests.Session.request
        self.useFixture(fixtures.MonkeyPatch('requests.Session.request',
                                             elsewhere))
        self.assertEqual(2, len(list(self.client.nodes(title=title,
                                                       limit=1))))

    def test_modifiers(self):
        title = self.name('title')
        made = [self.node(title=title, ram_mb=size)
                for size in (1024, 2048, 4096)]
        made.append(self.node(title=title))
        for value, wanted in (
                (filters.more_than(1024), [1, 2]),
                (filters.at_least(2048), [1, 2]),
                (filters.less_than(2048), [0]),
                (filters.at_most(2048), [0, 1]),
                (filters.one_of(1024, 4096), [0, 2]),
                (filters.equal(2048), [1]),
                (filters.ABSENT, [3]), (filters.PRESENT, [0, 1, 2]),
                (None, [3])):
            found = [node.id for node in self.client.nodes(
                title=title, ram_mb=value, sort='id')]
            self.assertEqual([made[each].id for each in wanted], found,
                             value)
        name = made[0].name
        self.assertEqual(1, self.client.count_nodes(
            name=filters.like(f'{name[:-1]}_')))
        self.assertEqual(1, self.client.count_nodes(
            name=filters.like(name.upper(), ignore_case=True)))
        self.assertEqual(3, self.client.count_nodes(
            title=title, name=filters.other_than(name)))
        self.assertEqual(3, self.client.count_nodes(
            title=title, name=filters.none_of(name)))

    def test_flags(self):
        title = self.name('title')
        node = self.node(title=title, is_reserved=True)
        self.node(title=title)
        self.assertEqual([node.id], [each.id for each in self.client.nodes(
            title=title, is_reserved=True)])


class FindTestCase(base.ClientCase):

    def test_by_name_and_id(self):
        storage = self.client.create_storage(
            name=self.name(), compute_path=f'/{self.name()}',
            controller_path=f'/{self.name()}')
        for value in (storage.name, storage.id, str(storage.id)):
            self.assertEqual(storage.id, self.client.find_storage(value).id)

    def test_name_like_an_operator(self):
        name = f'in:{self.name()}'
        made = self.client.create_node_class(name=name)
        self.assertEqual(made.id, self.client.find_node_class(name).id)

    def test_number_for_a_name(self):
        name = '987654321'
        made = self.client.create_node_class(name=name)
        self.addCleanup(self.client.delete_node_class, made)
        self.assertEqual(made.id, self.client.find_node_class(name).id)

    def test_missing(self):
        self.assertIsNone(self.client.find_node('nope', ignore_missing=True))
        error = self.assertRaises(sdk_exc.NotFoundException,
                                  self.client.find_storage, 'nope')
        self.assertIn('nope', str(error))

    def test_several(self):
        title = self.name('control')
        first = self.control(title=title)
        try:
            second = self.control(title=title)
        except exceptions.Conflict:
            self.skipTest('titles are unique')
        error = self.assertRaises(sdk_exc.DuplicateResource,
                                  self.client.find_power_control, title)
        self.assertIn(f'{first.id}, {second.id}', str(error))

    def test_names_that_are_paths(self):
        """No name leads to another path."""
        for name in ('..', '.', '', '../nodes', 'a/b?c=d#e'):
            self.assertRaises((sdk_exc.SDKException,),
                              self.client.get_node, name)
        with base.Recorder() as recorder:
            self.assertRaises(exceptions.CloudManagerError,
                              self.client.delete_node, '1/../2')
        self.assertEqual(['/v1/nodes/1%2F..%2F2'],
                         [each.path for each in recorder.requests])


class ErrorsTestCase(base.ClientCase):

    def test_codes(self):
        for call, kind, code, base_kind in (
                (lambda: self.client.get_node('nope'), exceptions.NotFound,
                 'cloudmanager.node.not_found', sdk_exc.NotFoundException),
                (lambda: self.client.create_node(nme='x'),
                 exceptions.BadRequest, 'cloudmanager.invalid',
                 sdk_exc.BadRequestException),
                (lambda: self.client.shutdown_host('cmp1'),
                 exceptions.Unavailable, 'cloudmanager.cloud_not_configured',
                 sdk_exc.HttpException)):
            error = self.assertRaises(kind, call)
            self.assertEqual(code, error.code)
            self.assertIsInstance(error, base_kind)
            self.assertEqual(error.errors[0]['detail'], str(error))
            self.assertTrue(error.request_id.startswith('req-'))

    def test_lines(self):
        """Each line that is wrong is told."""
        error = self.assertRaises(
            exceptions.BadRequest, self.client.import_nodes,
            '{"nme": "a"}\n{"name": "ok"}\n[]\n')
        self.assertEqual(2, len(error.errors))
        self.assertIn('Line 1', str(error))
        self.assertIn('Line 3', str(error))

    def test_older_service(self):
        response = requests.Response()
        response.status_code = 501
        response._content = (
            b'{"errors": [{"status": 501, "detail": "It cannot do that.",'
            b' "code": "cloudmanager.not_implemented"}]}')
        error = self.assertRaises(exceptions.NotImplementedByService,
                                  exceptions.check, response)
        self.assertEqual(('It cannot do that.',
                          'cloudmanager.not_implemented'),
                         (str(error), error.code))

    def test_what_a_proxy_answers(self):
        response = requests.Response()
        response.status_code, response.reason = 502, 'Bad Gateway'
        response._content = b'<html>x</html>'
        error = self.assertRaises(exceptions.CloudManagerError,
                                  exceptions.check, response)
        self.assertIn('502 Bad Gateway', str(error))
        self.assertEqual('', error.code)


class TasksTestCase(base.ClientCase):

    def test_wait(self):
        seen = []
        task = self.client.wait_for_task(
            self.client.power_on_node(self.powered()), interval=0.1,
            callback=lambda found: seen.append(found.status))
        self.assertEqual('SUCCESS', task.status)
        self.assertEqual('SUCCESS', seen[-1])
        self.assertTrue(task.has_ended)
        self.assertIn(task.id, [each.id for each in self.client.tasks(
            limit=5)])

    def test_failure(self):
        node = self.powered()
        task = self.client.power_off_node(node, type='soft', soft_timeout=60)
        self.client.cancel_task(task)
        error = self.assertRaises(exceptions.TaskFailed,
                                  self.client.wait_for_task, task,
                                  interval=0.1)
        self.assertEqual(task.id, error.task.id)
        self.assertIn(error.task.status, str(error))

    def test_timeout(self):
        task = self.client.power_on_node(self.powered())
        error = self.assertRaises(
            sdk_exc.ResourceTimeout, self.client.wait_for_task, task,
            interval=0.01, timeout=0)
        self.assertIn('It goes on', str(error))

    def test_service_away_meanwhile(self):
        """A restart of the service does not end the wait."""
        task = self.client.power_on_node(self.powered())
        real, calls = self.client.get_task, []

        def get_task(wanted):
            calls.append(wanted)
            if len(calls) < 3:
                raise ksa_exc.ConnectFailure('away')
            return real(wanted)

        self.useFixture(fixtures.MockPatchObject(
            self.client, 'get_task', get_task))
        self.assertEqual('SUCCESS', self.client.wait_for_task(
            task, interval=0.05).status)

    def test_conflict_names_the_task(self):
        node = self.powered()
        task = self.client.power_off_node(node, type='soft', soft_timeout=60)
        error = self.assertRaises(exceptions.Conflict,
                                  self.client.reset_node, node)
        self.assertEqual(task.id, error.task_id)


class SecretsTestCase(base.ClientCase):

    def test_not_logged(self):
        """Not even at debug level."""
        logs = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        password = f'geheim{self.name()}'
        control = self.control(password=password)
        self.client.update_power_control(control, password=f'{password}2')
        self.assertNotIn(password, logs.output)
        self.assertNotIn(password, str(control))

    def test_taken_away(self):
        control = self.control(login='root')
        self.assertIsNone(self.client.update_power_control(
            control, login=None).login)


class ModulesTestCase(testtools.TestCase):

    def test_nothing_of_the_service(self):
        """The client imports nothing of the service."""
        root = pathlib.Path(sdk.__file__).parents[1]
        for path in root.rglob('*.py'):
            for line in path.read_text().splitlines():
                words = line.split()
                if words[:1] in (['import'], ['from']):
                    self.assertNotEqual('cloudmanager',
                                        words[1].partition('.')[0], path)

    def test_plugin_is_light(self):
        """Every openstack command pays for the plugin."""
        done = subprocess.run(
            [sys.executable, '-c', 'import sys; '
             'import argparse, typing; before = set(sys.modules); '
             'import cloudmanagerclient.osc.plugin; '
             'print(*sorted(set(sys.modules) - before))'],
            capture_output=True, text=True, check=True)
        self.assertEqual(
            ['cloudmanagerclient', 'cloudmanagerclient.osc',
             'cloudmanagerclient.osc.plugin'], done.stdout.split())
