# SPDX-License-Identifier: Apache-2.0
"""Migrations, on every database."""

import contextlib
import datetime
import pathlib
import shutil
import sqlite3

from alembic import autogenerate
from alembic.runtime import migration as migration_context
import fixtures
import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import models
from cloudmanager.db import nodes
from cloudmanager.tests import base

# Of the documentation's sample.
DEFAULT_IMAGE = (
    'default vesamenu.c32\naprompt 1\ntimeout 30\nlabel ubuntu 14.04\n'
    'menu label CENTER COMPUTE NODE DEFAULT\nkernel vmlinuz\nappend '
    'initrd=dracut root=192.168.100.1:/mnt/rootfs biosdevname=0 ip=eth0:on '
    'ip=eth1:on bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp ro')


def _shape(engine, names):
    """Return all that a database tells of some tables, in one order.

    A migration adds columns behind those that there are, while a model has
    them beside their like; so their order says nothing.
    """
    inspector = sa.inspect(engine)
    columns = {name: sorted(({**column, 'type': repr(column['type'])}
                             for column in inspector.get_columns(name)),
                            key=lambda found: found['name'])
               for name in names}
    # A unique constraint has an index of its name on some databases.
    return {name: {
        'columns': columns[name],
        'primary key': inspector.get_pk_constraint(name),
        # Other databases than MySQL have none to tell.
        'options': (inspector.get_table_options(name)
                    if engine.dialect.name == 'mysql' else {}),
        **{kind: sorted(read(name), key=lambda found: found['name'])
           for kind, read in (('indexes', inspector.get_indexes),
                              ('unique', inspector.get_unique_constraints),
                              ('references', inspector.get_foreign_keys),
                              ('checks', inspector.get_check_constraints))}}
        for name in names}


def _copy(metadata):
    copied = sa.MetaData(naming_convention=models.NAMING)
    for table in metadata.tables.values():
        table.to_metadata(copied)
    return copied


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
                                  'compare_type': True,
                                  'compare_server_default': True})
            return autogenerate.compare_metadata(context, metadata)

    def test_models_agree(self):
        self.assertEqual([], self._differences(models.Base.metadata))

    def test_difference_is_seen(self):
        """The comparison does find a column that is missing."""
        metadata = _copy(models.Base.metadata)
        metadata.tables['tasks'].append_column(
            sa.Column('surplus', sa.Integer))

        (found,) = self._differences(metadata)

        self.assertEqual(('add_column', None, 'tasks', 'surplus'),
                         (*found[:3], found[3].name))

    def _made_of(self, metadata):
        """Return the shape of tables that models make by themselves."""
        if self.backend == 'sqlite':
            url = f'sqlite:///{self.directory}/models.sqlite'
        else:
            url = base.create_database(self.backend)
            self.addCleanup(base.drop_database, self.backend, url)
        engine = sa.create_engine(url)
        self.addCleanup(engine.dispose)
        metadata.create_all(engine)
        return _shape(engine, metadata.tables)

    def _migrated(self):
        return _shape(db_api.get_engine(), models.Base.metadata.tables)

    def test_same_tables(self):
        """Columns, names, indexes, options: nothing differs."""
        made = self._made_of(models.Base.metadata)
        for name, migrated in self._migrated().items():
            self.assertEqual(made[name], migrated, name)

    def test_other_tables(self):
        """Differences that the first comparison has no eye for are seen."""
        metadata = _copy(models.Base.metadata)
        (reference,) = metadata.tables['task_items'].foreign_key_constraints
        reference.name = 'fk_other'
        made = self._made_of(metadata)

        self.assertEqual(
            ['task_items'],
            [name for name, migrated in self._migrated().items()
             if migrated != made[name]])

    def test_no_other_tables(self):
        """Besides them and TaskFlow's the database has none."""
        taskflows = {'logbooks', 'flowdetails', 'atomdetails',
                     'alembic_version'}
        self.assertEqual(
            {*models.Base.metadata.tables, migration.VERSION_TABLE},
            set(sa.inspect(db_api.get_engine()).get_table_names())
            - taskflows)


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

    def test_rows_are_kept(self):
        """A table that is made anew keeps its rows, and those of others.

        On SQLite, to drop a table deletes what refers to its rows.
        """
        migration.upgrade('0003_audits')
        now = datetime.datetime(2031, 1, 2)
        metadata = sa.MetaData()
        with db_api.get_engine().begin() as connection:
            metadata.reflect(connection)
            for name, values in (
                    ('audits', {'id': 1, 'aggregate_id': 7, 'status': 'x'}),
                    ('audit_moves', {
                        'audit_id': 1, 'server_id': 's', 'server_name': 's',
                        'source': 'a', 'destination': 'b', 'action': 'live',
                        'stage': 1, 'reason': '', 'gain': 1.0,
                        'seconds': 1.0, 'size_mb': 1, 'state': 'x'}),
                    ('nodes', {'id': 3, 'node_class_id': 1,
                               'node_type_id': 3, 'image_id': 1,
                               'active': True, 'is_reserved': False,
                               'is_controller': False, 'condition': 0,
                               'power_off_wanted': False}),
                    ('node_addresses', {'node_id': 3,
                                        'address': '10.0.0.1'})):
                table = metadata.tables[name]
                if 'created_at' in table.c:
                    values = {**values, 'created_at': now}
                connection.execute(sa.insert(table).values(**values))

        migration.upgrade()

        for model in (models.Audit, models.AuditMove, models.Node,
                      models.NodeAddress):
            self.assertEqual(1, len(self.execute(sa.select(
                model.__table__))), model)
        self.assertEqual(4, len(self.execute(sa.select(models.NodeClass.id))))
        if self.backend == 'sqlite':
            # References count again.
            self.execute(sa.delete(models.Audit))
            self.assertEqual([], self.execute(sa.select(
                models.AuditMove.id)))

    def test_broken_references(self):
        """What refers to nothing is told, and nothing is changed."""
        if self.backend != 'sqlite':
            self.skipTest('other databases have no such rows')
        migration.upgrade('0007_policies')
        with contextlib.closing(sqlite3.connect(
                db_api.get_engine().url.database)) as raw, raw:
            raw.execute("INSERT INTO node_addresses VALUES (77, '10.0.0.1')")
        error = self.assertRaises(exception.Misconfigured, migration.upgrade)
        self.assertIn('node_addresses', str(error))
        self.assertEqual('0007_policies', migration.version())

    def test_ids_are_given_once(self):
        """What is told of a node by its id is not told of a later one."""
        migration.upgrade()
        seen = set()
        for _ in range(3):
            node = nodes.create_node(self.context, {})['id']
            nodes.delete_node(self.context, node)
            self.assertNotIn(node, seen)
            seen.add(node)

    def test_unknown_revision(self):
        """Whoever comes from elsewhere is told so, and nothing is done."""
        migration.upgrade()
        version = sa.table(migration.VERSION_TABLE, sa.column('version_num'))
        # The second one is how an id begins that there is.
        for revision in ('0099', '0001', 'fedcba987654'):
            self.execute(sa.update(version).values(version_num=revision))

            error = self.assertRaises(exception.Misconfigured,
                                      migration.upgrade)

            self.assertIn(f'revision {revision}, which', str(error))
            self.assertIn('empty database', str(error))
            self.assertEqual(revision, migration.version())


class ChainTestCase(base.DbTestCase):
    """Migrations follow one another, and none goes back."""

    migrated = False

    def _scripts(self):
        return list(reversed(list(migration.scripts().walk_revisions())))

    def test_one_head(self):
        self.assertEqual([migration.head()], migration.scripts().get_heads())

    def test_chain(self):
        """Each file bears the name of its revision, and a number.

        Numbers may be left out: several are written at a time.
        """
        scripts = self._scripts()
        numbers = [script.revision[:4] for script in scripts]
        self.assertTrue(all(map(str.isdigit, numbers)), numbers)
        self.assertEqual(sorted(set(numbers)), numbers)
        self.assertEqual(
            [None, *(script.revision for script in scripts[:-1])],
            [script.down_revision for script in scripts])
        directory = pathlib.Path(migration.__file__).parent / 'versions'
        self.assertEqual(
            {'__init__', *(script.revision for script in scripts)},
            {path.stem for path in directory.glob('*.py')})
        for script in scripts:
            self.assertRegex(script.revision, r'^\d{4}_[a-z0-9_]+$')
            self.assertLessEqual(len(script.revision), migration.ID_LENGTH)
            self.assertEqual(f'{script.revision}.py',
                             pathlib.Path(script.path).name)

    def test_forward_only(self):
        for script in self._scripts():
            self.assertFalse(hasattr(script.module, 'downgrade'),
                             script.revision)

    def test_next(self):
        """What developers begin with is the next link of the chain."""
        location = self.directory / 'migration'
        shutil.copytree(pathlib.Path(migration.__file__).parent, location)
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.migration._LOCATION', location))
        migration.upgrade()
        last = migration.head()

        migration.revise('Agents of nodes, and what they report last',
                         autogenerate=True)

        new = migration.scripts().get_revision(migration.head())
        self.assertEqual(
            (f'{int(last[:4]) + 1:04}_agents_of_nodes_and_what_they'[:32],
             last), (new.revision, new.down_revision))
        self.assertEqual(f'{new.revision}.py', pathlib.Path(new.path).name)
        self.assertFalse(hasattr(new.module, 'downgrade'))
