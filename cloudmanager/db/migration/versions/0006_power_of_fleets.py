# SPDX-License-Identifier: Apache-2.0
"""Events of power, nodes being switched on, reports of conductors."""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0006'
down_revision = '0008'
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
OPTIONS: dict[str, Any] = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
                           'mysql_collate': 'utf8mb4_bin'}


def upgrade() -> None:
    op.create_table(
        'power_events',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(32), nullable=False),
        sa.Column('node_id', sa.Integer()),
        sa.Column('power_control_id', sa.Integer()),
        sa.Column('detail', sa.Text()),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'], name='fk_power_events_node_id', ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['power_control_id'], ['power_controls.id'], name='fk_power_events_power_control_id', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='pk_power_events'), **OPTIONS)
    for column in ('node_id', 'power_control_id', 'created_at'):
        op.create_index(f'ix_power_events_{column}', 'power_events', [column])
    op.create_table(
        'power_starts',
        sa.Column('node_id', sa.Integer(), nullable=False),
        sa.Column('rack', sa.String(64), nullable=False),
        sa.Column('moment', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['node_id'], ['nodes.id'], name='fk_power_starts_node_id', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('node_id', name='pk_power_starts'),
        sa.UniqueConstraint('rack', 'moment', name='uq_power_starts_rack_moment'), **OPTIONS)
    with op.batch_alter_table('services') as batch:
        batch.add_column(sa.Column('report', sa.JSON()))
