# SPDX-License-Identifier: Apache-2.0
"""Engine and transactions.

``reader`` and ``writer`` decorate the functions of this package. They are
oslo.db's own, with one addition: SQLite takes its write lock at the start
of a writing transaction, because a transaction that reads first and writes
later fails at once when another one wrote in between.
"""

from collections.abc import Callable
import contextlib
import datetime
import functools
import threading
from typing import ParamSpec
from typing import TypeVar

import orjson
from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import options as db_options
from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy import engines
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import pool
from sqlalchemy.engine import interfaces

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import private
from cloudmanager.db import turns

P = ParamSpec('P')
R = TypeVar('R')
#: The first parameter of each function of this package.
Context = cm_context.RequestContext

CONF = cfg.CONF
WRITING = 'BEGIN IMMEDIATE'
# The number of the type in MySQL's protocol.
_MYSQL_DATETIME = 12
# Of a connection whose transaction has ended, and no other one has begun.
_ENDED = 'cloudmanager_ended'
# When a connection was used last, in monotonic seconds.
_USED_AT = 'cloudmanager_used_at'
#: A connection that was not used for so many seconds is tried first.
IDLE_SECONDS = 1.0
_local = threading.local()

# To connect to MySQL takes longer than most transactions, because the driver
# loads all certificates of the system. A process of the API has up to 24
# threads that need a connection at once.
db_options.set_defaults(CONF, connection='sqlite:///cloudmanager.sqlite',
                        max_pool_size=30)

context_manager = enginefacade.transaction_context()


def configure() -> None:
    """Prepare the engine from ``[database]``; call once per process.

    Only its owner can read a SQLite file.
    """
    _keep_private(sa.make_url(CONF.database.connection))
    # The yield at the end of each transaction is for eventlet.
    context_manager.configure(connection=_url(), sqlite_fk=True,
                              thread_checkin=False)
    context_manager.append_on_engine_create(_prepare_engine)


def _keep_private(url: sa.URL) -> None:
    """Keep others from reading a SQLite file.

    SQLite creates its additional files with the same mode.
    """
    path = url.database
    if (url.get_backend_name() != 'sqlite' or not path
            or path == ':memory:' or path.startswith('file:')):
        return
    try:
        if private.create(path):
            return
    except OSError:
        # SQLite says what is wrong as soon as the file is needed.
        return
    for name in (path, f'{path}-wal', f'{path}-shm'):
        private.close(name)


def _url() -> str:
    """Return the database's URL, on MySQL with all of Unicode.

    oslo.db connects with MySQL's old ``utf8`` unless the URL says more.
    """
    url = sa.make_url(CONF.database.connection)
    if (url.get_backend_name() in ('mysql', 'mariadb')
            and 'charset' not in url.query):
        url = url.update_query_dict({'charset': 'utf8mb4'})
    return url.render_as_string(hide_password=False)


def reset() -> None:
    """Forget the engine; ``configure`` may point to another database."""
    context_manager.dispose_pool()
    context_manager.patch_factory(enginefacade.transaction_context())


def _keep_connections(engine: sa.Engine) -> None:
    """Give an engine on SQLite a pool of connections.

    oslo.db opens the file for each transaction, and SQLite then reads the
    whole schema first, which takes longer than most transactions.
    """
    old = engine.pool
    engine.pool = pool.QueuePool(
        old._creator, pool_size=CONF.database.max_pool_size or 5,
        max_overflow=CONF.database.max_overflow or 50,
        dialect=engine.dialect, _dispatch=old.dispatch)


def _read_times(connection: interfaces.DBAPIConnection | None,
                record: pool.ConnectionPoolEntry | None = None) -> None:
    """Let a driver of MySQL read times by what the interpreter has for it.

    Both drivers read them in Python, which is a good part of what a list of
    nodes takes. What is no time is never stored: see ``mysql_sql_mode``.
    """
    readers = getattr(connection, 'decoders', None)
    if readers is None:
        readers = getattr(connection, 'converter', {})
    readers[_MYSQL_DATETIME] = datetime.datetime.fromisoformat


def _end_once(engine: sa.Engine) -> None:
    """Spare the database a rollback after the end of each transaction.

    A session ends its transaction and then gives its connection back, upon
    which the pool rolls back what is there no more. Drivers of MySQL ask the
    server each time, which a short transaction waits for.
    """
    commit, roll_back = engine.dialect.do_commit, engine.dialect.do_rollback

    def committing(connection: pool.PoolProxiedConnection) -> None:
        commit(connection)
        connection.info[_ENDED] = True

    def rolling_back(connection: pool.PoolProxiedConnection) -> None:
        if not connection.info.pop(_ENDED, False):
            roll_back(connection)
            connection.info[_ENDED] = True

    @event.listens_for(engine, 'begin')
    def _begun(connection: sa.Connection) -> None:
        connection.info.pop(_ENDED, None)

    # Whoever takes a connection past the engine begins without a word.
    @event.listens_for(engine, 'checkout')
    def _taken(connection: interfaces.DBAPIConnection,
               record: pool.ConnectionPoolEntry,
               proxy: pool.PoolProxiedConnection) -> None:
        record.info.pop(_ENDED, None)

    setattr(engine.dialect, 'do_commit', committing)
    setattr(engine.dialect, 'do_rollback', rolling_back)


def _try_idle_ones(engine: sa.Engine) -> None:
    """Ask only connections that were idle whether they are alive.

    oslo.db lets the pool ask each time, which takes as long as a short
    statement. When a database has gone meanwhile, those in use fail as well,
    and ``reader`` and ``writer`` begin again.
    """
    dialect = engine.dialect
    engine.pool._pre_ping = False

    def used(connection: interfaces.DBAPIConnection | None,
             record: pool.ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = clock.monotonic()

    @event.listens_for(engine, 'checkout')
    def _taken(connection: interfaces.DBAPIConnection,
               record: pool.ConnectionPoolEntry,
               proxy: pool.PoolProxiedConnection) -> None:
        if (clock.monotonic() - record.info.get(_USED_AT, 0)
                < IDLE_SECONDS):
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as exc:
            # The pool makes another one.
            raise sa.exc.DisconnectionError from exc

    event.listen(engine, 'connect', used)
    event.listen(engine, 'checkin', used)


def _prepare_engine(engine: sa.Engine, always_writing: bool = False) -> None:
    # Lists have documents in their rows; the standard library takes longer.
    engine.dialect._json_deserializer = orjson.loads
    if engine.dialect.name in ('mysql', 'mariadb'):
        event.listen(engine, 'connect', _read_times)
        # oslo.db has made one connection already, to see that it can.
        with contextlib.closing(engine.raw_connection()) as first:
            _read_times(first.dbapi_connection)
        _end_once(engine)
    if engine.dialect.name != 'sqlite':
        # TaskFlow does not begin again.
        if not always_writing:
            _try_idle_ones(engine)
        return
    _keep_connections(engine)

    @event.listens_for(engine, 'connect')
    def _pragmas(connection: interfaces.DBAPIConnection,
                 record: pool.ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute('PRAGMA busy_timeout=30000')
        cursor.execute('PRAGMA journal_mode=WAL')
        # As on the other databases; ILIKE is there for the rest.
        cursor.execute('PRAGMA case_sensitive_like=ON')
        cursor.close()

    # oslo.db's own listener sends BEGIN; SQLAlchemy keeps listeners of
    # connections in their order, so a word is added to it here.
    @event.listens_for(engine, 'before_cursor_execute', retval=True)
    def _begin_immediate(connection: sa.Connection,
                         cursor: interfaces.DBAPICursor, statement: str,
                         parameters: object,
                         *_: object) -> tuple[str, object]:
        if statement == 'BEGIN' and (always_writing
                                     or getattr(_local, 'writing', False)):
            statement = WRITING
        return statement, parameters

    # After the listener that writes the word.
    turns.apply(engine, WRITING)


def get_engine() -> sa.Engine:
    """Return the engine of this process."""
    engine: sa.Engine = context_manager.writer.get_engine()
    return engine


def create_engine() -> sa.Engine:
    """Make another engine on the same database, for TaskFlow.

    On SQLite all of its transactions take the write lock: TaskFlow reads
    before it writes.
    """
    engine: sa.Engine = engines.create_engine(
        _url(), sqlite_fk=True, thread_checkin=False,
        max_pool_size=CONF.database.max_pool_size,
        max_overflow=CONF.database.max_overflow,
        mysql_sql_mode=CONF.database.mysql_sql_mode,
        sqlite_synchronous=CONF.database.sqlite_synchronous)
    _prepare_engine(engine, always_writing=True)
    return engine


def _retrying(function: Callable[P, R]) -> Callable[P, R]:
    """Run again after a deadlock or a lost connection, for about 20 s."""
    repeating: Callable[P, R] = oslo_db_api.wrap_db_retry(
        max_retries=12, retry_interval=0.2, inc_retry_interval=True,
        max_retry_interval=3, retry_on_deadlock=True,
        retry_on_disconnect=True)(function)
    return repeating


def reader(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function in a reading transaction."""
    return _retrying(context_manager.reader(function))


def writer(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function in a writing transaction.

    It may run more than once, so it must bear repetition.
    """
    transactional: Callable[P, R] = context_manager.writer(function)

    @functools.wraps(function)
    def writing(*args: P.args, **kwargs: P.kwargs) -> R:
        _local.writing = getattr(_local, 'writing', 0) + 1
        try:
            return transactional(*args, **kwargs)
        finally:
            _local.writing -= 1
    return _retrying(writing)


def again_after(*errors: type[Exception], times: int = 3
                ) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run a function again when another transaction came in between.

    Constraints find changes that the function's own checks could not see yet.
    Its next run sees them, and raises the right error. Put this decorator
    outside of ``writer``, so that the failed transaction has ended.

    :param errors: the errors that the constraints raise
    :param times: the most runs; the last one lets the error through
    """
    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def repeating(*args: P.args, **kwargs: P.kwargs) -> R:
            for _ in range(times - 1):
                try:
                    return function(*args, **kwargs)
                except errors:
                    continue
            return function(*args, **kwargs)
        return repeating
    return decorate
