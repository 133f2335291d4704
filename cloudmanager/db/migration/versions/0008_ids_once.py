# SPDX-License-Identifier: Apache-2.0
"""SQLite gives no id a second time, as the other databases do not.

Audits that nobody asked for are found by an index.
"""

from alembic import op

revision = '0008_ids_once'
down_revision = '0007_policies'
branch_labels = None
depends_on = None

TABLES = ('node_classes', 'node_types', 'node_images', 'nodes',
          'power_controls', 'node_power_controls', 'power_actions',
          'power_events', 'availability_storages', 'task_items', 'jobs',
          'agents', 'audits', 'audit_moves', 'aggregate_policies',
          'counted_moves', 'services')


def upgrade() -> None:
    op.create_index('ix_audits_continuous', 'audits', ['continuous'])
    if op.get_context().dialect.name != 'sqlite':
        return
    for table in TABLES:
        with op.batch_alter_table(
                table, recreate='always',
                table_kwargs={'sqlite_autoincrement': True}):
            pass
