# SPDX-License-Identifier: Apache-2.0
"""Every filter of a list has its index."""

from alembic import op

revision = '0005'
down_revision = '0006'
branch_labels = None
depends_on = None

ADDED = (
    ('nodes', ('controller_type', 'cpu_amount', 'ram_mb', 'hdd_gb')),
    ('node_images', ('created_at',)),
    ('power_controls', ('failures',)),
    ('power_events', ('kind',)),
    ('tasks', ('started_at',)))


def upgrade() -> None:
    for table, columns in ADDED:
        for column in columns:
            op.create_index(f'ix_{table}_{column}', table, [column])
