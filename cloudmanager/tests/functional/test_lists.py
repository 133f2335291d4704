# SPDX-License-Identifier: Apache-2.0
"""Filters, order and pages, the same for every list."""

import urllib.parse

from cloudmanager.api.types import availability_storages as storage_types
from cloudmanager.api.types import node_classes as class_types
from cloudmanager.api.types import node_images as image_types
from cloudmanager.api.types import nodes as node_types
from cloudmanager.api.types import power_controls as control_types
from cloudmanager.api.types import values
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

# What the documentation says can be filtered on with modifiers.
NODE_FILTERS = (
    'id', 'image_id', 'node_class_id', 'node_type_id', 'hypervisor_id',
    'name', 'controller_id', 'controller_type', 'description',
    'dtc_number', 'unit_number', 'rack_number', 'row_number', 'cpu_amount',
    'ram_mb', 'hdd_gb', 'mac_address', 'title', 'is_reserved',
    'is_controller', 'inventory_code', 'power_state', 'owner', 'active',
    'condition')
CONTROL_FILTERS = ('id', 'created_at', 'title', 'control_type',
                   'protocol_type', 'host', 'port_number')
NODES = (
    {'name': 'mnode1', 'ram_mb': 1024, 'title': 'in:rack', 'active': False,
     'created_at': '2018-10-15T12:59:50'},
    {'name': 'mnode2', 'ram_mb': 4096, 'title': 'Rack_2',
     'created_at': '2018-10-15T12:59:51'},
    {'name': 'xnode1', 'ram_mb': 8192, 'title': '100%', 'rack_number': 7,
     'created_at': '2018-10-16T00:00:00'},
    {'name': 'Mnode1', 'created_at': '2019-01-01T00:00:00'})
NOT_IN = 'nin'
# A query, and the positions of the nodes that it finds.
FOUND = (
    ('', (0, 1, 2, 3)),
    ('name=mnode1', (0,)), ('name=eq:mnode1', (0,)),
    ('name=neq:mnode1', (1, 2, 3)), ('name=mnode', ()),
    ('name=like:mnode%', (0, 1)), ('name=ilike:MNODE%', (0, 1, 3)),
    ('name=like:_node1', (0, 2, 3)), ('name=like:mnode', ()),
    ('name=in:mnode1,xnode1,none', (0, 2)),
    (f'name={NOT_IN}:mnode1,xnode1', (1, 3)),
    ('name=gt:mnode1', (1, 2)), ('name=not:null', (0, 1, 2, 3)),
    ('ram_mb=4096', (1,)), ('ram_mb=gt:1024', (1, 2)),
    ('ram_mb=gte:1024', (0, 1, 2)), ('ram_mb=lt:4096', (0,)),
    ('ram_mb=lte:4096', (0, 1)), ('ram_mb=neq:4096', (0, 2, 3)),
    ('ram_mb=in:1024,8192', (0, 2)), (f'ram_mb={NOT_IN}:1024,8192', (1, 3)),
    ('ram_mb=null', (3,)), ('ram_mb=not:null', (0, 1, 2)),
    ('ram_mb=gte:1024&ram_mb=lt:8192', (0, 1)), ('ram_mb=-1', ()),
    ('title=eq:in:rack', (0,)), ('title=like:100%', (2,)),
    ('title=Rack_2', (1,)), ('title=null', (3,)),
    ('active=true', (1, 2, 3)), ('active=False', (0,)),
    ('active=0', (0,)), ('active=neq:false', (1, 2, 3)),
    ('active=in:true,false', (0, 1, 2, 3)),
    ('is_reserved=true', ()), ('rack_number=7', (2,)),
    ('created_at=2018-10-15T12:59:50', (0,)),
    ('created_at=gt:2018-10-15T12:59:50', (1, 2, 3)),
    ('created_at=gte:2018-10-15T12:59:51', (1, 2, 3)),
    ('created_at=lt:2018-10-15T12:59:51', (0,)),
    ('created_at=lte:2018-10-15T12:59:51', (0, 1)),
    ('created_at=gte:2018-10-15T14:59:51+02:00', (1, 2, 3)),
    ('time_created=2018-10-16', (2,)),
    ('created_at=lte:9999-12-31T23:59:59', (0, 1, 2, 3)),
    ('node_class_id=1&image_id=1&node_type_id=1', (0, 1, 2, 3)),
    ('node_class_id=2', ()), ('condition=in:0,1', (0, 1, 2, 3)),
    ('power_state=null&owner=null', (0, 1, 2, 3)),
    ("name=' OR 1=1 --", ()), ('name=', ()))
REFUSED = (
    'x=1', 'ip_addresses=10.0.0', 'updated_at=null', 'node_class=1',
    'ram_mb=x', 'ram_mb=', 'ram_mb=1.0', 'ram_mb=gt:', 'ram_mb=in:1,x',
    'ram_mb=in:', 'ram_mb=like:1%', 'ram_mb=99999999999',
    'ram_mb=gt:4294967296', 'active=perhaps', 'active=gt:true',
    'active=like:t%', 'created_at=x', 'created_at=like:2018%',
    'created_at=in:2018-10-15', 'name=\x00', 'id=١', 'id=between:1,2',
    f'id=in:{",".join(["1"] * 1001)}', 'dcc=true', 'name.x=1',
    'Name=mnode1')
REFUSED_PAGES = (
    'limit=x', 'limit=-1', 'limit=', 'limit=1.5', 'limit=1&limit=2',
    'offset=x', 'offset=-1', 'marker=x', 'marker=99', 'marker=-1',
    'sort=x', 'sort=name:up', 'sort=', 'sort=name,', 'sort=description',
    'sort=ip_addresses', 'sort=name&sort=id', 'sort=name:asc:desc')


def quoted(query):
    return urllib.parse.quote(query, safe='=&,:')


@tests_base.databases()
class FiltersTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.ids = [self.node(**values)['id'] for values in NODES]

    def test_found(self):
        """AP7: a list and its count know the same filters."""
        for query, positions in FOUND:
            wanted = [self.ids[position] for position in positions]
            found = self.get(f'/v1/nodes/?{quoted(query)}')['nodes']
            self.assertEqual(wanted, [node['id'] for node in found], query)
            self.assertEqual(
                {'count': len(wanted)},
                self.get(f'/v1/nodes/count?{quoted(query)}'), query)

    def test_signs(self):
        """Parameters end at an ampersand and nowhere else."""
        for name in ('a;b', 'a;name=b', 'a=b', 'a&b', 'a+b', ' a', '%25'):
            node = self.node(title=name)
            for text in {urllib.parse.quote(name, safe=';='),
                         urllib.parse.quote_plus(name)}:
                found = self.get(f'/v1/nodes?title={text}')['nodes']
                self.assertEqual([node['id']],
                                 [entry['id'] for entry in found], text)

    def test_ids(self):
        first, *_, last = self.ids
        for query, wanted in ((f'id={first}', 1),
                              (f'id=in:{first},{last}', 2),
                              (f'id={NOT_IN}:{first}', 3),
                              (f'id=gt:{first}&id=lt:{last}', 2)):
            self.assertEqual({'count': wanted},
                             self.get(f'/v1/nodes/count?{query}'))

    def test_page(self):
        for query, positions in (
                ('limit=2', (0, 1)), ('limit=2&offset=1', (1, 2)),
                ('offset=3', (3,)), ('offset=9', ()), ('limit=0', ()),
                ('sort=id:desc&limit=1', (3,)),
                ('sort=ram_mb:desc', (3, 2, 1, 0)),
                ('sort=ram_mb', (0, 1, 2, 3)),
                ('sort=active,name:desc', (0, 2, 1, 3)),
                ('sort=created_at:desc', (3, 2, 1, 0)),
                ('sort=time_created', (0, 1, 2, 3)),
                (f'marker={self.ids[1]}', (2, 3)),
                (f'marker={self.ids[1]}&limit=1', (2,)),
                (f'marker={self.ids[1]}&sort=id:desc', (0,)),
                (f'marker={self.ids[3]}', ()),
                ('limit=1000', (0, 1, 2, 3))):
            found = self.get(f'/v1/nodes/?{query}')['nodes']
            self.assertEqual([self.ids[position] for position in positions],
                             [node['id'] for node in found], query)

    def test_links(self):
        """Following the links shows each node once, in any order."""
        for query, whole in (
                ('', 'id'), ('sort=ram_mb:desc', 'ram'),
                ('sort=rack_number,title:desc', 'rack'),
                ('sort=active,created_at:desc', 'active'),
                ('ram_mb=not:null&sort=name', 'name')):
            wanted = [node['id'] for node in
                      self.get(f'/v1/nodes/?{query}')['nodes']]
            for limit in (1, 2, 3):
                self.assertEqual(wanted, self.follow(
                    f'/v1/nodes/?{query}&limit={limit}'), (whole, limit))

    def follow(self, path):
        seen = []
        while path:
            found = self.get(path)
            seen += [node['id'] for node in found['nodes']]
            links = found.get('nodes_links')
            self.assertLess(len(seen), 10)
            if not links:
                return seen
            self.assertEqual(['next'], [link['rel'] for link in links])
            path = links[0]['href']
            self.assertTrue(path.startswith('http://localhost/v1/nodes'))

    def test_offset_and_link(self):
        found = self.get('/v1/nodes/?offset=1&limit=1')
        self.assertNotIn('offset', found['nodes_links'][0]['href'])
        self.assertEqual(
            [self.ids[2]],
            [node['id'] for node in self.get(
                found['nodes_links'][0]['href'])['nodes']])

    def test_most(self):
        self.config(group='api', max_limit=2)
        for query in ('', '?limit=2'):
            found = self.get(f'/v1/nodes{query}')
            self.assertEqual(2, len(found['nodes']))
            self.assertIn('nodes_links', found)
        self.assertEqual(self.ids, self.follow('/v1/nodes/'))

    def test_more_than_most(self):
        """A limit that is not kept is no limit."""
        self.config(group='api', max_limit=2)
        for path in ('nodes', 'power-controls', 'tasks', 'node-classes'):
            self.assertEqual(
                'Parameter limit must not be more than 2.',
                self.error('GET', f'/v1/{path}?limit=3')['detail'])

    def test_marker_that_is_gone(self):
        """Not an empty page, which would look like the end."""
        self.call('DELETE', f'/v1/nodes/{self.ids[1]}', status=204)
        for sort in ('id', 'ram_mb:desc', 'ram_mb', 'rack_number:desc',
                     'active,title:desc'):
            self.assertIn('marker', self.error(
                'GET', f'/v1/nodes/?sort={sort}&marker={self.ids[1]}'
            )['detail'])

    def test_statements(self):
        """A list is the same few statements whatever its length."""
        control = self.control()
        for port, node_id in enumerate(self.ids, 1):
            self.assign(node_id, control['id'], port)
        for path in ('/v1/nodes/', '/v1/power-controls/'):
            with self.statements() as few:
                self.get(f'{path}?limit=1')
            with self.statements() as many:
                self.get(path)
            self.assertEqual(len(few), len(many))
            self.assertLess(len(many), 6)


class RefusedTestCase(base.ApiTestCase):

    def test_too_many(self):
        self.error('GET', '/v1/nodes?' + 'id=1&' * 1001)

    def test_filters(self):
        """AP1: a bad parameter is a 400 that names it."""
        for query in REFUSED:
            name = query.partition('=')[0]
            for path in ('/v1/nodes/', '/v1/nodes/count'):
                self.assertIn(name, self.error(
                    'GET', f'{path}?{quoted(query)}')['detail'], query)

    def test_pages(self):
        for query in REFUSED_PAGES:
            name = query.partition('=')[0]
            self.assertIn(name, self.error(
                'GET', f'/v1/nodes/?{query}')['detail'], query)
            self.error('GET', f'/v1/nodes/count?{query}')

    def test_order_is_explained(self):
        """What sorts is told to who asks for something else."""
        told = self.error('GET', '/v1/nodes?sort=Name')['detail']
        self.assertIn('does not support Name. Fields to sort by are', told)
        for name in ('name', 'rack_number', 'ram_mb'):
            self.assertIn(f' {name}', told)
        self.assertIn('asc or desc', self.error(
            'GET', '/v1/nodes?sort=name:up')['detail'])

    def test_counts_have_no_pages(self):
        for name in ('limit', 'offset', 'marker', 'sort'):
            for path in ('/v1/nodes/count', '/v1/power-controls/count'):
                self.assertIn(name, self.error(
                    'GET', f'{path}?{name}=1')['detail'])


@tests_base.databases()
class ControlsTestCase(base.ApiTestCase):

    def test_found(self):
        """AP7"""
        ids = [self.control(host=host, port_number=port, title=title)['id']
               for host, port, title in (
                   ('bmc1', 1, 'ipmi://x'), ('bmc2', 623, 'b'),
                   ('10.0.0.3', 623, 'c'))]
        for query, positions in (
                ('host=bmc1', (0,)), ('host=like:bmc%25', (0, 1)),
                ('port_number=623', (1, 2)), ('port_number=lt:623', (0,)),
                ('title=ipmi://x', (0,)), ('control_type=FakeDevice',
                                           (0, 1, 2)),
                ('control_type=in:ET7067,IntelAMT', ()),
                ('protocol_type=neq:fake', ()),
                ('created_at=gt:2018-10-15', (0, 1, 2)),
                ('time_created=lt:2018-10-15', ()),
                ('sort=port_number:desc,host', (2, 1, 0)),
                ('sort=title:desc&limit=1', (0,)),
                (f'marker={ids[0]}', (1, 2))):
            wanted = [ids[position] for position in positions]
            self.assertEqual(wanted, [
                control['id'] for control in self.get(
                    f'/v1/power-controls/?{query}')['power_controls']],
                query)
            if not query.startswith(('sort', 'marker')):
                self.assertEqual(
                    {'count': len(wanted)},
                    self.get(f'/v1/power-controls/count?{query}'))

    def test_links(self):
        for number in range(3):
            self.control(host=f'bmc{number}')
        found = self.get('/v1/power-controls/?limit=2&sort=host')
        (link,) = found['power_controls_links']
        self.assertEqual(['bmc2'], [
            control['host'] for control in
            self.get(link['href'])['power_controls']])


# Of filters whose values have a form of their own.
VALUES = {'hypervisor_id': '2239c611-523c-44d2-9feb-2c6905fbb5c8',
          'controller_id': '2239c611-523c-44d2-9feb-2c6905fbb5c8',
          'mac_address': '52:54:00:12:34:56'}


class DocumentedFiltersTestCase(base.ApiTestCase):

    def value(self, kind):
        """Return a value of a query that a type takes."""
        if isinstance(kind, values.Choice):
            return kind.choices[0]
        return next(value for of, value in (
            (values.Integer, '1'), (values.Boolean, 'true'),
            (values.Time, '2018-10-15'), (values.Text, 'x'))
            if isinstance(kind, of))

    def test_each_is_there(self):
        for path, resource, names in (
                ('nodes', node_types.Node, NODE_FILTERS),
                ('power-controls', control_types.PowerControl,
                 CONTROL_FILTERS),
                ('node-classes', class_types.NodeClass, ('id', 'name')),
                ('availability-storages', storage_types.Storage,
                 ('id', 'availability_storage_id', 'name')),
                ('node-images', image_types.NodeImage,
                 ('id', 'image_name', 'created_at'))):
            for name in names:
                field = resource.filters()[name]
                value = VALUES.get(name) or self.value(field.given)
                for operator in field.operators:
                    text = {'null': 'null', 'notnull': 'not:null'}.get(
                        operator, f'{operator}:{value}')
                    for end in ('', '/count'):
                        self.get(f'/v1/{path}{end}?{name}={text}')
