# SPDX-License-Identifier: Apache-2.0
"""Names of clones, made of a pattern with ``{name}`` and ``{number}``."""

from collections.abc import Collection
import itertools
import re

DEFAULT = '{name}-clone-{number}'
#: The longest name in characters that Nova accepts.
MAX_LENGTH = 255
_PLACE = re.compile(r'\{(name|number)\}')


def check(pattern: str) -> str:
    """Check a pattern of names, and return it.

    :raises ValueError: no names can be made of it
    """
    rest = _PLACE.sub('', pattern)
    if '{' in rest or '}' in rest:
        raise ValueError('must have no braces but {name} and {number}')
    if not pattern.isprintable() or pattern != pattern.strip():
        raise ValueError('must be printable, without spaces at its ends')
    if len(_make(pattern, '', 10 ** 6)) > MAX_LENGTH:
        raise ValueError(f'must not make names over {MAX_LENGTH} characters')
    return pattern


def tells_apart(pattern: str) -> bool:
    """Tell whether a pattern gives each clone a different name."""
    return '{number}' in pattern


def _make(pattern: str, name: str, number: int) -> str:
    return _PLACE.sub(lambda found: name if found[1] == 'name'
                      else str(number), pattern)


def make(pattern: str, name: str, count: int,
         taken: Collection[str]) -> list[str]:
    """Return names that are not taken, by the lowest numbers.

    :param name: name of the source; cut if the result would be too long
    :param taken: names that are in use
    """
    if not tells_apart(pattern):
        return [_fit(pattern, name, 1)]
    free = (made for number in itertools.count(1)
            if (made := _fit(pattern, name, number)) not in taken)
    return list(itertools.islice(free, count))


def _fit(pattern: str, name: str, number: int) -> str:
    made = _make(pattern, name, number)
    while len(made) > MAX_LENGTH:
        name = name[:-1].rstrip()
        made = _make(pattern, name, number)
    return made.strip()
