# SPDX-License-Identifier: Apache-2.0
"""Connections to databases of other services, with an end to every wait."""


import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONNECT_SECONDS = 10
#: Seconds after which a statement is given up.
STATEMENT_SECONDS = 30
#: Connections that are kept, and that may come on top.
POOL, OVERFLOW = 1, 4
#: Seconds after which a connection is made anew: servers close idle ones.
RECYCLE_SECONDS = 3600

#: The drivers that we have; a URL may name the one that its owner has.
_DRIVERS = {'mysql': 'mysql+pymysql', 'mariadb': 'mysql+pymysql',
            'postgresql': 'postgresql+psycopg2'}
_CONNECT: dict[str, JsonObject] = {
    'mysql': {'connect_timeout': CONNECT_SECONDS,
              'read_timeout': STATEMENT_SECONDS,
              'write_timeout': STATEMENT_SECONDS},
    'postgresql': {
        'connect_timeout': CONNECT_SECONDS,
        'options': f'-c statement_timeout={STATEMENT_SECONDS * 1000}'},
    'sqlite': {'timeout': CONNECT_SECONDS}}


def create_engine(url: str, setting: str) -> sa.Engine:
    """Make an engine; nothing is connected yet.

    :param url: as the owner of the database has it
    :param setting: where it comes from, for messages
    :raises DatabaseNotUsable: it is no URL, or its driver is missing
    """
    try:
        found = sa.make_url(url)
        driver = _DRIVERS.get(found.get_backend_name(), found.drivername)
        # Plugins of SQLAlchemy that the owner uses need not be here.
        found = found.set(drivername=driver).difference_update_query(
            ['plugin'])
        backend = found.get_backend_name()
        options: JsonObject = {} if backend == 'sqlite' else {
            'pool_size': POOL, 'max_overflow': OVERFLOW,
            'pool_timeout': CONNECT_SECONDS,
            'pool_recycle': RECYCLE_SECONDS}
        return sa.create_engine(
            found, pool_pre_ping=True, hide_parameters=True,
            connect_args=_CONNECT.get(backend, {}), **options)
    except (sa.exc.ArgumentError, ValueError, ImportError) as exc:
        # Its text may hold the URL with the password.
        raise exception.DatabaseNotUsable(
            setting=setting, reason=type(exc).__name__) from None


def unreachable(service: str,
                exc: sa.exc.SQLAlchemyError) -> exception.CloudUnreachable:
    """Return the error for a database that does not do what it should.

    Texts of drivers may hold the URL with the password, or values.
    """
    return exception.CloudUnreachable(service=service,
                                      reason=type(exc).__name__)
