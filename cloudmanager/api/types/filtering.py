# SPDX-License-Identifier: Apache-2.0
"""Parameters of lists in the words of JSON schema.

``cloudmanager.api.filters`` reads them; the patterns here say what it takes.
"""

from typing import Any

from cloudmanager.api.types import fields
from cloudmanager.api.types import parameters

_BOOLEAN = 'true|false|1|0|yes|no'
_DAY = '[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])'
_CLOCK = '([01][0-9]|2[0-3])(:[0-5][0-9]){2}'
# What a value may look like. Nothing is said of texts: any is one.
_VALUES = {fields.INTEGER: '-?[0-9]{1,9}', fields.BOOLEAN: _BOOLEAN,
           fields.TIME: f'{_DAY}(T{_CLOCK})?'}
FLAG = {'type': 'string', 'enum': _BOOLEAN.split('|')}
_COUNT = {'type': 'integer', 'minimum': 0, 'maximum': fields.MAX_INTEGER}
_LISTS = ('in', 'nin')


def _pattern(field: fields.Field) -> str:
    """Return a pattern of the values that a field can be asked for."""
    value = f'({_VALUES[field.type]})'
    plain = '|'.join(name for name in field.operators
                     if name not in (*_LISTS, *fields.ABSENCE))
    found = [f'(({plain}):)?{value}']
    if 'in' in field.operators:
        found.append(f'({"|".join(_LISTS)}):{value}(,{value}){{0,99}}')
    if 'null' in field.operators:
        found.append('(not:)?null')
    return f'^({"|".join(found)})$'


def _text(field: fields.Field) -> dict[str, Any]:
    """Return the schema of texts: any but those with operators it lacks."""
    schema: dict[str, Any] = {'type': 'string'}
    refused = [f'{name}:' for name in (*fields.ORDER, *fields.PATTERN)
               if name not in field.operators]
    if 'null' not in field.operators:
        refused.append('(not:)?null$')
    if refused:
        schema['not'] = {'pattern': f'^({"|".join(refused)})'}
    return schema


def described(field: fields.Field) -> dict[str, Any]:
    """Describe the parameter that filters on a field."""
    names = [name for name in field.operators if name != 'notnull']
    schema = (_text(field) if field.type not in _VALUES
              else {'type': 'string', 'pattern': _pattern(field)})
    return {'description': f'{field.description} Operators: '
                           f'{", ".join(names)}.'.strip(),
            'schema': schema}


def page_parameter(name: str, resource: fields.Resource) -> dict[str, Any]:
    """Describe a parameter that cuts a page out of a list."""
    schema: dict[str, Any] = dict(_COUNT)
    if name == 'sort':
        keys = '|'.join(resource.sort_keys)
        one = f'({keys})(:(asc|desc))?'
        schema = {'type': 'string', 'pattern': f'^{one}(,{one}){{0,9}}$'}
    elif name == 'marker' and resource.identity != fields.INTEGER:
        schema = {'type': 'string'}
    return {'description': parameters.PAGE[name], 'schema': schema}
