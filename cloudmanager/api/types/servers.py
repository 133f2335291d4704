# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions on servers; all of them may be empty."""

from cloudmanager.api.types import formats
from cloudmanager.api.types.common import flag
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Integer
from cloudmanager.domain import clone_names

MAX_CLONES = 100


class Nothing(Resource):
    """An empty body."""


class Recover(Resource):
    """How to bring a server back."""

    fenced = flag('The word of an administrator that the server\'s host is '
                  'off; false by default.')
    allow_data_loss = flag('The server may be rebuilt without its data when '
                           'no other host can reach its disks; false by '
                           'default.')


class ResetReboot(Resource):
    """How to reset the state of a server."""

    reboot = flag('Reboot it hard as well; false by default.')


class Clone(Resource):
    """How to make copies of a server."""

    count = Field(Integer(1, MAX_CLONES), create=True, nullable=False,
                  default=1, description='How many clones to make; 1 by '
                                         'default.')
    name = Field(formats.CloneNames(minimum=1), create=True, nullable=False,
                 default=clone_names.DEFAULT,
                 description='Pattern of their names, in which {name} is '
                             'the name of the server and {number} a number '
                             'that makes a new name.')


_BODIES: dict[str, type[Resource]] = {
    'recover': Recover, 'repair': Recover, 'reset-reboot': ResetReboot,
    'clone': Clone}


def body(action: str) -> type[Resource]:
    """Return what the body of an action contains."""
    return _BODIES.get(action, Nothing)
