# SPDX-License-Identifier: Apache-2.0
"""Refuses texts that could forge log lines or disturb a terminal."""

from collections.abc import Mapping
import re

# The categories Cc, Zl and Zp of Unicode.
_CONTROL = r'\x00-\x1f\x7f-\x9f\u2028\u2029'
_BUT_LINES = r'\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029'
#: Texts of one line, and of several, in words of JSON schema.
LINE_PATTERN = f'^[^{_CONTROL}]*$'
LINES_PATTERN = f'^[^{_BUT_LINES}]*$'
#: What stands for a control character in such patterns.
CONTROL = _CONTROL
TIME_PATTERN = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$'
#: Times that every calendar has.
DAY_PATTERN = '[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])'
CLOCK_PATTERN = '([01][0-9]|2[0-3])(:[0-5][0-9]){2}'
_IN_LINE = re.compile(f'[{_CONTROL}]')
_IN_LINES = re.compile(f'[{_BUT_LINES}]')


def check(text: str, lines: bool = False) -> None:
    """Refuse control characters and separators of lines.

    :param lines: whether new lines and tabs may be in it
    :raises ValueError: there is one
    """
    if (_IN_LINES if lines else _IN_LINE).search(text):
        raise ValueError('must not contain control characters'
                         + (' other than new lines and tabs' if lines
                            else ''))


def check_all(value: object, lines: bool) -> None:
    """Check all texts in a document; see ``check``."""
    if isinstance(value, str):
        check(value, lines)
    elif isinstance(value, Mapping):
        for key, element in value.items():
            check_all(key, lines)
            check_all(element, lines)
    elif isinstance(value, list):
        for element in value:
            check_all(element, lines)
