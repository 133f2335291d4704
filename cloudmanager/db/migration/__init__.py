# SPDX-License-Identifier: Apache-2.0
"""Schema migrations by alembic, driven from code.

They form one chain, and go forward only. The id of a revision is the name of
its file, such as ``0001_initial``.
"""

from collections.abc import Iterator
import contextlib
import pathlib
import re

from alembic import command
from alembic import config as alembic_config
from alembic import migration as alembic_migration
from alembic import script as alembic_script
import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api as db_api

# TaskFlow keeps its own history in alembic_version of the same database.
VERSION_TABLE = 'cloudmanager_alembic_version'
# That is how much the version table takes.
ID_LENGTH = 32
_LOCATION = pathlib.Path(__file__).parent


def _config(connection: sa.Connection | None = None
            ) -> alembic_config.Config:
    config = alembic_config.Config()
    config.set_main_option('script_location', str(_LOCATION))
    config.set_main_option('file_template', '%%(rev)s')
    config.attributes['connection'] = connection
    return config


def scripts() -> alembic_script.ScriptDirectory:
    """Return the migrations of the code."""
    return alembic_script.ScriptDirectory.from_config(_config())


def version() -> str | None:
    """Return the revision that the database has."""
    with db_api.get_engine().connect() as connection:
        context = alembic_migration.MigrationContext.configure(
            connection, opts={'version_table': VERSION_TABLE})
        return context.get_current_revision()


def head() -> str | None:
    """Return the newest revision of the code."""
    return scripts().get_current_head()


def check_known() -> None:
    """Check that the code knows the revision that the database has.

    :raises Misconfigured: it does not, so it cannot go on from there
    """
    found = version()
    if found is None or found in {
            script.revision for script in scripts().walk_revisions()}:
        return
    raise exception.Misconfigured(
        setting='[database] connection',
        reason=f'its tables are at revision {found}, which this release does '
               'not have. If they come from a newer release, install that '
               'one. If they come from a version before the first release, '
               'they cannot be upgraded: name a new, empty database')


def upgrade(revision: str = 'head') -> None:
    """Bring the database to a revision.

    :param revision: an alembic revision, the newest one by default
    :raises Misconfigured: the database has one that the code does not know
    """
    check_known()
    with _changing() as connection:
        command.upgrade(_config(connection), revision)


@contextlib.contextmanager
def _changing() -> Iterator[sa.Connection]:
    """Give a connection on which tables may be changed, and commit.

    SQLite cannot change a column: alembic makes the table anew, and to drop
    the old one would delete the rows of others that refer to it. So nothing
    is done about references meanwhile; they are checked at the end.

    :raises Misconfigured: there are references to what there is not
    """
    with db_api.get_engine().connect() as connection:
        if connection.dialect.name != 'sqlite':
            with connection.begin():
                yield connection
            return
        # Within a transaction SQLite would ignore this.
        cursor = connection.connection.cursor()
        cursor.execute('PRAGMA foreign_keys=OFF')
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql(
                    'PRAGMA foreign_key_check').all()
                if broken:
                    tables = ', '.join(sorted({row[0] for row in broken}))
                    raise exception.Misconfigured(
                        setting='[database] connection',
                        reason='rows refer to others that are not there, in '
                               f'{tables}; nothing was changed')
        finally:
            cursor.execute('PRAGMA foreign_keys=ON')
            cursor.close()


def revise(message: str, autogenerate: bool = False) -> None:
    """Write a new migration after the newest one, for developers."""
    number = int((head() or '0').partition('_')[0]) + 1
    words = re.sub(r'\W+', '_', message.lower()).strip('_')
    with db_api.get_engine().begin() as connection:
        command.revision(
            _config(connection), message=message, autogenerate=autogenerate,
            rev_id=f'{number:04}_{words}'[:ID_LENGTH].rstrip('_'))
