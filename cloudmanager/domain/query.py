# SPDX-License-Identifier: Apache-2.0
"""The query of a list, independent of both HTTP and SQL.

The API parses a query string into these values in one place
(``api/filters``) and the database applies them in one place
(``db/query.py``).
"""

import dataclasses
from typing import Any

OPERATORS = ('eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'like',
             'ilike', 'null', 'notnull')


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """One condition.

    :ivar column: attribute of the model
    :ivar operator: one of ``OPERATORS``
    :ivar value: a value of the column's type, a tuple of them for ``in``
        and ``nin``, nothing for ``null`` and ``notnull``
    """

    column: str
    operator: str
    value: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """Filters, order and page of a list.

    :ivar sort: pairs of model attribute and ``'asc'`` or ``'desc'``
    :ivar marker: id after which the page starts
    """

    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    offset: int = 0
    marker: Any = None
