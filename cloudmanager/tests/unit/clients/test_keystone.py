# SPDX-License-Identifier: Apache-2.0
"""Keystone at its HTTP edge, and loading the file of a domain."""

from keystoneauth1 import fixture as ks_fixture

from cloudmanager.clients import keystone
from cloudmanager.clients import keystone_files
from cloudmanager.common import exception
from cloudmanager.conductor.endpoints import domains
from cloudmanager.tests.unit.clients import base

ID = 'd0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0'
ONE = f'{base.AUTH}/domains/{ID}'
SECRET = 'S3cret-Of-LDAP'
CONFIG = {'identity': {'driver': 'ldap'},
          'ldap': {'url': 'ldap://x.example', 'password': SECRET}}
FILE = keystone_files.DomainFile(CONFIG, frozenset((SECRET, '')))


class KeystoneCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        self.http.get(ONE, json={'domain': {'id': ID, 'name': 'ldap',
                                            'enabled': True}})
        self.http.get(f'{base.AUTH}/domains/none', status_code=404,
                      json={'error': {'code': 404, 'message': 'no domain',
                                      'title': 'Not Found'}})
        self.put = self.http.put(f'{ONE}/config', status_code=201,
                                 json={'config': {}})

    def serve_identity(self):
        super().serve_identity()
        self.token.add_service('identity').add_standard_endpoints(
            public='http://identity.example', region='one')
        self.http.get('http://identity.example/', status_code=300, json={
            'versions': {'values': [ks_fixture.V3Discovery(base.AUTH)]}})
        self.http.get('http://identity.example', status_code=300, json={
            'versions': {'values': [ks_fixture.V3Discovery(base.AUTH)]}})

    def no_secret_in(self, *texts):
        super().no_secret_in(*texts)
        for text in (*texts, self.logger.output):
            self.assertNotIn(SECRET, str(text))


class ClientTestCase(KeystoneCase):

    def setUp(self):
        super().setUp()
        self.keystone = keystone.Keystone()

    def refused(self, error, **answer):
        self.http.put(f'{ONE}/config', **answer)
        found = self.assertRaises(error, self.keystone.set_domain_config,
                                  ID, FILE)
        self.no_secret_in(found, getattr(found, 'message', ''))
        return found

    def test_domain(self):
        self.assertEqual(keystone.Domain(ID, 'ldap'),
                         self.keystone.domain(ID))
        self.assertIsNone(self.keystone.domain('none'))

    def test_hostile_id(self):
        """An id is one segment of the path, whatever is in it."""
        self.http.get(f'{base.AUTH}/domains/..%2Fusers%3Fx', status_code=404,
                      json={})
        self.assertIsNone(self.keystone.domain('../users?x'))

    def test_set_config(self):
        self.keystone.set_domain_config(ID, FILE)
        self.assertEqual({'config': CONFIG}, self.put.last_request.json())
        self.no_secret_in()

    def test_refused(self):
        """Keystone's words, without any value of the configuration."""
        found = self.refused(
            exception.CloudRequestRefused, status_code=403,
            headers={'Content-Type': 'application/json'}, json={
                'error': {'code': 403, 'title': 'Forbidden', 'message':
                          f'Invalid domain specific configuration: {SECRET} '
                          'in group ldap is not supported'}})
        self.assertIn('in group ldap is not supported', str(found))
        self.assertIn('***', str(found))
        self.assertEqual(403, found.http_status)

    def test_gone_meanwhile(self):
        self.refused(exception.NotFound, status_code=404, json={})

    def test_out_of_reach(self):
        """SE2: a body that was not taken is in no log and no error."""
        self.refused(exception.CloudUnreachable, status_code=503,
                     text=SECRET)

    def test_repeated(self):
        """Twice is as good as once."""
        self.put = self.http.put(f'{ONE}/config', [
            {'status_code': 503}, {'status_code': 200, 'json': {}}])
        self.keystone.set_domain_config(ID, FILE)
        self.assertEqual(2, self.put.call_count)


class ConfigureTestCase(KeystoneCase):

    def setUp(self):
        super().setUp()
        self.files = self.directory / 'domains'
        self.files.mkdir()
        path = self.directory / 'keystone.conf'
        path.write_text(f'[identity]\ndomain_config_dir = {self.files}\n')
        self.config(group='identity', keystone_config_files=[str(path)])
        self.endpoint = domains.Domains()

    def file(self, more=''):
        (self.files / 'keystone.ldap.conf').write_text(
            '[identity]\ndriver = ldap\n[ldap]\nurl = ldap://x.example\n'
            f'password = {SECRET}\n{more}')

    def call(self, function, *args):
        """Call as the RPC server does; what is expected is unpacked."""
        try:
            return function(None, *args)
        except Exception as exc:
            raise exc.exc_info[1] from None

    def refused(self, error, domain_id=ID):
        found = self.assertRaises(error, self.call,
                                  self.endpoint.configure_domain, domain_id)
        self.no_secret_in(found)
        return str(found)

    def test_configure(self):
        self.file()
        self.call(self.endpoint.configure_domain, ID)
        self.assertEqual({'config': CONFIG}, self.put.last_request.json())
        self.no_secret_in()

    def test_what_is_left_out(self):
        """It is named in the log, without its value."""
        self.file(f'unknown = {SECRET}\n')
        self.call(self.endpoint.configure_domain, ID)
        self.assertIn('[ldap] unknown', self.logger.output)
        self.no_secret_in()

    def test_unknown_domain(self):
        self.refused(exception.DomainNotFound, 'none')
        self.assertFalse(self.put.called)

    def test_gone_meanwhile(self):
        self.file()
        self.http.put(f'{ONE}/config', status_code=404, json={})
        self.refused(exception.DomainNotFound)

    def test_no_file(self):
        self.assertIn('no configuration file',
                      self.refused(exception.Conflict))
        self.assertFalse(self.put.called)

    def test_store(self):
        self.assertEqual('file', self.call(
            self.endpoint.show_domain_store))
