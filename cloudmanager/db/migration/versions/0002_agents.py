# SPDX-License-Identifier: Apache-2.0
"""Agents on nodes, and the desired state that they bring nodes to."""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0002_agents'
down_revision = '0001_initial'
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
OPTIONS: dict[str, Any] = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
           'mysql_collate': 'utf8mb4_bin'}


def upgrade() -> None:
    op.create_table(
        'agents',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('key_id', sa.String(32), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('next_key_id', sa.String(32), nullable=True),
        sa.Column('next_key', sa.Text(), nullable=True),
        sa.Column('contact_at', TIME, nullable=True),
        sa.Column('reported_at', sa.Double(), nullable=True),
        sa.Column('version', sa.String(64), nullable=True),
        sa.Column('interface', sa.String(16), nullable=True),
        sa.Column('operations', sa.JSON(), nullable=True),
        sa.Column('capabilities', sa.JSON(), nullable=True),
        sa.Column('generation', sa.Integer(), nullable=True),
        sa.Column('modes', sa.JSON(), nullable=True),
        sa.Column('refused', sa.JSON(), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_agents'),
        sa.UniqueConstraint('host', name='uq_agents_host'), **OPTIONS)
    op.create_index('ix_agents_contact_at', 'agents', ['contact_at'])
    op.create_table(
        'node_settings',
        sa.Column('node_id', sa.Integer(), autoincrement=False,
                  nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('settings', sa.JSON(), nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('node_id', name='pk_node_settings'),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'],
                                name='fk_node_settings_node_id',
                                ondelete='CASCADE'), **OPTIONS)
