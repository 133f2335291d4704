# SPDX-License-Identifier: Apache-2.0
"""Where TaskFlow keeps the state of flows: our own database.

TaskFlow's backend builds its tables anew for each connection, which defeats
SQLAlchemy's cache of compiled statements; sharing them makes a step about
four times cheaper. That touches private names of TaskFlow: a unit test
holds them.

TaskFlow's migrations bring in alembic and pygments, an eighth of a
conductor's start; only ``upgrade`` uses them, so they are imported then.
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
        # The parent's initialisation, less the making of tables.
        self._backend = backend
        self._upgrade_lock = upgrade_lock
        self._engine = backend.engine
        self._metadata, self._tables, self._converter = backend.shared


class Backend(impl_sqlalchemy.SQLAlchemyBackend):
    """TaskFlow's SQL backend with tables made once."""

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
