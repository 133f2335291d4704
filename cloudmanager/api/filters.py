# SPDX-License-Identifier: Apache-2.0
"""Query strings of lists."""

from collections.abc import Callable
from collections.abc import Iterable
import datetime
from typing import Any
import urllib.parse

from oslo_config import cfg

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types import parameters
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query
from cloudmanager.domain.query import Filter

CONF = cfg.CONF
_PREFIXES = frozenset(common_query.OPERATORS) - {'null', 'notnull'}
_BOOLEANS = {'true': True, '1': True, 'yes': True,
             'false': False, '0': False, 'no': False}
_MAX_VALUES = 1000
_SECOND = datetime.timedelta(seconds=1)


def _integer(text: str) -> int:
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


def flag(params: Iterable[tuple[str, str]], name: str) -> bool:
    """Read a parameter that is false when it is not given.

    :raises Invalid: it is neither true nor false
    """
    values = [value for key, value in params if key == name]
    try:
        return bool(values) and boolean(values[-1])
    except ValueError as exc:
        raise exception.Invalid(reason=f'Parameter {name} {exc}.') from exc


def _string(text: str) -> str:
    if '\x00' in text:
        raise ValueError('must not contain a NUL character')
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    fields.INTEGER: _integer, fields.BOOLEAN: boolean,
    fields.STRING: _string, fields.LIST: _string,
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
    text = _string(text)
    if (len(text) - len(text.rstrip('\\'))) % 2:
        raise ValueError('must not end with a single backslash')
    return text.lower() if field.lower else text


def _value(field: fields.Field, operator: str, text: str) -> Any:
    if operator in fields.PATTERN:
        return _pattern(field, text)
    if operator in fields.ORDER:
        return _READERS[field.type](text)
    if operator not in ('in', 'nin'):
        return _equal(field, text)
    parts = text.split(',')
    if len(parts) > _MAX_VALUES:
        raise ValueError(f'has more than {_MAX_VALUES} values')
    return tuple(_equal(field, part) for part in parts)


def _condition(name: str, field: fields.Field,
               text: str) -> Iterable[Filter]:
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
        raise exception.Invalid(
            reason=f'Parameter {name} does not support {operator}.')
    if operator in ('null', 'notnull'):
        return (Filter(column, operator),)
    try:
        value = _value(field, operator, text)
    except ValueError as exc:
        raise exception.Invalid(reason=f'Parameter {name} {exc}.') from exc
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


def _search(text: str) -> Iterable[Filter]:
    """Look for a text anywhere in what is searched, whatever its case."""
    text = _text(parameters.SEARCH, text)
    if not text:
        return ()
    for character in '\\%_':
        text = text.replace(character, f'\\{character}')
    return (Filter(parameters.SEARCH, 'ilike', f'%{text}%'),)


def page_number(name: str, value: str) -> int:
    """Read a limit or an offset.

    :raises Invalid: it is not a number, or negative
    """
    try:
        number = _integer(value)
        if number < 0:
            raise ValueError('must not be negative')
    except ValueError as exc:
        raise exception.Invalid(reason=f'Parameter {name} {exc}.') from exc
    return number


def _text(name: str, value: str) -> str:
    try:
        return _string(value)
    except ValueError as exc:
        raise exception.Invalid(reason=f'Parameter {name} {exc}.') from exc


def _sort(resource: fields.Resource, text: str) -> Any:
    sort: dict[str, str] = {}
    for part in text.split(','):
        name, _, direction = part.partition(':')
        direction = direction or 'asc'
        if name not in resource.sort_keys or direction not in ('asc',
                                                               'desc'):
            raise exception.Invalid(
                reason=f'Parameter sort does not support {part[:255]}.')
        sort.setdefault(resource.sort_keys[name].attribute, direction)
    return tuple(sort.items())


def parse(resource: fields.Resource, params: Iterable[tuple[str, str]], *,
          paged: bool = True, extra: Iterable[str] = (),
          sort: tuple[tuple[str, str], ...] = ()) -> common_query.Query:
    """Read a query string.

    :param params: its names and values
    :param paged: false for counts, which have no page
    :param extra: names that the caller reads itself
    :param sort: order when none is asked for
    :raises Invalid: a parameter is unknown or its value is bad
    """
    conditions: list[Filter] = []
    page: dict[str, Any] = {}
    paging = parameters.paging(resource) if paged else ()
    for name, value in params:
        if name in extra or (paged and name == parameters.CHOICE):
            continue
        if name in paging:
            if name in page:
                raise exception.Invalid(
                    reason=f'Parameter {name} is given twice.')
            page[name] = value
        elif name == parameters.SEARCH and resource.searched:
            conditions.extend(_search(value))
        elif name in resource.filters:
            conditions.extend(
                _condition(name, resource.filters[name], value))
        else:
            raise exception.Invalid(
                reason=f'Unknown parameter: {name[:255]}.')
    if not paged:
        return common_query.Query(filters=tuple(conditions))
    return _with_page(resource, tuple(conditions), page, sort)


def _with_page(resource: fields.Resource, conditions: tuple[Filter, ...],
               page: dict[str, str],
               sort: tuple[tuple[str, str], ...]) -> common_query.Query:
    most = limit = CONF.api.max_limit
    if 'limit' in page:
        limit = page_number('limit', page['limit'])
        if limit > most:
            raise exception.Invalid(
                reason=f'Parameter limit must not be more than {most}.')
    marker: Any = page.get('marker')
    if marker is not None:
        marker = (page_number('marker', marker)
                  if resource.identity == fields.INTEGER
                  else _text('marker', marker))
    if 'sort' in page:
        sort = _sort(resource, page['sort'])
    return common_query.Query(
        filters=conditions, sort=sort, limit=limit, marker=marker,
        offset=page_number('offset', page.get('offset', '0')))


def next_link(url: str, params: Iterable[tuple[str, str]],
              marker: Any) -> list[dict[str, str]]:
    """Return the links of a page that is not the last one."""
    kept = [(name, value) for name, value in params
            if name not in ('marker', 'offset')]
    encoded = urllib.parse.urlencode([*kept, ('marker', str(marker))])
    return [{'rel': 'next', 'href': f'{url}?{encoded}'}]
