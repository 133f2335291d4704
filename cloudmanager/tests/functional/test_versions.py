# SPDX-License-Identifier: Apache-2.0
"""What is answered without a token, and what clients begin with."""

import socket
from unittest import mock

from keystoneauth1 import discover
from keystoneauth1 import session
import requests
import sqlalchemy as sa

from cloudmanager import version
from cloudmanager.common import policy
from cloudmanager.common import rpc
from cloudmanager.db import api as db_api
from cloudmanager.tests import clocks
from cloudmanager.tests.functional import base

ENGINE = 'cloudmanager.db.api.get_engine'


class VersionsTestCase(base.ApiTestCase):

    def test_documents(self):
        """AP6: both documents name the same, newest version."""
        (found,) = self.get('/', user=None)['versions']
        self.assertEqual(found, self.get('/v1/', user=None)['version'])
        self.assertEqual(('v1.0', 'CURRENT'),
                         (found['id'], found['status']))
        self.assertEqual(
            [{'rel': 'self', 'href': 'http://localhost/v1/'},
             {'rel': 'describedby', 'type': 'application/json',
              'href': 'http://localhost/v1/openapi.json'}], found['links'])

    def test_below_a_prefix(self):
        """The links hold where the service is mounted somewhere deeper."""
        answer = self.app.get('/', extra_environ={
            'SCRIPT_NAME': '/cloudmanager'})
        self.assertEqual('http://localhost/cloudmanager/v1/',
                         answer.json['versions'][0]['links'][0]['href'])

    def test_behind_a_proxy(self):
        self.config(group='oslo_middleware',
                    enable_proxy_headers_parsing=True)
        answer = self.make_app().get('/v1', headers={
            'X-Forwarded-Proto': 'https',
            'X-Forwarded-Host': 'cloud.example'})
        self.assertEqual('https://cloud.example/v1/',
                         answer.json['version']['links'][0]['href'])

    def test_discovery(self):
        """keystoneauth finds the API by both documents."""
        for path in ('/', '/v1', '/v1/'):
            with mock.patch.object(requests.Session, 'request',
                                   self.forward):
                found = discover.Discover(session.Session(),
                                          f'http://localhost{path}')
            (data,) = found.version_data()
            self.assertEqual(((1, 0), 'http://localhost/v1/'),
                             (data['version'], data['url']))
            self.assertEqual('http://localhost/v1/', found.url_for('1'))

    def forward(self, method, url, **kwargs):
        answer = self.app.request(url, method=method, expect_errors=True)
        result = requests.Response()
        result.status_code = answer.status_int
        result.headers.update(answer.headers)
        result._content = answer.body
        result.url = url
        result.request = requests.Request(method, url).prepare()
        return result

    def test_info(self):
        for path in ('/v1/info', '/v1/info/'):
            self.assertEqual(
                {'info': {'version':
                          version.version_info.version_string()}},
                self.get(path, user='reader'))
        self.error('GET', '/v1/info?x=1')

    def test_head(self):
        for path in ('/', '/v1', '/v1/info', '/v1/nodes/', '/healthcheck',
                     '/v1/nodes/count'):
            answer = self.call('HEAD', path, status=200)
            self.assertEqual(b'', answer.body)
            self.assertEqual('application/json', answer.content_type)


class HealthTestCase(base.ApiTestCase):

    def test_well(self):
        self.assertEqual(
            {'database': 'OK', 'messaging': 'OK', 'policy': 'OK'},
            self.get('/healthcheck', user=None))

    def test_policy_is_outdated(self):
        """FA11: that is told, and no reason to take the process away."""
        rules = self.directory / 'policy.yaml'
        self.config(group='oslo_policy', policy_file=str(rules))
        now = clocks.simulate(self)
        self.app = self.make_app()
        rules.write_text('secret rule: [')
        now.sleep(policy.RELOAD_SECONDS)
        found = self.get('/healthcheck', user=None)
        self.assertEqual('OUTDATED', found['policy'])
        self.assertNotIn('secret', str(found))
        self.get('/v1/nodes/')

    def test_database_is_gone(self):
        engine = mock.Mock()
        engine.connect.side_effect = sa.exc.OperationalError(
            'secret', {}, Exception())
        with mock.patch.object(db_api, 'get_engine', return_value=engine):
            answer = self.call('GET', '/healthcheck', status=503, user=None)
        self.assertNotIn('secret', answer.text)
        self.assertIn('database', answer.text)

    def test_database_was_restarted(self):
        """The connections of before are of no use, which says nothing."""
        engine = db_api.get_engine()
        connect = mock.Mock(side_effect=[
            sa.exc.OperationalError('', {}, Exception()), engine.connect()])
        with mock.patch.object(db_api, 'get_engine',
                               return_value=mock.Mock(connect=connect)):
            self.get('/healthcheck', user=None)
        self.assertEqual(2, connect.call_count)

    def test_broker_is_gone(self):
        with socket.socket() as closed:
            closed.bind(('127.0.0.1', 0))
            port = closed.getsockname()[1]
            rpc.brokers()
            self.config(transport_url=f'rabbit://u:secret@127.0.0.1:{port}')
            answer = self.call('GET', '/healthcheck', status=503, user=None)
        self.assertNotIn('secret', answer.text)
        self.assertIn('messaging', answer.text)
