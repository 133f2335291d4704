# SPDX-License-Identifier: Apache-2.0
"""Plans of what an agent would do on its node, for people."""

from collections.abc import Iterator
import shlex
from typing import Any

from cliff import columns

from cloudmanagerclient.osc import base


class CommandColumn(columns.FormattableColumn[list[str]]):
    """A command with its arguments, as in a shell."""

    def human_readable(self) -> str:
        return shlex.join(self._value)

    def machine_readable(self) -> list[str]:
        return self._value


class LinesColumn(columns.FormattableColumn[Any]):
    """A list or an object, with a line for each of its parts."""

    def human_readable(self) -> str:
        return '\n'.join(_lines(self._value))

    def machine_readable(self) -> Any:
        return self._value


def told(value: Any) -> Any:
    """Return a value of a plan so that people and programs can read it."""
    return LinesColumn(value) if isinstance(value, dict | list) else value


def nothing(plan: dict[str, Any]) -> bool:
    """Return whether a plan has no steps."""
    steps = [plan[name] for name in ('steps', 'commands') if name in plan]
    steps += (plan.get('hosts') or {}).values()
    return bool(steps) and not any(steps)


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            for line in _lines(inner):
                yield f'{name}: {line}'
    elif isinstance(value, list):
        for inner in value:
            yield (', '.join(_named(inner)) if isinstance(inner, dict)
                   else str(inner))
    elif value is not None:
        yield str(value)


def _named(fields: dict[str, Any]) -> Iterator[str]:
    """Return the fields of an object that say something."""
    for name, value in fields.items():
        if isinstance(value, list):
            value = ' '.join(map(str, value))
        if value not in (None, ''):
            yield f'{base.heading(name).lower()}: {value}'
