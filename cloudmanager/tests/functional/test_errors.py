# SPDX-License-Identifier: Apache-2.0
"""Every answer that is no success has one form and no internal text."""

import io
import logging

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa
import webtest

from cloudmanager.api import app
from cloudmanager.common import exception
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain import query
from cloudmanager.tests.functional import base

REQUEST_ID = 'req-12345678-1234-1234-1234-123456789abc'


class ErrorsTestCase(base.ApiTestCase):

    def test_unknown_paths(self):
        for path in ('/v2', '/v1/nothing', '/v1/nodes/1/nothing',
                     '/v1/nodes//power-actions', '/v1/servers/',
                     '/v1/nodes/count/x', '/v1/nodes/%00', '/favicon.ico',
                     '/v1/nodes.json', '/v1/hosts/cmp1'):
            for method in ('GET', 'POST', 'DELETE', 'HEAD'):
                self.call(method, path, status=404)

    def test_methods(self):
        for method, path, allowed in (
                ('PATCH', '/v1/nodes/', 'GET, HEAD, POST'),
                ('PATCH', '/v1/nodes', 'GET, HEAD, POST'),
                ('POST', '/v1/nodes/1', 'DELETE, GET, HEAD, PUT'),
                ('GET', '/v1/nodes/1/actions/reset', 'POST'),
                ('HEAD', '/v1/nodes/1/actions/reset', 'POST'),
                ('DELETE', '/v1/nodes/count', 'GET, HEAD'),
                ('TRACE', '/v1/info', 'GET, HEAD'),
                ('PUT', '/', 'GET, HEAD'), ('POST', '/v1', 'GET, HEAD')):
            answer = self.call(method, path, status=405)
            self.assertEqual(allowed, answer.headers['Allow'])

    def test_ids_that_are_none(self):
        for text in ('0', '-1', 'x', '1x', '1.0', '%D9%A1', '9' * 30,
                     '1%20', "1'--"):
            for path in ('/v1/nodes/', '/v1/power-controls/', '/v1/tasks/'):
                self.call('GET', path + text, status=404)

    def test_url_that_is_not_utf8(self):
        for path in ('/v1/nodes/%ff', '/v1/nodes?name=%ff',
                     '/v1/nodes?%ff=1'):
            self.call('GET', path, status=400)

    def test_internal_errors_say_nothing(self):
        """Neither the answer nor the log of a client tell of the inside."""
        for error in (RuntimeError('mysql://root:secret@db'),
                      KeyError('secret'), exception.SecretUnreadable(),
                      exception.LeaseLost(task='secret')):
            with self.patched(error):
                found = self.error('GET', '/v1/nodes/', status=500)
            self.assertEqual('cloudmanager.internal', found['code'])
            self.assertNotIn('secret', str(found))

    def patched(self, error):
        def fail(*args, **kwargs):
            raise error
        return fixtures.MonkeyPatch(
            'cloudmanager.db.nodes.list_nodes', fail)

    def test_internal_errors_are_logged(self):
        log = self.useFixture(fixtures.FakeLogger(level=logging.ERROR))
        with self.patched(RuntimeError('the cause')):
            self.call('GET', '/v1/nodes/', status=500)
        self.assertIn('the cause', log.output)
        self.assertIn('Traceback', log.output)

    def test_database_out_of_reach(self):
        with self.patched(db_exc.DBConnectionError('secret')):
            found = self.error('GET', '/v1/nodes/', status=503)
        self.assertNotIn('secret', str(found))

    def test_values_that_a_database_does_not_take(self):
        for error in (db_exc.DBDataError(), db_exc.DBError(
                sa.exc.DataError('secret', {}, Exception()))):
            with self.patched(error):
                found = self.error('GET', '/v1/nodes/')
            self.assertNotIn('secret', str(found))
        with self.patched(db_exc.DBError()):
            self.error('GET', '/v1/nodes/', status=500)

    def test_request_ids(self):
        first = self.call('GET', '/v1/info').headers
        second = self.call('GET', '/v1/info').headers
        name = 'X-OpenStack-Request-ID'
        self.assertNotEqual(first[name], second[name])
        self.assertRegex(first[name], '^req-')

    def test_global_request_id(self):
        node = self.powered_node(name='mnode1')
        answer = self.call(
            'POST', f'/v1/nodes/{node["id"]}/actions/reset', status=202,
            headers={'X-OpenStack-Request-ID': REQUEST_ID})
        self.assertNotEqual(REQUEST_ID,
                            answer.headers['X-OpenStack-Request-ID'])
        task = self.get(answer.headers['Location'])
        self.assertEqual(REQUEST_ID, task['request_id'])

    def test_cors(self):
        self.config(group='cors', allowed_origin=['http://dashboard'])
        answer = self.make_app().options('/v1/nodes/', headers={
            'Origin': 'http://dashboard',
            'Access-Control-Request-Method': 'GET',
            'Access-Control-Request-Headers': 'X-Auth-Token'})
        self.assertEqual(200, answer.status_int)
        self.assertEqual('http://dashboard',
                         answer.headers['Access-Control-Allow-Origin'])


class BodiesTestCase(base.ApiTestCase):
    """AP1: a bad body is a 400 that names what is wrong, never a 500."""

    def test_content_types(self):
        for kind in ('text/xml', 'application/xml', 'text/plain',
                     'application/x-www-form-urlencoded',
                     'application/json-patch+json', 'multipart/form-data'):
            self.error('POST', '/v1/nodes/', {'node': {'name': 'a'}}, 415,
                       headers={'Content-Type': kind})
        self.call('POST', '/v1/nodes/', {'node': {'name': 'a'}}, 201,
                  headers={'Content-Type':
                           'application/json; charset=utf-8'})

    def test_not_json(self):
        for body in (b'{', b'{"node": NaN}', b'{"node": Infinity}',
                     b"{'node': {}}", b'\xff\xfe', b'{"node": {}} x',
                     b'{"node": {}, "node": {}}', b'[' * 100000,
                     b'{"a":' * 5000, b'{"node": {"name": "\\ud800"}}',
                     b'{"node": {"name": "a\\u0000"}}', b'\x00',
                     b'{"node": {"ram_mb": ' + b'9' * 5000 + b'}}'):
            found = self.error('POST', '/v1/nodes/', body)
            self.assertEqual('cloudmanager.invalid', found['code'])

    def test_not_an_object(self):
        for body in (b'[]', b'null', b'1', b'"text"', b'true',
                     b'[{"node": {}}]', b'', b'{}', b'{"node": null}',
                     b'{"node": []}', b'{"node": "x"}', b'{"nodes": {}}',
                     b'{"node": {}, "more": 1}'):
            self.error('POST', '/v1/nodes/', body)

    def test_attributes_in_the_query(self):
        self.assertIn('node.name', self.error(
            'POST', '/v1/nodes/?node.name=q',
            {'node': {'name': 'a'}})['detail'])

    def test_body_of_a_get_is_not_read(self):
        self.call('GET', '/v1/nodes/', b'{', 200)

    def test_too_large(self):
        self.config(group='api', max_body_bytes=2048)
        body = b'{"node": {"title": "' + b'x' * 2048 + b'"}}'
        self.assertEqual('cloudmanager.body_too_large', self.error(
            'POST', '/v1/nodes/', body, 413)['code'])
        self.call('POST', '/v1/nodes/', b' ' * 2000 + b'{"node": {}}', 201)

    def chunked(self, body):
        return self.app.request(
            '/v1/nodes/', method='POST', expect_errors=True,
            headers={'Transfer-Encoding': 'chunked',
                     'Content-Type': 'application/json',
                     'X-Auth-Token': self.tokens['admin']},
            environ={'wsgi.input': io.BytesIO(body), 'CONTENT_LENGTH': ''})

    def test_too_large_in_chunks(self):
        self.config(group='api', max_body_bytes=2048)
        self.assertEqual(201, self.chunked(b'{"node": {}}').status_int)
        answer = self.chunked(b' ' * 4096)
        self.assertEqual(413, answer.status_int)
        self.check_error(answer)

    def cut_off(self, method, user, kind='application/json'):
        """Send a request whose body cannot be read; return its answer."""
        class Gone(io.BytesIO):
            def read(self, size=-1):
                raise ConnectionError('reset')

        request = webtest.TestRequest.blank(
            '/v1/nodes/', method=method, headers={
                'X-Auth-Token': self.tokens[user], 'Content-Type': kind})
        request.environ.update({'wsgi.input': Gone(),
                                'CONTENT_LENGTH': '10'})
        return request.get_response(app.build())

    def test_cut_off(self):
        self.assertEqual(400, self.cut_off('POST', 'admin').status_int)

    def test_bodies_are_not_read_too_early(self):
        """Neither of those who may not ask, nor where none belongs."""
        for kind in ('application/json', 'multipart/form-data; boundary=x',
                     'application/x-www-form-urlencoded'):
            self.assertEqual(
                403, self.cut_off('POST', 'reader', kind).status_int)
            self.assertEqual(
                200, self.cut_off('GET', 'reader', kind).status_int)

    def test_every_body_refuses_what_it_does_not_know(self):
        """An unknown field is named, whatever the operation."""
        node = self.powered_node(name='mnode1')
        one = f'/v1/nodes/{node["id"]}'
        for method, path, wrapper in (
                ('POST', '/v1/nodes/', 'node'), ('PUT', one, 'node'),
                ('POST', f'{one}/power-controls/', None),
                ('PUT', f'{one}/power-controls/1', None),
                ('POST', f'{one}/actions/power-on', None),
                ('POST', f'{one}/actions/power-off', None),
                ('POST', f'{one}/actions/reset', None),
                ('POST', '/v1/power-controls/', 'power_control'),
                ('PUT', '/v1/power-controls/1', 'power_control'),
                ('POST', '/v1/hosts/cmp1/actions/shutdown', None),
                ('POST', '/v1/hosts/cmp1/actions/evacuate', None),
                ('POST', f'/v1/tasks/{self.uuid()}/actions/cancel', None)):
            inner = {'no_such_field': 1}
            body = {wrapper: inner} if wrapper else inner
            self.assertIn('no_such_field', self.error(
                method, path, body)['detail'], path)
            if wrapper:
                self.error(method, path, inner)

    def test_nothing_was_changed(self):
        self.error('POST', '/v1/nodes/', {'node': {'name': 1}})
        self.assertEqual([], db_nodes.list_nodes(
            self.context, query.Query()))
