# SPDX-License-Identifier: Apache-2.0
"""Boot images of nodes."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field
from cloudmanager.domain import pxe

NODE_IMAGE = fields.Resource('node_image', 'node_images', (
    Field('id', fields.INTEGER, sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.INTEGER],
          description='Id of the image.'),
    Field('created_at', fields.TIME, sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.TIME],
          description='When the image was created.'),
    Field('image_name', column='name', sortable=True, create=True,
          required=True, nullable=False,
          operators=fields.OPERATORS[fields.STRING],
          schema={'minLength': 1}, convert=formats.name,
          description='Name, unique.'),
    Field('file_data', create=True, required=True, nullable=False,
          schema={'maxLength': pxe.MAX_BYTES}, convert=formats.boot_file,
          lines=True,
          description='Configuration of PXELINUX that nodes boot from.'),
))
ONE_IMAGE = answers.one(NODE_IMAGE)

# A body without an envelope.
ASSIGNMENT = fields.Resource('', '', (
    Field('image_id', fields.INTEGER, create=True, required=True,
          nullable=False, schema={'minimum': 1},
          description='Id of the image.'),
))
