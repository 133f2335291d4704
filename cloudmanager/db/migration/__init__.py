# SPDX-License-Identifier: Apache-2.0
"""Schema migrations by alembic, driven from code."""

import pathlib
from typing import Any

from alembic import command
from alembic import config as alembic_config
from alembic import migration as alembic_migration
from alembic import script as alembic_script
import sqlalchemy as sa

from cloudmanager.db import api as db_api

# TaskFlow keeps its own history in alembic_version of the same database.
VERSION_TABLE = 'cloudmanager_alembic_version'


def _config(connection: sa.Connection | None = None) -> Any:
    config = alembic_config.Config()
    config.set_main_option('script_location',
                           str(pathlib.Path(__file__).parent))
    config.attributes['connection'] = connection
    return config


def version() -> str | None:
    """Return the revision that the database has."""
    with db_api.get_engine().connect() as connection:
        context = alembic_migration.MigrationContext.configure(
            connection, opts={'version_table': VERSION_TABLE})
        return context.get_current_revision()


def head() -> str | None:
    """Return the newest revision of the code."""
    return alembic_script.ScriptDirectory.from_config(
        _config()).get_current_head()


def upgrade(revision: str = 'head') -> None:
    """Bring the database to a revision.

    :param revision: an alembic revision, the newest one by default
    """
    with db_api.get_engine().begin() as connection:
        command.upgrade(_config(connection), revision)


def revise(message: str, autogenerate: bool = False) -> None:
    """Write a new migration, for developers."""
    with db_api.get_engine().begin() as connection:
        command.revision(_config(connection), message=message,
                         autogenerate=autogenerate)
