# SPDX-License-Identifier: Apache-2.0
"""Lists and counts, the same way for every resource."""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
from typing import Any

from cloudmanager.api import filters
from cloudmanager.api import routing
from cloudmanager.api.types import fields
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query

Rows = list[dict[str, Any]]


def page(call: routing.Call, resource: fields.Resource,
         fetch: Callable[..., Rows], render: Callable[[Rows], list[Any]], *,
         extra: Iterable[str] = (),
         sort: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    """Answer one page of a list.

    :param fetch: gets the context and the query, returns rows
    :param render: makes the answered form of rows
    :param extra: parameters that the caller reads itself
    :param sort: order when none is asked for
    """
    query = filters.parse(resource, call.params, extra=extra, sort=sort)
    # One more than asked for tells whether there is more.
    limit = query.limit or 0
    rows = fetch(call.context, dataclasses.replace(query, limit=limit + 1))
    if not rows:
        _check_marker(call, query, fetch)
    more = len(rows) > limit
    rows = rows[:limit]
    document: dict[str, Any] = {resource.collection: render(rows)}
    if more and rows:
        document[f'{resource.collection}_links'] = filters.next_link(
            call.url, call.params, rows[-1]['id'])
    return document


def _check_marker(call: routing.Call, query: common_query.Query,
                  fetch: Callable[..., Rows]) -> None:
    """Check that the last entry of the page before is still there.

    Without it nobody knows where to go on; an empty page would look like
    the end.

    :raises Invalid: it is gone
    """
    if query.marker is not None and not fetch(
            call.context, common_query.Query(filters=(
                common_query.Filter('id', 'eq', query.marker),), limit=1)):
        raise exception.Invalid(
            reason=f'Parameter marker: there is no {query.marker} (any '
                   'more).')


def count(call: routing.Call, resource: fields.Resource,
          fetch: Callable[..., int],
          ignored: Iterable[str] = ()) -> dict[str, Any]:
    """Answer how many there are, with the filters of the list.

    :param ignored: parameters of pages that are accepted without effect
    """
    for name, value in call.params:
        if name in ignored:
            filters.page_number(name, value)
    query = filters.parse(resource, call.params, paged=False, extra=ignored)
    return {'count': fetch(call.context, query)}
