# SPDX-License-Identifier: Apache-2.0
"""Values of filters that are not plain equality.

    conn.cloudmanager.nodes(name=filters.like('mnode%'),
                            ram_mb=filters.at_least(65536))
"""

from typing import Any

#: No value at all.
ABSENT = 'null'
#: Any value.
PRESENT = 'not:null'


def equal(value: Any) -> str:
    """Match a value that may look like one of the others."""
    return f'eq:{value}'


def other_than(value: Any) -> str:
    """Match everything but a value."""
    return f'neq:{value}'


def more_than(value: Any) -> str:
    """Match what is greater."""
    return f'gt:{value}'


def at_least(value: Any) -> str:
    """Match what is equal or greater."""
    return f'gte:{value}'


def less_than(value: Any) -> str:
    """Match what is less."""
    return f'lt:{value}'


def at_most(value: Any) -> str:
    """Match what is equal or less."""
    return f'lte:{value}'


def one_of(*values: Any) -> str:
    """Match any of some values; none of them may have a comma."""
    return f'in:{",".join(map(str, values))}'


def none_of(*values: Any) -> str:
    """Match everything but some values; none of them may have a comma."""
    return f'nin:{",".join(map(str, values))}'


def like(pattern: str, *, ignore_case: bool = False) -> str:
    """Match a pattern.

    :param pattern: ``%`` stands for any text, ``_`` for any character
    :param ignore_case: whether upper and lower case are the same
    """
    return f'{"ilike" if ignore_case else "like"}:{pattern}'
