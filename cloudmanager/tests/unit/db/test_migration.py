# SPDX-License-Identifier: Apache-2.0
"""Migrations, on every database."""

from alembic import autogenerate
from alembic.runtime import migration as migration_context
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import models
from cloudmanager.tests import base

# Of the documentation's sample.
DEFAULT_IMAGE = (
    'default vesamenu.c32\naprompt 1\ntimeout 30\nlabel ubuntu 14.04\n'
    'menu label CENTER COMPUTE NODE DEFAULT\nkernel vmlinuz\nappend '
    'initrd=dracut root=192.168.100.1:/mnt/rootfs biosdevname=0 ip=eth0:on '
    'ip=eth1:on bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp ro')


@base.databases()
class ModelsSyncTestCase(base.DbTestCase):
    """What the migrations make is what the models say."""

    @staticmethod
    def _is_ours(thing, name, kind, reflected, compare_to):
        # TaskFlow's tables and the version tables are not the models'.
        return (kind != 'table'
                or name in models.Base.metadata.tables)

    def _differences(self, metadata):
        with db_api.get_engine().connect() as connection:
            context = migration_context.MigrationContext.configure(
                connection, opts={'include_object': self._is_ours,
                                  'compare_type': True})
            return autogenerate.compare_metadata(context, metadata)

    def test_models_agree(self):
        self.assertEqual([], self._differences(models.Base.metadata))

    def test_difference_is_seen(self):
        """The comparison does find a column that is missing."""
        metadata = sa.MetaData(naming_convention=models.NAMING)
        for table in models.Base.metadata.tables.values():
            table.to_metadata(metadata)
        metadata.tables['tasks'].append_column(
            sa.Column('surplus', sa.Integer))

        (found,) = self._differences(metadata)

        self.assertEqual(('add_column', None, 'tasks', 'surplus'),
                         (*found[:3], found[3].name))


@base.databases()
class UpgradeTestCase(base.DbTestCase):

    migrated = False

    def setUp(self):
        super().setUp()
        if self.backend != 'sqlite':
            self.addCleanup(self._drop_tables)

    def _drop_tables(self):
        engine = db_api.get_engine()
        metadata = sa.MetaData()
        metadata.reflect(engine)
        metadata.drop_all(engine)

    def test_upgrade_empty(self):
        """An empty database gets the tables and the rows to start with."""
        self.assertIsNone(migration.version())

        migration.upgrade()

        self.assertEqual(migration.head(), migration.version())
        classes = self.execute(sa.select(
            models.NodeClass.id, models.NodeClass.name,
            models.NodeClass.is_default).order_by(models.NodeClass.id))
        self.assertEqual([(1, 'hypervisor', True),
                          (2, 'Storage host', False),
                          (3, 'Network host', False),
                          (4, 'Server', False)],
                         [tuple(row) for row in classes])
        kvm = self.execute(sa.select(models.NodeType.id).where(
            models.NodeType.name == 'KVM',
            models.NodeType.node_class_id == 1))
        self.assertEqual([(3,)], [tuple(row) for row in kvm])
        self.assertEqual([(1, 'default', DEFAULT_IMAGE)], [
            tuple(row) for row in self.execute(sa.select(
                models.NodeImage.id, models.NodeImage.name,
                models.NodeImage.file_data))])
        self._check_ids_go_on()

    def _check_ids_go_on(self):
        """Rows with given ids do not make later inserts collide."""
        with db_api.get_engine().begin() as connection:
            new = connection.execute(sa.insert(models.NodeClass).values(
                name='new')).inserted_primary_key[0]
        self.assertEqual(5, new)

    def _add_nodes(self, *nodes):
        """Add nodes and a task as release 0005 of the tables had them."""
        migration.upgrade('0005')
        table = sa.table('nodes', *map(sa.column, (
            'name', 'mac_address', 'node_class_id', 'node_type_id',
            'image_id', 'active', 'is_reserved', 'is_controller',
            'condition', 'dcc', 'nodesafe', 'created_at')),
            sa.column('ip_addresses', sa.JSON))
        self.execute(sa.insert(table), [{
            'name': name, 'mac_address': mac, 'ip_addresses': addresses,
            'node_class_id': 1, 'node_type_id': 1, 'image_id': 1,
            'active': True, 'is_reserved': False, 'is_controller': False,
            'condition': 0, 'dcc': True, 'nodesafe': False,
            'created_at': clock.utcnow()} for name, mac, addresses in nodes])

    def test_addresses(self):
        """Nodes that are there already are found by their addresses."""
        self._add_nodes(('a', 'aa:00:00:00:00:01', ['10.0.0.1', 'fd00::1']),
                        ('b', None, None), ('c', None, []))

        migration.upgrade()

        self.assertEqual(
            {('a', '10.0.0.1'), ('a', 'fd00::1')},
            {tuple(row) for row in self.execute(
                sa.select(models.Node.name, models.NodeAddress.address)
                .join(models.NodeAddress,
                      models.NodeAddress.node_id == models.Node.id))})
        self.assertEqual([[], []], [row.ip_addresses for row in self.execute(
            sa.select(models.Node.ip_addresses)
            .where(models.Node.name.in_(('b', 'c'))))])

    def test_shared_mac_address(self):
        """Whose an address is only an operator knows (FA5)."""
        mac = 'aa:00:00:00:00:01'
        self._add_nodes(('a', mac, None), ('b', mac, None), ('c', None, None))

        error = self.assertRaises(exception.Conflict, migration.upgrade)

        self.assertIn(mac, str(error))
        self.assertEqual('0005', migration.version())
        self.execute(sa.text(
            "UPDATE nodes SET mac_address = NULL WHERE name = 'b'"))
        migration.upgrade()
        self.assertEqual(migration.head(), migration.version())

    def test_upgrade_twice(self):
        """Twice does no harm, nor does TaskFlow's version table."""
        for _ in range(2):
            persistence.upgrade()
            migration.upgrade()

        names = set(sa.inspect(db_api.get_engine()).get_table_names())
        self.assertLessEqual({'logbooks', 'flowdetails', 'atomdetails',
                              'tasks', migration.VERSION_TABLE}, names)
        self.assertEqual(migration.head(), migration.version())
        self.assertEqual(4, len(self.execute(
            sa.select(models.NodeClass.id))))
