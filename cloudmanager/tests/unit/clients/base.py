# SPDX-License-Identifier: Apache-2.0
"""A cloud of HTTP answers."""

import fixtures
from keystoneauth1 import fixture as ks_fixture
from keystoneauth1 import loading
from requests_mock.contrib import fixture as mock_fixture

from cloudmanager.clients import retry
from cloudmanager.clients import session
from cloudmanager.tests import base

AUTH = 'http://identity.example/v3'
COMPUTE = 'http://compute.example/v2.1'
PLACEMENT = 'http://placement.example'
VOLUME = 'http://volume.example/v3'
PASSWORD = 'S3cret-Of-The-Service'
TOKEN = 'gAAAA-token-of-the-service'
ENDPOINTS = {'compute': COMPUTE, 'placement': PLACEMENT,
             'block-storage': VOLUME}


def version_document(url, newest, oldest='2.1', name='v2.1'):
    return {'id': name, 'status': 'CURRENT', 'version': newest,
            'min_version': oldest, 'max_version': newest,
            'links': [{'rel': 'self', 'href': url + '/'}]}


class ClientCase(base.TestCase):
    """Everything but the answers of the cloud is real."""

    compute_version = '2.96'

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(level=10))
        self.http = self.useFixture(mock_fixture.Fixture())
        session.reset()
        self.addCleanup(session.reset)
        retry.stopping.clear()
        self.addCleanup(retry.stopping.clear)
        for name in ('OS_CLOUD', 'OS_AUTH_URL', 'OS_CLIENT_CONFIG_FILE'):
            self.useFixture(fixtures.EnvironmentVariable(name))
        self.config(group='cloud', retry_delay=0, retry_max_delay=0,
                    retries=3)
        self.conf.register_opts(
            loading.get_auth_plugin_conf_options('password'), group='cloud')
        self.serve_identity()
        self.serve_versions()

    def configure(self):
        self.config(group='cloud', auth_type='password', auth_url=AUTH,
                    username='cm', password=PASSWORD, project_name='service',
                    user_domain_id='default', project_domain_id='default')

    def serve_identity(self):
        self.token = ks_fixture.V3Token(project_name='service')
        for kind, url in ENDPOINTS.items():
            self.token.add_service(kind).add_standard_endpoints(
                public=url, region='one')
        self.http.get(AUTH, json={'version': ks_fixture.V3Discovery(AUTH)})
        self.tokens = self.http.post(
            f'{AUTH}/auth/tokens', json=self.token,
            headers={'X-Subject-Token': TOKEN})

    def serve_versions(self):
        document = version_document(COMPUTE, self.compute_version)
        self.http.get(f'{COMPUTE}/', json={'version': document})
        self.http.get(COMPUTE, json={'version': document})
        self.http.get('http://compute.example/',
                      json={'versions': [document]})
        self.http.get(f'{PLACEMENT}/', json={'versions': [version_document(
            PLACEMENT, '1.39', '1.0', 'v1.0')]})
        self.http.get(VOLUME, json={'versions': [version_document(
            VOLUME, '3.71', '3.0', 'v3.0')]})

    def requests(self, method, path):
        """Return the requests that were made to a path, as they came."""
        return [item for item in self.http.request_history
                if item.method == method
                and item.url.partition('?')[0].endswith(path)]

    def no_secret_in(self, *texts):
        for text in (*texts, self.logger.output):
            for secret in (PASSWORD, TOKEN):
                self.assertNotIn(secret, str(text))
