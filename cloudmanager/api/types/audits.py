# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates, and how to begin with them."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types import values
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Number
from cloudmanager.api.types.values import Text
from cloudmanager.api.types.values import Time
from cloudmanager.domain import audit_states

MAX_SERVERS = 1000


class Progress(Resource):
    """How far an audit is."""

    _about = About('audit', title='AuditProgress')

    id = common.number('Id of the audit.')
    status = Field(Choice(*audit_states.AuditStatus), nullable=False,
                   description='How far the audit is.')


PROGRESS = answers.one(Progress)


class Audit(Resource):
    """An audit."""

    _about = About('audit', 'audits')

    id = common.identity('Id of the audit.')
    aggregate_id = Field(Integer(), filtered=True, sortable=True,
                         nullable=False,
                         description='Id of the host aggregate in Nova.')
    status = Field(Choice(*audit_states.AuditStatus), filtered=True,
                   sortable=True, nullable=False,
                   description='How far the audit is.')
    conclusion = Field(Text(), description='What was found, in words.')
    source = Field(Text(), description='Where it was known from what is '
                                       'used.')
    fingerprint = Field(Text(), description='Differs when the cloud that '
                                            'the moves depend on does.')
    task_id = Field(Text(), operators=values.EQUALITY,
                    description='Task that made it.')
    apply_task_id = Field(Text(), operators=values.EQUALITY,
                          description='Task that applied it last.')
    created_at = Field(Time(), filtered=True, sortable=True, nullable=False,
                       description='When it was asked for.')
    finished_at = Field(Time(), description='When it was made.')
    continuous = Field(values.Boolean(), filtered=True, nullable=False,
                       description='Whether the policy of the aggregate '
                                   'asked for it.')
    applied_at = Field(Time(), description='When moves of it ended last.')
    measured_at = Field(Time(), description='When it was measured what they '
                                            'have gained.')
    predicted_gain = Field(Number(), description='By how much the moves that '
                           'were made were thought to lower the standard '
                           'deviation of the loads.')
    real_gain = Field(Number(), description='By how much they have lowered '
                      'it in fact; less than 0 when they have raised it.')


LIST = answers.page(Audit)


class Move(Resource):
    """A server that an audit would move."""

    _about = About(title='AuditMove')

    server_id = common.text('Id of the server.')
    server_name = common.text('Name of the server.')
    source = common.text('Host that it is taken off.')
    destination = common.text('Host that it goes to.')
    action = common.text('live-migrate, or cold-migrate of a stopped one.')
    stage = common.number('Moves of lower stages have to end before.')
    reason = common.text('What it does to the loads of the two hosts.')
    gain = Field(Number(), nullable=False,
                 description='By how much the difference between the loads '
                             'of the two hosts falls.')
    seconds = Field(Number(), nullable=False,
                    description='Seconds that it is thought to take.')
    state = Field(Choice(*audit_states.MoveState), nullable=False,
                  description='What has become of it.')
    error = Field(Text(), description='Why it was not made.')
    finished_at = Field(Time(), description='When it ended.')
    real_gain = Field(Number(), description='By how much it lessens the '
                      'difference in fact, measured some time after it.')
    unmeasured = Field(Text(), description='Why that cannot be told.')


class Detail(Audit):
    """An audit with all that it found."""

    _about = About('audit', title='AuditDetail')

    before = Field(Object(), description='Means, deviations and the loads of '
                                         'the hosts, by resource.')
    after = Field(Object(), description='The same once all moves are made.')
    reached = Field(Object(), description='The same as it was after moves '
                                          'were made.')
    hot = Field(Object(), description='Hosts that stay above the mean, and '
                                      'why.')
    warnings = Field(List(Text()), description='What was left out.')
    moves = Field([Move], nullable=False, computed=True,
                  description='Servers to move, in the order of stages.')


ONE = answers.one(Detail)


class Execute(Resource):
    """How to run an audit."""

    auto_apply = common.flag('Carry out what the audit finds; false by '
                             'default.')


class Chosen(Resource):
    """Which audit is meant."""

    audit_id = Field(formats.Id(), create=True, required=True,
                     nullable=False, description='Id of the audit.')


class Apply(Chosen):
    """Which audit is applied, and how."""

    servers = Field(List(formats.UUID(), 1, MAX_SERVERS, once=True),
                    create=True, nullable=False,
                    description='Ids of the servers to move now; all of the '
                                'audit by default.')
    force = common.flag('Apply it although the cloud has changed, if all '
                        'moves still fit; false by default.')
