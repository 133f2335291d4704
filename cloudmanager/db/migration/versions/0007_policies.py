# SPDX-License-Identifier: Apache-2.0
"""Aggregates have policies, audits a measured gain, and moves are counted."""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0007_policies'
down_revision = '0006_load_samples'
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')
OPTIONS: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin'}


def upgrade() -> None:
    with op.batch_alter_table('audits') as batch:
        # Nothing but requests has made audits so far.
        batch.add_column(sa.Column('continuous', sa.Boolean(), nullable=False,
                                   server_default=sa.false()))
        for name in ('applied_at', 'measured_at'):
            batch.add_column(sa.Column(name, TIME, nullable=True))
        for name in ('predicted_gain', 'real_gain'):
            batch.add_column(sa.Column(name, sa.Double(), nullable=True))
    with op.batch_alter_table('audits') as batch:
        batch.alter_column('continuous', existing_type=sa.Boolean(),
                           existing_nullable=False, server_default=None)
        batch.create_index('ix_audits_applied_at', ['applied_at'])
    with op.batch_alter_table('audit_moves') as batch:
        batch.add_column(sa.Column('real_gain', sa.Double(), nullable=True))
        batch.add_column(sa.Column('unmeasured', sa.Text(), nullable=True))
    op.create_table(
        'aggregate_policies',
        sa.Column('aggregate_id', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.Column('mode', sa.String(16), nullable=False),
        sa.Column('document', sa.JSON(), nullable=False),
        sa.Column('next_audit_at', TIME, nullable=True),
        sa.Column('frozen_at', TIME, nullable=True),
        sa.Column('frozen_reason', LONG_TEXT, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('aggregate_id',
                                name='pk_aggregate_policies'), **OPTIONS)
    op.create_index('ix_aggregate_policies_mode', 'aggregate_policies',
                    ['mode'])
    op.create_table(
        'counted_moves',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('task_id', sa.String(36), nullable=False),
        sa.Column('server_id', sa.String(36), nullable=False),
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('counted_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_counted_moves'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'],
                                name='fk_counted_moves_task_id',
                                ondelete='CASCADE'),
        sa.UniqueConstraint('task_id', 'server_id',
                            name='uq_counted_moves_task_id_server_id'),
        **OPTIONS)
    for name in ('server_id', 'project_id'):
        op.create_index(f'ix_counted_moves_{name}_counted_at',
                        'counted_moves', [name, 'counted_at'])
