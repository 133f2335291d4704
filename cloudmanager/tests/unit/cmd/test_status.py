# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-status."""

from oslo_upgradecheck import upgradecheck
import sqlalchemy as sa

from cloudmanager import policies
from cloudmanager.cmd import status
from cloudmanager.common import policy
from cloudmanager.common import secrets
from cloudmanager.db import migration
from cloudmanager.tests import base

Code = upgradecheck.Code


class ChecksCase(base.DbTestCase):

    def results(self):
        checks = status.Checks()
        return {name: function(checks)
                for name, function in checks._upgrade_checks}


class UpgradedTestCase(ChecksCase):

    def test_well(self):
        secrets.create_key()
        self.assertEqual({Code.SUCCESS}, {
            result.code for result in self.results().values()})
        self.assertEqual(Code.SUCCESS, status.Checks().check())

    def test_no_keys(self):
        result = self.results()['Encryption keys']
        self.assertEqual(Code.FAILURE, result.code)
        self.assertIn('create-key', result.details)
        self.assertEqual(Code.FAILURE, status.Checks().check())

    def test_boot_files(self):
        """A warning: other machines may be those that write them."""
        secrets.create_key()
        missing = self.directory / 'missing'
        for path, code in ((self.directory, Code.SUCCESS),
                           (missing, Code.WARNING),
                           (None, Code.SUCCESS)):
            self.config(group='pxe', config_dir=path and str(path))
            result = self.results()['Directory of boot files']
            self.assertEqual(code, result.code)
            self.assertEqual(code == Code.WARNING,
                             str(missing) in (result.details or ''))

    def test_policy(self):
        """FA11: a rule that does not exist is found before the start."""
        secrets.create_key()
        rules = self.directory / 'policy.yaml'
        rules.write_text('"cloudmanager:nodes:lst": "role:member"')
        self.addCleanup(policy.init, policies.list_rules())
        self.config(group='oslo_policy', policy_file=str(rules))
        result = self.results()['Policy files']
        self.assertEqual(Code.FAILURE, result.code)
        self.assertIn('cloudmanager:nodes:lst', result.details)

    def test_key_that_is_open(self):
        """FA16: found before the start."""
        secrets.create_key().chmod(0o644)
        result = self.results()['Encryption keys']
        self.assertEqual(Code.FAILURE, result.code)
        self.assertIn('0644', result.details)

    def test_bad_key(self):
        secrets.create_key().write_bytes(b'short')
        self.assertEqual(Code.FAILURE,
                         self.results()['Encryption keys'].code)

    def test_tables_from_elsewhere(self):
        """An upgrade would be of no use."""
        self.execute(sa.update(sa.table(
            migration.VERSION_TABLE, sa.column('version_num'))).values(
                version_num='0009'))
        result = self.results()['Database schema']
        self.assertEqual(Code.FAILURE, result.code)
        self.assertIn('revision 0009, which', result.details)
        self.assertNotIn('db upgrade', result.details)


class EmptyTestCase(ChecksCase):

    migrated = False

    def test_not_upgraded(self):
        result = self.results()['Database schema']
        self.assertEqual(Code.FAILURE, result.code)
        self.assertIn('db upgrade', result.details)
        migration.upgrade()
        self.assertEqual(Code.SUCCESS,
                         self.results()['Database schema'].code)
