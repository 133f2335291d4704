# SPDX-License-Identifier: Apache-2.0
"""What the user sees, and waits that show that they wait."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import time
from typing import Any


class QuickstartError(Exception):
    """Something did not work; the text is for the user."""


def say(text: str) -> None:
    print(f'==> {text}', flush=True)


def note(text: str) -> None:
    print(f'    {text}', flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows in columns."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines)
              for column in range(len(header))]
    for line in lines:
        text = '  '.join(cell.ljust(width)
                         for cell, width in zip(line, widths, strict=True))
        note(text.rstrip())


def wait(condition: Callable[[], Any], seconds: float, what: str,
         interval: float = 0.5) -> Any:
    """Wait for a condition and return its value.

    :raises QuickstartError: it does not come about in time
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise QuickstartError(f'{what}: not within {seconds:.0f} s')
        time.sleep(interval)
