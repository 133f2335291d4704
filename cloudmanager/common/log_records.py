# SPDX-License-Identifier: Apache-2.0
"""Log records whose values cannot start a new line of the log."""

from collections.abc import Mapping
import logging
import re
from typing import Any

_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029]')


def _escaped(value: Any) -> Any:
    """Return a value of a message with its control characters escaped."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    if not _CONTROL.search(text):
        return value
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


class Record(logging.LogRecord):
    """Escapes control characters in the arguments of a message."""

    def getMessage(self) -> str:  # noqa: N802  the library's name
        message, args = str(self.msg), self.args
        if not args:
            return message
        if isinstance(args, Mapping):
            return message % {key: _escaped(value)
                              for key, value in args.items()}
        return message % tuple(_escaped(value) for value in args)


def install() -> None:
    """Use this class for all log records from now on."""
    logging.setLogRecordFactory(Record)
