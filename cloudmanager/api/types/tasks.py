# SPDX-License-Identifier: Apache-2.0
"""Tasks."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import values
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import compose
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.hosts import DryRun
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Number
from cloudmanager.api.types.values import Text
from cloudmanager.api.types.values import Time
from cloudmanager.domain import task_states


class Progress(Resource):
    """How far a task is."""

    _about = About(title='Progress')

    total = common.number('How many items there are.')
    done = common.number('How many are done or were left out.')
    failed = common.number('How many failed.')
    running = common.number('How many are under way.')


class Task(Resource):
    """A task."""

    _about = About('task', 'tasks', identity=str)

    id = Field(Text(), operators=values.EQUALITY, sortable=True,
               nullable=False, description='Id.')
    name = Field(Text(), filtered=True, sortable=True, nullable=False,
                 description='What kind of work it is.')
    status = Field(Choice(*task_states.TaskStatus), filtered=True,
                   sortable=True, nullable=False,
                   description='How far it is.')
    host = Field(Text(), filtered=True, sortable=True,
                 description='Compute host that it acts on.')
    server_id = Field(Text(), filtered=True, sortable=True,
                      aliases=('server',),
                      description='Server that it acts on.')
    node_id = Field(Integer(), operators=('eq', 'in'), shown=False,
                    computed=True, description='Node that it acts on, by '
                    'itself or as a compute host.')
    parent_id = Field(Text(), operators=values.EQUALITY + values.ABSENCE,
                      sortable=True, description='Task that began it.')
    params = Field(Object(), nullable=False,
                   description='What was asked for.')
    result = Field(Text(), description='What came of it, in words.')
    cancel = Field(Text(), description='What was asked for about '
                                       'cancelling.')
    user_id = Field(Text(), description='Id of the user who asked for it.')
    user_name = Field(Text(),
                      description='Name of the user who asked for it.')
    request_id = Field(Text(),
                       description='Id of the request that began it.')
    created_at = Field(Time(), filtered=True, sortable=True, nullable=False,
                       description='When it was asked for.')
    started_at = Field(Time(), filtered=True, sortable=True,
                       description='When a conductor began.')
    finished_at = Field(Time(), filtered=True, sortable=True,
                        description='When it ended.')
    progress = Field(Progress, computed=True, nullable=False,
                     description='Counts of its items.')


class Item(Resource):
    """One thing that a task deals with."""

    _about = About('item', 'items')

    id = Field(Text(), column='object_id', nullable=False,
               description='Id of what it is about.')
    kind = common.text('What it is about.')
    name = Field(Text(), description='Name of what it is about.')
    state = common.text('PENDING, RUNNING, DONE, FAILED or SKIPPED.')
    action = Field(Text(), description='What is done with it.')
    source = Field(Text(), description='Host, or physical volume, where it '
                                       'was.')
    destination = Field(Text(), description='Host, or physical volume, '
                                            'where it goes.')
    priority = common.number('The highest goes first.')
    attempts = common.number('How often it was tried.')
    error = Field(Text(), description='Why it failed, or was left.')
    size = Field(Integer(), computed=True, description='Bytes that are '
                 'copied or moved, of a volume.')
    percent = Field(Number(), computed=True, description='How much of that '
                    'is done.')
    seconds_left = Field(Integer(), computed=True, description='How long the '
                         'rest may take.')
    overridden = Field(Text(), computed=True, description='Which budget of '
                       'moves was used up when it was moved all the same.')
    created_at = Field(Time(), nullable=False,
                       description='When it was planned.')
    updated_at = Field(Time(), description='When it last changed.')


DETAIL = {'detail': 'Answer objects, not ids.'}
LIST = compose({
    'tasks': Field([Task], nullable=False, or_id=True,
                   description='Ids, or objects if they were asked for.'),
    **answers.page_links(Task)})


class One(Task):
    """A task by itself, which has no envelope."""

    _about = About(title='TaskDetail')

    traceback = Field(Text(), description='Where it failed; for '
                                          'administrators.')
    items = Field([Item], nullable=False,
                  description='What it does, one by one.')


class Cancel(Resource):
    """How to cancel a task."""

    running = Field(Choice(*task_states.Cancel), create=True, nullable=False,
                    default=task_states.Cancel.FINISH,
                    description='What becomes of moves under way; finish by '
                                'default.')


class Undo(DryRun):
    """How to bring back the servers that a task has moved."""
