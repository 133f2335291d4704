# SPDX-License-Identifier: Apache-2.0
"""Transactions: repetition, isolation, and writing on SQLite."""

import datetime
import os
import stat
import threading
from unittest import mock

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import context as cm_context
from cloudmanager.db import api as db_api
from cloudmanager.db import models
from cloudmanager.db import services
from cloudmanager.tests import base


@db_api.writer
def insert_and_fail(context, error):
    context.session.execute(sa.insert(models.NodeImage).values(name='new'))
    raise error


@db_api.writer
def rename_image(context, change):
    """Read, then write: what SQLite refuses without its write lock."""
    image = context.session.get(models.NodeImage, 1)
    image.file_data = change(image.file_data or '')


@base.databases()
class TransactionsTestCase(base.DbTestCase):

    def images(self):
        return [row[0] for row in self.execute(
            sa.select(models.NodeImage.name))]

    def test_times_are_read_to_the_microsecond(self):
        times = [datetime.datetime(2026, 1, 2, 3, 4, 5),
                 datetime.datetime(2026, 1, 2, 3, 4, 5, 6), None]
        for number, time in enumerate(times):
            self.execute(sa.insert(models.NodeImage).values(
                name=f'image {number}', updated_at=time))
        found = self.execute(
            sa.select(models.NodeImage.updated_at)
            .where(models.NodeImage.name.like('image %'))
            .order_by(models.NodeImage.name))
        self.assertEqual(times, [row[0] for row in found])

    def test_mysql_times_are_read_by_the_interpreter(self):
        """By the first connection and by those that follow."""
        engine = db_api.get_engine()
        if engine.dialect.name != 'mysql':
            return
        with engine.connect() as first, engine.connect() as second:
            for connection in first, second:
                driver = connection.connection.dbapi_connection
                self.assertEqual(datetime.datetime.fromisoformat,
                                 driver.decoders[12])

    def test_error_rolls_back(self):
        self.assertRaises(KeyError, insert_and_fail, self.context,
                          KeyError('any'))
        self.assertEqual(['default'], self.images())

    def test_deadlock_is_repeated(self):
        calls = []

        @db_api.writer
        def insert(context):
            calls.append(None)
            context.session.execute(
                sa.insert(models.Service).values(
                    binary='b', host=str(len(calls)),
                    heartbeat_at=sa.func.now()))
            if len(calls) < 3:
                raise db_exc.DBDeadlock()

        insert(self.context)

        self.assertEqual(['3'], [row[0] for row in self.execute(
            sa.select(models.Service.host))])

    def test_other_errors_are_not(self):
        calls = []

        @db_api.reader
        def fail(context):
            calls.append(None)
            raise db_exc.DBDuplicateEntry()

        self.assertRaises(db_exc.DBDuplicateEntry, fail, self.context)
        self.assertEqual(1, len(calls))

    def test_reads_then_writes(self):
        """Transactions that read first and write later all succeed."""
        def add(number):
            context = cm_context.admin_context()
            for _ in range(3):
                services.heartbeat(context, 'b', str(number))
                if self.backend == 'sqlite':
                    rename_image(context, lambda text: text + 'x')

        self.execute(sa.update(models.NodeImage).values(file_data=None))
        calls = base.Together(8, add)

        self.assertEqual([], calls.raised)
        if self.backend == 'sqlite':
            self.assertEqual('x' * 24, self.execute(sa.select(
                models.NodeImage.file_data))[0][0])

    def test_reset_points_to_another_database(self):
        services.heartbeat(self.context, 'b', 'first')
        path = self.directory / 'other.sqlite'
        db_api.reset()
        # The first one in a process is made by a connection of its own.
        path.write_bytes(base._sqlite_template())
        self.config(group='database', connection=f'sqlite:///{path}')
        db_api.configure()

        self.assertEqual([], self.execute(sa.select(models.Service.id)))


class SQLiteTestCase(base.DbTestCase):

    def test_reader_does_not_wait_for_a_writer(self):
        """Reading goes on while somebody writes."""
        writing, done = threading.Event(), threading.Event()

        @db_api.writer
        def write(context):
            context.session.execute(sa.insert(models.Service).values(
                binary='b', host='h', heartbeat_at=sa.func.now()))
            writing.set()
            done.wait(10)

        thread = threading.Thread(target=write, args=(self.context,),
                                  daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(done.set)
        self.assertTrue(writing.wait(10))

        @db_api.reader
        def read(context):
            return context.session.scalar(
                sa.select(sa.func.count()).select_from(models.Service))

        self.assertEqual(0, read(cm_context.admin_context()))
        done.set()
        thread.join(10)
        self.assertEqual(1, read(cm_context.admin_context()))


@base.databases(sqlite=False)
class ConnectionsTestCase(base.DbTestCase):
    """CC6: a connection that was cut is replaced."""

    KILL = {'mysql': ('SELECT connection_id()', 'KILL {}'),
            'postgresql': ('SELECT pg_backend_pid()',
                           'SELECT pg_terminate_backend({})')}

    def _cut(self, number):
        with base.server_connection(self.backend) as connection:
            connection.exec_driver_sql(
                self.KILL[self.backend][1].format(number))

    def _number(self, context):
        return context.session.scalar(sa.text(self.KILL[self.backend][0]))

    def test_cut_in_the_middle(self):
        """What was done before the cut is undone, and done again."""
        numbers = []

        @db_api.writer
        def insert(context):
            numbers.append(self._number(context))
            for host in ('one', 'two'):
                context.session.execute(sa.insert(models.Service).values(
                    binary='b', host=host, heartbeat_at=sa.func.now()))
                if len(numbers) == 1:
                    self._cut(numbers[0])

        insert(self.context)

        self.assertEqual(2, len(set(numbers)))
        self.assertEqual({'one', 'two'}, {row[0] for row in self.execute(
            sa.select(models.Service.host))})

    def test_rollbacks(self):
        """A transaction ends once; the pool does not end it again."""
        if self.backend != 'mysql':
            return

        @db_api.reader
        def ended(context):
            rows = context.session.execute(sa.text(
                "SHOW SESSION STATUS WHERE Variable_name IN "
                "('Com_commit', 'Com_rollback')"))
            return (self._number(context),
                    sum(int(row.Value) for row in rows))

        before, after = ended(self.context), ended(self.context)
        self.assertEqual((before[0], before[1] + 1), after)
        writing = db_api.writer(lambda context: self._number(context))
        self.assertEqual(before[0], writing(self.context))
        self.assertEqual((before[0], before[1] + 3), ended(self.context))

    def _add(self, connection, name):
        connection.exec_driver_sql(
            'INSERT INTO node_images (name, file_data, created_at) VALUES '
            f"('{name}', '', '2026-01-01')")

    def test_what_was_not_committed_is_gone(self):
        """Whatever the connection did before."""
        engine = db_api.get_engine()
        with engine.connect() as connection:
            self._add(connection, 'kept')
            connection.commit()
            self._add(connection, 'undone')
            connection.rollback()
            self._add(connection, 'left')
        raw = engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute('DELETE FROM node_images')
        raw.close()
        with engine.connect() as connection:
            self.assertEqual(['default', 'kept'], sorted(
                connection.scalars(sa.select(models.NodeImage.name))))

    def test_cut_while_idle(self):
        @db_api.reader
        def number(context):
            return self._number(context)

        for seconds in (0, 60):
            with mock.patch.object(db_api, 'IDLE_SECONDS', seconds):
                first = number(self.context)
                self._cut(first)
                self.assertNotEqual(first, number(self.context))

    def test_which_are_tried(self):
        """Only those that were idle; others fail once when they were cut."""
        engine = db_api.get_engine()
        text = sa.text(self.KILL[self.backend][0])

        def number():
            with engine.connect() as connection:
                return connection.scalar(text)

        tried = []
        self.useFixture(fixtures.MockPatchObject(
            engine.dialect, 'do_ping', side_effect=lambda connection: (
                tried.append(connection), ping(connection))[1]))
        ping = type(engine.dialect).do_ping.__get__(engine.dialect)
        number()
        tried.clear()
        with mock.patch.object(db_api, 'IDLE_SECONDS', 60):
            first = number()
            self.assertEqual((first, []), (number(), tried))
            self._cut(first)
            self.assertRaises(db_exc.DBConnectionError, number)
            second = number()
        with mock.patch.object(db_api, 'IDLE_SECONDS', 0):
            self.assertEqual(second, number())
            self.assertEqual(1, len(tried))
            self._cut(second)
            self.assertNotEqual(second, number())


class SqlitePoolTestCase(base.DbTestCase):
    """Connections stay open; that touches what oslo.db has set up."""

    def connected(self):
        """Return how many connections were opened by some transactions."""
        opened = []
        engine = db_api.get_engine()

        def note(*_):
            opened.append(None)

        sa.event.listen(engine, 'connect', note)
        self.addCleanup(sa.event.remove, engine, 'connect', note)
        for _ in range(5):
            self.names(self.context)
        return len(opened), engine

    @staticmethod
    @db_api.reader
    def names(context):
        return context.session.scalars(sa.select(models.NodeImage.name)
                                       ).all()

    def test_connections_are_kept(self):
        self.assertLessEqual(self.connected()[0], 1)

    def test_threads(self):
        """A connection goes from thread to thread."""
        def turn(number):
            for _ in range(20):
                self.assertEqual(['default'], self.names(self.context))

        self.assertEqual([], base.Together(8, turn).raised)

    def test_settings_of_connections(self):
        """The listeners of oslo.db and our own still see each of them."""
        with db_api.get_engine().connect() as connection:
            for pragma, value in (('foreign_keys', 1),
                                  ('journal_mode', 'wal'),
                                  ('busy_timeout', 30000)):
                self.assertEqual(value, connection.exec_driver_sql(
                    f'PRAGMA {pragma}').scalar())

    def test_reset_closes_them(self):
        _, engine = self.connected()
        db_api.reset()
        self.assertEqual(0, engine.pool.checkedin())


@base.databases()
class DocumentsTestCase(base.DbTestCase):

    def test_documents(self):
        """JSON comes back as it was stored, on every database."""
        for document in ({}, {'a': [1, 1.5, None, True, {'b': 'ü😀'}]},
                         {'n': 2 ** 53}):
            self.execute(sa.delete(models.Task))
            self.execute(sa.insert(models.Task), [
                {'id': 'x', 'name': 'n', 'params': document,
                 'memory': None}])
            ((params, memory),) = self.execute(
                sa.select(models.Task.params, models.Task.memory))
            self.assertEqual((document, None), (params, memory))


class PrivateFileTestCase(base.TestCase):
    """FA16: a database on SQLite is for its owner alone."""

    def setUp(self):
        super().setUp()
        self.path = self.directory / 'cloudmanager.sqlite'
        self.config(group='database', connection=f'sqlite:///{self.path}')
        self.addCleanup(db_api.reset)
        self.addCleanup(os.umask, os.umask(0))

    def modes(self):
        return {path.suffix: stat.S_IMODE(path.stat().st_mode)
                for path in self.directory.iterdir()}

    def test_new(self):
        """FA16: what SQLite puts beside it as well."""
        db_api.configure()
        self.assertEqual({'.sqlite': 0o600}, self.modes())
        with db_api.get_engine().begin() as connection:
            connection.exec_driver_sql('CREATE TABLE a (b INT)')
            self.assertEqual(dict.fromkeys(
                ('.sqlite', '.sqlite-wal', '.sqlite-shm'), 0o600),
                self.modes())

    def test_of_an_older_version(self):
        """FA16: it is closed, and keeps what is in it."""
        engine = sa.create_engine(f'sqlite:///{self.path}')
        self.addCleanup(engine.dispose)
        with engine.connect() as connection:
            connection.exec_driver_sql('PRAGMA journal_mode=WAL')
            connection.exec_driver_sql('CREATE TABLE a (b INT)')
            connection.commit()
            self.assertEqual({0o644}, {mode & 0o644
                                       for mode in self.modes().values()})
            db_api.configure()
            self.assertEqual({0o600}, set(self.modes().values()))
        with db_api.get_engine().connect() as connection:
            connection.exec_driver_sql('SELECT b FROM a')

    def test_no_file(self):
        """FA16: nothing is made for databases that are no files."""
        for url in ('sqlite://', 'sqlite:///:memory:',
                    f'sqlite:///file:{self.path}?mode=ro&uri=true',
                    'mysql+pymysql://u@h/d', f'sqlite:///{self.path}/x'):
            self.config(group='database', connection=url)
            db_api.configure()
            db_api.reset()
        self.assertEqual({}, self.modes())
