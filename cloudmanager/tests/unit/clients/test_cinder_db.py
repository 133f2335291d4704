# SPDX-License-Identifier: Apache-2.0
"""Services are removed from Cinder's database, exactly those of a host."""

import sqlalchemy as sa

from cloudmanager.clients import cinder_db
from cloudmanager.common import exception
from cloudmanager.tests import base

HOSTS = ('cmp1', 'cmp1@lvm', 'cmp1@a_b', 'cmp10@lvm', 'cmp1-x@lvm', 'xcmp1',
         'c%p1@lvm', 'cmpX@lvm')


class RemoveTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        url = f'sqlite:///{self.directory}/cinder.db'
        self.engine = sa.create_engine(url)
        self.addCleanup(self.engine.dispose)
        with self.engine.begin() as connection:
            connection.execute(sa.text(
                'CREATE TABLE services (id INTEGER PRIMARY KEY, host TEXT, '
                'deleted BOOLEAN, deleted_at DATETIME, updated_at DATETIME)'
            ))
            for host in HOSTS:
                connection.execute(sa.text(
                    'INSERT INTO services (host, deleted) '
                    'VALUES (:host, 0)'), {'host': host})
        self.config(group='cinder_database', connection=url)
        self.database = cinder_db.CinderDatabase()
        self.addCleanup(self.database._engine.dispose)

    def left(self):
        with self.engine.begin() as connection:
            return set(connection.scalars(sa.text(
                'SELECT host FROM services WHERE deleted = 0 '
                'AND deleted_at IS NULL')))

    def test_host_and_its_back_ends(self):
        self.assertEqual(3, self.database.remove_services('cmp1'))
        self.assertEqual(set(HOSTS[3:]), self.left())
        self.assertEqual(0, self.database.remove_services('cmp1'))

    def test_wildcards_are_letters(self):
        self.assertEqual(1, self.database.remove_services('c%p1'))
        self.assertEqual(0, self.database.remove_services('cmp_'))

    def test_not_configured(self):
        self.config(group='cinder_database', connection=None)
        self.assertFalse(cinder_db.CinderDatabase().configured)

    def test_out_of_reach(self):
        """The password of the URL is in no error."""
        self.config(group='cinder_database', connection=(
            'mysql+pymysql://cinder:S3cret@127.0.0.1:1/cinder'))
        error = self.assertRaises(
            exception.CloudUnreachable,
            cinder_db.CinderDatabase().remove_services, 'cmp1')
        self.assertNotIn('S3cret', str(error))
        self.assertIsNone(error.__cause__)
