# SPDX-License-Identifier: Apache-2.0
"""How often a server, or the servers of a project, may be moved in a day."""

from collections.abc import Iterable
from collections.abc import Mapping
import datetime

#: Hours of such a day.
HOURS = 24
MAX = 100_000


def read(text: object) -> int | None:
    """Return the budget in a metadata value, or ``None``.

    A value that is not a number sets no budget: a typing error of a tenant
    must not keep a host from being emptied.
    """
    found = str(text if text is not None else '')
    if not (found.isascii() and found.isdigit() and len(found) <= 6):
        return None
    return min(MAX, int(found))


def why_spent(most: int | None, moves: int, project: str,
              project_most: int | None, project_moves: int) -> str:
    """Return why a server must not be moved again, or ''.

    :param most: allowed moves of the server in a day, ``None`` for no limit
    :param moves: its moves in the last day
    :param project: its project, to which the other two values belong
    """
    if most is not None and moves >= most:
        return f'its budget of {most} moves a day is used up'
    if project_most is not None and project_moves >= project_most:
        return (f'the budget of its project {project} of {project_most} '
                'moves a day is used up')
    return ''


def spent_until(found: Iterable[tuple[int | None,
                                     Iterable[datetime.datetime]]]
                ) -> datetime.datetime | None:
    """Return when none of some budgets is used up any more.

    :param found: budgets, ``None`` for no limit, and the moves of the last
        day that count against each
    :returns: ``None`` if none is used up, or one never lets a move be made
    """
    ends = []
    for most, moves in found:
        times = sorted(moves)
        if most is None or len(times) < most:
            continue
        if not most:
            return None
        ends.append(times[-most] + datetime.timedelta(hours=HOURS))
    return max(ends, default=None)


def left(most: Mapping[str, int], moves: Mapping[str, int]
         ) -> dict[str, int]:
    """Return how many moves are left of budgets, by the same keys."""
    return {key: max(0, number - moves.get(key, 0))
            for key, number in most.items()}
