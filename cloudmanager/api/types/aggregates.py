# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice


class Audit(Resource):
    """An audit."""

    _about = About('audit')

    id = common.number('Id of the audit.')
    status = Field(Choice('PENDING', 'ONGOING', 'DONE', 'FAILED', 'APPLYING',
                          'APPLIED', 'STALE'), nullable=False,
                   description='How far the audit is.')


ONE_AUDIT = answers.one(Audit)


class Execute(Resource):
    """How to run an audit."""

    auto_apply = common.flag('Carry out what the audit finds; false by '
                             'default.')


class Chosen(Resource):
    """Which audit is meant."""

    audit_id = Field(formats.Id(), create=True, required=True,
                     nullable=False, description='Id of the audit.')
