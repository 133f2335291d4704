# SPDX-License-Identifier: Apache-2.0
"""Filters: a field, an operator before its value, and the value."""

from collections.abc import Iterable
import datetime
from typing import TypedDict

from cloudmanager.api.types import fields
from cloudmanager.api.types import values
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query
from cloudmanager.domain.query import Filter

#: Parameter that looks for a text in several fields.
SEARCH = 'q'
_PREFIXES = frozenset(common_query.OPERATORS) - {'null', 'notnull'}
_LISTS = ('in', 'nin')
_MAX_VALUES = 1000
_TEXT = values.Text()
_SECOND = datetime.timedelta(seconds=1)


class Described(TypedDict):
    """What is told of a parameter."""

    description: str
    schema: values.Schema


def invalid(name: str, problem: object) -> exception.Invalid:
    """Return the error of a parameter.

    :param problem: the rest of the sentence that begins with its name
    """
    return exception.Invalid(reason=f'Parameter {name} {problem}.')


def _pattern(datatype: values.Type, text: str) -> str:
    """Read a pattern with % and _, where a backslash takes their meaning."""
    text = _TEXT.parse(text)
    if (len(text) - len(text.rstrip('\\'))) % 2:
        raise ValueError('must not end with a single backslash')
    return text.lower() if datatype.lower else text


def _value(datatype: values.Type, operator: str, text: str) -> object:
    if operator in values.PATTERN:
        return _pattern(datatype, text)
    if operator in values.ORDER:
        return datatype.parse(text)
    if operator not in _LISTS:
        return datatype.sought(text)
    parts = text.split(',')
    if len(parts) > _MAX_VALUES:
        raise ValueError(f'has more than {_MAX_VALUES} values')
    return tuple(datatype.sought(part) for part in parts)


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
    if operator in values.ABSENCE:
        return (Filter(column, operator),)
    try:
        value = _value(field.asked, operator, text)
    except ValueError as exc:
        raise invalid(name, exc) from exc
    if isinstance(value, datetime.datetime):
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
        text = _TEXT.parse(text)
    except ValueError as exc:
        raise invalid(SEARCH, exc) from exc
    if not text:
        return ()
    for character in '\\%_':
        text = text.replace(character, f'\\{character}')
    return (Filter(SEARCH, 'ilike', f'%{text}%'),)


# The same in the words of JSON schema.

# A pattern of SQL: a backslash is never the last, since it escapes.
_LIKE = r'([^\\]|\\.)*'


def described(field: fields.Field) -> Described:
    """Describe the parameter that filters on a field."""
    names = [name for name in field.operators if name != 'notnull']
    pattern = field.asked.asked
    schema: values.Schema = (
        _text(field) if pattern is None
        else {'type': 'string', 'pattern': _plain(field, pattern)})
    return {'description': f'{field.description} Operators: '
                           f'{", ".join(names)}.'.strip(),
            'schema': schema}


def _plain(field: fields.Field, pattern: str) -> str:
    """Return a pattern of the values that a field can be asked for.

    :param pattern: of a value by itself
    """
    value = f'({pattern})'
    plain = '|'.join(name for name in field.operators
                     if name not in (*_LISTS, *values.ABSENCE))
    found = [f'(({plain}):)?{value}']
    if 'in' in field.operators:
        found.append(f'({"|".join(_LISTS)}):{value}(,{value}){{0,99}}')
    if 'null' in field.operators:
        found.append('(not:)?null')
    return f'^({"|".join(found)})$'


def _text(field: fields.Field) -> values.Schema:
    """Return the schema of texts that a field can be asked for."""
    known = field.asked.known()
    schema = _any_text(field)
    if known is None:
        return schema
    equal = [name for name in ('eq', 'neq') if name in field.operators]
    found = [f'(({"|".join(equal)}):)?({known})']
    among = [name for name in _LISTS if name in field.operators]
    if among:
        found.append(f'({"|".join(among)}):({known})(,({known})){{0,99}}')
    if 'like' in field.operators:
        found.append(f'({"|".join(values.PATTERN)}):{_LIKE}')
    if 'gt' in field.operators:
        found.append(f'({"|".join(values.ORDER)}):.*')
    if 'null' in field.operators:
        found.append('(not:)?null')
    return schema | {'pattern': f'^({"|".join(found)})$'}


def _any_text(field: fields.Field) -> values.Schema:
    """Return the schema of texts: any but those with operators it lacks."""
    schema: values.Schema = {'type': 'string'}
    refused = [f'{name}:' for name in (*values.ORDER, *values.PATTERN)
               if name not in field.operators]
    if 'null' not in field.operators:
        refused.append('(not:)?null$')
    if 'like' in field.operators:
        refused.append(rf'({"|".join(values.PATTERN)}):{_LIKE}\\$')
    if refused:
        schema['not'] = {'pattern': f'^({"|".join(refused)})'}
    return schema


def search_described(searched: str) -> Described:
    """Describe the parameter that looks for a text in several fields.

    :param searched: which they are, in words
    """
    return {'description': 'A text that is looked for anywhere in '
                           f'{searched}, whatever its case.',
            'schema': {'type': 'string'}}
