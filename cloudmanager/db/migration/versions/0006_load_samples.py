# SPDX-License-Identifier: Apache-2.0
"""Agents report guests, storages and load."""

from typing import Any

from alembic import op
import sqlalchemy as sa

revision = '0006_load_samples'
down_revision = '0003_audits'
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin'}


def upgrade() -> None:
    op.add_column('agents', sa.Column('digest', sa.String(64),
                                      nullable=True))
    op.add_column('agents', sa.Column('checked_at', sa.String(32),
                                      nullable=True))
    for name in ('guests', 'facts'):
        op.add_column('agents', sa.Column(name, sa.JSON(), nullable=True))
    op.create_table(
        'load_samples',
        sa.Column('agent_id', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.Column('at', sa.Double(), nullable=False),
        sa.Column('load', sa.JSON(), nullable=False),
        sa.Column('guests', sa.JSON(), nullable=False),
        sa.Column('reasons', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('agent_id', 'at', name='pk_load_samples'),
        sa.ForeignKeyConstraint(['agent_id'], ['agents.id'],
                                name='fk_load_samples_agent_id',
                                ondelete='CASCADE'), **OPTIONS)
    op.create_index('ix_load_samples_at', 'load_samples', ['at'])
