# SPDX-License-Identifier: Apache-2.0
"""Where TaskFlow keeps the state of flows: our own database.

TaskFlow's backend defines its tables again for each connection, which defeats
SQLAlchemy's cache of compiled statements. Sharing the tables makes a step
about four times cheaper. This uses private names of TaskFlow; a unit test
checks that they still exist.

TaskFlow's migrations import alembic and pygments, which takes an eighth of a
conductor's start. Only ``upgrade`` needs them, so it imports them itself.
"""

import threading

import sqlalchemy as sa

from cloudmanager.common import runtime
from cloudmanager.db import api as db_api

runtime.import_late('taskflow.persistence.backends.sqlalchemy.migration')

from taskflow.persistence.backends import impl_sqlalchemy  # noqa: E402
from taskflow.persistence.backends.sqlalchemy import tables  # noqa: E402


class _Connection(impl_sqlalchemy.Connection):

    def __init__(self, backend: 'Backend',
                 upgrade_lock: threading.Lock) -> None:
        # The same as the parent's, except that it defines no tables.
        self._backend = backend
        self._upgrade_lock = upgrade_lock
        self._engine = backend.engine
        self._metadata, self._tables, self._converter = backend.shared


class Backend(impl_sqlalchemy.SQLAlchemyBackend):
    """TaskFlow's SQL backend, which defines its tables only once."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__({'connection': str(engine.url)}, engine=engine)
        metadata = sa.MetaData()
        made = tables.fetch(metadata)
        self.shared = (metadata, made, impl_sqlalchemy._Alchemist(made))

    def get_connection(self) -> _Connection:
        return _Connection(self, self._upgrade_lock)


def upgrade() -> None:
    """Create or upgrade TaskFlow's tables."""
    engine = db_api.create_engine()
    backend = impl_sqlalchemy.SQLAlchemyBackend({}, engine=engine)
    backend.get_connection().upgrade()
    engine.dispose()
