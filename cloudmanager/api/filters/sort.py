# SPDX-License-Identifier: Apache-2.0
"""The order of a list."""

from cloudmanager.api.filters import modifiers
from cloudmanager.api.types import fields

SORT = 'sort'
#: Pairs of a column and ``asc`` or ``desc``.
Order = tuple[tuple[str, str], ...]
_DIRECTIONS = ('asc', 'desc')


def read(resource: type[fields.Resource], text: str) -> Order:
    """Read names of fields with an optional direction.

    :raises Invalid: there is no such order
    """
    known = resource.sort_keys()
    found: dict[str, str] = {}
    for part in text.split(','):
        name, _, direction = part.partition(':')
        direction = direction or _DIRECTIONS[0]
        if name not in known:
            raise modifiers.invalid(
                SORT, f'does not support {part[:255]}. Fields to sort by '
                      f'are {", ".join(sorted(known))}')
        if direction not in _DIRECTIONS:
            raise modifiers.invalid(
                SORT, f'does not support {part[:255]}. After the colon stands '
                      f'{" or ".join(_DIRECTIONS)}')
        found.setdefault(known[name].attribute, direction)
    return tuple(found.items())


def described(resource: type[fields.Resource]) -> modifiers.Described:
    """Describe the parameter that orders a list."""
    one = (f'({"|".join(resource.sort_keys())})'
           f'(:({"|".join(_DIRECTIONS)}))?')
    return {'description': 'Names with an optional :asc or :desc, separated '
                           'by commas.',
            'schema': {'type': 'string',
                       'pattern': f'^{one}(,{one}){{0,9}}$'}}
