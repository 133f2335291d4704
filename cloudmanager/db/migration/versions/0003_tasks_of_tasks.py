# SPDX-License-Identifier: Apache-2.0
"""Tasks that other tasks began, and items that are hosts."""

from alembic import op
import sqlalchemy as sa

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tasks') as batch:
        batch.add_column(sa.Column('parent_id', sa.String(36)))
        batch.create_index('ix_tasks_parent_id', ['parent_id'])
    with op.batch_alter_table('task_items') as batch:
        batch.alter_column('object_id', type_=sa.String(255), existing_type=sa.String(36), existing_nullable=False)
