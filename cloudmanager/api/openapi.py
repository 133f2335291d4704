# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, made of the routes and the resources.

Version 3.1 of the specification (https://spec.openapis.org/oas/v3.1.0), whose
schemas are JSON schema of the draft 2020-12.
"""

import http
import inspect
import re
import sys

from oslo_policy import policy as oslo_policy

from cloudmanager import policies
from cloudmanager import version
from cloudmanager.api import lines as body_lines
from cloudmanager.api import rendering
from cloudmanager.api import routing
from cloudmanager.api.types import answers as forms
from cloudmanager.api.types import fields
from cloudmanager.api.types import paths
from cloudmanager.api.types.values import Schema

_ERROR = 'Error'
_REQUEST_ID = 'X-OpenStack-Request-ID'
_DESCRIPTIONS = {
    400: 'The request is not valid; detail names the field or parameter.',
    401: 'The token is missing or not valid.',
    403: 'Policy does not allow it.',
    404: 'There is no such object.',
    409: 'The state of something does not allow it, or a task is in the '
         'way.',
    413: 'The body is too large.',
    415: 'The body is not JSON.',
    429: 'Too many wrong passwords; only with http_basic.',
    501: 'This version cannot do it.',
    503: 'Something that is needed is out of reach.',
}
# Statuses of errors that may pass by themselves.
_PASSING = (429, 503)
_SUCCESS = {200: 'Done.', 201: 'The object was created.',
            202: 'The work has begun; Location names its task.',
            204: 'Done; there is no body.'}


def document() -> Schema:
    """Return the document of all operations."""
    made = _Document()
    operations: dict[str, Schema] = {}
    for route in routing.TABLE:
        operations.setdefault(route.path, {})[
            route.method.lower()] = made.operation(route)
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'CloudManager API',
            'version': version.version_info.version_string(),
            'description': 'Keeps the physical side of an OpenStack cloud. '
                           'A path with and without a slash at its end is '
                           'the same resource.',
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'}},
        'servers': [{'url': '/'}],
        'security': [{'token': []}],
        'tags': made.tags,
        'paths': operations,
        'components': {
            'schemas': made.schemas,
            'headers': _HEADERS,
            'responses': {_name(status): _error(status, text)
                          for status, text in _DESCRIPTIONS.items()},
            'securitySchemes': {'token': {
                'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token',
                'description': 'A token of Keystone, unless the service is '
                               'configured for other authentication.'}}}}


_HEADERS: Schema = {
    _REQUEST_ID: {'description': 'Id of the request, as in the logs.',
                  'schema': {'type': 'string'}, 'required': True},
    'Retry-After': {'description': 'Seconds after which trying again may '
                                   'help, if that is known.',
                    'schema': {'type': 'integer', 'minimum': 1}},
    'Location': {'description': 'Path of the task.', 'required': True,
                 'schema': {'type': 'string', 'pattern': '^/v1/tasks/'}}}


def _name(status: int) -> str:
    """Return the name of the response of an error."""
    return http.HTTPStatus(status).phrase.title().replace(' ', '')


def _error(status: int, text: str) -> Schema:
    headers = _header(_REQUEST_ID)
    if status in _PASSING:
        headers |= _header('Retry-After')
    return {'description': text, 'headers': headers,
            'content': {rendering.JSON: {'schema': _refer(_ERROR)}}}


def _header(name: str) -> Schema:
    return {name: {'$ref': f'#/components/headers/{name}'}}


def _refer(name: str) -> Schema:
    return {'$ref': f'#/components/schemas/{name}'}


ERROR = {
    'type': 'object', 'required': ['errors'], 'properties': {'errors': {
        'type': 'array', 'minItems': 1, 'items': {
            'type': 'object',
            'required': ['status', 'code', 'title', 'detail', 'request_id'],
            'properties': {
                'status': {'type': 'integer', 'description': 'HTTP status.'},
                'code': {'type': 'string',
                         'pattern': r'^cloudmanager(\.[a-z_]+)+$',
                         'description': 'Stable name, for programs.'},
                'title': {'type': 'string', 'description': 'Its phrase.'},
                'detail': {'type': 'string',
                           'description': 'Text for people.'},
                'request_id': {'type': 'string',
                               'description': 'Id of the request.'}}}}}}


class _Document:
    """Collects schemas and tags while operations are described."""

    def __init__(self) -> None:
        self.schemas: Schema = {_ERROR: ERROR}
        self.tags: list[dict[str, str]] = []
        self._names: set[str] = set()
        self._rules = {
            rule.name: rule for rule in policies.list_rules()
            if isinstance(rule, oslo_policy.DocumentedRuleDefault)}

    def operation(self, route: routing.Route) -> Schema:
        """Describe an operation."""
        summary, _, more = inspect.cleandoc(
            route.text or route.function.__doc__ or '').partition('\n')
        result: Schema = {
            'operationId': self._operation_id(route),
            'tags': [self._tag(route)],
            'summary': summary.rstrip('.'),
            'parameters': [*_path_parameters(route),
                           *_query_parameters(route)],
            'responses': self._responses(route)}
        described = [text for text in (more.strip(), self._rule(route))
                     if text]
        if described:
            result['description'] = '\n\n'.join(described)
        if route.rule is None:
            result['security'] = []
        if route.method in routing.WITH_BODY:
            result['requestBody'] = self._body(route)
        return result

    def _operation_id(self, route: routing.Route) -> str:
        """Name an operation by its function; aliases get a number."""
        module = route.function.__module__.rpartition('.')[2]
        name = f'{module}.{route.title or route.function.__name__}'
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f'{name}.{number}'
        self._names.add(found)
        return found

    def _tag(self, route: routing.Route) -> str:
        """Return the tag of an operation: what its module is about."""
        module = route.function.__module__
        name = module.rpartition('.')[2].replace('_', ' ')
        if name not in [tag['name'] for tag in self.tags]:
            text = inspect.cleandoc(sys.modules[module].__doc__ or '')
            self.tags.append({'name': name,
                              'description': text.partition('\n')[0]})
        return name

    def _rule(self, route: routing.Route) -> str:
        """Return words on the policy of an operation."""
        if route.rule is None:
            return 'Needs no token.'
        return (f'Policy {route.rule}: '
                f'{self._rules[route.rule].description}')

    def _body(self, route: routing.Route) -> Schema:
        if route.lines is not None:
            return {'required': True, 'content': {
                kind: {'schema': {'type': 'string', 'minLength': 1}}
                for kind in body_lines.CONTENT_TYPES}}
        body = route.body or fields.Resource
        about = body.about()
        schema = body.schema(route.purpose)
        required = bool(about.envelope or about.others
                        or schema.get('required'))
        if about.schema_name:
            name = about.schema_name + route.purpose.title()
            self.schemas[name] = schema
            schema = _refer(name)
        if about.envelope:
            schema = {'type': 'object', 'additionalProperties': False,
                      'required': [about.envelope],
                      'properties': {about.envelope: schema}}
        return {'required': required,
                'content': {rendering.JSON: {'schema': schema}}}

    def _responses(self, route: routing.Route) -> dict[str, Schema]:
        listed = route.query.paged
        result = {str(status): self._answer(status, form, listed)
                  for status, form in route.answers.items()}
        for status in _errors(route):
            result[str(status)] = {
                '$ref': f'#/components/responses/{_name(status)}'}
        return result

    def _answer(self, status: int, form: forms.Form | None,
                listed: bool) -> Schema:
        """Describe an answer.

        :param listed: whether it is a list, which there is as CSV, too
        """
        headers = _header(_REQUEST_ID)
        if status == http.HTTPStatus.ACCEPTED:
            headers |= _header('Location')
        result: Schema = {'description': _SUCCESS[status], 'headers': headers}
        if form is None:
            return result
        content = {rendering.JSON: {'schema': self._form(form)}}
        if listed and status == http.HTTPStatus.OK:
            content[rendering.CSV] = {'schema': {'type': 'string'}}
        return result | {'content': content}

    def _form(self, form: forms.Form) -> Schema:
        if isinstance(form, forms.Array):
            return {'type': 'array', 'items': self._resource(form.of)}
        return self._resource(form)

    def _resource(self, resource: type[fields.Resource]) -> Schema:
        """Return a resource's schema, or a reference if it has a name."""
        name = resource.about().schema_name
        if not name:
            return resource.answer_schema(self._resource)
        if name not in self.schemas:
            # A name of its own before, so that it may contain itself.
            self.schemas[name] = {}
            self.schemas[name] = resource.answer_schema(self._resource)
        return _refer(name)


def _path_parameters(route: routing.Route) -> list[Schema]:
    return [{'name': name, 'in': 'path', 'required': True,
             **paths.PARAMETERS[name]}
            for name in re.findall(r'{(\w+)}', route.path)]


def _query_parameters(route: routing.Route) -> list[Schema]:
    return [{'name': name, 'in': 'query', 'required': False,
             'description': told['description'], 'schema': told['schema']}
            for name, told in route.query.described().items()]


def _errors(route: routing.Route) -> list[int]:
    """Return the statuses of errors that an operation can answer."""
    found = {400, 503, *route.errors}
    if route.rule is not None:
        found |= {401, 403, 429}
    if '{' in route.path:
        found.add(404)
    if route.method in routing.WITH_BODY:
        found |= {413, 415}
    return sorted(found)
