# SPDX-License-Identifier: Apache-2.0
"""Bodies of the actions on servers; all of them may be empty."""

import dataclasses
from typing import Any

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field
from cloudmanager.domain import clone_names

MAX_CLONES = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Body(fields.Resource):
    """A body whose fields all have a default.

    :ivar defaults: values of fields that are not given, by name
    """

    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)

    def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return all values: equal requests are equal then."""
        return {**self.defaults, **values}


def _body(*made: Field, **defaults: Any) -> Body:
    return Body('', '', made, defaults=defaults)


def _flag(name: str, description: str) -> Field:
    return Field(name, fields.BOOLEAN, create=True, nullable=False,
                 description=description)


_FENCED = _flag('fenced', 'The word of an administrator that the server\'s '
                          'host is off; false by default.')
_DATA_LOSS = _flag('allow_data_loss', 'The server may be rebuilt without its '
                                      'data when no other host can reach its '
                                      'disks; false by default.')
ACTIONS = {
    'balance': _body(),
    'recover': _body(_FENCED, _DATA_LOSS, fenced=False,
                     allow_data_loss=False),
    'repair': _body(_FENCED, _DATA_LOSS, fenced=False,
                    allow_data_loss=False),
    'reset-reboot': _body(
        _flag('reboot', 'Reboot it hard as well; false by default.'),
        reboot=False),
    'wakeup': _body(),
    'clone': _body(
        Field('count', fields.INTEGER, create=True, nullable=False,
              schema={'minimum': 1, 'maximum': MAX_CLONES},
              description='How many clones to make; 1 by default.'),
        Field('name', create=True, nullable=False,
              schema={'minLength': 1}, convert=clone_names.check,
              description='Pattern of their names, in which {name} is the '
                          'name of the server and {number} a number that '
                          'makes a new name.'),
        count=1, name=clone_names.DEFAULT),
}
