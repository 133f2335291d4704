# SPDX-License-Identifier: Apache-2.0
"""A jobboard of TaskFlow on the table ``jobs``.

A claim is a lease by the clock of the database: one conditional UPDATE sets
the owner, the expiry and the next generation. To extend, consume or abandon a
job, its owner must name the generation of its claim.
"""

from collections.abc import Callable
from collections.abc import Iterator
import datetime
import functools
from typing import ParamSpec
from typing import TypeVar

from oslo_db import exception as db_exc
from oslo_utils import uuidutils
import sqlalchemy as sa
from taskflow import exceptions
from taskflow import logging
from taskflow import states
from taskflow.jobs import base
from taskflow.persistence import base as persistence_base
from taskflow.persistence.models import LogBook

from cloudmanager.common import clock
from cloudmanager.common.json_types import JsonObject
from cloudmanager.db import api as db_api
from cloudmanager.db import models
from cloudmanager.db import query as db_query

LOG = logging.getLogger(__name__)
P = ParamSpec('P')
T = TypeVar('T')
JOBS = models.Job.__table__
PRIORITIES = ('VERY_HIGH', 'HIGH', 'NORMAL', 'LOW', 'VERY_LOW')
POLL_SECONDS = 0.5
# How many unclaimed jobs one look returns; a conductor that has taken one
# looks again.
MOST_UNCLAIMED = 100

_DATABASE_CLOCK: dict[str, sa.ColumnElement[float]] = {
    'postgresql': sa.literal_column(
        'CAST(extract(epoch FROM clock_timestamp()) AS double precision)'),
    # In UTC: a change to or from summer time must not move a lease.
    'mysql': sa.literal_column(
        "timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1e6"),
}
_DATABASE_CLOCK['mariadb'] = _DATABASE_CLOCK['mysql']


def _translate(function: Callable[P, T]) -> Callable[P, T]:
    """Turn database errors into the jobboard's own."""
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (sa.exc.SQLAlchemyError, db_exc.DBError) as exc:
            raise exceptions.JobFailure('The SQL jobboard failed',
                                        cause=exc) from exc
    return wrapper


def _check_who(function: Callable[P, T]) -> Callable[P, T]:
    """Check that the caller gives its name, as TaskFlow's boards do."""
    made: Callable[P, T] = base.check_who(function)
    return made


def _state(row: db_query.Found | None) -> str:
    if row is None or row.trashed:
        return str(states.COMPLETE)
    return str(states.CLAIMED if row.live else states.UNCLAIMED)


class SQLJob(base.Job):
    """A row of the board."""

    def __init__(self, board: 'SQLJobBoard', row: db_query.Found,
                 book: LogBook | None = None) -> None:
        book_data = None
        if row.book_uuid:
            book_data = {'uuid': row.book_uuid, 'name': row.book_name}
        super().__init__(board, row.name, uuid=row.uuid,
                         details=row.details, backend=board.persistence,
                         book=book, book_data=book_data)
        self.sequence = row.sequence
        self.generation: int | None = None
        # A claim must find this generation, or the job had another owner in
        # the meantime.
        self.seen = row.generation
        # The state when the board was read. It answers the first question,
        # since TaskFlow asks each job of a list for its state.
        self._read: str | None = _state(row)
        self._priority = base.JobPriority(PRIORITIES[row.priority])
        self._created_on: datetime.datetime = row.created_at

    @property
    def created_on(self) -> datetime.datetime:
        return self._created_on

    @property
    def priority(self) -> base.JobPriority:
        return self._priority

    @property
    def last_modified(self) -> datetime.datetime | None:
        row = self.board.row(self)
        return row.updated_at if row is not None else None

    @property
    def state(self) -> str:
        found, self._read = self._read, None
        return found or _state(self.board.row(self))

    def expires_in(self) -> float:
        """Return the seconds left of the claim, or -1 without a claim."""
        row = self.board.row(self)
        return -1 if row is None or row.owner is None else row.left

    def extend_expiry(self, expiry: float) -> bool:
        """Renew the lease.

        :param expiry: seconds from now
        :returns: false when the lease was lost: stop working
        """
        return (self.generation is not None
                and self.board.extend(self, expiry))


def _moment() -> dict[str, float]:
    """Return the time, for databases that have no clock of their own."""
    return {'moment': clock.timestamp()}


class _Statements:
    """The statements of a board, built once for its kind of database.

    :param dialect: SQLAlchemy's name for that kind
    """

    def __init__(self, dialect: str) -> None:
        # SQLite has no server; its clock is this machine's.
        now = _DATABASE_CLOCK.get(dialect, sa.bindparam(
            'moment', type_=sa.Double()))
        free = sa.or_(JOBS.c.owner.is_(None), JOBS.c.expires_at <= now)
        live = sa.and_(JOBS.c.owner.is_not(None), JOBS.c.expires_at > now)
        this = JOBS.c.uuid == sa.bindparam('job')
        until = now + sa.bindparam('lease', type_=sa.Double())
        changed = sa.bindparam('changed', type_=JOBS.c.updated_at.type)
        select = sa.select(JOBS, live.label('live'),
                           (JOBS.c.expires_at - now).label('left'))
        self.one = select.where(this)
        self.all = select.where(
            JOBS.c.board == sa.bindparam('of_board'),
            JOBS.c.trashed.is_(False)
        ).order_by(JOBS.c.priority, JOBS.c.sequence)
        self.unclaimed = self.all.where(free).limit(MOST_UNCLAIMED)
        self.claim = JOBS.update().where(
            this, JOBS.c.generation == sa.bindparam('seen'),
            JOBS.c.trashed.is_(False), free).values(
                owner=sa.bindparam('who'), generation=JOBS.c.generation + 1,
                expires_at=until, updated_at=changed)
        self.post_owned = JOBS.insert().values({
            **{column.name: sa.bindparam(column.name, type_=column.type)
               for column in JOBS.c if column.name not in (
                   'sequence', 'expires_at', 'updated_at')},
            'expires_at': until})
        held = JOBS.c.generation == sa.bindparam('held')
        self.extend = JOBS.update().where(
            this, held, JOBS.c.owner.is_not(None)).values(
                expires_at=until, updated_at=changed)
        # A caller that holds no claim is checked by its name only.
        owned = (this, JOBS.c.owner == sa.bindparam('who'), sa.or_(
            sa.bindparam('held', type_=sa.Integer()).is_(None), held))
        self.consume = JOBS.delete().where(*owned)
        self.abandon = JOBS.update().where(*owned).values(
            owner=None, expires_at=None, updated_at=changed)
        self.trash = JOBS.update().where(*owned).values(
            owner=None, trashed=True, updated_at=changed)


class SQLJobBoard(base.JobBoard):
    """TaskFlow's jobboard interface on SQL."""

    def __init__(self, name: str, conf: JsonObject,
                 client: sa.Engine | None = None,
                 persistence: persistence_base.Backend | None = None) -> None:
        super().__init__(name, conf)
        self.persistence = persistence
        self._engine = client or db_api.create_engine()
        self._connected = False
        self._lease = float(conf.get('ttl', 30))

    @property
    def connected(self) -> bool:
        return self._connected

    def connect(self) -> None:
        self._connected = True

    def close(self) -> None:
        self._engine.dispose()
        self._connected = False

    def register_entity(self, entity: object) -> None:
        """Conductors register in the table ``services`` instead."""

    @functools.cached_property
    def _sql(self) -> '_Statements':
        return _Statements(self._engine.dialect.name)

    @_translate
    def row(self, job: SQLJob) -> db_query.Found | None:
        """Return the present row of a job."""
        with self._engine.connect() as connection:
            return connection.execute(
                self._sql.one, {'job': job.uuid, **_moment()}).first()

    @_translate
    def _fetch(self, only_unclaimed: bool = False) -> list[SQLJob]:
        statement = self._sql.unclaimed if only_unclaimed else self._sql.all
        with self._engine.connect() as connection:
            return [SQLJob(self, row) for row in connection.execute(
                statement, {'of_board': self._name, **_moment()})]

    def iterjobs(self, only_unclaimed: bool = False,
                 ensure_fresh: bool = False) -> Iterator[SQLJob]:
        found: Iterator[SQLJob] = base.JobBoardIterator(
            self, LOG, only_unclaimed=only_unclaimed,
            ensure_fresh=ensure_fresh,
            board_fetch_func=lambda ensure_fresh: self._fetch(
                only_unclaimed))
        return found

    def wait(self, timeout: float | None = None) -> Iterator[SQLJob]:
        end = None if timeout is None else clock.monotonic() + timeout
        while True:
            jobs = self._fetch()
            if jobs:
                found: Iterator[SQLJob] = base.JobBoardIterator(
                    self, LOG, board_fetch_func=lambda ensure_fresh: jobs)
                return found
            if end is not None and clock.monotonic() > end:
                raise exceptions.NotFound('No job came in time')
            clock.sleep(POLL_SECONDS)

    @property
    @_translate
    def job_count(self) -> int:
        with self._engine.connect() as connection:
            return connection.scalar(
                sa.select(sa.func.count()).select_from(JOBS).where(
                    JOBS.c.board == self._name,
                    JOBS.c.trashed.is_(False))) or 0

    def find_owner(self, job: SQLJob) -> str | None:
        row = self.row(job)
        return row.owner if row is not None and row.live else None

    @_translate
    def post(self, name: str, book: LogBook | None = None,
             details: JsonObject | None = None,
             priority: base.JobPriority = base.JobPriority.NORMAL,
             owner: str | None = None) -> SQLJob:
        """Put a job on the board.

        :param owner: the name of a conductor that has the job from the
            beginning, with a lease
        """
        generation = 0 if owner is None else 1
        values = {
            'uuid': uuidutils.generate_uuid(), 'board': self._name,
            'name': name, 'details': details or {}, 'trashed': False,
            'generation': generation, 'created_at': clock.utcnow(),
            'priority': PRIORITIES.index(
                base.JobPriority.convert(priority).value),
            # An empty logbook is false.
            'book_uuid': book.uuid if book is not None else None,
            'book_name': book.name if book is not None else None}
        with self._engine.begin() as connection:
            if owner is None:
                connection.execute(JOBS.insert(), values)
            else:
                connection.execute(self._sql.post_owned, {
                    **values, 'owner': owner, 'lease': self._lease,
                    **_moment()})
            row = connection.execute(
                self._sql.one, {'job': values['uuid'], **_moment()}).one()
        job = SQLJob(self, row, book)
        if owner is not None:
            job.generation = generation
        return job

    @_check_who
    @_translate
    def claim(self, job: SQLJob, who: str,
              expiry: float | None = None) -> None:
        with self._engine.begin() as connection:
            claimed = connection.execute(self._sql.claim, {
                'job': job.uuid, 'seen': job.seen, 'who': who,
                'lease': expiry or self._lease, 'changed': clock.utcnow(),
                **_moment()}).rowcount
        if claimed:
            job.generation = job.seen + 1
            return
        row = self.row(job)
        if row is None:
            raise exceptions.NotFound(f'Job {job.uuid} is gone')
        raise exceptions.UnclaimableJob(
            f'Job {job.uuid} is or was claimed by {row.owner}')

    @_translate
    def extend(self, job: SQLJob, expiry: float) -> bool:
        """Renew a lease, even an expired one if nobody has claimed the job."""
        with self._engine.begin() as connection:
            return bool(connection.execute(self._sql.extend, {
                'job': job.uuid, 'held': job.generation,
                'lease': expiry or self._lease, 'changed': clock.utcnow(),
                **_moment()}).rowcount)

    def _change(self, job: SQLJob, who: str, statement: sa.Executable) -> None:
        """Carry out a statement on a job that the caller owns.

        :raises taskflow.exceptions.NotFound: there is no such job
        :raises taskflow.exceptions.JobFailure: the caller does not own it
        """
        with self._engine.begin() as connection:
            if connection.execute(statement, {
                    'job': job.uuid, 'who': who, 'held': job.generation,
                    'changed': clock.utcnow()}).rowcount:
                return
        if self.row(job) is None:
            raise exceptions.NotFound(f'Job {job.uuid} is gone')
        raise exceptions.JobFailure(f'Job {job.uuid} is not owned by {who}')

    @_check_who
    @_translate
    def consume(self, job: SQLJob, who: str) -> None:
        self._change(job, who, self._sql.consume)

    @_check_who
    @_translate
    def abandon(self, job: SQLJob, who: str) -> None:
        self._change(job, who, self._sql.abandon)

    @_check_who
    @_translate
    def trash(self, job: SQLJob, who: str) -> None:
        self._change(job, who, self._sql.trash)
