# SPDX-License-Identifier: Apache-2.0
"""Filters: a field, an operator before its value, and the value."""

from collections.abc import Callable
from collections.abc import Iterable
import datetime
import re
from typing import Any

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query
from cloudmanager.domain.query import Filter

#: Parameter that looks for a text in several fields.
SEARCH = 'q'
_PREFIXES = frozenset(common_query.OPERATORS) - {'null', 'notnull'}
_LISTS = ('in', 'nin')
_BOOLEANS = {'true': True, 'false': False, '1': True, '0': False,
             'yes': True, 'no': False}
_MAX_VALUES = 1000
_SECOND = datetime.timedelta(seconds=1)


def invalid(name: str, problem: object) -> exception.Invalid:
    """Return the error of a parameter.

    :param problem: the rest of the sentence that begins with its name
    """
    return exception.Invalid(reason=f'Parameter {name} {problem}.')


def integer(text: str) -> int:
    """Read a number of a query string; raises ValueError."""
    digits = text[1:] if text.startswith('-') else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 11
            and int(digits) <= fields.MAX_INTEGER):
        raise ValueError('must be an integer')
    return int(text)


def boolean(text: str) -> bool:
    """Read a flag of a query string; raises ValueError."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError('must be true or false') from None


def string(text: str) -> str:
    """Read a text of a query string; raises ValueError."""
    if '\x00' in text:
        raise ValueError('must not contain a NUL character')
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    fields.INTEGER: integer, fields.BOOLEAN: boolean,
    fields.STRING: string, fields.LIST: string,
    fields.TIME: formats.time}


def _equal(field: fields.Field, text: str) -> Any:
    """Read a value that the field is compared with for equality.

    It goes the way of values in bodies. What no body could have set is
    refused: a list without an entry would look like an answer.
    """
    value = _READERS[field.type](text)
    if field.type not in (fields.STRING, fields.LIST):
        return value
    allowed = field.schema.get('enum')
    if allowed is not None and value not in allowed:
        raise ValueError(f'must be one of {", ".join(allowed)}')
    convert = field.query_convert
    return value if convert is None else convert(value)


def _pattern(field: fields.Field, text: str) -> str:
    """Read a pattern with % and _, where a backslash takes their meaning."""
    text = string(text)
    if (len(text) - len(text.rstrip('\\'))) % 2:
        raise ValueError('must not end with a single backslash')
    return text.lower() if field.lower else text


def _value(field: fields.Field, operator: str, text: str) -> Any:
    if operator in fields.PATTERN:
        return _pattern(field, text)
    if operator in fields.ORDER:
        return _READERS[field.type](text)
    if operator not in _LISTS:
        return _equal(field, text)
    parts = text.split(',')
    if len(parts) > _MAX_VALUES:
        raise ValueError(f'has more than {_MAX_VALUES} values')
    return tuple(_equal(field, part) for part in parts)


def conditions(name: str, field: fields.Field,
               text: str) -> Iterable[Filter]:
    """Read the value of a parameter that filters.

    :param name: of the parameter, which may be an alias of the field
    :raises Invalid: it is no operator and value of the field
    """
    column = field.attribute
    if text in ('null', 'not:null'):
        operator = 'null' if text == 'null' else 'notnull'
    else:
        prefix, separator, rest = text.partition(':')
        if separator and prefix in _PREFIXES:
            operator, text = prefix, rest
        else:
            operator = 'eq'
    if operator not in field.operators:
        raise invalid(name, f'does not support {operator}')
    if operator in fields.ABSENCE:
        return (Filter(column, operator),)
    try:
        value = _value(field, operator, text)
    except ValueError as exc:
        raise invalid(name, exc) from exc
    if field.type == fields.TIME:
        return _time(column, operator, value)
    return (Filter(column, operator, value),)


def _time(column: str, operator: str,
          value: datetime.datetime) -> Iterable[Filter]:
    """Compare a time as it is answered: to the second."""
    start = value.replace(microsecond=0)
    try:
        end = start + _SECOND
    except OverflowError:
        end = start
    if operator == 'eq':
        return (Filter(column, 'gte', start), Filter(column, 'lt', end))
    return (Filter(column, *{
        'gt': ('gte', end), 'gte': ('gte', start),
        'lt': ('lt', start), 'lte': ('lt', end)}[operator]),)


def search(text: str) -> Iterable[Filter]:
    """Look for a text anywhere in what is searched, whatever its case.

    :raises Invalid: it cannot be in there
    """
    try:
        text = string(text)
    except ValueError as exc:
        raise invalid(SEARCH, exc) from exc
    if not text:
        return ()
    for character in '\\%_':
        text = text.replace(character, f'\\{character}')
    return (Filter(SEARCH, 'ilike', f'%{text}%'),)


# The same in the words of JSON schema.

_DAY = '[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])'
_CLOCK = '([01][0-9]|2[0-3])(:[0-5][0-9]){2}'
# What a value may look like. Nothing is said of texts: any is one.
_VALUES = {fields.INTEGER: '-?[0-9]{1,9}',
           fields.BOOLEAN: '|'.join(_BOOLEANS),
           fields.TIME: f'{_DAY}(T{_CLOCK})?'}
#: A parameter that is true or false.
FLAG = {'type': 'string', 'enum': list(_BOOLEANS)}
# A pattern of SQL: a backslash is never the last, since it escapes.
_LIKE = r'([^\\]|\\.)*'


def described(field: fields.Field) -> dict[str, Any]:
    """Describe the parameter that filters on a field."""
    names = [name for name in field.operators if name != 'notnull']
    schema = (_text(field) if field.type not in _VALUES
              else {'type': 'string', 'pattern': _plain(field)})
    return {'description': f'{field.description} Operators: '
                           f'{", ".join(names)}.'.strip(),
            'schema': schema}


def _plain(field: fields.Field) -> str:
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
    schema = formats.described(field.query_convert)
    for form in (schema, *schema.get('anyOf', ())):
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


def search_described(resource: fields.Resource) -> dict[str, Any]:
    """Describe the parameter that looks for a text in several fields."""
    return {'description': 'A text that is looked for anywhere in '
                           f'{resource.searched}, whatever its case.',
            'schema': {'type': 'string'}}
