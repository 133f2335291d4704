# SPDX-License-Identifier: Apache-2.0
"""System metadata in Nova's databases, with two cells.

The tables are made as Nova's migrations make them, as far as they are used.
"""

import datetime
import tempfile
import uuid

import fixtures
import sqlalchemy as sa
from sqlalchemy import event

from cloudmanager.clients import databases
from cloudmanager.clients import nova_db
from cloudmanager.common import exception
from cloudmanager.tests import base

PASSWORD = 'S3cret-Of-Nova'
ONE, TWO, ZERO = (str(uuid.uuid4()) for _ in range(3))
MYSQL = {'mysql_charset': 'utf8mb3', 'mysql_collate': 'utf8mb3_general_ci',
         'mysql_engine': 'InnoDB'}

API = sa.MetaData()
CELLS = sa.Table(
    'cell_mappings', API, sa.Column('created_at', sa.DateTime),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('uuid', sa.String(36), nullable=False),
    sa.Column('name', sa.String(255)), sa.Column('transport_url', sa.Text),
    sa.Column('database_connection', sa.Text),
    sa.Column('disabled', sa.Boolean), **MYSQL)
MAPPINGS = sa.Table(
    'instance_mappings', API, sa.Column('created_at', sa.DateTime),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('instance_uuid', sa.String(36), nullable=False, unique=True),
    sa.Column('cell_id', sa.Integer, sa.ForeignKey('cell_mappings.id')),
    sa.Column('project_id', sa.String(255), nullable=False),
    sa.Column('queued_for_delete', sa.Boolean),
    sa.Column('user_id', sa.String(255)), **MYSQL)
CELL = sa.MetaData()
SERVERS = sa.Table(
    'instances', CELL, sa.Column('created_at', sa.DateTime),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted_at', sa.DateTime),
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('uuid', sa.String(36), unique=True, nullable=False),
    sa.Column('vm_state', sa.String(255)),
    sa.Column('task_state', sa.String(255)),
    sa.Column('deleted', sa.Integer), **MYSQL)
METADATA = sa.Table(
    'instance_system_metadata', CELL, sa.Column('created_at', sa.DateTime),
    sa.Column('updated_at', sa.DateTime),
    sa.Column('deleted_at', sa.DateTime),
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('instance_uuid', sa.String(36),
              sa.ForeignKey('instances.uuid'), nullable=False),
    sa.Column('key', sa.String(255), nullable=False),
    sa.Column('value', sa.String(255)),
    sa.Column('deleted', sa.Integer), **MYSQL)
LONG_AGO = datetime.datetime(2020, 1, 1)


class NovaDatabaseCase(base.TestCase):
    """Four databases for a class, emptied before each test."""

    backend = 'sqlite'
    urls = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not base.unreachable(cls.backend):
            cls.urls = {name: cls.make(name) for name in (
                'api', 'cell0', 'cell1', 'cell2')}

    @classmethod
    def make(cls, name):
        """Create an empty database and return its URL."""
        if cls.backend == 'sqlite':
            directory = tempfile.TemporaryDirectory()
            cls.addClassCleanup(directory.cleanup)
            return f'sqlite:///{directory.name}/{name}.sqlite'
        full = f'cm_test_nova_{name}_{uuid.uuid4().hex[:8]}'
        options = ' CHARACTER SET utf8mb3' if cls.backend == 'mysql' else ''
        with base.server_connection(cls.backend) as connection:
            connection.exec_driver_sql(f'CREATE DATABASE {full}{options}')
            url = connection.engine.url.set(database=full)
        cls.addClassCleanup(cls.drop, full)
        return url.render_as_string(hide_password=False)

    @classmethod
    def drop(cls, name):
        force = ' WITH (FORCE)' if cls.backend == 'postgresql' else ''
        with base.server_connection(cls.backend) as connection:
            connection.exec_driver_sql(f'DROP DATABASE {name}{force}')

    def setUp(self):
        super().setUp()
        if self.urls is None:
            self.skipTest(base.unreachable(self.backend))
        self.logger = self.useFixture(fixtures.FakeLogger(level=10))
        self.engines = {
            name: sa.create_engine(url) for name, url in self.urls.items()}
        for name, engine in self.engines.items():
            self.addCleanup(engine.dispose)
            self.empty(engine, API if name == 'api' else CELL)
        self.execute('api', sa.insert(CELLS), [
            {'id': number, 'uuid': str(uuid.uuid4()), 'name': name,
             'database_connection': self.urls[name]}
            for number, name in enumerate(('cell0', 'cell1', 'cell2'), 1)])
        for server, cell in ((ONE, 'cell1'), (TWO, 'cell2'),
                             (ZERO, 'cell0')):
            self.add(server, cell, {'where': cell, 'image_min_ram': '0'})
        self.config(group='nova_database', connection=self.urls['api'])
        self.database = nova_db.NovaDatabase()
        self.addCleanup(self.database.close)

    @staticmethod
    def empty(engine, metadata):
        metadata.create_all(engine)
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))

    def execute(self, database, statement, rows=None):
        with self.engines[database].begin() as connection:
            found = connection.execute(statement, rows)
            return found.fetchall() if found.returns_rows else None

    def add(self, server, cell, metadata, mapped=True, **values):
        """Have a server of Nova's."""
        cell_id = {'cell0': 1, 'cell1': 2, 'cell2': 3}.get(cell)
        if mapped:
            self.execute('api', sa.insert(MAPPINGS).values(
                instance_uuid=server, cell_id=cell_id, project_id='p',
                queued_for_delete=False))
        if cell:
            self.execute(cell, sa.insert(SERVERS).values(
                uuid=server, vm_state='active', deleted=0, **values))
            for key, value in metadata.items():
                self.execute(cell, sa.insert(METADATA).values(
                    instance_uuid=server, key=key, value=value, deleted=0,
                    created_at=LONG_AGO))

    def rows(self, cell='cell1', server=ONE):
        """Return the rows of a server as they are, by key."""
        return {row.key: row for row in self.execute(
            cell, sa.select(METADATA).where(
                METADATA.c.instance_uuid == server))}

    def get(self, server=ONE):
        return self.database.system_metadata(server)

    def set(self, server=ONE, **metadata):
        self.database.set_system_metadata(server, metadata)

    def remove(self, key, server=ONE):
        self.database.remove_system_metadata(server, key)

    def no_secret_in(self, *texts):
        for text in (*texts, self.logger.output):
            self.assertNotIn(PASSWORD, str(text))


@base.databases()
class SystemMetadataTestCase(NovaDatabaseCase):

    def test_of_its_cell(self):
        for server, cell in ((ONE, 'cell1'), (TWO, 'cell2'),
                             (ZERO, 'cell0')):
            self.assertEqual({'where': cell, 'image_min_ram': '0'},
                             self.get(server))

    def test_set(self):
        """One row is changed, one is new, and nothing else is touched."""
        before = self.rows()
        self.set(image_min_ram='1', image_min_disk='10')
        after = self.rows()
        self.assertEqual(before['where'], after['where'])
        self.assertEqual(before['image_min_ram'].id,
                         after['image_min_ram'].id)
        changed, new = after['image_min_ram'], after['image_min_disk']
        self.assertEqual(('1', 0, LONG_AGO), (
            changed.value, changed.deleted, changed.created_at))
        self.assertIsNotNone(changed.updated_at)
        self.assertEqual(('10', 0, None, None), (
            new.value, new.deleted, new.updated_at, new.deleted_at))
        self.assertIsNotNone(new.created_at)
        self.assertEqual({'where', 'image_min_ram'},
                         set(self.rows('cell2', TWO)))

    def test_same_value(self):
        """Nothing to write: the row keeps its time."""
        before = self.rows()
        self.set(image_min_ram='0')
        self.assertEqual(before, self.rows())

    def test_remove(self):
        """The row goes: Nova would go on reading one that is marked."""
        self.remove('image_min_ram')
        self.assertEqual({'where'}, set(self.rows()))
        self.assertEqual({'where': 'cell1'}, self.get())

    def test_remove_what_is_not_there(self):
        for key in ('x', 'IMAGE_MIN_RAM', 'image_min_ram ', '', '%',
                    'x' * 300):
            self.assertRaises(exception.MetadataNotFound, self.remove, key)
        self.assertEqual({'where', 'image_min_ram'}, set(self.rows()))

    def test_keys_are_exact(self):
        """Also where the database takes two for one."""
        self.set(WHERE='other')
        self.assertEqual({'where': 'cell1', 'WHERE': 'other',
                          'image_min_ram': '0'}, self.get())
        self.remove('where')
        self.assertEqual({'WHERE', 'image_min_ram'}, set(self.rows()))

    def test_rows_that_are_marked(self):
        """Nova reads them, so we show and change them."""
        self.execute('cell1', sa.update(METADATA).where(
            METADATA.c.key == 'where').values(
                deleted=METADATA.c.id, deleted_at=LONG_AGO))
        self.assertEqual('cell1', self.get()['where'])
        self.set(where='cell1')
        row = self.rows()['where']
        self.assertEqual((0, None), (row.deleted, row.deleted_at))

    def test_null(self):
        self.execute('cell1', sa.update(METADATA).values(value=None))
        self.assertEqual({'where': '', 'image_min_ram': ''}, self.get())

    def test_key_twice(self):
        """Somebody has made a mess by hand: it is one key for Nova."""
        self.execute('cell1', sa.insert(METADATA).values(
            instance_uuid=ONE, key='where', value='x', deleted=0))
        self.set(where='y')
        self.assertEqual(['y', 'y'], [row.value for row in self.execute(
            'cell1', sa.select(METADATA).where(METADATA.c.key == 'where'))])
        self.remove('where')
        self.assertEqual({'image_min_ram'}, set(self.rows()))

    def test_all_or_nothing(self):
        """One value that cannot be stored keeps out the others."""
        if self.backend == 'sqlite':
            self.skipTest('It stores whatever it gets.')
        self.assertRaises(exception.Invalid, self.set, image_min_ram='9',
                          long='x' * 256)
        self.assertEqual('0', self.get()['image_min_ram'])

    def test_four_bytes(self):
        """What MySQL's old character set has not is refused, not cut."""
        if self.backend == 'mysql':
            self.assertRaises(exception.Invalid, self.set, a='😀')
            self.assertNotIn('a', self.get())
        else:
            self.set(a='😀')
            self.assertEqual('😀', self.get()['a'])

    def test_no_injection(self):
        hostile = "'; DROP TABLE instances; --"
        self.set(**{hostile: hostile})
        self.assertEqual(hostile, self.get()[hostile])
        self.assertRaises(exception.ServerNotFound, self.get, hostile)

    def test_two_at_one_moment(self):
        """A new key is there once, whoever else wants it too."""
        if self.backend == 'sqlite':
            self.skipTest('It has no locks of rows, and Nova no use of it.')

        def write(number):
            own = nova_db.NovaDatabase()
            try:
                own.set_system_metadata(ONE, {'new': str(number)})
            finally:
                own.close()

        together = base.Together(6, write)
        self.assertEqual([], together.raised)
        self.assertEqual(1, len(self.execute('cell1', sa.select(
            METADATA).where(METADATA.c.key == 'new'))))


class RefusedTestCase(NovaDatabaseCase):

    def each(self, error, server):
        """Check that all operations fail alike."""
        found = [self.assertRaises(error, self.get, server),
                 self.assertRaises(error, self.set, server, a='b'),
                 self.assertRaises(error, self.remove, 'where', server)]
        self.no_secret_in(*found)
        return str(found[0])

    def test_unknown_server(self):
        self.each(exception.ServerNotFound, str(uuid.uuid4()))

    def test_deleted_server(self):
        self.execute('cell1', sa.update(SERVERS).values(
            deleted=SERVERS.c.id))
        self.each(exception.ServerNotFound, ONE)
        self.execute('api', sa.update(MAPPINGS).values(
            queued_for_delete=True))
        self.each(exception.ServerNotFound, TWO)

    def test_mapped_only(self):
        """The mapping is there, the server is not: archived, say."""
        server = str(uuid.uuid4())
        self.add(server, None, {})
        self.execute('api', sa.update(MAPPINGS).where(
            MAPPINGS.c.instance_uuid == server).values(cell_id=2))
        self.each(exception.ServerNotFound, server)

    def test_no_cell_yet(self):
        server = str(uuid.uuid4())
        self.add(server, None, {})
        self.assertIn('not in a cell', self.each(exception.Conflict,
                                                 server))

    def test_server_at_work(self):
        """Nova would write back what it has in memory."""
        self.execute('cell1', sa.update(SERVERS).values(
            task_state='migrating'))
        for error in (self.assertRaises(exception.Conflict, self.set,
                                        where='x'),
                      self.assertRaises(exception.Conflict, self.remove,
                                        'where')):
            self.assertIn('migrating', str(error))
        self.assertEqual('cell1', self.get()['where'])

    def test_not_configured(self):
        for value in (None, ''):
            self.config(group='nova_database', connection=value)
            self.assertIn('[nova_database] connection', self.each(
                exception.DatabaseNotUsable, ONE))

    def test_no_url(self):
        for value in (f'user:{PASSWORD}@host/nova', PASSWORD,
                      f'nothing://user:{PASSWORD}@host/nova',
                      f'mysql+pymysql://u:{PASSWORD}@host:port/nova'):
            self.config(group='nova_database', connection=value)
            self.each(exception.DatabaseNotUsable, ONE)

    def test_out_of_reach(self):
        for scheme in ('mysql', 'mysql+mysqldb', 'postgresql'):
            self.config(group='nova_database', connection=(
                f'{scheme}://u:{PASSWORD}@127.0.0.1:1/nova'))
            self.each(exception.CloudUnreachable, ONE)

    def test_cell_out_of_reach(self):
        """The others are reached all the same."""
        self.execute('api', sa.update(CELLS).where(CELLS.c.id == 2).values(
            database_connection=f'mysql+pymysql://u:{PASSWORD}@127.0.0.1:1'
                                '/nova'))
        self.each(exception.CloudUnreachable, ONE)
        self.assertEqual('cell2', self.get(TWO)['where'])

    def test_cell_without_connection(self):
        self.execute('api', sa.update(CELLS).where(CELLS.c.id == 2).values(
            database_connection=None))
        self.assertIn('cell1', self.each(exception.DatabaseNotUsable, ONE))

    def test_tables_are_not_there(self):
        CELL.drop_all(self.engines['cell1'])
        self.each(exception.CloudUnreachable, ONE)


class TemplateTestCase(base.TestCase):
    """Connections of cells in terms of Nova's own."""

    OWN = 'mysql+pymysql://nova:p%40ss@db:3307/nova_cell0?charset=utf8#f'

    def setUp(self):
        super().setUp()
        self.config(group='nova_database', connection=self.OWN)

    def url(self, template):
        return nova_db.cell_url(template)

    def test_filled(self):
        self.assertEqual(self.OWN, self.url(
            '{scheme}://{username}:{password}@{hostname}:{port}/{path}'
            '?{query}#{fragment}'))
        self.assertEqual(
            'mysql+pymysql://nova:p%40ss@other/nova?charset=utf8',
            self.url('{scheme}://{username}:{password}@other/nova?{query}'))

    def test_plain(self):
        self.assertEqual('mysql://a:b@c/d', self.url('mysql://a:b@c/d'))

    def test_cells_have_their_own(self):
        self.config(group='nova_database',
                    cell_connection='postgresql://x:y@z/w')
        self.assertEqual('postgresql://x@cell/w',
                         self.url('{scheme}://{username}@cell/{path}'))

    def test_what_there_is_not(self):
        self.config(group='nova_database', connection='sqlite:///x')
        for template in ('{username}', '{port}', '{unknown}'):
            self.assertRaises(exception.DatabaseNotUsable, self.url,
                              template)

    def test_only_names(self):
        """A template is no program: what is not a name stays as it is."""
        for text in ('{username.__class__}', '{password!r}',
                     '{scheme:>100}', '{}', '{a b}'):
            self.assertEqual(text, self.url(text))
        self.assertRaises(exception.DatabaseNotUsable, self.url, '{0}')


class EngineTestCase(base.TestCase):

    def engine(self, url):
        made = databases.create_engine(url, 'x')
        self.addCleanup(made.dispose)
        return made

    def test_drivers(self):
        """Those that we have, whatever the owner of the database uses."""
        for url, wanted in (
                ('mysql://u@h/d', 'pymysql'),
                ('mysql+mysqldb://u@h/d', 'pymysql'),
                ('mysql+mysqlconnector://u@h/d', 'pymysql'),
                ('postgresql://u@h/d', 'psycopg2'),
                ('postgresql+asyncpg://u@h/d', 'psycopg2')):
            self.assertEqual(wanted, self.engine(url).driver)

    def test_plugins(self):
        """DevStack's connections name one that only DevStack has."""
        url = self.engine(
            'mysql+pymysql://u@h/d?charset=utf8&plugin=dbcounter').url
        self.assertEqual({'charset': 'utf8'}, dict(url.query))

    def test_values_are_not_in_errors(self):
        engine = self.engine('sqlite://')
        with engine.connect() as connection:
            error = self.assertRaises(
                sa.exc.OperationalError, connection.execute,
                sa.text('SELECT * FROM nowhere WHERE a = :a'),
                {'a': PASSWORD})
        self.assertNotIn(PASSWORD, str(error))

    def test_no_wait_without_an_end(self):
        for url, names in (
                ('mysql://u@h/d', {'connect_timeout', 'read_timeout',
                                   'write_timeout'}),
                ('postgresql://u@h/d', {'connect_timeout', 'options'})):
            engine, seen = self.engine(url), {}

            @event.listens_for(engine, 'do_connect')
            def connect(dialect, record, args, kwargs, seen=seen):
                seen.update(kwargs)
                raise sa.exc.OperationalError('x', {}, Exception('x'))

            self.assertRaises(sa.exc.OperationalError, engine.connect)
            self.assertLessEqual(names, set(seen))


class DeadlockTestCase(base.TestCase):

    def run_with(self, *errors):
        """Run a transaction that fails in some ways, one after another."""
        engine = sa.create_engine('sqlite://')
        self.addCleanup(engine.dispose)
        left = list(errors)

        def function(connection):
            if left:
                raise sa.exc.OperationalError('x', {}, left.pop(0))
            return 'done'

        return nova_db.NovaDatabase()._transaction(engine, function)

    @staticmethod
    def deadlock(code=1213):
        return Exception(code, 'Deadlock found')

    def test_again(self):
        for error in (self.deadlock(), self.deadlock(1205)):
            self.assertEqual('done', self.run_with(error))
        error = Exception('deadlock detected')
        error.pgcode = '40P01'
        self.assertEqual('done', self.run_with(error))

    def test_not_for_ever(self):
        self.assertRaises(exception.CloudUnreachable, self.run_with,
                          *[self.deadlock()] * (nova_db.RETRIES + 1))

    def test_other_errors(self):
        self.assertRaises(exception.CloudUnreachable, self.run_with,
                          Exception(2006, 'gone away'))
