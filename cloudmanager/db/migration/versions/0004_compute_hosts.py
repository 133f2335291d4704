# SPDX-License-Identifier: Apache-2.0
"""What Nova says of the compute hosts of nodes."""

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('nodes') as batch:
        batch.add_column(sa.Column('compute_host', sa.String(255)))
        batch.add_column(sa.Column('compute_status', sa.String(16)))
        batch.add_column(sa.Column('compute_state', sa.String(16)))
        batch.add_column(sa.Column('power_off_wanted', sa.Boolean(), nullable=False, server_default=sa.false()))
