# SPDX-License-Identifier: Apache-2.0
"""Paths of availability storages, metadata of nodes, memory of devices."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    with op.batch_alter_table('availability_storages') as batch:
        batch.add_column(sa.Column('compute_path', sa.String(1024), nullable=False, server_default=''))
        batch.add_column(sa.Column('controller_path', sa.String(1024), nullable=False, server_default=''))
        batch.drop_column('path')
        batch.drop_column('fields')
    with op.batch_alter_table('nodes') as batch:
        batch.add_column(sa.Column('meta', sa.JSON()))
        batch.add_column(sa.Column('condition_reason', sa.String(255)))
        batch.add_column(sa.Column('hypervisor_lost_at', TIME))
    with op.batch_alter_table('power_controls') as batch:
        batch.add_column(sa.Column('options', sa.JSON()))
        batch.add_column(sa.Column('failures', sa.Integer(), nullable=False, server_default='0'))
        batch.add_column(sa.Column('last_error', sa.Text()))
        batch.add_column(sa.Column('last_error_at', TIME))
        batch.add_column(sa.Column('last_success_at', TIME))
        batch.add_column(sa.Column('retry_at', TIME))
    with op.batch_alter_table('node_power_controls') as batch:
        batch.add_column(sa.Column('power_state', sa.String(16)))
        batch.add_column(sa.Column('power_state_at', TIME))
    with op.batch_alter_table('power_actions') as batch:
        batch.add_column(sa.Column('power_control_port', sa.String(64)))
