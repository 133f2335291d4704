# SPDX-License-Identifier: Apache-2.0
"""Tasks."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field
from cloudmanager.domain import task_states

_TEXT = fields.OPERATORS[fields.STRING]
_TIME = fields.OPERATORS[fields.TIME]


def _count(name: str, description: str) -> Field:
    return Field(name, fields.INTEGER, nullable=False,
                 description=description)


PROGRESS = fields.Resource('', '', (
    _count('total', 'How many items there are.'),
    _count('done', 'How many are done or were left out.'),
    _count('failed', 'How many failed.'),
    _count('running', 'How many are under way.'),
), title='Progress')

TASK = fields.Resource('task', 'tasks', (
    Field('id', operators=fields.EQUALITY, sortable=True, nullable=False,
          description='Id.'),
    Field('name', operators=_TEXT, sortable=True, nullable=False,
          description='What kind of work it is.'),
    Field('status', operators=_TEXT, sortable=True, nullable=False,
          schema={'enum': [status.value
                           for status in task_states.TaskStatus]},
          description='How far it is.'),
    Field('host', operators=_TEXT, sortable=True,
          description='Compute host that it acts on.'),
    Field('server_id', operators=_TEXT, sortable=True,
          aliases=('server',), description='Server that it acts on.'),
    Field('node_id', fields.INTEGER, operators=('eq', 'in'), shown=False,
          computed=True,
          description='Node that it acts on, by itself or as a compute '
                      'host.'),
    Field('parent_id', operators=(*fields.EQUALITY, *fields.ABSENCE),
          sortable=True, description='Task that began it.'),
    Field('params', fields.OBJECT, nullable=False,
          description='What was asked for.'),
    Field('result', description='What came of it, in words.'),
    Field('cancel', description='What was asked for about cancelling.'),
    Field('user_id', description='Id of the user who asked for it.'),
    Field('user_name', description='Name of the user who asked for it.'),
    Field('request_id', description='Id of the request that began it.'),
    Field('created_at', fields.TIME, operators=_TIME, sortable=True,
          nullable=False, description='When it was asked for.'),
    Field('started_at', fields.TIME, operators=_TIME, sortable=True,
          description='When a conductor began.'),
    Field('finished_at', fields.TIME, operators=_TIME, sortable=True,
          description='When it ended.'),
    Field('progress', fields.OBJECT, of=PROGRESS, computed=True,
          nullable=False, description='Counts of its items.'),
), identity=fields.STRING)

ITEM = fields.Resource('item', 'items', (
    Field('id', column='object_id', nullable=False,
          description='Id of what it is about.'),
    Field('kind', nullable=False, description='What it is about.'),
    Field('name', description='Name of what it is about.'),
    Field('state', nullable=False,
          description='PENDING, RUNNING, DONE, FAILED or SKIPPED.'),
    Field('action', description='What is done with it.'),
    Field('source', description='Host where it was.'),
    Field('destination', description='Host where it goes.'),
    Field('priority', fields.INTEGER, nullable=False,
          description='The highest goes first.'),
    Field('attempts', fields.INTEGER, nullable=False,
          description='How often it was tried.'),
    Field('error', description='Why it failed.'),
    Field('created_at', fields.TIME, nullable=False,
          description='When it was planned.'),
    Field('updated_at', fields.TIME, description='When it last changed.'),
))

DETAIL = {'detail': 'Answer objects, not ids.'}
LIST = fields.Resource('', '', (
    Field('tasks', fields.LIST, nullable=False, of=TASK, also=('string',),
          description='Ids, or objects if they were asked for.'),
    *answers.page(TASK).fields[1:]))
# A task by itself has no envelope.
ONE = fields.Resource('', '', (
    *TASK.fields,
    Field('traceback', description='Where it failed; for administrators.'),
    Field('items', fields.LIST, of=ITEM, nullable=False,
          description='What it does, one by one.')), title='TaskDetail')

CANCEL = fields.Resource('', '', (
    Field('running', create=True, nullable=False,
          schema={'enum': [cancel.value for cancel in task_states.Cancel]},
          description='What becomes of moves under way; finish by '
                      'default.'),
))
