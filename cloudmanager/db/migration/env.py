# SPDX-License-Identifier: Apache-2.0
"""Alembic's way in; the connection comes from ``cloudmanager.db``."""

from alembic import context

from cloudmanager.db import migration
from cloudmanager.db import models

context.configure(
    connection=context.config.attributes['connection'],
    target_metadata=models.Base.metadata,
    version_table=migration.VERSION_TABLE,
    include_name=lambda name, kind, parents: (
        kind != 'table' or name in models.Base.metadata.tables))

with context.begin_transaction():
    context.run_migrations()
