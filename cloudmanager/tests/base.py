# SPDX-License-Identifier: Apache-2.0
"""Base classes of the tests.

Tests with a database run on SQLite always, and by the decorator
``databases`` on MariaDB and PostgreSQL too. Those are found by the variables
``CLOUDMANAGER_TEST_MYSQL_URL`` and ``CLOUDMANAGER_TEST_POSTGRESQL_URL``, or
on this machine with the credentials below, and skipped without.
"""

import atexit
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time
from typing import Any
from typing import ClassVar
import uuid

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslo_db.sqlalchemy import enginefacade
from oslotest import base
import sqlalchemy as sa
from sqlalchemy import event

from cloudmanager import conf  # noqa: F401  registers the options
from cloudmanager.common import context as cm_context
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import models

CONF = cfg.CONF
URLS = {
    'mysql': ('CLOUDMANAGER_TEST_MYSQL_URL',
              'mysql+pymysql://root@127.0.0.1/?ssl_disabled=true'),
    'postgresql': ('CLOUDMANAGER_TEST_POSTGRESQL_URL',
                   'postgresql+psycopg2://postgres@127.0.0.1'),
}
# Tables that migrations put rows into; tests begin with these rows.
SEEDED = ('node_classes', 'node_types', 'node_images')
THREAD_GRACE_SECONDS = 5
# On a server ids go on from test to test. What a test takes for the id of
# something that is not there is smaller.
FIRST_ID = 2_000_001


def wait_for(condition: Callable[[], Any], seconds: float = 10.0,
             what: str = 'the condition') -> Any:
    """Wait until something is so, where there is no event to wait for.

    :returns: what the condition returned
    """
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f'{what} did not come within {seconds} s')
        time.sleep(0.02)


class Together:
    """Calls a function from several threads at the same moment."""

    def __init__(self, count: int, function: Callable[[int], Any]) -> None:
        self.results: list[Any] = [None] * count
        self.errors: list[Exception | None] = [None] * count
        self._function = function
        self._barrier = threading.Barrier(count)
        threads = [threading.Thread(target=self._call, args=(number,),
                                    daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        if any(thread.is_alive() for thread in threads):
            raise AssertionError('A call did not return within 60 s')

    def _call(self, number: int) -> None:
        try:
            self._barrier.wait(10)
            self.results[number] = self._function(number)
        except Exception as exc:
            # Boundary of the thread; the test looks at it.
            self.errors[number] = exc

    @property
    def raised(self) -> list[Exception]:
        return [error for error in self.errors if error is not None]


class TestCase(base.BaseTestCase):
    """Configuration of its own, and no threads left behind."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self._check_threads, set(threading.enumerate()))
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.conf = self.useFixture(config_fixture.Config(CONF))
        CONF([], project='cloudmanager', default_config_files=[],
             default_config_dirs=[])
        self.config(state_path=str(self.directory))

    def config(self, group: str | None = None, **values: Any) -> None:
        """Set options until the end of the test."""
        self.conf.config(group=group, **values)

    @staticmethod
    def _check_threads(before: set[threading.Thread]) -> None:
        left = [thread for thread in threading.enumerate()
                if thread not in before and not thread.daemon]
        deadline = time.monotonic() + THREAD_GRACE_SECONDS
        for thread in left:
            thread.join(max(0.0, deadline - time.monotonic()))
        names = [thread.name for thread in left if thread.is_alive()]
        if names:
            raise AssertionError(f'Threads were left behind: {names}')


def _upgrade(url: str) -> None:
    """Bring a database to what the service needs."""
    CONF.set_override('connection', url, group='database')
    db_api.configure()
    try:
        migration.upgrade()
        persistence.upgrade()
    finally:
        db_api.reset()
        CONF.clear_override('connection', group='database')


@functools.cache
def _sqlite_template() -> bytes:
    """Return a migrated SQLite file, made once per process."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / 'template.sqlite'
        _upgrade(f'sqlite:///{path}')
        engine = sa.create_engine(f'sqlite:///{path}')
        with engine.connect() as connection:
            connection.exec_driver_sql('PRAGMA wal_checkpoint(TRUNCATE)')
        engine.dispose()
        return path.read_bytes()


def _server_url(backend: str) -> sa.URL:
    variable, default = URLS[backend]
    return sa.make_url(os.environ.get(variable) or default)


def _render(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


@contextlib.contextmanager
def server_connection(backend: str) -> Iterator[sa.Connection]:
    """Connect to a server, outside of any test's database."""
    url = _server_url(backend)
    if backend == 'postgresql':
        url = url.set(database='postgres')
    engine = sa.create_engine(url, isolation_level='AUTOCOMMIT',
                              connect_args={'connect_timeout': 5})
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@functools.cache
def unreachable(backend: str) -> str | None:
    """Return why a database server cannot be used, if so."""
    if backend == 'sqlite':
        return None
    try:
        with server_connection(backend):
            return None
    except sa.exc.SQLAlchemyError as exc:
        return (f'No {backend} server: set {URLS[backend][0]} '
                f'({type(exc).__name__})')


# What migrations have put into the tables, by backend.
_seed: dict[str, dict[str, list[dict[str, Any]]]] = {}


def _read_seed(url: sa.URL) -> dict[str, list[dict[str, Any]]]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return {name: [dict(row) for row in connection.execute(
                sa.select(models.Base.metadata.tables[name])).mappings()]
                for name in SEEDED}
    finally:
        engine.dispose()


def create_database(backend: str) -> sa.URL:
    """Make an empty database on a server; whoever asks drops it."""
    name = f'cloudmanager_test_{uuid.uuid4().hex[:16]}'
    with server_connection(backend) as connection:
        connection.exec_driver_sql(f'CREATE DATABASE {name}')
    return _server_url(backend).set(database=name)


def _migrated_database(backend: str, first_id: int = 1) -> sa.URL:
    """Make a database with all tables.

    :param first_id: of what tests put into it
    """
    url = create_database(backend)
    _upgrade(_render(url))
    _seed.setdefault(backend, _read_seed(url))
    if first_id > 1:
        _number_from(url, first_id)
    return url


def _number_from(url: sa.URL, first_id: int) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table in models.Base.metadata.sorted_tables:
            column = table.autoincrement_column
            if column is None:
                continue
            if connection.dialect.name == 'mysql':
                connection.exec_driver_sql(
                    f'ALTER TABLE {table.name} AUTO_INCREMENT = {first_id}')
            else:
                connection.execute(sa.select(sa.func.setval(
                    sa.func.pg_get_serial_sequence(table.name, column.name),
                    first_id)))
    engine.dispose()


def drop_database(backend: str, url: sa.URL) -> None:
    force = ' WITH (FORCE)' if backend == 'postgresql' else ''
    with server_connection(backend) as connection:
        connection.exec_driver_sql(f'DROP DATABASE {url.database}{force}')


# Engines of tests that have ended, by the URL of their database. A new one
# would compile all statements again, which takes longer than most of them.
_engines: dict[str, enginefacade._TransactionFactory] = {}

# Where this process has its files of SQLite.
_directory = pathlib.Path(tempfile.mkdtemp(prefix='cloudmanager-test-'))
atexit.register(shutil.rmtree, _directory, ignore_errors=True)

# Migrated databases that no class uses, by backend. Making one takes longer
# than most tests, so the next class gets it, and the process drops it.
_spare: dict[str, list[sa.URL]] = {backend: [] for backend in URLS}


@atexit.register
def _drop_spare() -> None:
    for backend, urls in _spare.items():
        while urls:
            drop_database(backend, urls.pop())


class DbTestCase(TestCase):
    """A migrated database: a fresh file of SQLite for each test.

    With ``databases`` subclasses use a server: a database that no other
    class uses meanwhile, emptied before each test.
    """

    backend: ClassVar[str] = 'sqlite'
    #: False for tests that begin with an empty database.
    migrated: ClassVar[bool] = True
    #: True for tests that change what the migrations put there, or that
    #: want ids from 1 on: on a server they get a database of their own.
    alone: ClassVar[bool] = False
    _url: ClassVar[sa.URL | None] = None

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if cls.backend == 'sqlite' or unreachable(cls.backend):
            return
        spare = _spare[cls.backend]
        if cls.migrated and spare and not cls.alone:
            cls._url = spare.pop()
        else:
            cls._url = (
                _migrated_database(cls.backend,
                                   1 if cls.alone else FIRST_ID)
                if cls.migrated else create_database(cls.backend))
        cls.addClassCleanup(cls._release, cls._url)

    @classmethod
    def _release(cls, url: sa.URL) -> None:
        if cls.migrated and not cls.alone:
            _spare[cls.backend].append(url)
        else:
            drop_database(cls.backend, url)
        cls._url = None

    def go_without(self, reason: str) -> None:
        """Skip a test whose server is away, or fail where it must not be.

        CLOUDMANAGER_TEST_REQUIRE_DATABASES says where.
        """
        if os.environ.get('CLOUDMANAGER_TEST_REQUIRE_DATABASES'):
            self.fail(reason)
        self.skipTest(reason)

    def setUp(self) -> None:
        super().setUp()
        reason = unreachable(self.backend)
        if reason:
            self.go_without(reason)
        self.url = self._make_url()
        # No test survives a power failure anyway.
        super().config(group='database', connection=self.url,
                       sqlite_synchronous=False)
        self._take_engine()
        if self._url is not None and self.migrated:
            self._empty()
        self.context = cm_context.RequestContext(
            user_id='user', project_id='project', overwrite=False)

    def config(self, group: str | None = None, **values: Any) -> None:
        super().config(group, **values)
        if group == 'database':
            db_api.reset()
            db_api.configure()

    def _take_engine(self) -> None:
        """Use the engine of an earlier test with this database, or a new one.

        It is kept for later ones, unless this test makes one of its own.
        """
        db_api.reset()
        factory = _engines.pop(self.url, None)
        if factory is None:
            db_api.configure()
            factory = db_api.context_manager._factory
        else:
            db_api.context_manager.patch_factory(factory)
        self.addCleanup(self._leave_engine, factory)

    def _leave_engine(self, factory: enginefacade._TransactionFactory
                      ) -> None:
        if db_api.context_manager._factory is factory and factory._started:
            # With a new pool: a thread that is late gives its connection back
            # to the old one.
            db_api.get_engine().dispose()
            _engines[self.url] = factory
        db_api.reset()

    def _make_url(self) -> str:
        if self._url is not None:
            return _render(self._url)
        path = _directory / 'cloudmanager.sqlite'
        for name in (path, f'{path}-wal', f'{path}-shm'):
            # A thread that is late goes on with the file that is gone.
            pathlib.Path(name).unlink(missing_ok=True)
        if self.migrated:
            path.touch(0o600)
            path.write_bytes(_sqlite_template())
        return f'sqlite:///{path}'

    def _empty(self) -> None:
        books = sa.table('logbooks')
        tables = models.Base.metadata.sorted_tables
        with db_api.get_engine().begin() as connection:
            for table in reversed(tables):
                connection.execute(sa.delete(table))
            for table in tables:
                if table.name in SEEDED:
                    connection.execute(sa.insert(table),
                                       _seed[self.backend][table.name])
            connection.execute(sa.delete(books))

    def execute(self, statement: Any,
                rows: list[dict[str, Any]] | None = None) -> Any:
        """Carry out a statement past the functions under test."""
        with db_api.get_engine().begin() as connection:
            result = connection.execute(statement, rows)
            return result.fetchall() if result.returns_rows else None

    @contextlib.contextmanager
    def recorded(self) -> Iterator[list[tuple[str, Any]]]:
        """Collect the statements that a block sends, with parameters.

        Without the beginnings of transactions, which SQLite alone is sent.
        """
        engine, found = db_api.get_engine(), []

        def seen(conn: Any, cursor: Any, statement: str, parameters: Any,
                 *_: Any) -> None:
            if not statement.startswith('BEGIN'):
                found.append((statement, parameters))

        event.listen(engine, 'before_cursor_execute', seen)
        try:
            yield found
        finally:
            event.remove(engine, 'before_cursor_execute', seen)

    @contextlib.contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collect the text of the statements that a block sends."""
        texts: list[str] = []
        with self.recorded() as found:
            yield texts
        texts += [text for text, _ in found]


def databases(*backends: str,
              sqlite: bool = True) -> Callable[[type], type | None]:
    """Run a ``DbTestCase`` on the other databases as well.

    Puts a subclass for each of them into the class's module.

    :param backends: some of ``mysql`` and ``postgresql``; both by default
    :param sqlite: whether the class itself stays, with SQLite
    """
    def decorate(cls: type) -> type | None:
        module = sys.modules[cls.__module__]
        for backend in backends or tuple(URLS):
            name = f'{cls.__name__}_{backend}'
            setattr(module, name, type(name, (cls,), {
                'backend': backend, '__module__': cls.__module__,
                '__qualname__': name, '__doc__': cls.__doc__}))
        return cls if sqlite else None
    return decorate
