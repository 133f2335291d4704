# SPDX-License-Identifier: Apache-2.0
"""Classes of nodes and their types."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Boolean
from cloudmanager.api.types.values import Integer

# Most types that one request gives a class.
MAX_TYPES = 1000


class NodeType(Resource):
    """A type of a class of nodes."""

    _about = About('node_type', 'node_types')

    id = common.number('Id of the type.')
    # The path names it too, and must name the same.
    type_id = Field(Integer(), column='id', update=True, nullable=False,
                    shown=False, description='Id of the type, as in the '
                                             'path.')
    name = Field(formats.Name(), create=True, update=True, nullable=False,
                 description='Name, unique in the class.')


class NodeClass(Resource):
    """A class of nodes."""

    _about = About('node_class', 'node_classes')

    id = common.identity('Id of the class.')
    name = Field(formats.Name(minimum=1), sortable=True, create=True,
                 update=True, required=True, nullable=False, filtered=True,
                 description='Name, unique.')
    is_default = Field(Boolean(), nullable=False,
                       description='Whether nodes get it when none is '
                                   'named.')
    # Names in, objects out, so the list is rendered by hand.
    node_types = Field([NodeType], given=List(
        formats.Name(), maximum=MAX_TYPES, unique=True), create=True,
        update=True, nullable=False, computed=True,
        description='Types of the class; names in requests.')


ONE_CLASS, ONE_TYPE = answers.one(NodeClass), answers.one(NodeType)
