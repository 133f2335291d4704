# SPDX-License-Identifier: Apache-2.0
"""Cinder's database, for what its API cannot do: to remove a service.

The same as ``cinder-manage service remove`` does: the row is marked as
deleted, in the columns that Cinder reads.
"""

import functools

from oslo_config import cfg
import sqlalchemy as sa

from cloudmanager.clients import databases
from cloudmanager.common import clock

CONF = cfg.CONF

_SERVICES = sa.table(
    'services', sa.column('id', sa.Integer), sa.column('host', sa.String),
    sa.column('deleted', sa.Boolean), sa.column('deleted_at', sa.DateTime),
    sa.column('updated_at', sa.DateTime))


class CinderDatabase:
    """The rows of Cinder's services."""

    @functools.cached_property
    def _engine(self) -> sa.Engine:
        return databases.create_engine(CONF.cinder_database.connection,
                                       '[cinder_database] connection')

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
                    .values(deleted=True, deleted_at=clock.utcnow(),
                            updated_at=_SERVICES.c.updated_at)).rowcount
        except sa.exc.SQLAlchemyError as exc:
            raise databases.unreachable('Cinder\'s database',
                                        exc) from None
