# SPDX-License-Identifier: Apache-2.0
"""Files of domains are loaded into a real Keystone."""

import uuid

from keystoneauth1 import adapter
import pymysql

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import place

SECRET = 'Ldap-S3cret-7f3a'
FILE = f'''
[identity]
driver = ldap
[ldap]
url = ldaps://ldap.example
user = cn=admin,dc=example
password = {SECRET}
user_tree_dn = ou=people,dc=example
not_for_keystone = {SECRET}
[DEFAULT]
debug = true
'''
MORE = '''
[identity]
keystone_config_files = $state_path/keystone.conf
totp_allowed = true
'''


class DomainsCase(base.IntegrationCase):

    more = MORE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = cls.directory / 'domains'
        cls.files.mkdir()
        cls.configure_keystone('')
        cls.keystone = adapter.Adapter(
            cls.cloud.session, service_type='identity', version='3')

    @classmethod
    def configure_keystone(cls, line):
        (cls.directory / 'keystone.conf').write_text(
            f'[identity]\ndomain_config_dir = {cls.files}\n{line}\n')

    def domain(self, name):
        """Create a domain until the end of the test; return its id."""
        found = self.keystone.post('/domains', json={
            'domain': {'name': name}}).json()['domain']['id']
        self.addCleanup(self.keystone.delete, f'/domains/{found}')
        self.addCleanup(self.keystone.patch, f'/domains/{found}', json={
            'domain': {'enabled': False}})
        return found

    def configure(self, domain):
        return self.client.request(
            'POST', f'/v1/domains/{domain}/actions/configure', {})

    def stored_password(self, domain):
        with pymysql.connect(
                host='127.0.0.1', user='root',
                database=place.database('keystone')) as connection:
            cursor = connection.cursor()
            cursor.execute('SELECT value FROM sensitive_config '
                           'WHERE domain_id = %s', (domain,))
            return [row[0].strip('"') for row in cursor.fetchall()]

    def test_store(self):
        for line, wanted in (
                ('', 'file'),
                ('domain_configurations_from_database = true', 'database')):
            self.configure_keystone(line)
            for path in ('/v1/domains/actions/get-store',
                         '/domains/actions/get-store'):
                self.assertEqual({'store': wanted},
                                 self.client.call('POST', path))

    def test_configure(self):
        """What Keystone takes reaches it; the password is seen nowhere."""
        name = f'ldap-{uuid.uuid4().hex[:8]}'
        domain = self.domain(name)
        path = self.files / f'keystone.{name}.conf'
        self.assertEqual(409, self.configure(domain).status_code)
        path.write_text(FILE)
        for _ in range(2):
            answer = self.configure(domain)
            self.assertEqual((204, b''), (answer.status_code,
                                          answer.content), answer.text)
            self.assertEqual(
                {'identity': {'driver': 'ldap'},
                 'ldap': {'url': 'ldaps://ldap.example',
                          'user': 'cn=admin,dc=example',
                          'user_tree_dn': 'ou=people,dc=example'}},
                self.keystone.get(
                    f'/domains/{domain}/config').json()['config'])
            self.assertEqual([SECRET], self.stored_password(domain))
        # It replaces what was there.
        path.write_text('[ldap]\nurl = ldap://other.example\n')
        self.assertEqual(204, self.configure(domain).status_code)
        self.assertEqual(
            {'ldap': {'url': 'ldap://other.example'}},
            self.keystone.get(f'/domains/{domain}/config').json()['config'])
        for process in self.installation.processes:
            self.assertNotIn(SECRET, process.text())

    def test_hostile_name(self):
        (self.directory / 'keystone.evil.conf').write_text(FILE)
        domain = self.domain('./../../keystone.evil')
        self.assertEqual(409, self.configure(domain).status_code)

    def test_unknown_domain(self):
        for domain in (uuid.uuid4().hex, 'x', '..'):
            self.assertEqual(404, self.configure(domain).status_code)

    def test_totp(self):
        self.assertEqual({'totp_allowed': True}, self.client.call(
            'GET', '/v1/domains/totp-allowed'))
