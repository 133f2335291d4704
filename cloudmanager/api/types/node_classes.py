# SPDX-License-Identifier: Apache-2.0
"""Classes of nodes and their types."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

# Most types that one request gives a class.
MAX_TYPES = 1000

NODE_TYPE = fields.Resource('node_type', 'node_types', (
    Field('id', fields.INTEGER, nullable=False,
          description='Id of the type.'),
    # The path names it too, and must name the same.
    Field('type_id', fields.INTEGER, column='id', update=True,
          nullable=False, shown=False,
          description='Id of the type, as in the path.'),
    Field('name', create=True, update=True, nullable=False,
          convert=formats.name, description='Name, unique in the class.'),
))
NODE_CLASS = fields.Resource('node_class', 'node_classes', (
    Field('id', fields.INTEGER, sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.INTEGER],
          description='Id of the class.'),
    Field('name', sortable=True, create=True, update=True, required=True,
          nullable=False, operators=fields.OPERATORS[fields.STRING],
          schema={'minLength': 1}, convert=formats.name,
          description='Name, unique.'),
    Field('is_default', fields.BOOLEAN, nullable=False,
          description='Whether nodes get it when none is named.'),
    # Names in, objects out, so the list is rendered by hand.
    Field('node_types', fields.LIST, create=True, update=True,
          nullable=False, computed=True, of=NODE_TYPE, convert=formats.names,
          schema={'maxItems': MAX_TYPES, 'uniqueItems': True,
                  'items': {'type': 'string', 'maxLength': 255}},
          description='Types of the class; names in requests.'),
))
ONE_CLASS, ONE_TYPE = answers.one(NODE_CLASS), answers.one(NODE_TYPE)
