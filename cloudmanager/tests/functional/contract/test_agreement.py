# SPDX-License-Identifier: Apache-2.0
"""Routes, promises, OpenAPI document, API reference and policies agree."""

import itertools
import json
import pathlib
import re

import jsonschema
from oslo_policy import policy as oslo_policy
import yaml

import cloudmanager
from cloudmanager import policies
from cloudmanager.api import app  # noqa: F401  brings the routes
from cloudmanager.api import openapi
from cloudmanager.api import routing
from cloudmanager.api.types import values
from cloudmanager.tests import base
from cloudmanager.tests.functional.contract import operations
from cloudmanager.tests.functional.contract import schemas

REFERENCE = (pathlib.Path(cloudmanager.__file__).parents[1] / 'api-ref'
             / 'source')
# Served beside the paths that are promised: one promise names two paths.
ALIASES = {('POST', '/domains/actions/get-store')}
# What the reference says of all operations at once.
COMMON = {400, 413, 415, 429, 503}
# Names of the reference that stand for any number of parameters.
FILTER = 'filter'


class DocumentCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.document = openapi.document()
        self.schemas = schemas.Schemas(self.document)
        self.described = {
            operations.key(method.upper(), path): operation
            for path, methods in self.document['paths'].items()
            for method, operation in methods.items()}

    def content(self, described, status=None):
        """Return the schema of a request's or an answer's body."""
        part = (described.get('requestBody', {}) if status is None
                else described['responses'][str(status)])
        return part.get('content', {}).get('application/json', {}).get(
            'schema')

    def fields(self, schema, name=''):
        """Return the fields of an object, out of its envelope if it has
        one."""
        schema = self.schemas.resolve(schema)
        found = self.schemas.properties(schema)
        for part in found.values():
            part = self.schemas.resolve(part)
            if name and name not in found:
                nested = self.schemas.properties(part)
                if name in nested:
                    return nested
        return found


class PromisesTestCase(DocumentCase):

    def test_all_are_here(self):
        self.assertEqual(operations.COUNT, len(operations.promises()))
        self.assertEqual(operations.COUNT, len({
            promise.key for promise in operations.promises()}))

    def test_routes(self):
        """Every operation is served."""
        missing = [promise.operation for promise in operations.promises()
                   if promise.route is None]
        self.assertEqual([], missing)

    def test_documented(self):
        """Every route is in the document, and declares what it does."""
        self.assertEqual(
            {operations.key(route.method, route.path)
             for route in routing.TABLE}, set(self.described))

    def each(self):
        for promise in operations.promises():
            yield promise, self.described[promise.key]

    def test_statuses(self):
        for promise, described in self.each():
            self.assertIn(str(promise.success), described['responses'],
                          promise.operation)
            self.assertEqual(promise.success, promise.route.status,
                             promise.operation)

    def test_query(self):
        for promise, described in self.each():
            names = {parameter['name'] for parameter in
                     described['parameters'] if parameter['in'] == 'query'}
            for name in (*promise.query, *promise.filters):
                self.assertIn(name, names, promise.operation)

    def test_filters_have_operators(self):
        for promise, _ in self.each():
            known = promise.route.query
            for name in promise.filters:
                field = known.resource.filters()[name]
                for operator in ('eq', 'neq', 'in', 'nin'):
                    if not isinstance(field.of, values.Time):
                        self.assertIn(operator, field.operators,
                                      promise.operation)

    def test_requests(self):
        """What is promised to be taken is taken, nothing more needed."""
        for promise, described in self.each():
            schema = self.content(described)
            for name, text in promise.request.items():
                wanted, optional = operations.types(text)
                found = self.fields(schema, name)
                self.assertIn(name, found, promise.operation)
                self.assertLessEqual(wanted, self.json_types(found[name]),
                                     f'{promise.operation} {name}')
                self.assertEqual(
                    optional, name not in self.required(schema, name),
                    f'{promise.operation} {name}')

    def required(self, schema, name):
        schema = self.schemas.resolve(schema)
        if name in schema.get('properties', {}):
            return schema.get('required', ())
        for part in schema['properties'].values():
            part = self.schemas.resolve(part)
            if name in part.get('properties', {}):
                return part.get('required', ())
        raise AssertionError(name)

    def json_types(self, schema):
        schema = self.schemas.resolve(schema)
        found = schema.get('type', 'object')
        return {found} if isinstance(found, str) else set(found)

    def test_no_more_is_required(self):
        for promise, described in self.each():
            schema = self.content(described)
            if schema is None:
                continue
            schema = self.schemas.resolve(schema)
            promised = set(promise.request) | set(
                promise.sample_request or ())
            for part in (schema, *(
                    self.schemas.resolve(part) for part in
                    schema.get('properties', {}).values())):
                self.assertLessEqual(set(part.get('required', ())),
                                     promised, promise.operation)

    def test_answers(self):
        for promise, described in self.each():
            schema = self.content(described, promise.success)
            for name, text in promise.answer.items():
                wanted, _ = operations.types(text)
                found = self.fields(schema, name)
                self.assertIn(name, found, promise.operation)
                self.assertTrue(wanted & self.json_types(found[name]),
                                f'{promise.operation} {name}')

    def test_samples_of_answers(self):
        """The sample is an answer by the document."""
        for promise, described in self.each():
            if promise.sample_answer is None:
                continue
            schema = self.content(described, promise.success)
            self.assertEqual([], self.absent(schema, promise.sample_answer),
                             promise.operation)

    def absent(self, schema, sample, path=''):
        """Return what a sample has and a schema does not know."""
        schema = self.schemas.resolve(schema)
        if isinstance(sample, list):
            items = schema.get('items')
            return (self.absent(items, sample[0], path)
                    if sample and items else [])
        if (not isinstance(sample, dict) or 'properties' not in schema
                or 'additionalProperties' in schema):
            return []
        found = [f'{path}.{name}' for name in sample
                 if name not in schema['properties']]
        for name in set(sample) & set(schema['properties']):
            found += self.absent(schema['properties'][name], sample[name],
                                 f'{path}.{name}')
        return found


class PoliciesTestCase(base.TestCase):

    def test_every_operation_has_a_rule(self):
        rules = {rule.name: rule for rule in policies.list_rules()}
        for route in routing.TABLE:
            if route.rule is None:
                self.assertIn(route.path, (
                    '/', '/v1', '/healthcheck', '/v1/openapi.json'))
                continue
            self.assertIsInstance(rules[route.rule],
                                  oslo_policy.DocumentedRuleDefault)
            self.assertIn(
                operations.key(route.method, route.path),
                [operations.key(operation['method'], operation['path'])
                 for operation in rules[route.rule].operations])

    def test_every_rule_is_of_use(self):
        used = {route.rule for route in routing.TABLE}
        unused = {rule.name for rule in policies.list_rules()
                  if isinstance(rule, oslo_policy.DocumentedRuleDefault)}
        self.assertEqual({'cloudmanager:tasks:traceback'}, unused - used)


class Section:
    """What the reference says of one operation."""

    def __init__(self, text: str) -> None:
        head, _, self.rest = text.partition('\n')
        method, _, path = head.strip().partition(' ')
        self.key = operations.key(method, path.partition('?')[0])
        self.path = path

    def names(self, title: str) -> dict[str, str]:
        """Return keys of parameters by their names."""
        part = self.rest.partition(f'**{title}**')[2]
        part = re.split(r'\n\*\*|\n\.\. rest_method', part)[0]
        return dict(re.findall(r'^   - ([\w-]+): ([\w-]+)$', part, re.M))

    @property
    def examples(self) -> list[tuple[str, str]]:
        """Return what each example is of, and the name of its file."""
        return re.findall(
            r'Example (request|response)\*\*\n\n'
            r'.. literalinclude:: examples/(\S+)', self.rest)

    @property
    def statuses(self) -> set[int]:
        part = self.rest.partition('**Request**')[0]
        return {int(status) for status in
                re.findall(r'^   - ([0-9]{3})\b', part, re.M)}


def sections() -> list[Section]:
    found = []
    for path in sorted((REFERENCE / 'v1').glob('*.inc')):
        found += [Section(text) for text in path.read_text(
            'utf-8').split('.. rest_method:: ')[1:]]
    return found


class ReferenceTestCase(DocumentCase):

    def setUp(self):
        super().setUp()
        self.sections = sections()
        self.parameters = yaml.safe_load(
            (REFERENCE / 'parameters.yaml').read_text('utf-8'))

    def of(self, key):
        return [section for section in self.sections if section.key == key]

    def test_operations(self):
        """The reference has every operation, and none that is not."""
        documented = {section.key for section in self.sections}
        served = {operations.key(route.method, route.path)
                  for route in routing.TABLE} - ALIASES
        self.assertEqual(set(), served - documented)
        self.assertEqual(set(), documented - served)

    def test_every_file_is_included(self):
        index = (REFERENCE / 'index.rst').read_text('utf-8')
        for path in (REFERENCE / 'v1').glob('*.inc'):
            self.assertIn(f'.. include:: v1/{path.name}', index)

    def test_parameters_exist(self):
        used = {key for section in self.sections
                for title in ('Request', 'Response')
                for key in section.names(title).values()}
        self.assertEqual(set(), used - set(self.parameters))
        self.assertEqual(set(), set(self.parameters) - used)

    def test_examples_exist(self):
        used = set()
        for path in (REFERENCE / 'v1').glob('*.inc'):
            used |= set(re.findall(r'literalinclude:: examples/(\S+)',
                                   path.read_text('utf-8')))
        self.assertEqual({path.name for path in
                          (REFERENCE / 'examples').glob('*.*')}, used)

    def test_example_bodies(self):
        """Examples are what the document says."""
        wrong = []
        for section in self.sections:
            described = self.described[section.key]
            for kind, name in section.examples:
                if not name.endswith('.json'):
                    # test_import sends it.
                    continue
                example = json.loads(
                    (REFERENCE / 'examples' / name).read_text('utf-8'))
                schemas = ([self.content(described)] if kind == 'request'
                           else self.answers(described))
                errors = [list(self.validator(schema).iter_errors(example))
                          for schema in schemas]
                if all(errors):
                    wrong.append((name, *(error.message for error in
                                          itertools.chain(*errors))))
        self.assertEqual([], wrong)

    def answers(self, described):
        return [self.content(described, status)
                for status in described['responses']
                if status < '300' and self.content(described, status)]

    def validator(self, schema):
        return jsonschema.Draft202012Validator(
            {**schemas.strict(self.document), **schema})

    def test_requests(self):
        wrong = []
        for key, described in self.described.items():
            if key in ALIASES:
                continue
            wanted = {parameter['name']
                      for parameter in described['parameters']
                      if parameter['in'] == 'path'}
            wanted |= self.body_names(self.content(described))
            query = {parameter['name']
                     for parameter in described['parameters']
                     if parameter['in'] == 'query'}
            if described.get('security') != []:
                wanted.add('X-Auth-Token')
            found = set()
            for section in self.of(key):
                found |= set(section.names('Request'))
            filters = routing_filters(key)
            if filters:
                self.assertIn(FILTER, found, key)
                found.discard(FILTER)
                # A filter may be named by itself as well.
                query -= filters - found
            if wanted | query != found:
                wrong.append((key, (wanted | query) - found,
                              found - wanted - query))
        self.assertEqual([], wrong)

    def body_names(self, schema):
        """Return the names of a body's fields, and of its envelope."""
        if schema is None:
            return set()
        found = set(self.schemas.properties(schema))
        if len(found) == 1:
            (part,) = self.schemas.properties(schema).values()
            found |= set(self.schemas.properties(part))
        return found

    def test_answers(self):
        wrong = []
        for key, described in self.described.items():
            if key in ALIASES or described.get('security') == []:
                continue
            wanted = set()
            for status, answer in described['responses'].items():
                if status > '299':
                    continue
                if 'Location' in answer['headers']:
                    wanted.add('Location')
                schema = self.content(described, status)
                if schema is not None:
                    wanted |= self.answer_names(schema)
            found = set()
            for section in self.of(key):
                found |= set(section.names('Response'))
            if wanted != found:
                wrong.append((key, wanted - found, found - wanted))
        self.assertEqual([], wrong)

    def answer_names(self, schema):
        """Return the names of an answer's fields, and of its envelope."""
        schema = self.schemas.resolve(schema)
        if schema['type'] == 'array':
            return set(self.schemas.properties(schema['items']))
        found = set(schema['properties'])
        outer = operations.envelope(found)
        if outer:
            part = schema['properties'][outer]
            part = self.schemas.resolve(part)
            found |= set(self.schemas.properties(part))
        return found

    def test_statuses(self):
        """What all operations have in common may be left out."""
        for key, described in self.described.items():
            if key in ALIASES:
                continue
            wanted = {int(status) for status in described['responses']}
            found = set()
            for section in self.of(key):
                found |= section.statuses
            self.assertEqual(wanted - COMMON, found - COMMON, key)
            self.assertLessEqual(found, wanted, key)
            self.assertLessEqual(self.own(key, described), found, key)

    def own(self, key, described):
        """Return the statuses that the reference must name."""
        route = operations.routes()[key]
        found = set(route.errors)
        if route.body is not None or any(
                parameter['in'] == 'query'
                for parameter in described['parameters']):
            found.add(400)
        return found


def routing_filters(key):
    """Return the parameters of an operation that filter."""
    resource = operations.routes()[key].query.resource
    return set() if resource is None else set(resource.filters())
