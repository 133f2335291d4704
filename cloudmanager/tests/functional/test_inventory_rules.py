# SPDX-License-Identifier: Apache-2.0
"""What nodes may be called, where they stand, and how they are found."""

import sqlalchemy as sa

from cloudmanager.api import routing
from cloudmanager.api.types import formats
from cloudmanager.api.types import values
from cloudmanager.db import availability_storages as db_storages
from cloudmanager.db import models
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

MAC = '52:54:00:12:34:56'
FORGED = 'web1\n2026-01-01 00:00:00 INFO root logged in'


class NamesTestCase(base.ApiTestCase):

    def test_bad_names(self):
        """Names are host names, and stand for nothing else (FA3)."""
        for name in (FORGED, 'detail', 'count', 'actions', '..', '.', 'a/b',
                     'a b', ' a', 'a ', '-a', 'a-', 'a..b', 'a_b', 'узел',
                     '17', 'x' * 64, '.'.join(['a' * 50] * 6), 'a\x7f'):
            error = self.error('POST', '/v1/nodes', {'node': {'name': name}})
            self.assertIn('Field name', error['detail'], name)
        for name in ('a', 'web-1', 'Web1.Example', '7up', 'a' * 63):
            self.node(name=name)

    def test_reserved_words(self):
        """Whatever stands in a path where a name could is no name (FA3)."""
        words = {route.segments[2] for route in routing.TABLE
                 if route.segments[:2] == ('v1', 'nodes')
                 and len(route.segments) > 2}
        self.assertEqual(set(), {word for word in words if word[0] != '{'}
                         - formats.RESERVED_NAMES)

    def test_control_characters(self):
        """No text forges a line of a log (FA3)."""
        for field in ('title', 'owner', 'controller_type',
                      'inventory_code'):
            for text in (FORGED, 'a\tb', '\x1b[2J', 'a\u2028b', 'a\x85b'):
                error = self.error('POST', '/v1/nodes',
                                   {'node': {field: text}})
                self.assertEqual(f'Field {field} must not contain control '
                                 'characters.', error['detail'])
        node = self.node(description='one\r\n\ttwo')
        self.assertEqual('one\r\n\ttwo', node['description'])
        self.assertIn('other than new lines', self.error(
            'POST', '/v1/nodes',
            {'node': {'description': 'a\x1bb'}})['detail'])
        self.assertIn('Field login', self.error(
            'POST', '/v1/power-controls', {'power_control': {
                'control_type': 'FakeDevice', 'protocol_type': 'fake',
                'host': 'bmc1', 'port_number': 1,
                'login': FORGED}})['detail'])

    def test_path(self):
        """A node is named in a path by its id or its name (FA15)."""
        node = self.powered_node(name='mnode1')
        for path in ('', '/power-controls', '/power-actions'):
            self.assertEqual(self.get(f'/v1/nodes/{node["id"]}{path}'),
                             self.get(f'/v1/nodes/mnode1{path}'))
        self.call('POST', '/v1/nodes/mnode1/actions/power-on', {}, 202)
        for name in ('mnode2', 'MNODE1', 'mnode1%20', '0', '%00'):
            self.error('GET', f'/v1/nodes/{name}', status=404)
        self.call('PUT', '/v1/nodes/mnode1', {'node': {'title': 'x'}}, 200)

    def test_envelope(self):
        """A body without its envelope is told about it (FA15)."""
        detail = self.error('POST', '/v1/nodes', {'name': 'web1'})['detail']
        self.assertIn('Field node is required', detail)
        self.assertIn('{"node": {...}}', detail)

    def test_unknown_action(self):
        """It is told which actions there are (FA15)."""
        node = self.node()
        detail = self.error('POST', f'/v1/nodes/{node["id"]}/actions/explode',
                            {}, 404)['detail']
        self.assertIn('There is no action explode', detail)
        self.assertIn('power-off', detail)
        self.assertNotIn('evacuate', detail)
        self.assertIn('evacuate, ', self.error(
            'POST', '/v1/hosts/cmp1/actions/explode', {}, 404)['detail'])


@tests_base.databases()
class PlacesTestCase(base.ApiTestCase):

    def test_mac_in_use(self):
        """A MAC address belongs to one node (FA5)."""
        node = self.node(mac_address=MAC)
        error = self.error('POST', '/v1/nodes', {'node': {
            'mac_address': MAC.replace(':', '-').upper()}}, 409)
        self.assertEqual('The mac_address 52:54:00:12:34:56 is in use '
                         'already.', error['detail'])
        other = self.node()
        self.error('PUT', f'/v1/nodes/{other["id"]}',
                   {'node': {'mac_address': MAC}}, 409)
        self.call('PUT', f'/v1/nodes/{node["id"]}',
                  {'node': {'mac_address': MAC}}, 200)
        self.call('PUT', f'/v1/nodes/{node["id"]}',
                  {'node': {'mac_address': None}}, 200)
        self.call('PUT', f'/v1/nodes/{other["id"]}',
                  {'node': {'mac_address': MAC}}, 200)

    def test_bad_macs(self):
        """No interface has such an address (FA5)."""
        for mac in ('ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00',
                    '01:00:5e:00:00:01', '33:33:00:00:00:01'):
            self.assertIn('one interface', self.error(
                'POST', '/v1/nodes', {'node': {'mac_address': mac}}
            )['detail'])

    def test_place_in_use(self):
        """Two nodes do not stand in one place, unless forced (FA5)."""
        place = {'dtc_number': 1, 'row_number': 2, 'rack_number': 3,
                 'unit_number': 4}
        first = self.node(**place)
        error = self.error('POST', '/v1/nodes', {'node': place}, 409)
        self.assertEqual('cloudmanager.node.place_taken', error['code'])
        self.assertIn(f'Node {first["id"]} stands there', error['detail'])
        second = self.node(**{**place, 'unit_number': 5})
        path = f'/v1/nodes/{second["id"]}'
        self.error('PUT', path, {'node': {'unit_number': 4}}, 409)
        self.call('PUT', f'{path}?force=true',
                  {'node': {'unit_number': 4}}, 200)
        # What is so already can stay.
        self.call('PUT', path, {'node': {'unit_number': 4, 'title': 'x'}},
                  200)
        self.call('POST', '/v1/nodes?force=true', {'node': place}, 201)

    def test_half_a_place(self):
        """Without a rack or a unit nobody knows the place (FA5)."""
        for _ in range(2):
            self.node(rack_number=1, dtc_number=1)
            self.node(unit_number=1, dtc_number=1)
        self.node(rack_number=1, unit_number=1)
        self.error('POST', '/v1/nodes', {'node': {
            'rack_number': 1, 'unit_number': 1}}, 409)
        self.node(rack_number=1, unit_number=1, row_number=1)

    def test_at_once(self):
        """Of requests at the same moment one gets the place (FA5)."""
        def create(_):
            return self.call('POST', '/v1/nodes', {'node': {
                'rack_number': 1, 'unit_number': 1}}).status_int

        self.assertEqual([201, 409, 409, 409], sorted(
            tests_base.Together(4, create).results))

    def test_power_state(self):
        """What a power control tells is not set by hand (FA7)."""
        free, fed = self.node(), self.powered_node()
        body = {'node': {'power_state': 'power_on'}}
        self.call('PUT', f'/v1/nodes/{free["id"]}', body, 200)
        error = self.error('PUT', f'/v1/nodes/{fed["id"]}', body, 409)
        self.assertEqual('cloudmanager.node.power_is_read', error['code'])
        self.call('PUT', f'/v1/nodes/{fed["id"]}',
                  {'node': {'power_state': None, 'title': 'x'}}, 200)

    def test_no_addresses(self):
        """No addresses are an empty list (FA14)."""
        node = self.node()
        self.assertEqual([], node['ip_addresses'])
        self.assertEqual([], self.node(ip_addresses=None)['ip_addresses'])
        self.call('PUT', f'/v1/nodes/{node["id"]}',
                  {'node': {'ip_addresses': None}}, 200)
        self.assertEqual([[], []], [found['ip_addresses'] for found in
                                    self.get('/v1/nodes')['nodes']])


@tests_base.databases()
class FoundTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.web = self.powered_node(
            name='web1', title='Front door', mac_address=MAC,
            ip_addresses=['10.0.0.1', 'fd00::1'], owner='ann')
        self.store = self.node(name='store', title='100% full_disk ',
                               inventory_code='INV7',
                               ip_addresses=['10.0.0.11'])
        self.ids = {self.web['id']: 'web', self.store['id']: 'store'}

    def found(self, query):
        found = [self.ids[node['id']] for node in
                 self.get(f'/v1/nodes?{query}')['nodes']]
        self.assertEqual({'count': len(found)},
                         self.get(f'/v1/nodes/count?{query}'))
        return found

    def test_same_form_as_bodies(self):
        """A filter finds what a body has set, in any form (FA4)."""
        for query in ('mac_address=52:54:00:12:34:56',
                      'mac_address=52-54-00-12-34-56',
                      'mac_address=in:525400123456',
                      'mac_address=like:52:54:00:12:34:5_',
                      'ip_addresses=FD00::01', 'ip_addresses=10.0.0.1'):
            self.assertEqual(['web'], self.found(query), query)
        self.assertEqual(['web'], self.found(
            f'mac_address=like:{MAC.upper()}'))

    def test_what_never_matches(self):
        """A value that nothing can have is refused (FA4)."""
        for path, query, word in (
                ('nodes', 'power_state=on', 'power_on'),
                ('nodes', 'power_state=in:power_on,on', 'power_on'),
                ('nodes', 'power_status=lit', 'degraded'),
                ('nodes', 'mac_address=x', 'MAC'),
                ('nodes', 'hypervisor_id=x', 'UUID'),
                ('nodes', 'ip_addresses=10.0.0', 'IP'),
                ('nodes', 'name=like:a%5C', 'backslash'),
                ('tasks', 'status=FOO', 'PENDING'),
                ('power-controls', 'control_type=x', 'FakeDevice'),
                ('power-controls', 'host=a b', 'host name')):
            detail = self.error('GET', f'/v1/{path}?{query}')['detail']
            self.assertIn(word, detail)

    def test_addresses(self):
        """Nodes are found by their addresses (FA6)."""
        for query, found in (
                ('ip_addresses=10.0.0.11', ['store']),
                ('ip_addresses=in:10.0.0.1,10.0.0.11', ['web', 'store']),
                ('ip_addresses=like:10.0.0.1%25', ['web', 'store']),
                ('ip_addresses=10.0.0.2', [])):
            self.assertEqual(found, self.found(query), query)
        self.call('PUT', '/v1/nodes/store',
                  {'node': {'ip_addresses': ['10.0.0.2']}}, 200)
        self.assertEqual(['store'], self.found('ip_addresses=10.0.0.2'))
        self.assertEqual([], self.found('ip_addresses=10.0.0.11'))
        self.call('DELETE', '/v1/nodes/store', status=204)
        self.assertEqual([], self.found('ip_addresses=10.0.0.2'))

    def test_power_status(self):
        """The filter says what the answers say (FA6)."""
        node = models.Node
        row = sa.update(node).where(node.id == self.web['id'])
        for state, reason, at, word in (
                (None, None, None, 'never-checked'),
                ('power_on', None, '2026-01-01', 'on'),
                ('power_on', 'a feed', '2026-01-01', 'degraded'),
                ('power_off', None, '2026-01-01', 'off'),
                ('power_off', 'late', '2026-01-01', 'off'),
                (None, 'silent', None, 'error'),
                (None, None, '2026-01-01', 'error')):
            self.execute(row.values(
                power_state=state, power_state_reason=reason,
                power_state_at=at and values.Time().parse(at)))
            shown = self.get('/v1/nodes/web1')['node']['power_status']
            self.assertEqual(word, shown)
            self.assertEqual(['web'], self.found(f'power_status={word}'))
            self.assertEqual(['store'], self.found(f'power_status=neq:{word}'
                                                   ))
        self.assertEqual(['store'], self.found('power_status=no-config'))

    def test_search(self):
        """A text is found wherever it stands (FA6)."""
        for text, found in (
                ('WEB', ['web']), ('front', ['web']), ('inv7', ['store']),
                ('54:00:12', ['web']), ('10.0.0.1', ['web', 'store']),
                ('fd00', ['web']), ('0%25', ['store']),
                ('l_d', ['store']), ('_', ['store']), ('%5C', []),
                ('nothing', []), ('', ['web', 'store'])):
            self.assertEqual(found, self.found(f'q={text}'), text)
        self.error('GET', '/v1/tasks?q=x')

    def test_patterns(self):
        """Escapes and spaces mean the same on each database (FA8)."""
        for query, found in (
                ('title=like:%25l\\_d%25', ['store']),
                ('title=like:%25t\\_d%25', []),
                ('title=like:100\\%25%25', ['store']),
                ('title=ilike:FRONT%25', ['web']),
                ('title=like:FRONT%25', []),
                ('title=100%25 full_disk%20', ['store']),
                ('title=100%25 full_disk', []),
                ('title=in:100%25 full_disk', []),
                ('title=neq:100%25 full_disk', ['web', 'store']),
                ('title=nin:100%25 full_disk%20', ['web']),
                ('owner=ann%20', [])):
            self.assertEqual(found, self.found(query), query)

    def test_tasks_of_a_node(self):
        """Tasks are found by the node they act or acted on (FA6)."""
        location = self.call('POST', '/v1/nodes/web1/actions/power-off',
                             {}, 202).headers['Location']
        task_id = location.rpartition('/')[2]
        drain, _ = db_tasks.create_task(
            self.context, 'host.shutdown', targets=['host:web1'], params={},
            host='web1')
        db_tasks.create_task(self.context, 'host.shutdown',
                             targets=['host:other'], params={}, host='other')
        query = f'/v1/tasks?node_id={self.web["id"]}'
        self.assertEqual({task_id, drain['id']},
                         set(self.get(query)['tasks']))
        self.finish(task_id)
        self.assertIn(task_id, self.get(query)['tasks'])
        self.assertEqual([], self.get(
            f'/v1/tasks?node_id={self.store["id"]}')['tasks'])


class FieldsTestCase(base.ApiTestCase):

    def test_chosen(self):
        """Answers have just the fields that were asked for (FA6)."""
        node = self.node(name='web1')
        wanted = {'name': 'web1', 'id': node['id']}
        for path in ('/v1/nodes', '/v1/nodes/web1'):
            answer = self.get(f'{path}?fields=name,id')
            self.assertEqual(wanted, answer['nodes'][0] if 'nodes' in answer
                             else answer['node'])
        self.assertEqual(
            [{'condition': 0}],
            self.get('/v1/nodes?fields=condition&sort=name')['nodes'])
        for path in ('nodes', 'nodes/web1', 'power-controls'):
            for field in ('password', 'x', ''):
                self.error('GET', f'/v1/{path}?fields=id,{field}')
        self.error('GET', '/v1/nodes/count?fields=id')

    def test_each_alone(self):
        """A field that is asked for alone has the value that it always has.

        What only other fields need is not read.
        """
        node = self.node(name='web1', title='x', ip_addresses=['10.0.0.1'])
        control = self.control()
        db_power_controls.assign(self.context, node['id'], {
            'power_control_id': control['id'], 'power_control_port': '1'})
        storage = db_storages.create_storage(self.context, {
            'name': 'a', 'compute_path': '/a', 'controller_path': '/b/'})
        db_storages.assign_nodes(self.context, storage['id'], [node['id']])
        (whole,) = self.get('/v1/nodes')['nodes']
        self.assertNotEqual([], whole['node_controls'])
        self.assertNotEqual([], whole['availability_storages'])
        for name, value in whole.items():
            with self.statements() as sent:
                answer = self.get(f'/v1/nodes?fields={name}')
            self.assertEqual([{name: value}], answer['nodes'])
            others = [what for what in ('node_power_controls',
                                        'node_availability_storages')
                      if any(what in statement for statement in sent)]
            self.assertEqual({
                'node_controls': ['node_power_controls'],
                'power_status': ['node_power_controls'],
                'availability_storages': ['node_availability_storages'],
            }.get(name, []), others, name)

    def test_of_tasks(self):
        db_tasks.create_task(self.context, 'a', targets=[], params={})
        self.assertEqual(
            {'tasks': [{'name': 'a'}]},
            self.get('/v1/tasks?detail=true&fields=name'))
        self.assertIn('detail', self.error(
            'GET', '/v1/tasks?fields=name')['detail'])
