# SPDX-License-Identifier: Apache-2.0
"""Who is let in."""

import socket

import fixtures
from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import fixture as auth_fixture
from keystoneauth1 import loading
from keystonemiddleware import fixture as token_fixture
from oslo_config import cfg
from oslo_context import context as oslo_context
from requests_mock.contrib import fixture as mock_fixture
import webob

from cloudmanager.api import auth
from cloudmanager.tests.functional import base

CONF = cfg.CONF
OPTIONS = loading.get_auth_plugin_conf_options('password')

SPOOFED = {'X-Roles': 'admin', 'X-User-Id': 'root', 'X-Project-Id': 'p',
           'X-Identity-Status': 'Confirmed',
           'OpenStack-System-Scope': 'all'}


# All headers by which the middleware of Keystone tells who asks.
IDENTITY = [
    f'HTTP_X_{service}{name}' for service in ('', 'SERVICE_') for name in (
        'USER_ID', 'USER_NAME', 'USER_DOMAIN_ID', 'USER_DOMAIN_NAME',
        'PROJECT_ID', 'PROJECT_NAME', 'PROJECT_DOMAIN_ID',
        'PROJECT_DOMAIN_NAME', 'ROLES', 'IDENTITY_STATUS')] + [
    'HTTP_X_DOMAIN_ID', 'HTTP_X_DOMAIN_NAME', 'HTTP_X_IS_ADMIN_PROJECT',
    'HTTP_X_SERVICE_CATALOG', 'HTTP_OPENSTACK_SYSTEM_SCOPE', 'HTTP_X_ROLE',
    'HTTP_X_USER', 'HTTP_X_TENANT_ID', 'HTTP_X_TENANT_NAME',
    'HTTP_X_TENANT']


class KeystoneTestCase(base.ApiTestCase):

    def test_no_token(self):
        for path in ('/v1/nodes/', '/v1/info', '/v1/no/such/path'):
            answer = self.call('GET', path, status=401, user=None)
            self.assertIn('keystone.example',
                          answer.headers['WWW-Authenticate'])
            self.assertEqual('cloudmanager.unauthorized',
                             answer.json['errors'][0]['code'])

    def test_bad_token(self):
        self.call('GET', '/v1/nodes/', status=401, user=None,
                  headers={'X-Auth-Token': 'x'})

    def test_identity_is_not_taken_from_headers(self):
        self.call('GET', '/v1/nodes/', status=401, user=None,
                  headers=SPOOFED)
        self.call('POST', '/v1/nodes/', {'node': {}}, 403, user='reader',
                  headers=SPOOFED)

    def test_scope_of_the_system(self):
        """A token of another scope is refused, and that is no accident."""
        self.assertEqual('cloudmanager.forbidden', self.error(
            'GET', '/v1/nodes/', status=403, user='system')['code'])


class KeystoneGoneTestCase(base.ApiTestCase):

    def make_tokens(self):
        closed = socket.socket()
        self.addCleanup(closed.close)
        closed.bind(('127.0.0.1', 0))
        self.config(group='keystone_authtoken', http_request_max_retries=0)
        self.addCleanup(self.forget_options)
        for options in (loading.get_auth_common_conf_options(), OPTIONS):
            CONF.register_opts(options, group='keystone_authtoken')
        self.config(
            group='keystone_authtoken', auth_type='password',
            auth_url=f'http://127.0.0.1:{closed.getsockname()[1]}',
            username='cloudmanager', password='secret',
            project_name='service', user_domain_id='default',
            project_domain_id='default')
        return {'admin': 'some-token'}

    @staticmethod
    def forget_options():
        # Some of them are required, which would be an error in other tests.
        CONF.reset()
        CONF.unregister_opts(OPTIONS, group='keystone_authtoken')

    def check(self, *words):
        for _ in range(2):
            answer = self.call('GET', '/v1/nodes/', status=503)
            for word in ('[keystone_authtoken]', *words):
                self.assertIn(word, answer.json['errors'][0]['detail'])
            self.assertNotIn('secret', answer.text)
        self.call('GET', '/v1', status=200)

    def test_keystone_is_out_of_reach(self):
        self.check()

    def serve(self, catalogue):
        """Let Keystone answer, with some catalogue for the service."""
        url = CONF.keystone_authtoken.auth_url
        token = auth_fixture.V3Token()
        token.set_project_scope()
        token['token']['catalog'] = catalogue
        http = self.useFixture(mock_fixture.Fixture())
        http.get(url, json={'versions': {'values': [
            auth_fixture.V3Discovery(f'{url}/v3')]}}, status_code=300)
        http.get(f'{url}/v3', json={
            'version': auth_fixture.V3Discovery(f'{url}/v3')})
        http.post(f'{url}/v3/auth/tokens', json=token,
                  headers={'X-Subject-Token': 'secret-token'})
        return http

    def test_empty_catalogue(self):
        """FA11: 503 with the settings, not 500."""
        self.serve([])
        self.check('project_name')

    def test_catalogue_without_keystone(self):
        """FA11: nor when only some services are missing."""
        self.serve([{'type': 'compute', 'id': 'c', 'endpoints': []}])
        self.check('project_name', 'region_name')

    def test_credentials_that_keystone_refuses(self):
        """FA11: nor when it does not know the service's user."""
        self.serve([]).post(
            f'{CONF.keystone_authtoken.auth_url}/v3/auth/tokens',
            status_code=401)
        self.check()

    def test_answers_that_are_no_tokens(self):
        """FA11: nor when something else answers at the place of Keystone."""
        self.serve([]).post(
            f'{CONF.keystone_authtoken.auth_url}/v3/auth/tokens',
            text='<html>It works!</html>')
        self.check()

    def test_errors_of_the_application_stay_what_they_are(self):
        """FA11: they are no fault of the options of Keystone."""
        self.useFixture(token_fixture.AuthTokenFixture()).add_token_data(
            token_id='some-token', role_list=['admin'])
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.nodes.list_nodes', self.fail_in_keystone))
        self.call('GET', '/v1/nodes/', status=500)
        request = webob.Request.blank(
            '/v1/nodes/', headers={'X-Auth-Token': 'some-token'})
        self.assertRaises(ks_exc.EmptyCatalog, request.get_response,
                          auth.AuthMiddleware(self.fail_in_keystone))

    @staticmethod
    def fail_in_keystone(*args, **kwargs):
        raise ks_exc.EmptyCatalog()


class NoauthTestCase(base.ApiTestCase):

    auth_strategy = 'noauth'

    def test_everybody_is_an_administrator(self):
        self.call('POST', '/v1/nodes/', {'node': {}}, 201, user=None)
        self.call('POST', '/v1/nodes/', {'node': {}}, 201, user=None,
                  headers={'X-Roles': 'nothing',
                           'OpenStack-System-Scope': 'all'})


    def admitted(self, environ):
        """Return the headers by which an operation learns who asks."""
        auth.AuthMiddleware(lambda inner, start: environ.update(inner))(
            environ, None)
        return {name: value for name, value in environ.items()
                if name.startswith(('HTTP_X_', 'HTTP_OPENSTACK'))}

    def test_identity_is_not_taken_from_headers(self):
        """Whoever the headers name, nothing of it reaches an operation."""
        environ = dict.fromkeys(IDENTITY, 'spoofed')
        self.assertEqual(
            {'HTTP_X_ROLES': 'admin', 'HTTP_X_USER_ID': 'admin',
             'HTTP_X_USER_NAME': 'admin', 'HTTP_X_PROJECT_ID': 'admin',
             'HTTP_X_IDENTITY_STATUS': 'Confirmed'},
            self.admitted({**environ, 'PATH_INFO': '/v1/nodes'}))

    def test_long_names(self):
        """What a server in front has found out fits into the database."""
        found = self.admitted({'PATH_INFO': '/v1/nodes',
                               'REMOTE_USER': 'x' * 80})
        self.assertEqual(('x' * 64, 'x' * 64), (
            found['HTTP_X_USER_ID'], found['HTTP_X_USER_NAME']))


class DoorTestCase(base.ApiTestCase):

    def test_nothing_of_the_request_before(self):
        """Who is refused is not logged as who came before (FA13)."""
        self.get('/v1/nodes')
        self.assertEqual('admin-id', oslo_context.get_current().user_id)
        answer = self.call('GET', '/v1/nodes', status=401, user=None)
        left = oslo_context.get_current()
        self.assertIsNone(left.user_id)
        self.assertEqual(answer.headers['X-OpenStack-Request-ID'],
                         left.request_id)
