# SPDX-License-Identifier: Apache-2.0
"""Values as output formats can tell them."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import json
from typing import Any
from typing import TextIO

from cliff import columns
from cliff.formatters import base

Teller = Callable[[Any], Any]
# Formats that know values of all types, and those that know texts only. The
# others are for people.
_TYPED = ('json', 'yaml')
_TEXTS = ('csv', 'value', 'shell')


class Telling(base.ListFormatter, base.SingleFormatter):
    """A formatter of cliff that is given values which it can tell.

    Formats without a word for no value get an empty text, where cliff would
    write ``None``; those for programs that know texts only get lists and
    objects as JSON.

    :param formatter: the formatter of cliff
    :param name: its name
    """

    def __init__(self, formatter: Any, name: str) -> None:
        self._formatter = formatter
        self._tell = teller(name)

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """Add nothing: the formatter itself has added its options."""

    def emit_list(self, column_names: Sequence[str],
                  data: Iterable[Sequence[Any]], stdout: TextIO,
                  parsed_args: argparse.Namespace) -> None:
        self._formatter.emit_list(
            column_names, (tuple(map(self._tell, row)) for row in data),
            stdout, parsed_args)

    def emit_one(self, column_names: Sequence[str], data: Sequence[Any],
                 stdout: TextIO, parsed_args: argparse.Namespace) -> None:
        self._formatter.emit_one(column_names, tuple(map(self._tell, data)),
                                 stdout, parsed_args)


def teller(name: str) -> Teller:
    """Return what makes a value one that a format can tell.

    :param name: name of the format
    """
    if name in _TYPED:
        return lambda value: value
    return _text if name in _TEXTS else _for_people


def _for_people(value: Any) -> Any:
    return '' if value is None else value


def _text(value: Any) -> Any:
    if isinstance(value, columns.FormattableColumn):
        value = value.machine_readable()
    if isinstance(value, dict | list):
        return json.dumps(value)
    return _for_people(value)
