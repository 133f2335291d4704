# SPDX-License-Identifier: Apache-2.0
"""Cinder's database, for what its API cannot do: to remove a service.

The same as ``cinder-manage service remove`` does: the row is marked as
deleted, in the columns that Cinder reads.
"""

import datetime
import functools
from typing import Any

from oslo_config import cfg
import sqlalchemy as sa

from cloudmanager.common import exception

CONF = cfg.CONF
CONNECT_SECONDS = 10

_SERVICES = sa.table(
    'services', sa.column('id', sa.Integer), sa.column('host', sa.String),
    sa.column('deleted', sa.Boolean), sa.column('deleted_at', sa.DateTime),
    sa.column('updated_at', sa.DateTime))


class CinderDatabase:
    """The rows of Cinder's services."""

    @functools.cached_property
    def _engine(self) -> sa.Engine:
        url = sa.make_url(CONF.cinder_database.connection)
        options: dict[str, Any] = {}
        if url.get_backend_name() in ('mysql', 'mariadb', 'postgresql'):
            options['connect_args'] = {'connect_timeout': CONNECT_SECONDS}
        return sa.create_engine(url, pool_size=1, pool_pre_ping=True,
                                **options)

    @property
    def configured(self) -> bool:
        """Whether there is a connection to it."""
        return bool(CONF.cinder_database.connection)

    def remove_services(self, host: str) -> int:
        """Remove the services of exactly this host and its back ends.

        :returns: how many there were
        :raises CloudUnreachable: the database did not answer
        """
        # A name may contain the wildcards of LIKE.
        backend = host.replace('\\', '\\\\').replace('%', '\\%').replace(
            '_', '\\_') + '@%'
        try:
            with self._engine.begin() as connection:
                return connection.execute(
                    sa.update(_SERVICES).where(
                        _SERVICES.c.deleted.is_(sa.false()),
                        sa.or_(_SERVICES.c.host == host,
                               _SERVICES.c.host.like(backend, escape='\\')))
                    .values(deleted=True, deleted_at=_now(),
                            updated_at=_SERVICES.c.updated_at)).rowcount
        except sa.exc.SQLAlchemyError as exc:
            # Its text may hold the URL with the password.
            raise exception.CloudUnreachable(
                service='Cinder\'s database',
                reason=type(exc).__name__) from None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
