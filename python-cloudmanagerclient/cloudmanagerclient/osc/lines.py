# SPDX-License-Identifier: Apache-2.0
"""Lists and objects for people: a line for each of their parts."""

from collections.abc import Iterator
from typing import Any

from cliff import columns


class LinesColumn(columns.FormattableColumn[Any]):
    """A list or an object, with a line for each of its parts."""

    def human_readable(self) -> str:
        return '\n'.join(_lines(self._value))

    def machine_readable(self) -> Any:
        return self._value


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _of_part(str(name), inner)
    else:
        for inner in value:
            yield (', '.join(_fields(inner)) if isinstance(inner, dict)
                   else str(inner))


def _of_part(name: str, value: Any) -> Iterator[str]:
    """Return the lines of a part of an object."""
    if isinstance(value, list):
        for line in _lines(value):
            yield f'{name}: {line}'
    elif not _says_something(value):
        return
    elif isinstance(value, dict):
        yield f'{name}: {", ".join(_fields(value))}'
    else:
        yield f'{name}: {value}'


def _fields(value: dict[str, Any]) -> Iterator[str]:
    """Return the fields of an object that say something, for one line."""
    for name, inner in value.items():
        if not _says_something(inner):
            continue
        if isinstance(inner, list):
            inner = ' '.join(
                '(' + ', '.join(_fields(each)) + ')'
                if isinstance(each, dict) else str(each) for each in inner)
        elif isinstance(inner, dict):
            inner = '(' + ', '.join(_fields(inner)) + ')'
        yield f'{str(name).replace("_", " ")}: {inner}'


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_says_something, value.values()))
    return value is not None and value not in ('', [])
