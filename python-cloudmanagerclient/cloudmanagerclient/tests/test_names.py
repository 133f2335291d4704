# SPDX-License-Identifier: Apache-2.0
"""What can be named by its name or its id, wherever it is named."""

from unittest import mock

from openstack import exceptions as sdk_exc

from cloudmanagerclient.osc import names
from cloudmanagerclient.tests import base

SERVER = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'


class FieldsTestCase(base.ClientCase):
    """Classes, types, images and conditions of nodes."""

    def setUp(self):
        super().setUp()
        self.title = self.name('title')
        self.made = self.node(title=self.title)

    def listed(self, words):
        return [row['Name'] for row in self.result(
            f'node list --title {self.title} {words}')]

    def test_condition(self):
        """Conditions are named as lists show them, or by their numbers."""
        shown, = self.result(f'node list --title {self.title}')
        self.assertEqual('out of service', shown['Condition'])
        for text in ('"out of service"', 'out-of-service', 'Out_Of_Service',
                     '0', 'in:alarm,out-of-service', 'neq:enabled',
                     'nin:enabled,4', 'lt:2'):
            self.assertEqual([self.made.name],
                             self.listed(f'--condition {text}'), text)
        for text in ('enabled', 'neq:out-of-service', 'in:alarm,reserved'):
            self.assertEqual([], self.listed(f'--condition {text}'), text)

    def test_condition_set(self):
        self.assertIsNone(self.run_command(
            f'node set {self.made.name} --condition disabled').error)
        self.assertEqual('disabled', self.result(
            f'node show {self.made.name}')['condition'])
        made = self.result(
            f'node create {self.name()} --condition reserved')
        self.assertEqual('reserved', made['condition'])

    def test_no_condition(self):
        for line in ('node list --condition on',
                     f'node set {self.made.name} --condition on'):
            told = str(self.run_command(line).error)
            self.assertIn('There is no condition on.', told)
            self.assertIn('enabled (1), disabled (2)', told)

    def test_class_type_image(self):
        self.assertIsNone(self.run_command(
            f'node set {self.made.name} --class "Storage host" --type Ceph '
            '--image default').error)
        found = self.result(f'node show {self.made.name}')
        self.assertEqual(('Storage host', 'Ceph', 'default'), (
            found['node_class']['name'], found['node_type']['name'],
            found['image']['name']))
        # What only requests have is not shown.
        self.assertNotIn('node_class_id', found)
        for words in ('--class "Storage host"', '--type Ceph',
                      '--class 2 --type 9', '--image default',
                      '--class neq:hypervisor',
                      '--class "in:hypervisor,Storage host"'):
            self.assertEqual([self.made.name], self.listed(words), words)
        for words in ('--class hypervisor', '--type neq:Ceph'):
            self.assertEqual([], self.listed(words), words)
        self.assertEqual({'count': 1}, self.result(
            f'node count --title {self.title} --type Ceph'))

    def test_types_of_several_classes(self):
        """A name that several types have matches all of them."""
        self.assertEqual([self.made.name], self.listed('--type ""'))
        name, title = self.name('type'), self.title
        for _ in range(2):
            made = self.client.create_node_class(name=self.name('class'))
            self.client.create_node_type(made, name=name)
        told = str(self.run_command(
            f'node set {self.made.name} --type {name}').error)
        self.assertIn(f'2 are named {name}', told)
        self.assertIsNone(self.run_command(
            f'node set {self.made.name} --class {made.name} --type {name}'
        ).error)
        self.assertEqual(1, len(self.result(
            f'node list --title {title} --type {name}')))

    def test_nothing_of_that_name(self):
        for words, told in (
                ('--class x', 'node class list'),
                ('--type x', 'There is no type x.'),
                ('--class hypervisor --type Ceph',
                 'There is no type Ceph of class hypervisor.'),
                ('--image x', 'node image list')):
            self.assertIn(told, str(self.run_command(
                f'node list {words}').error))

    def test_filters_by_node_and_control(self):
        node = self.powered()
        control = next(self.client.node_power_controls(node))
        self.result(f'node power off {node.name} --yes --wait --type hard')
        row, = self.result(f'task list --node {node.name}')
        self.assertEqual('node.power', row['Name'])
        self.assertEqual([row], self.result(f'task list --node {node.id}'))
        self.assertEqual(1, len(self.result([
            'node', 'power', 'action', 'list', node.name, '--power-control',
            control.power_control_title])))
        self.assertEqual([], self.result(
            f'power event list --node {self.made.name}'))

    def test_sort(self):
        """The headings of columns sort too; others are told which do."""
        self.node(title=self.title)
        ids = [row['ID'] for row in self.result(
            f'node list --title {self.title} --sort ID:desc')]
        self.assertEqual(sorted(ids, reverse=True), ids)
        self.assertEqual(ids, [row['ID'] for row in self.result(
            ['node', 'list', '--title', self.title, '--sort',
             'Rack Number,Id:desc'])])
        told = str(self.run_command('node list --sort Colour').error)
        self.assertIn('does not support colour. Fields to sort by are ',
                      told)
        self.assertIn('rack_number', told)


class CloudTestCase(base.ClientCase):
    """Objects of other services are looked up there."""

    def cloud(self, **found):
        cloud = mock.Mock()
        for service, kind in (('compute', 'server'), ('compute', 'aggregate'),
                              ('block_storage', 'volume'),
                              ('identity', 'domain')):
            getattr(getattr(cloud, service), f'find_{kind}').side_effect = (
                found.get(kind))
        return mock.Mock(sdk_connection=cloud)

    def test_found(self):
        cloud = self.cloud(
            server=lambda name, all_projects: mock.Mock(id=SERVER),
            volume=lambda name, all_projects: mock.Mock(id='v'),
            domain=lambda name: mock.Mock(id='d'),
            aggregate=lambda name: mock.Mock(id=7))
        self.assertEqual(
            [(SERVER,), ('v',), ('d',), ('7',)],
            [find(cloud, 'x') for find in (
                names.server, names.volume, names.domain, names.aggregate)])

    def test_not_asked(self):
        """An id is not looked up."""
        cloud = mock.Mock(sdk_connection=None)
        for find, text in ((names.server, SERVER),
                           (names.domain, SERVER.replace('-', '')),
                           (names.aggregate, '7')):
            self.assertEqual((text,), find(cloud, text))

    def test_none_or_no_answer(self):
        """CloudManager itself says that there is no such thing."""
        for answer in (lambda name, all_projects: None,
                       sdk_exc.EndpointNotFound()):
            self.assertEqual(('web1',), names.server(
                self.cloud(server=answer), 'web1'))
        self.assertIn('openstack server list', str(self.run_command(
            'server balance web1').error))

    def test_several(self):
        cloud = self.cloud(server=sdk_exc.DuplicateResource('Two of them.'))
        self.assertRaises(sdk_exc.DuplicateResource, names.server, cloud,
                          'web1')

    def test_all_commands(self):
        """Names of servers are taken wherever a server is named."""
        self.conn = self.cloud(
            server=lambda name, all_projects: mock.Mock(id=SERVER)
        ).sdk_connection
        for line, where in (
                ('server balance web1', 'path'),
                ('server repair web1 --yes', 'path'),
                ('server system metadata show web1', 'path'),
                ('task list --server web1', 'query'),
                ('node controller attach web1 x --dry-run', 'body'),
                ('audit apply 1 1 --server web1 --yes', 'body')):
            with base.Recorder() as recorder:
                self.run_command(line)
            sent = str(getattr(recorder.requests[-1], where))
            self.assertIn(SERVER, sent, line)
