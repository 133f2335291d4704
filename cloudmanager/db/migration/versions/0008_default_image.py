# SPDX-License-Identifier: Apache-2.0
"""The data of the image that every installation starts with."""

from alembic import op
import sqlalchemy as sa

revision = '0008'
down_revision = '0004'
branch_labels = None
depends_on = None

# That of the REST document's sample.
FILE_DATA = (
    'default vesamenu.c32\n'
    'aprompt 1\n'
    'timeout 30\n'
    'label ubuntu 14.04\n'
    'menu label CENTER COMPUTE NODE DEFAULT\n'
    'kernel vmlinuz\n'
    'append initrd=dracut root=192.168.100.1:/mnt/rootfs biosdevname=0 ip=eth0:on ip=eth1:on bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp ro')


def upgrade() -> None:
    images = sa.table('node_images', *map(sa.column, ('id', 'file_data')))
    op.execute(images.update()
               .where(images.c.id == 1, images.c.file_data.is_(None))
               .values(file_data=FILE_DATA))
