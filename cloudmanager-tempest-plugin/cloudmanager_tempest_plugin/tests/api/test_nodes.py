# SPDX-License-Identifier: Apache-2.0
"""Nodes: their fields, lists and imports."""

import json

from tempest.lib import decorators

from cloudmanager_tempest_plugin.tests import base


class NodesTestCase(base.CloudManagerCase):

    @decorators.attr(type='smoke')
    @decorators.idempotent_id('b1b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_life(self):
        """A node is created, shown, changed and deleted."""
        name = self.name('node')
        made = self.node(name=name, rack_number=7, unit_number=3,
                         ram_mb=2048, ip_addresses=['192.0.2.7'])
        for known in (made['id'], name):
            found = self.nodes.show(known)
            self.assertEqual((made['id'], name, 7, ['192.0.2.7']), (
                found['id'], found['name'], found['rack_number'],
                found['ip_addresses']))
        changed = self.nodes.update(made['id'], title='T', rack_number=None)
        self.assertEqual(('T', None),
                         (changed['title'], changed['rack_number']))
        self.nodes.delete_object(made['id'])
        self.assert_refused(base.NotFound, self.nodes.show, made['id'],
                            code='node.not_found')

    @decorators.idempotent_id('b1b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_filters(self):
        """AP7: the list and its count take the same filters."""
        owner = self.name('owner')
        ids = [self.node(owner=owner, rack_number=number)['id']
               for number in (1, 2, 3)]
        for filters, wanted in (
                ({}, ids), ({'rack_number': 'gt:1'}, ids[1:]),
                ({'rack_number': 'in:1,3'}, [ids[0], ids[2]]),
                ({'id': ids[1]}, [ids[1]]),
                ({'title': 'not:null'}, [])):
            found = self.nodes.list(owner=owner, sort='id', **filters)
            self.assertEqual(wanted, [node['id'] for node in found])
            self.assertEqual(len(wanted),
                             self.nodes.count(owner=owner, **filters))

    @decorators.idempotent_id('b1b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_pages(self):
        """The links lead through all pages."""
        owner = self.name('owner')
        ids = [self.node(owner=owner)['id'] for _ in range(3)]
        document = self.nodes.call('GET', '/v1/nodes/', owner=owner,
                                   limit=2, sort='id:desc')
        self.assertEqual([ids[2], ids[1]],
                         [node['id'] for node in document['nodes']])
        link, = document['nodes_links']
        self.assertEqual('next', link['rel'])
        last = self.nodes.list(owner=owner, limit=2, sort='id:desc',
                               marker=ids[1])
        self.assertEqual([ids[0]], [node['id'] for node in last])

    @decorators.idempotent_id('b1b2b68e-1b43-4a38-9d36-5ec3f4e6c004')
    def test_fields(self):
        node = self.node()
        found = self.nodes.call('GET', f'/v1/nodes/{node["id"]}',
                                fields='id,name')['node']
        self.assertEqual({'id': node['id'], 'name': node['name']}, found)

    @decorators.idempotent_id('b1b2b68e-1b43-4a38-9d36-5ec3f4e6c005')
    def test_reserve(self):
        node = self.node()
        for wanted in (True, False):
            self.nodes.act_at_once(node['id'], 'reserve',
                                   {'is_reserved': wanted})
            self.assertIs(wanted,
                          self.nodes.show(node['id'])['is_reserved'])

    @decorators.idempotent_id('b1b2b68e-1b43-4a38-9d36-5ec3f4e6c006')
    def test_import(self):
        """All lines of a file become nodes, or none does."""
        names = [self.name('node') for _ in range(2)]
        good = '\n'.join(json.dumps({'name': name}) for name in names)
        headers = self.nodes.get_headers()
        headers['Content-Type'] = 'application/jsonl'
        self.assertRaises(
            base.BadRequest, self.nodes.request, 'POST',
            '/v1/nodes/actions/import', headers=headers,
            body=f'{good}\n{{"nme": 1}}')
        wanted = f'in:{",".join(names)}'
        self.assertEqual(0, self.nodes.count(name=wanted))
        self.nodes.request('POST', '/v1/nodes/actions/import',
                           headers=headers, body=good)
        for node in self.nodes.list(name=wanted):
            self.addCleanup(self.nodes.delete_object, node['id'])
        self.assertEqual(2, self.nodes.count(name=wanted))


class NodesNegativeTestCase(base.CloudManagerCase):

    def assert_bad(self, words, body, code=None):
        self.assert_refused(base.BadRequest, self.nodes.call, 'POST',
                            '/v1/nodes/', body, code=code, words=words)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b2b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_bad_bodies(self):
        """AP1: the field is named, and it is never an error of ours."""
        name = self.name('node')
        for words, body in (
                ('colour', {'node': {'name': name, 'colour': 'red'}}),
                ('rack_number', {'node': {'name': name,
                                          'rack_number': 'left'}}),
                ('ip_addresses', {'node': {'name': name,
                                           'ip_addresses': ['nowhere']}}),
                ('object', []), ('node', {'node': [1]}),
                ('name', {'node': {'name': 'a b'}})):
            self.assert_bad(words, body)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b2b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_no_envelope(self):
        """FA15: the answer says which envelope is missing."""
        self.assert_bad('"node"', {'name': self.name('node')})

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b2b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_twice(self):
        node = self.node()
        self.assert_refused(base.Conflict, self.nodes.create,
                            name=node['name'])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b2b2b68e-1b43-4a38-9d36-5ec3f4e6c004')
    def test_bad_queries(self):
        for words, query in (
                ('colour', {'colour': 'red'}), ('limit', {'limit': '-1'}),
                ('sort', {'sort': 'colour'}), ('id', {'id': 'gt:many'}),
                ('is_reserved', {'is_reserved': 'gt:true'})):
            self.assert_refused(base.BadRequest, self.nodes.list,
                                words=words, **query)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b2b2b68e-1b43-4a38-9d36-5ec3f4e6c005')
    def test_no_such_node(self):
        for function, args in (
                (self.nodes.show, (self.name('node'),)),
                (self.nodes.update, (0,)), (self.nodes.delete_object, (0,)),
                (self.nodes.act, (0, 'power-on')),
                (self.nodes.power_actions, (0,))):
            self.assert_refused(base.NotFound, function, *args,
                                code='node.not_found')

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b2b2b68e-1b43-4a38-9d36-5ec3f4e6c006')
    def test_no_such_action(self):
        """FA15: the answer says which actions there are."""
        node = self.node()
        self.assert_refused(base.NotFound, self.nodes.act, node['id'],
                            'explode', words='power-on')


class ModesTestCase(base.CloudManagerCase):
    """What the agent on a node does."""

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b3b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_bad_values(self):
        """What is wrong is refused before the agent hears of it."""
        node = self.node()
        for action, body, words in (
                ('set-cpu-mode', {'cpu_emulation_mode': 'fast'},
                 'cpu_emulation_mode'),
                ('set-cpu-mode', {'cpu_emulation_mode': 'custom'},
                 'cpu_model'),
                ('setup-log-redirection',
                 {'log_redirection_hostname': 'a b; c'},
                 'log_redirection_hostname')):
            self.assert_refused(base.BadRequest, self.nodes.act, node['id'],
                                action, body, words=words)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('b3b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_no_controller(self):
        """Nodes are bound to no instance that does not exist."""
        node = self.node()
        self.assertRaises(
            base.BadRequest, self.nodes.attach, 'nothing', [node['name']])
        self.assertIsNone(self.nodes.show(node['id'])['controller_id'])
