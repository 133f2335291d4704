# SPDX-License-Identifier: Apache-2.0
"""Nova's databases, for what its API does not show: system metadata.

The tables are those of Nova's API database (``cell_mappings``,
``instance_mappings``) and of its cells (``instances``,
``instance_system_metadata``), see nova/db/api/models.py and
nova/db/main/models.py.

Nova reads the system metadata of a server whatever their column ``deleted``
says, and removes single ones by deleting their rows
(nova/db/main/api.py: ``_instance_system_metadata_get_multi``,
``_instance_metadata_update_in_place``). So is it done here: a row that were
only marked as deleted would go on being in effect.
"""

from collections.abc import Callable
from collections.abc import Mapping
import re
import threading
from typing import Any
from typing import TypeVar
from urllib import parse

from oslo_config import cfg
from oslo_log import log as logging
import sqlalchemy as sa

from cloudmanager.clients import databases
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
NAME = 'Nova\'s database'
#: How often a transaction is begun anew that Nova was in the way of.
RETRIES = 3
# Codes of MySQL and PostgreSQL for deadlocks and waits for locks.
_DEADLOCKS = frozenset((1205, 1213, '40001', '40P01', '55P03'))
_TEMPLATE = re.compile(r'{(\w+)}')

T = TypeVar('T')

_MAPPINGS = sa.table(
    'instance_mappings', sa.column('instance_uuid', sa.String),
    sa.column('cell_id', sa.Integer),
    sa.column('queued_for_delete', sa.Boolean))
_CELLS = sa.table(
    'cell_mappings', sa.column('id', sa.Integer),
    sa.column('name', sa.String),
    sa.column('database_connection', sa.Text))
_SERVERS = sa.table(
    'instances', sa.column('uuid', sa.String),
    sa.column('deleted', sa.Integer), sa.column('task_state', sa.String))
_METADATA = sa.table(
    'instance_system_metadata', sa.column('id', sa.Integer),
    sa.column('instance_uuid', sa.String), sa.column('key', sa.String),
    sa.column('value', sa.String), sa.column('deleted', sa.Integer),
    sa.column('created_at', sa.DateTime),
    sa.column('updated_at', sa.DateTime),
    sa.column('deleted_at', sa.DateTime))


class NovaDatabase:
    """System metadata of servers, wherever their cell is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[str, sa.Engine] = {}

    def system_metadata(self, server_id: str) -> dict[str, str]:
        """Return the system metadata of a server.

        :raises DatabaseNotUsable: ``[nova_database]`` is not configured
        :raises ServerNotFound: there is no such server
        :raises CloudUnreachable: a database did not answer
        """
        def read(connection: sa.Connection) -> dict[str, str]:
            self._check(connection, server_id)
            return {row.key: row.value or ''
                    for row in _rows(connection, server_id)}
        return self._transaction(self._cell(server_id), read)

    def set_system_metadata(self, server_id: str,
                            metadata: Mapping[str, str]) -> None:
        """Set some of the system metadata of a server, all or nothing.

        :raises Conflict: Nova is working on the server, and would write
            back what it has read before
        :raises Invalid: the database cannot store one of the values
        :raises: what ``system_metadata`` raises
        """
        def write(connection: sa.Connection) -> None:
            self._check(connection, server_id, writing=True)
            present = _by_key(connection, server_id)
            now = clock.utcnow().replace(microsecond=0)
            for key, value in metadata.items():
                if key in present:
                    _update(connection, present[key], value, now)
                else:
                    connection.execute(sa.insert(_METADATA).values(
                        instance_uuid=server_id, key=key, value=value,
                        created_at=now, deleted=0))
        self._transaction(self._cell(server_id), write)

    def remove_system_metadata(self, server_id: str, key: str) -> None:
        """Remove one of the system metadata of a server.

        :raises MetadataNotFound: the server has none of this name
        :raises: what ``set_system_metadata`` raises
        """
        def remove(connection: sa.Connection) -> None:
            self._check(connection, server_id, writing=True)
            found = _by_key(connection, server_id).get(key)
            if found is None:
                raise exception.MetadataNotFound(server=server_id, key=key)
            connection.execute(sa.delete(_METADATA).where(
                _METADATA.c.id.in_([row.id for row in found])))
        self._transaction(self._cell(server_id), remove)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    # Databases

    def _engine(self, url: str, setting: str) -> sa.Engine:
        with self._lock:
            if url not in self._engines:
                self._engines[url] = databases.create_engine(url, setting)
            return self._engines[url]

    def _cell(self, server_id: str) -> sa.Engine:
        """Return the database of the cell that a server is in."""
        url = CONF.nova_database.connection
        if not url:
            raise exception.DatabaseNotUsable(
                setting='[nova_database] connection', reason='it is not set')

        def find(connection: sa.Connection) -> Any:
            return connection.execute(
                sa.select(_MAPPINGS.c.cell_id, _CELLS.c.name,
                          _MAPPINGS.c.queued_for_delete,
                          _CELLS.c.database_connection)
                .join_from(_MAPPINGS, _CELLS,
                           _CELLS.c.id == _MAPPINGS.c.cell_id, isouter=True)
                .where(_MAPPINGS.c.instance_uuid == server_id)).first()

        found = self._transaction(
            self._engine(url, '[nova_database] connection'), find)
        if found is None or found.queued_for_delete:
            raise exception.ServerNotFound(server=server_id)
        if found.cell_id is None:
            raise exception.Conflict(
                reason=f'Server {server_id} is not in a cell yet.')
        return self._engine(cell_url(found.database_connection or ''),
                            f'the connection of cell {found.name}')

    def _transaction(self, engine: sa.Engine,
                     function: Callable[[sa.Connection], T]) -> T:
        """Run a function in a transaction, anew after a deadlock."""
        left = RETRIES
        while True:
            try:
                with engine.begin() as connection:
                    return function(connection)
            except sa.exc.DataError:
                raise exception.Invalid(
                    reason='Nova\'s database cannot store one of the '
                           'values.') from None
            except sa.exc.SQLAlchemyError as exc:
                if left and _is_deadlock(exc):
                    left -= 1
                    continue
                LOG.warning('%(name)s failed: %(kind)s', {
                    'name': NAME, 'kind': type(exc).__name__})
                raise databases.unreachable(NAME, exc) from None

    @staticmethod
    def _check(connection: sa.Connection, server_id: str,
               writing: bool = False) -> None:
        """Check that a server is there, and at rest.

        To write, its row is locked, so that two of us do not both insert a
        key; Nova is held up for milliseconds.
        """
        statement = sa.select(_SERVERS.c.task_state).where(
            _SERVERS.c.uuid == server_id, _SERVERS.c.deleted == 0)
        if writing:
            statement = statement.with_for_update()
        found = connection.execute(statement).first()
        if found is None:
            raise exception.ServerNotFound(server=server_id)
        if writing and found.task_state:
            raise exception.Conflict(
                reason=f'Server {server_id} is in the middle of '
                       f'{found.task_state}; Nova would undo the change.')


def _rows(connection: sa.Connection, server_id: str) -> list[Any]:
    return list(connection.execute(
        sa.select(_METADATA.c.id, _METADATA.c.key, _METADATA.c.value,
                  _METADATA.c.deleted)
        .where(_METADATA.c.instance_uuid == server_id)
        .order_by(_METADATA.c.id)))


def _by_key(connection: sa.Connection,
            server_id: str) -> dict[str, list[Any]]:
    """Return the rows of a server by exact key.

    There is more than one for a key only when somebody has made them by
    hand. Compared here, as MySQL takes ``A`` and ``a`` for one.
    """
    found: dict[str, list[Any]] = {}
    for row in _rows(connection, server_id):
        found.setdefault(row.key, []).append(row)
    return found


def _update(connection: sa.Connection, rows: list[Any], value: str,
            now: Any) -> None:
    """Write a value to the rows of a key that have another one."""
    ids = [row.id for row in rows if row.value != value or row.deleted]
    if ids:
        connection.execute(
            sa.update(_METADATA).where(_METADATA.c.id.in_(ids))
            .values(value=value, updated_at=now, deleted=0,
                    deleted_at=None))


def _is_deadlock(exc: sa.exc.SQLAlchemyError) -> bool:
    """Tell whether Nova or another of us was in the way."""
    original = getattr(exc, 'orig', None)
    codes = {getattr(original, 'pgcode', None),
             *(getattr(original, 'args', None) or ())[:1]}
    return bool(codes & _DEADLOCKS)


def cell_url(template: str) -> str:
    """Return the connection of a cell, which may be a template.

    Nova fills it with the parts of its own ``[database] connection``
    (nova/objects/cell_mapping.py).

    :raises DatabaseNotUsable: it names a part that there is not
    """
    own = (CONF.nova_database.cell_connection
           or CONF.nova_database.connection)
    values = _parts(own)

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            raise exception.DatabaseNotUsable(
                setting='[nova_database] cell_connection',
                reason=f'it has no {match[1]}, which a cell asks for')
        return str(value)
    return _TEMPLATE.sub(fill, template)


def _parts(url: str) -> JsonObject:
    """Return the parts of a connection that templates may name."""
    try:
        found = parse.urlsplit(url)
        return {'username': found.username, 'password': found.password,
                'hostname': found.hostname, 'port': found.port,
                'scheme': found.scheme, 'query': found.query,
                'fragment': found.fragment, 'path': found.path.lstrip('/')}
    except ValueError:
        # Its text may hold the URL with the password.
        raise exception.DatabaseNotUsable(
            setting='[nova_database] cell_connection',
            reason='it is no URL') from None
