# SPDX-License-Identifier: Apache-2.0
"""Options that stand for fields of objects."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import json
from typing import Any

from osc_lib import exceptions as osc_exc

_PREFIX = 'field_'
# What may stand before the values of a filter. Those of the first kind take
# several with commas between them.
_SEVERAL = {'in': 'in', 'nin': 'nin', 'eq': 'in', 'neq': 'nin'}
_SINGLE = {'in': 'eq', 'nin': 'neq', 'eq': 'eq', 'neq': 'neq'}
# These compare numbers or texts, and are no names.
_OTHERS = ('gt', 'gte', 'lt', 'lte', 'like', 'ilike')
_NO_VALUES = ('null', 'not:null')
#: Returns the values in the API that a text stands for: one at least. It is
#: called with the client manager, the text, and the fields known before.
Finder = Callable[[Any, str, Mapping[str, Any]], tuple[Any, ...]]


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object from the command line."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'not a JSON object: {text}')
    return found


def positive(text: str) -> int:
    """Read a number of at least one from the command line."""
    # The service takes 0 for no limit, which nobody means who types it.
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f'not a whole number of at least 1: {text}')
    return int(text)


@dataclasses.dataclass(frozen=True)
class Option:
    """An option for a field.

    :ivar field: name of the field, as in the API
    :ivar flag: the option
    :ivar help: what the field is, without a full stop
    :ivar type: what its value is converted by; ``bool`` makes a pair of
        options, the second one beginning with ``--no-``
    :ivar metavar: what stands for the value
    :ivar multiple: whether the field is a list, and the option is repeated
    :ivar choices: what the value may be
    :ivar find: what the value is looked up with, when it is a name
    """

    field: str
    flag: str
    help: str
    type: Callable[[str], Any] = str
    metavar: str = ''
    multiple: bool = False
    choices: tuple[str, ...] = ()
    find: Finder | None = None

    @property
    def dest(self) -> str:
        return _PREFIX + self.field

    def add_value(self, parser: argparse._ActionsContainer,
                  required: bool = False) -> None:
        """Add it as one that sets the field."""
        more: dict[str, Any] = {}
        if self.type is bool:
            more['action'] = argparse.BooleanOptionalAction
        else:
            more.update(type=self.type, metavar=self._metavar())
            if self.multiple:
                more['action'] = 'append'
            if self.choices:
                more['choices'] = self.choices
        parser.add_argument(self.flag, dest=self.dest, help=self.help,
                            default=None, required=required, **more)

    def add_filter(self, parser: argparse._ActionsContainer) -> None:
        """Add it as one that chooses objects."""
        if self.type is bool:
            self.add_value(parser)
            return
        parser.add_argument(self.flag, dest=self.dest, default=None,
                            metavar=self._metavar(), help=self.help)

    def add_unset(self, parser: argparse._ActionsContainer) -> None:
        """Add it as one that takes the value of the field away."""
        parser.add_argument(self.flag, dest=self.dest, default=None,
                            action='store_true',
                            help=f'Take away: {self.help}')

    def _metavar(self) -> str:
        return self.metavar or f'<{self.flag.lstrip("-")}>'


def values(parsed: argparse.Namespace,
           options: Iterable[Option]) -> dict[str, Any]:
    """Return the fields that were given.

    :param parsed: the command line
    :param options: the options that stand for fields
    """
    found = {option.field: getattr(parsed, option.dest, None)
             for option in options}
    return given(found)


def found_values(manager: Any, parsed: argparse.Namespace,
                 options: Iterable[Option]) -> dict[str, Any]:
    """Return the fields that were given, with ids in place of names.

    :param manager: the client manager
    :param parsed: the command line
    :param options: the options that stand for fields
    :raises osc_lib.exceptions.CommandError: several objects have a name
    """
    options = tuple(options)
    result = values(parsed, options)
    for option in options:
        if option.find is not None and option.field in result:
            text = result[option.field]
            ids = option.find(manager, text, result)
            if len(ids) > 1:
                raise osc_exc.CommandError(
                    f'{len(ids)} are named {text}: '
                    f'{", ".join(map(str, ids))}. Give an id instead.')
            result[option.field], = ids
    return result


def found_query(manager: Any, parsed: argparse.Namespace,
                options: Iterable[Option]) -> dict[str, Any]:
    """Return the filters that were given, with ids in place of names.

    :param manager: the client manager
    :param parsed: the command line
    :param options: the options that stand for filters
    """
    options = tuple(options)
    result = values(parsed, options)
    for option in options:
        if option.find is not None and option.field in result:
            result[option.field] = _found_filter(
                manager, result[option.field], option.find, result)
    return result


def _found_filter(manager: Any, text: str, find: Finder,
                  known: Mapping[str, Any]) -> Any:
    """Return a filter with the ids of what it names."""
    if text in _NO_VALUES:
        return text
    operator, separator, rest = text.partition(':')
    if not separator or operator not in (*_SEVERAL, *_OTHERS):
        operator, rest = 'eq', text
    if operator in _OTHERS:
        return text
    names = rest.split(',') if operator in ('in', 'nin') else [rest]
    ids = [found for name in names for found in find(manager, name, known)]
    if len(ids) > 1:
        return f'{_SEVERAL[operator]}:{",".join(map(str, ids))}'
    operator = _SINGLE[operator]
    return ids[0] if operator == 'eq' else f'{operator}:{ids[0]}'


def given(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not ``None``."""
    return {name: value for name, value in found.items()
            if value is not None}
