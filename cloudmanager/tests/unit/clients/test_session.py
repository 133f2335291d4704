# SPDX-License-Identifier: Apache-2.0
"""Where the credentials of the cloud come from."""

import fixtures

from cloudmanager.clients import placement
from cloudmanager.clients import session
from cloudmanager.common import exception
from cloudmanager.tests.unit.clients import base

CLOUDS = f'''
clouds:
  mine:
    region_name: two
    auth:
      auth_url: {base.AUTH}
      username: cm
      password: {base.PASSWORD}
      project_name: service
      user_domain_id: default
      project_domain_id: default
'''
VARIABLES = {
    'OS_AUTH_URL': base.AUTH, 'OS_USERNAME': 'cm',
    'OS_PASSWORD': base.PASSWORD, 'OS_PROJECT_NAME': 'service',
    'OS_USER_DOMAIN_ID': 'default', 'OS_PROJECT_DOMAIN_ID': 'default',
    'OS_REGION_NAME': 'three'}


class SessionTestCase(base.ClientCase):

    def setenv(self, **values):
        for name, value in values.items():
            self.useFixture(fixtures.EnvironmentVariable(name, value))

    def use_clouds_yaml(self, text=CLOUDS):
        path = self.directory / 'clouds.yaml'
        path.write_text(text)
        self.setenv(OS_CLOUD='mine', OS_CLIENT_CONFIG_FILE=str(path))

    def identity(self):
        """Return whom a session says it is."""
        session.get_session().get_token()
        return self.tokens.last_request.json()['auth']['identity'][
            'password']['user']

    def test_configuration(self):
        self.configure()
        self.config(group='cloud', timeout=60)
        self.assertIsNone(session.missing_setting())
        self.assertEqual(base.PASSWORD, self.identity()['password'])
        self.assertEqual(60, session.get_session().timeout)
        self.assertIsNone(session.endpoint_filter()['region_name'])

    def test_clouds_yaml(self):
        self.use_clouds_yaml()
        self.config(group='cloud', timeout=60)
        self.assertIsNone(session.missing_setting())
        self.assertEqual('cm', self.identity()['name'])
        self.assertEqual('two', session.endpoint_filter()['region_name'])
        self.assertEqual(60, session.get_session().timeout)

    def test_variables(self):
        self.setenv(**VARIABLES)
        self.assertIsNone(session.missing_setting())
        self.assertEqual('cm', self.identity()['name'])
        self.assertEqual('three', session.endpoint_filter()['region_name'])

    def test_order(self):
        """The configuration counts before the environment."""
        self.use_clouds_yaml(CLOUDS.replace('cm', 'yaml'))
        self.setenv(**{**VARIABLES, 'OS_USERNAME': 'variables'})
        self.assertEqual('yaml', self.identity()['name'])
        session.reset()
        self.configure()
        self.assertEqual('cm', self.identity()['name'])

    def test_configured_region(self):
        self.setenv(**VARIABLES)
        self.config(group='cloud', region_name='mine',
                    valid_interfaces=['admin'])
        self.assertEqual({'region_name': 'mine', 'interface': ['admin']},
                         session.endpoint_filter())

    def test_one_for_all(self):
        self.configure()
        self.assertIs(session.get_session(), session.get_session())

    def test_connections(self):
        """Many threads do not open their connections anew each time."""
        for source in (self.configure, self.use_clouds_yaml):
            session.reset()
            source()
            pool = session.get_session().session.adapters[
                'http://'].poolmanager.connection_from_url('http://nova')
            self.assertEqual(session.CONNECTIONS, pool.pool.maxsize)

    def test_nothing(self):
        """The text names what to set."""
        self.assertEqual(session.MISSING, session.missing_setting())
        error = self.assertRaises(exception.CloudNotConfigured,
                                  session.get_session)
        for name in ('[cloud] auth_type', 'OS_CLOUD', 'OS_AUTH_URL'):
            self.assertIn(name, str(error))
        self.assertEqual(503, error.code)
        self.assertRaises(exception.CloudNotConfigured, placement.Placement)

    def test_not_enough(self):
        """SE2: a 503 with a clear text, no trace and no password."""
        self.config(group='cloud', auth_type='password',
                    password=base.PASSWORD)
        error = self.assertRaises(exception.CloudNotConfigured,
                                  session.get_session)
        self.assertIn('auth_url', str(error))
        self.no_secret_in(error)

    def test_unknown_cloud(self):
        self.use_clouds_yaml(CLOUDS.replace('mine', 'another'))
        error = self.assertRaises(exception.CloudNotConfigured,
                                  session.get_session)
        self.assertIn('mine', str(error))
        self.no_secret_in(error)

    def test_unknown_plugin(self):
        self.config(group='cloud', auth_type='no-such-plugin')
        self.assertRaises(exception.CloudNotConfigured, session.get_session)
