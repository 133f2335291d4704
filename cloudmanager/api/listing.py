# SPDX-License-Identifier: Apache-2.0
"""Lists and counts, the same way for every resource."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

from cloudmanager.api import routing
from cloudmanager.api.filters import paging
from cloudmanager.common import context
from cloudmanager.db import models
from cloudmanager.domain import query as common_query

Rows = list[models.Row]
Fetch = Callable[[context.RequestContext, common_query.Query], Rows]


def page(call: routing.Call, fetch: Fetch,
         render: Callable[[Rows], Sequence[object]]) -> models.Row:
    """Answer one page of a list.

    :param fetch: gets the context and the query, returns rows
    :param render: makes the answered form of rows
    """
    # One more than asked for tells whether there is more.
    limit = call.query.limit or 0
    rows = fetch(call.context,
                 dataclasses.replace(call.query, limit=limit + 1))
    if not rows:
        _check_marker(call, fetch)
    more = len(rows) > limit
    rows = rows[:limit]
    name = call.listed.about().collection
    document: models.Row = {name: render(rows)}
    if more and rows:
        document[f'{name}_links'] = [paging.next_link(
            call.url, call.params, rows[-1]['id'])]
    return document


def _check_marker(call: routing.Call, fetch: Fetch) -> None:
    """Check that the last entry of the page before is still there.

    Without it nobody knows where to go on; an empty page would look like
    the end.

    :raises Invalid: it is gone
    """
    marker = call.query.marker
    if marker is not None and not fetch(
            call.context, common_query.Query(filters=(
                common_query.Filter('id', 'eq', marker),), limit=1)):
        raise paging.gone(marker)


def count(call: routing.Call,
          fetch: Callable[[context.RequestContext, common_query.Query],
                          int]) -> models.Row:
    """Answer how many there are, with the filters of the list."""
    return {'count': fetch(call.context, call.query)}
