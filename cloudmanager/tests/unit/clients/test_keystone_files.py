# SPDX-License-Identifier: Apache-2.0
"""Keystone's configuration files and those of its domains."""

import os

import fixtures

from cloudmanager.clients import keystone_files
from cloudmanager.common import exception
from cloudmanager.tests import base

SECRET = 'S3cret-Of-LDAP'
FILE = f'''
[identity]
driver = ldap
[ldap]
url = ldaps://ldap.example, ldap://second.example
user = cn=admin,dc=example
password = {SECRET}
user_filter = (&(objectClass=person)(!(cn=x)))
'''


class FilesCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(level=10))
        self.domains = self.directory / 'domains'
        self.domains.mkdir()
        self.keystone = self.directory / 'keystone.conf'
        self.write()
        self.config(group='identity',
                    keystone_config_files=[str(self.keystone)])

    def write(self, *lines, more=''):
        self.keystone.write_text('\n'.join((
            '[identity]', f'domain_config_dir = {self.domains}', *lines,
            more)))

    def domain(self, name, text=FILE):
        path = self.domains / f'keystone.{name}.conf'
        path.write_text(text)
        return path

    def read(self, name='ldap'):
        return keystone_files.domain_file(name)

    def refused(self, error, name='ldap'):
        found = self.assertRaises(error, self.read, name)
        self.no_secret_in(found)
        return str(found)

    def no_secret_in(self, *texts):
        for text in (*texts, self.logger.output):
            self.assertNotIn(SECRET, str(text))


class StoreTestCase(FilesCase):

    def test_store(self):
        for line, wanted in (
                ('', 'file'),
                ('domain_configurations_from_database = false', 'file'),
                ('domain_configurations_from_database = true', 'database'),
                ('domain_configurations_from_database = True\n'
                 'domain_specific_drivers_enabled = true', 'database')):
            self.write(line)
            self.assertEqual(wanted, keystone_files.store())

    def test_whole_configuration(self):
        """What else Keystone has is nothing to us."""
        self.write('driver = sql', more=f'''
[database]
connection = mysql://u:{SECRET}@h/d
[token]
provider = fernet
[DEFAULT]
use_stderr = false
''')
        self.assertEqual('file', keystone_files.store())

    def test_several_files(self):
        """Later ones go before earlier ones."""
        second = self.directory / 'second.conf'
        second.write_text('[identity]\n'
                          'domain_configurations_from_database = true\n')
        self.config(group='identity', keystone_config_files=[
            str(self.keystone), str(second)])
        self.assertEqual('database', keystone_files.store())

    def test_unreadable(self):
        broken = self.directory / 'broken.conf'
        for text in (f'{SECRET}\n', f'[identity\n{SECRET}=\n',
                     '[identity]\ndomain_configurations_from_database = '
                     f'{SECRET}\n', '\x00\xff'):
            broken.write_text(text)
            self.config(group='identity',
                        keystone_config_files=[str(broken)])
            found = self.assertRaises(exception.Unavailable,
                                      keystone_files.store)
            self.assertIn('broken.conf', str(found))
            self.no_secret_in(found)

    def test_missing(self):
        self.config(group='identity',
                    keystone_config_files=[str(self.directory / 'no.conf')])
        found = self.assertRaises(exception.Unavailable,
                                  keystone_files.store)
        self.assertIn('no.conf', str(found))

    def test_environment_is_not_read(self):
        """Variables that oslo.config takes are meant for this service."""
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_IDENTITY__DOMAIN_CONFIGURATIONS_FROM_DATABASE', 'true'))
        self.assertEqual('file', keystone_files.store())


class DomainTestCase(FilesCase):

    def test_read(self):
        self.domain('ldap')
        found = self.read()
        self.assertEqual({
            'identity': {'driver': 'ldap'},
            'ldap': {'url': 'ldaps://ldap.example, ldap://second.example',
                     'user': 'cn=admin,dc=example', 'password': SECRET,
                     'user_filter': '(&(objectClass=person)(!(cn=x)))'}},
            found.config)
        self.assertEqual((), found.ignored)
        self.assertEqual({SECRET}, found.secrets)
        self.no_secret_in(repr(found))

    def test_only_what_keystone_takes(self):
        self.domain('ldap', FILE + '''
random = x
[DEFAULT]
debug = true
[database]
connection = mysql://x
''')
        found = self.read()
        self.assertEqual({'identity', 'ldap'}, set(found.config))
        self.assertNotIn('random', found.config['ldap'])
        self.assertEqual({'[ldap] random', '[DEFAULT] debug',
                          '[database] connection'}, set(found.ignored))

    def test_additional_options(self):
        """Drivers of other makes have options of their own."""
        self.write(more='''
[domain_config]
additional_whitelisted_options = mine:[url,zone]
additional_sensitive_options = mine:[token]
''')
        self.domain('ldap', '[mine]\nurl = x\ntoken = y\nother = z\n')
        found = self.read()
        self.assertEqual({'mine': {'url': 'x', 'token': 'y'}}, found.config)
        self.assertEqual({'y'}, found.secrets)
        self.assertEqual(('[mine] other',), found.ignored)

    def test_last_value_counts(self):
        self.domain('ldap', '[ldap]\nurl = a\nurl = b\n')
        self.assertEqual({'ldap': {'url': 'b'}}, self.read().config)

    def test_names(self):
        """Of any domain, as Keystone names its files."""
        for name in ('Default', 'a.b', 'Домен', 'a b', '..', '$HOME',
                     'x.conf'):
            self.domain(name)
            self.assertIn('ldap', self.read(name).config)

    def test_no_file(self):
        self.domain('ldap1')
        self.assertIn('ldap', self.refused(exception.Conflict))
        self.write('domain_configurations_from_database = true')
        self.refused(exception.Conflict)

    def test_directory_is_missing(self):
        self.write(f'domain_config_dir = {self.directory}/none')
        self.refused(exception.Conflict)

    def test_names_that_lead_elsewhere(self):
        (self.directory / 'keystone.evil.conf').write_text(FILE)
        (self.domains / 'keystone.').mkdir()
        for name in ('./../evil', '/../../keystone.evil', '../evil', '/',
                     'a/b', '\x00', 'ldap\x00'):
            self.refused(exception.Conflict, name)

    def test_not_valid(self):
        for text, line in ((f'[ldap]\n{SECRET}\n', 2),
                           (f'[ldap\nurl = {SECRET}', 1),
                           (f'password = {SECRET}\n', 1)):
            self.domain('ldap', text)
            self.assertIn(f'Line {line} ', self.refused(
                exception.Conflict))

    def test_nothing_for_a_domain(self):
        for text in ('', '# nothing\n', '[DEFAULT]\ndebug = true\n'):
            self.domain('ldap', text)
            self.assertIn('no option', self.refused(exception.Conflict))

    def test_bytes(self):
        self.domain('ldap').write_bytes(b'[ldap]\nurl = \xff\n')
        self.refused(exception.Unavailable)

    def test_no_plain_file(self):
        """Nothing that could be read for ever."""
        path = self.domains / 'keystone.ldap.conf'
        os.mkfifo(path)
        self.refused(exception.Unavailable)
        path.unlink()
        path.mkdir()
        self.refused(exception.Unavailable)
        path.rmdir()
        path.symlink_to('/dev/zero')
        self.refused(exception.Unavailable)

    def test_too_large(self):
        self.domain('ldap', '#' * (keystone_files.MAX_BYTES + 1))
        self.refused(exception.Unavailable)
