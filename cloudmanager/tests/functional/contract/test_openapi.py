# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document by itself."""

import re

import openapi_spec_validator

from cloudmanager.api import openapi
from cloudmanager.api import routing
from cloudmanager.api.types import values
from cloudmanager.common import exception
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base
from cloudmanager.tests.functional.contract import schemas

PATH = '/v1/openapi.json'
TRIED = {
    'integer': ('1', '-1', 'eq:0', 'neq:1', 'gt:5', 'in:1,2', 'null',
                     'not:null', 'x', '', 'in:', 'gt:', 'like:1', '1.5',
                     'in:1,x', ' 1', 'between:1,2'),
    'boolean': ('true', 'false', 'neq:true', '1', 'no', 'null', 'x',
                     'gt:true', '', 'like:t'),
    'time': ('2026-01-02', '2026-01-02T03:04:05', 'gt:2026-01-02',
                  'null', 'x', '', 'in:2026-01-02', 'like:2026%'),
    'string': ('x', '', 'a:b', 'eq:x', 'like:x%', 'ilike:X', 'in:a,b',
                    'null', 'not:null', 'power_on', 'in:power_on,x',
                    'like:a\\', 'like:a\\\\', '52:54:00:12:34:56',
                    '5f0c4d8e-1111-4222-8333-944455556666', 'gt:x'),
    'array': ('10.0.0.1', 'x', '', 'in:10.0.0.1,10.0.0.2', 'like:10.%',
                  'in:', 'gt:10.0.0.1', 'null', 'not:null', '256.0.0.1'),
}


class ServedTestCase(base.ApiTestCase):

    def test_without_a_token(self):
        """Like the version documents, which lead to it."""
        (version,) = self.get('/', user=None)['versions']
        (link,) = [link for link in version['links']
                   if link['rel'] == 'describedby']
        found = self.get(link['href'], user=None)
        self.assertEqual('3.1.0', found['openapi'])
        self.assertEqual(found, self.get(f'{PATH}/', user=None))
        self.assertEqual(openapi.document(), found)

    def test_methods(self):
        answer = self.call('POST', PATH, user=None, status=405)
        self.assertEqual('GET, HEAD', answer.headers['Allow'])

    def test_parameters(self):
        self.error('GET', f'{PATH}?x=1', user=None)


class DocumentTestCase(tests_base.TestCase):

    def setUp(self):
        super().setUp()
        self.document = openapi.document()

    def operations(self):
        for path, methods in self.document['paths'].items():
            for method, operation in methods.items():
                yield f'{method} {path}', operation

    def test_valid(self):
        openapi_spec_validator.validate(self.document)

    def test_names(self):
        """Programs name operations by these; they must not change."""
        names = [operation['operationId']
                 for _, operation in self.operations()]
        self.assertEqual(len(names), len(set(names)))
        for name in ('nodes.list_nodes', 'nodes.create_node',
                     'hosts.shutdown', 'node_power.reset'):
            self.assertIn(name, names)

    def test_texts(self):
        """Whatever it names it describes."""
        for name, operation in self.operations():
            self.assertTrue(operation['summary'], name)
            for parameter in operation['parameters']:
                self.assertTrue(parameter['description'], name)
        for tag in self.document['tags']:
            self.assertTrue(tag['description'], tag)
        for name, schema in self.document['components']['schemas'].items():
            for field, described in schema.get('properties', {}).items():
                self.assertTrue(
                    'description' in described or '$ref' in described
                    or 'anyOf' in described or name == 'Error',
                    f'{name}.{field}')

    def test_fields_are_described(self):
        for route in routing.TABLE:
            for field in route.body.fields() if route.body else ():
                self.assertTrue(field.description,
                                f'{route.path} {field.name}')

    def test_secrets_are_not_answered(self):
        for name, operation in self.operations():
            for status, answer in operation['responses'].items():
                self.assertNotIn('"password"', str(answer), (name, status))
        for name, schema in self.document['components']['schemas'].items():
            if not name.endswith(('Create', 'Update')):
                for secret in ('password', 'ssh_key'):
                    self.assertNotIn(secret, schema.get('properties', {}))

    def test_security(self):
        for name, operation in self.operations():
            public = operation.get('security') == []
            self.assertEqual(public, '401' not in operation['responses'],
                             name)

    def test_work_is_followed(self):
        for name, operation in self.operations():
            for status, answer in operation['responses'].items():
                if status < '300':
                    self.assertEqual(status == '202',
                                     'Location' in answer['headers'], name)

    def test_references(self):
        """A reference leads somewhere, and each schema is of use."""
        text = str(self.document)
        used = set(re.findall(r'#/components/schemas/(\w+)', text))
        self.assertEqual(used, set(self.document['components']['schemas']))
        lookup = schemas.Schemas(self.document)
        for name in used:
            lookup.resolve({'$ref': f'#/components/schemas/{name}'})


class FiltersTestCase(tests_base.TestCase):

    def lists(self):
        for route in routing.TABLE:
            if route.query.resource is not None:
                yield route.query

    def accepted(self, query, name, value):
        try:
            query.read([(name, value)])
        except exception.Invalid:
            return False
        return True

    def documented(self, schema, value):
        if 'not' in schema and re.search(schema['not']['pattern'], value):
            return False
        return 'pattern' not in schema or bool(
            re.fullmatch(schema['pattern'].strip('^$'), value))

    def kind(self, field):
        return ('time' if isinstance(field.given, values.Time)
                else field.given.json)

    def test_what_is_documented_is_taken(self):
        """And nothing else."""
        for query in self.lists():
            described = query.described()
            for name, field in query.resource.filters().items():
                schema = described[name]['schema']
                for value in TRIED[self.kind(field)]:
                    self.assertEqual(self.documented(schema, value),
                                     self.accepted(query, name, value),
                                     f'{name}={value}')

    def test_flags(self):
        for route in routing.TABLE:
            for name in route.query.flags:
                schema = route.query.described()[name]['schema']
                for value in (*schema['enum'], 'TRUE', '', 'x', '2'):
                    self.assertEqual(value.lower() in schema['enum'],
                                     self.accepted(route.query, name, value),
                                     f'{name}={value}')

    def test_pages(self):
        for query in self.lists():
            described = query.described()
            for name in (*query.page, *query.ignored):
                schema = described[name]['schema']
                for value in ('0', '1', 'x', '-1', '', 'id', 'id:desc',
                              'id:up', 'nothing'):
                    wanted = (self.documented(schema, value)
                              if schema['type'] == 'string'
                              else value.isdigit())
                    self.assertEqual(
                        wanted, self.accepted(query, name, value),
                        f'{name}={value}')
