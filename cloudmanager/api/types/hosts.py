# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions on compute hosts; all of them may be empty."""

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field


def _body(*names: str) -> fields.Resource:
    return fields.Resource('', '', tuple(
        Field(name, fields.BOOLEAN, create=True, nullable=False)
        for name in (*names, 'dry_run')))


ACTIONS = {'shutdown': _body('allow_off_vm', 'allow_evacuate'),
           'evacuate': _body('fenced')}
