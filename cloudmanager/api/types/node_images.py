# SPDX-License-Identifier: Apache-2.0
"""Boot images of nodes."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Time


class NodeImage(Resource):
    """A boot image."""

    _about = About('node_image', 'node_images')

    id = common.identity('Id of the image.')
    created_at = Field(Time(), sortable=True, nullable=False, filtered=True,
                       description='When the image was created.')
    image_name = Field(formats.Name(minimum=1), column='name', sortable=True,
                       create=True, required=True, nullable=False,
                       filtered=True, description='Name, unique.')
    file_data = Field(formats.BootFile(), create=True, required=True,
                      nullable=False, description='Configuration of '
                      'PXELINUX that nodes boot from.')


ONE_IMAGE = answers.one(NodeImage)


class Assignment(Resource):
    """Which image a node gets."""

    image_id = Field(Integer(1), create=True, required=True, nullable=False,
                     description='Id of the image.')
