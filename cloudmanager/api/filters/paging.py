# SPDX-License-Identifier: Apache-2.0
"""Pages of a list: how many entries, and from where on."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import urllib.parse

from oslo_config import cfg

from cloudmanager.api.filters import modifiers
from cloudmanager.api.filters import sort
from cloudmanager.api.types import fields
from cloudmanager.api.types import values
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query

CONF = cfg.CONF
LIMIT, OFFSET, MARKER = 'limit', 'offset', 'marker'
_NUMBER, _TEXT = values.Integer(), values.Text()
_DESCRIPTIONS = {
    LIMIT: 'Most entries to answer.',
    OFFSET: 'How many entries to leave out.',
    MARKER: 'Id of the entry after which the page begins.'}


def names(resource: type[fields.Resource]) -> tuple[str, ...]:
    """Return the parameters of pages that a list of a resource has."""
    found = [LIMIT, OFFSET]
    if resource.about().identity is not None:
        found.append(MARKER)
    if resource.sort_keys():
        found.append(sort.SORT)
    return tuple(found)


def number(name: str, text: str) -> int:
    """Read a limit or an offset.

    :raises Invalid: it is not a number, or negative
    """
    try:
        found = _NUMBER.parse(text)
        if found < 0:
            raise ValueError('must not be negative')
    except ValueError as exc:
        raise modifiers.invalid(name, exc) from exc
    return found


def read(query: common_query.Query, resource: type[fields.Resource],
         given: Mapping[str, str],
         order: sort.Order) -> common_query.Query:
    """Return a query with its page.

    :param given: parameters of pages, by name
    :param order: of the list when none is asked for
    :raises Invalid: one of them is bad
    """
    most = limit = CONF.api.max_limit
    if LIMIT in given:
        limit = number(LIMIT, given[LIMIT])
        if limit > most:
            raise modifiers.invalid(LIMIT, f'must not be more than {most}')
    if sort.SORT in given:
        order = sort.read(resource, given[sort.SORT])
    return dataclasses.replace(
        query, sort=order, limit=limit, marker=_marker(resource, given),
        offset=number(OFFSET, given.get(OFFSET, '0')))


def _marker(resource: type[fields.Resource],
            given: Mapping[str, str]) -> int | str | None:
    text = given.get(MARKER)
    if text is None:
        return None
    if resource.about().identity is int:
        return number(MARKER, text)
    try:
        return _TEXT.parse(text)
    except ValueError as exc:
        raise modifiers.invalid(MARKER, exc) from exc


def gone(marker: object) -> exception.Invalid:
    """Return the error for a marker that stands for nothing any more."""
    return exception.Invalid(
        reason=f'Parameter marker: there is no {marker} (any more).')


def next_link(url: str, params: Iterable[tuple[str, str]],
              marker: object) -> dict[str, str]:
    """Return the link to what follows a page.

    :param params: of the page's own query string
    :param marker: id of its last entry
    """
    kept = [(name, value) for name, value in params
            if name not in (MARKER, OFFSET)]
    encoded = urllib.parse.urlencode([*kept, (MARKER, str(marker))])
    return {'rel': 'next', 'href': f'{url}?{encoded}'}


def described(name: str,
              resource: type[fields.Resource]) -> modifiers.Described:
    """Describe a parameter that cuts a page out of a list."""
    if name == sort.SORT:
        return sort.described(resource)
    found = count_described(name)
    if name == LIMIT:
        found['schema']['maximum'] = CONF.api.max_limit
    elif name == MARKER and resource.about().identity is not int:
        found['schema'] = {'type': 'string'}
    return found


def count_described(name: str) -> modifiers.Described:
    """Describe a parameter of pages by itself."""
    return {'description': _DESCRIPTIONS[name],
            'schema': {'type': 'integer', 'minimum': 0,
                       'maximum': values.MAX_INTEGER}}
