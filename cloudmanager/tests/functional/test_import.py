# SPDX-License-Identifier: Apache-2.0
"""Many nodes in, and lists out as CSV (FA6)."""

import csv
import io
import json
import pathlib

from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

PATH = '/v1/nodes/actions/import'
NDJSON, CSV = 'application/x-ndjson', 'text/csv'
HEADER = ('name', 'title', 'rack_number', 'active', 'ip_addresses',
          'description')
ROWS = (('web1', 'a, "b"', '3', 'true', '["10.0.0.1"]', 'one\ntwo'),
        ('web2', '=1+1', '', 'false', '', ''))


def as_csv(*rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_lines(*nodes):
    return '\n'.join(json.dumps(node) for node in nodes).encode()


class ImportCase(base.ApiTestCase):

    def load(self, body, status=201, kind=NDJSON, query=''):
        return self.app.request(
            PATH + query, method='POST', body=body, status=status,
            headers={'X-Auth-Token': self.tokens['admin'],
                     'Content-Type': kind}).json

    def wrong(self, body, kind=NDJSON, status=400, query=''):
        errors = self.load(body, status, kind, query)['errors']
        self.assertEqual({'count': 0}, self.get('/v1/nodes/count'))
        return [error['detail'] for error in errors]


@tests_base.databases()
class NodesTestCase(ImportCase):

    alone = True

    def test_json_lines(self):
        answer = self.load(as_lines({'name': 'web1', 'rack_number': 3},
                                    {'name': 'web2'}) + b'\n\n')
        self.assertEqual(['web1', 'web2'],
                         [node['name'] for node in answer['nodes']])
        self.assertEqual(3, self.get(
            f'/v1/nodes/{answer["nodes"][0]["id"]}')['node']['rack_number'])
        self.assertEqual(201, self.app.request(
            PATH, method='POST', body=as_lines({'name': 'web3'}), headers={
                'X-Auth-Token': self.tokens['admin'],
                'Content-Type': 'application/JSONL; charset=utf-8'}
        ).status_int)

    def test_csv(self):
        self.load(as_csv(HEADER, *ROWS), kind=CSV)
        first, second = self.get('/v1/nodes?sort=name')['nodes']
        self.assertEqual(
            ('a, "b"', 3, True, ['10.0.0.1'], 'one\ntwo'),
            tuple(first[name] for name in HEADER[1:]))
        self.assertEqual(('=1+1', None, False, [], None),
                         tuple(second[name] for name in HEADER[1:]))

    def test_documented(self):
        """The example of the reference does what is written there."""
        examples = (pathlib.Path(__file__).parents[3] / 'api-ref' / 'source'
                    / 'examples')
        answer = self.load(
            (examples / 'nodes-import-request.csv').read_bytes(), kind=CSV)
        documented = json.loads(
            (examples / 'nodes-import-response.json').read_text('utf-8'))
        self.assertEqual([node['name'] for node in documented['nodes']],
                         [node['name'] for node in answer['nodes']])

    def test_all_or_nothing(self):
        """Each thing that is wrong is told with its line; none is there."""
        self.assertEqual(
            ['Line 2: Field mac_address must be a MAC address.',
             'Line 4: Unknown field: colour.',
             'Line 5: A line must be a JSON object.'],
            self.wrong(as_lines(
                {'name': 'web1'}, {'mac_address': 'x'}, {'name': 'web2'},
                {'colour': 'red'}, ['web3'])))
        self.assertEqual(
            ['Line 2: The name web1 is in use already.'],
            self.wrong(as_lines({'name': 'web1'}, {'name': 'web1'}),
                       status=409))
        found = self.wrong(as_lines(
            {'rack_number': 1, 'unit_number': 1}, {'image_id': 99},
            {'rack_number': 1, 'unit_number': 1}))
        self.assertEqual(2, len(found))
        self.assertIn('Line 2: Field image_id', found[0])
        self.assertIn('Line 3: Node ', found[1])

    def test_force(self):
        lines = as_lines(*[{'rack_number': 1, 'unit_number': 1}] * 2)
        self.wrong(lines, status=409)
        self.assertEqual(2, len(self.load(lines, query='?force=true'
                                          )['nodes']))

    def test_dry_run(self):
        lines = as_lines({'name': 'web1'}, {'name': 'web2'})
        answer = self.load(lines, 200, query='?dry_run=true')
        self.assertEqual([{'id': None, 'name': 'web1'},
                          {'id': None, 'name': 'web2'}], answer['nodes'])
        self.assertEqual({'count': 0}, self.get('/v1/nodes/count'))
        self.wrong(as_lines({'name': 'a'}, {'name': 'a'}), status=409,
                   query='?dry_run=true')
        self.assertEqual([], self.conductor.refreshed)

    def test_boot_files(self):
        mac = '52:54:00:12:34:56'
        self.load(as_lines({'mac_address': mac}))
        self.assertEqual([[mac]], self.conductor.refreshed)


class BodiesTestCase(ImportCase):

    def test_csv(self):
        for body, detail in (
                (as_csv(('name', 'name'), ('a', 'b')), 'named twice'),
                (as_csv(('name',), ('a', 'b')), 'Line 2: There are 2 values'),
                (as_csv(('rack_number',), ('x',)), 'of type integer'),
                (as_csv(('active',), ('perhaps',)), 'of type boolean'),
                (as_csv(('colour',), ('red',)), 'Unknown field: colour'),
                (as_csv(('id',), ('1',)), 'Unknown field: id'),
                (b'name\n"a', 'not valid CSV'), (b'name\n', 'no nodes'),
                (b'name\n\x00\n', ''), (b'\xff', 'not UTF-8')):
            found = self.wrong(body, CSV)
            self.assertIn(detail, found[0])

    def test_other_bodies(self):
        for kind in ('application/json', 'text/plain', ''):
            (error,) = self.load(b'{}', 415, kind)['errors']
            self.assertIn(CSV, error['detail'])
        self.wrong(b'')
        self.wrong(b'{"name": "a"')

    def test_many_errors(self):
        self.assertEqual(100, len(self.wrong(as_lines(
            *[{'name': 1}] * 300))))

    def test_access(self):
        for user, status in (('reader', 403), (None, 401)):
            self.call('POST', PATH, b'', status, user=user)


class OutTestCase(base.ApiTestCase):

    def rows(self, path, **headers):
        answer = self.call('GET', path, status=200,
                           headers={'Accept': CSV, **headers})
        self.assertEqual('text/csv', answer.content_type)
        return list(csv.DictReader(io.StringIO(answer.text))), answer

    def test_list(self):
        self.node(name='web1', title='a, "b"', ip_addresses=['10.0.0.1'],
                  description='one\ntwo')
        ((row,), _) = self.rows('/v1/nodes')
        self.assertEqual(
            ('web1', 'a, "b"', '["10.0.0.1"]', 'one\ntwo', 'true', '', '0'),
            tuple(row[name] for name in (
                'name', 'title', 'ip_addresses', 'description', 'active',
                'rack_number', 'condition')))
        self.assertRegex(row['created_at'],
                         r'^\d{4}(-\d\d){2}T\d\d(:\d\d){2}$')

    def test_columns_and_pages(self):
        for name in ('a', 'b', 'c'):
            self.node(name=name)
        rows, answer = self.rows('/v1/nodes?fields=name,id&limit=2')
        self.assertEqual(['name', 'id'], list(rows[0]))
        self.assertEqual(['a', 'b'], [row['name'] for row in rows])
        link = answer.headers['Link']
        self.assertRegex(link, '^<http.*marker=.*>; rel="next"$')
        rows, answer = self.rows(link[1:].partition('>')[0])
        self.assertEqual(['c'], [row['name'] for row in rows])
        self.assertNotIn('Link', answer.headers)

    def test_nothing(self):
        for path in ('nodes', 'power-controls', 'tasks?detail=true',
                     'node-images', 'availability-storages'):
            self.rows(f'/v1/{path}')

    def test_round_trip(self):
        """What was written out can be read in again."""
        self.node(name='web1', title='x', ip_addresses=['10.0.0.1'])
        text = self.call('GET', '/v1/nodes?fields=name,title,ip_addresses,'
                         'active,is_controller', headers={'Accept': CSV}).body
        self.call('DELETE', '/v1/nodes/web1', status=204)
        self.call('POST', PATH, text, 201, headers={'Content-Type': CSV})
        self.assertEqual(['10.0.0.1'], self.get('/v1/nodes/web1')['node'][
            'ip_addresses'])

    def test_only_when_it_is_wanted(self):
        for accept in ('*/*', 'application/json', 'text/html',
                       'text/csv;q=0.5, application/json'):
            answer = self.call('GET', '/v1/nodes', status=200,
                               headers={'Accept': accept})
            self.assertEqual('application/json', answer.content_type)
            self.assertEqual('Accept', answer.headers['Vary'])
        node = self.node()
        answer = self.call('GET', f'/v1/nodes/{node["id"]}', status=200,
                           headers={'Accept': CSV})
        self.assertEqual('application/json', answer.content_type)
