# SPDX-License-Identifier: Apache-2.0
"""Audits have what they found, and their moves.

Nothing could make audits before, so their table is empty.
"""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0003_audits'
down_revision = '0002_agents'
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), 'mysql', 'mariadb')
OPTIONS: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin'}


def upgrade() -> None:
    op.drop_table('audits')
    op.create_table(
        'audits',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('aggregate_id', sa.Integer(), nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('task_id', sa.String(36), nullable=True),
        sa.Column('apply_task_id', sa.String(36), nullable=True),
        sa.Column('source', sa.String(64), nullable=True),
        sa.Column('conclusion', LONG_TEXT, nullable=True),
        sa.Column('before', sa.JSON(), nullable=True),
        sa.Column('after', sa.JSON(), nullable=True),
        sa.Column('reached', sa.JSON(), nullable=True),
        sa.Column('hot', sa.JSON(), nullable=True),
        sa.Column('warnings', sa.JSON(), nullable=True),
        sa.Column('fingerprint', sa.String(64), nullable=True),
        sa.Column('picture', sa.JSON(), nullable=True),
        sa.Column('finished_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_audits'),
        sa.UniqueConstraint('task_id', name='uq_audits_task_id'), **OPTIONS)
    for name in ('aggregate_id', 'apply_task_id', 'created_at', 'status'):
        op.create_index(f'ix_audits_{name}', 'audits', [name])
    op.create_table(
        'audit_moves',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('audit_id', sa.Integer(), nullable=False),
        sa.Column('server_id', sa.String(36), nullable=False),
        sa.Column('server_name', sa.String(255), nullable=False),
        sa.Column('source', sa.String(255), nullable=False),
        sa.Column('destination', sa.String(255), nullable=False),
        sa.Column('action', sa.String(32), nullable=False),
        sa.Column('stage', sa.Integer(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('gain', sa.Double(), nullable=False),
        sa.Column('seconds', sa.Double(), nullable=False),
        sa.Column('size_mb', sa.Integer(), nullable=False),
        sa.Column('group_id', sa.String(36), nullable=True),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('finished_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_audit_moves'),
        sa.ForeignKeyConstraint(['audit_id'], ['audits.id'],
                                name='fk_audit_moves_audit_id',
                                ondelete='CASCADE'),
        sa.UniqueConstraint('audit_id', 'server_id',
                            name='uq_audit_moves_audit_id_server_id'),
        **OPTIONS)
