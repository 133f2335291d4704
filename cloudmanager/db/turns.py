# SPDX-License-Identifier: Apache-2.0
"""Writers of one SQLite file take turns, those of this process in a queue.

SQLite allows one writer at a time. A second writer sleeps and tries again, up
to a tenth of a second later, and the first to try gets the lock. With about
ten threads the file is idle most of the time, and a writer may wait for
seconds while others pass it. In a queue, the next writer begins when the last
one has ended.

A request that a client waits for has a queue of its own, which comes first,
but not always, so that a flood of requests does not keep tasks from ending.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import sqlite3
import threading

import sqlalchemy as sa
from sqlalchemy import event

# Seconds after which a writer tries without its turn; SQLite's own lock
# decides then.
PATIENCE_SECONDS = 30.0
# How many requests may pass a writer that waits.
MOST_PASSING = 3
_MEMORY = (None, '', ':memory:')
_local = threading.local()
_Queue = collections.deque[tuple[object, threading.Event]]


@contextlib.contextmanager
def for_a_client() -> Iterator[None]:
    """Let the writes of this thread come before other work."""
    before = getattr(_local, 'is_first', False)
    _local.is_first = True
    try:
        yield
    finally:
        _local.is_first = before


class Turns:
    """A lock that goes to whoever has waited longest, clients first.

    Its owners are connections, not threads: the end of a connection's
    transaction releases its turn.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: object = None
        self._waiting: _Queue = collections.deque()
        self._first: _Queue = collections.deque()
        self._passing = 0

    def take(self, owner: object, timeout: float = PATIENCE_SECONDS) -> bool:
        """Wait for the turn of a connection.

        :param timeout: seconds
        :returns: whether it has come
        """
        come = threading.Event()
        queue = (self._first if getattr(_local, 'is_first', False)
                 else self._waiting)
        with self._lock:
            if self._owner is None or self._owner is owner:
                self._owner = owner
                return True
            queue.append((owner, come))
        if come.wait(timeout):
            return True
        with self._lock:
            if come.is_set():
                return True
            queue.remove((owner, come))
        return False

    def _next(self) -> _Queue:
        """Return the queue whose first one has its turn."""
        if self._first and (not self._waiting
                            or self._passing < MOST_PASSING):
            self._passing += 1
            return self._first
        self._passing = 0
        return self._waiting

    def give(self, owner: object) -> None:
        """Let the next one write, if it is the turn of this connection."""
        with self._lock:
            if owner is None or self._owner is not owner:
                return
            self._owner = None
            queue = self._next()
            if queue:
                self._owner, come = queue.popleft()
                come.set()


_turns: dict[str, Turns] = {}
_turns_lock = threading.Lock()


def of_file(path: str) -> Turns:
    """Return the turns of a database's file; engines share them."""
    with _turns_lock:
        return _turns.setdefault(path, Turns())


def _raw(connection: object) -> object:
    """Return the connection of the driver itself."""
    return getattr(connection, 'dbapi_connection', connection)


def apply(engine: sa.Engine, begins: str) -> None:
    """Let the writers of an engine take turns.

    :param begins: the statement with which a writer begins
    """
    if engine.url.database in _MEMORY:
        return
    turns = of_file(str(engine.url.database))

    @event.listens_for(engine, 'before_cursor_execute')
    def _begin(connection: sa.Connection, cursor: sqlite3.Cursor,
               statement: str, *_: object) -> None:
        if statement == begins:
            turns.take(cursor.connection)

    # SQLAlchemy's event for commits comes before the commit. Every end of a
    # transaction calls one of these methods.
    for name in ('do_commit', 'do_rollback', 'do_close', 'do_terminate'):
        setattr(engine.dialect, name,
                _giving(getattr(engine.dialect, name), turns))


def _giving(function: Callable[[object], None],
            turns: Turns) -> Callable[[object], None]:
    def ending(connection: object) -> None:
        raw = _raw(connection)
        try:
            function(connection)
        finally:
            turns.give(raw)
    return ending
