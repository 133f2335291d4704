# SPDX-License-Identifier: Apache-2.0
"""Parameters of lists in the words of JSON schema.

``cloudmanager.api.filters`` reads them; the patterns here say what it takes.
"""

import re
from typing import Any

from oslo_config import cfg

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types import parameters

CONF = cfg.CONF
_BOOLEAN = 'true|false|1|0|yes|no'
_DAY = '[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])'
_CLOCK = '([01][0-9]|2[0-3])(:[0-5][0-9]){2}'
# What a value may look like. Nothing is said of texts: any is one.
_VALUES = {fields.INTEGER: '-?[0-9]{1,9}', fields.BOOLEAN: _BOOLEAN,
           fields.TIME: f'{_DAY}(T{_CLOCK})?'}
FLAG = {'type': 'string', 'enum': _BOOLEAN.split('|')}
_COUNT = {'type': 'integer', 'minimum': 0, 'maximum': fields.MAX_INTEGER}
_LISTS = ('in', 'nin')
# A pattern of SQL: a backslash is never the last, since it escapes.
_LIKE = r'([^\\]|\\.)*'


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


def _known_text(field: fields.Field) -> str | None:
    """Return a pattern of the texts that a field can have, if there is one."""
    if 'enum' in field.schema:
        return '|'.join(map(re.escape, field.schema['enum']))
    described = formats.described(field.query_convert)
    for form in (described, *described.get('anyOf', ())):
        if 'pattern' in form:
            return form['pattern'].removeprefix('^').removesuffix('$')
    return None


def _text(field: fields.Field) -> dict[str, Any]:
    """Return the schema of texts that a field can be asked for."""
    known = _known_text(field)
    schema = _any_text(field)
    if known is None:
        return schema
    equal = [name for name in ('eq', 'neq') if name in field.operators]
    found = [f'(({"|".join(equal)}):)?({known})']
    among = [name for name in _LISTS if name in field.operators]
    if among:
        found.append(f'({"|".join(among)}):({known})(,({known})){{0,99}}')
    if 'like' in field.operators:
        found.append(f'({"|".join(fields.PATTERN)}):{_LIKE}')
    if 'gt' in field.operators:
        found.append(f'({"|".join(fields.ORDER)}):.*')
    if 'null' in field.operators:
        found.append('(not:)?null')
    return schema | {'pattern': f'^({"|".join(found)})$'}


def _any_text(field: fields.Field) -> dict[str, Any]:
    """Return the schema of texts: any but those with operators it lacks."""
    schema: dict[str, Any] = {'type': 'string'}
    refused = [f'{name}:' for name in (*fields.ORDER, *fields.PATTERN)
               if name not in field.operators]
    if 'null' not in field.operators:
        refused.append('(not:)?null$')
    if 'like' in field.operators:
        refused.append(rf'({"|".join(fields.PATTERN)}):{_LIKE}\\$')
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
    elif name == 'limit':
        schema['maximum'] = CONF.api.max_limit
    elif name == 'marker' and resource.identity != fields.INTEGER:
        schema = {'type': 'string'}
    return {'description': parameters.PAGE[name], 'schema': schema}


def search(resource: fields.Resource) -> dict[str, Any]:
    """Describe the parameter that looks for a text in several fields."""
    return {'description': 'A text that is looked for anywhere in '
                           f'{resource.searched}, whatever its case.',
            'schema': {'type': 'string'}}


def choice(resource: fields.Resource) -> dict[str, Any]:
    """Describe the parameter that names the fields to answer."""
    names = '|'.join(field.name for field in resource.fields if field.shown)
    return {'description': 'Names of the fields to answer, separated by '
                           'commas; all when it is not given.',
            'schema': {'type': 'string',
                       'pattern': f'^({names})(,({names})){{0,99}}$'}}
