# SPDX-License-Identifier: Apache-2.0
"""Tasks."""

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

_TEXT = fields.OPERATORS[fields.STRING]
_TIME = fields.OPERATORS[fields.TIME]

TASK = fields.Resource('task', 'tasks', (
    Field('id', operators=fields.EQUALITY, sortable=True),
    Field('name', operators=_TEXT, sortable=True),
    Field('status', operators=_TEXT, sortable=True),
    Field('host', operators=_TEXT, sortable=True),
    Field('server_id', operators=_TEXT, sortable=True,
          aliases=('server',)),
    Field('parent_id', operators=(*fields.EQUALITY, *fields.ABSENCE),
          sortable=True),
    Field('params', fields.OBJECT),
    Field('result'),
    Field('cancel'),
    Field('user_id'),
    Field('user_name'),
    Field('request_id'),
    Field('created_at', fields.TIME, operators=_TIME, sortable=True),
    Field('started_at', fields.TIME, operators=_TIME, sortable=True),
    Field('finished_at', fields.TIME, operators=_TIME, sortable=True),
), identity=fields.STRING)

ITEM = fields.Resource('item', 'items', (
    Field('id', column='object_id'),
    Field('kind'),
    Field('name'),
    Field('state'),
    Field('action'),
    Field('source'),
    Field('destination'),
    Field('priority', fields.INTEGER),
    Field('attempts', fields.INTEGER),
    Field('error'),
    Field('created_at', fields.TIME),
    Field('updated_at', fields.TIME),
))

CANCEL = fields.Resource('', '', (
    Field('running', create=True, nullable=False,
          schema={'enum': ['finish', 'abort']}),
))
