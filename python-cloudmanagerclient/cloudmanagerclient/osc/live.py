# SPDX-License-Identifier: Apache-2.0
"""The picture of a task at a terminal."""

from collections.abc import Iterator
import contextlib
from typing import Any

from rich import console
from rich import live
from rich import progress
from rich import table
from rich import text

#: Items that are shown at a time; the bar counts all.
SHOWN = 20
_STYLES = {'RUNNING': 'cyan', 'DONE': 'green', 'FAILED': 'bold red',
           'SKIPPED': 'dim', 'PENDING': 'dim'}
# What is worth a look comes first.
_ORDER = ('FAILED', 'RUNNING', 'PENDING', 'DONE', 'SKIPPED')


class Picture:
    """A bar, and a line for each server."""

    def __init__(self, shown: live.Live) -> None:
        self._live = shown
        self._bar = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn('{task.description}'),
            progress.BarColumn(), progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn())
        self._task = self._bar.add_task('PENDING', total=None)

    def update(self, task: Any) -> None:
        """Show how far a task is."""
        counts = task.progress or {}
        ended = counts.get('done', 0) + counts.get('failed', 0)
        total = counts.get('total') or (1 if task.has_ended else None)
        self._bar.update(
            self._task, description=task.status, total=total,
            completed=total if task.has_ended and not counts.get('total')
            else ended)
        parts: list[Any] = [self._bar]
        if task.items_:
            parts.append(_items(task.items_))
        if task.has_ended and task.result:
            parts.append(text.Text(task.result))
        self._live.update(console.Group(*parts), refresh=True)


def _items(items: list[dict[str, Any]]) -> table.Table:
    found = table.Table.grid(padding=(0, 2))
    known = sorted(items, key=lambda item: (
        _ORDER.index(item['state']) if item['state'] in _ORDER else 0))
    for item in known[:SHOWN]:
        # Names come from users of the cloud: they are no markup.
        found.add_row(*(text.Text(str(value or '')) for value in (
            item.get('name') or item['id'], item.get('action'),
            item.get('source'), item.get('destination'))),
            text.Text(item['state'], style=_STYLES.get(item['state'], '')),
            text.Text(str(item.get('error') or ''), style='red'))
    if len(items) > SHOWN:
        found.add_row(text.Text(f'and {len(items) - SHOWN} more'))
    return found


@contextlib.contextmanager
def picture() -> Iterator[Picture]:
    """Show a picture on the terminal of the error output."""
    with live.Live(console=console.Console(stderr=True),
                   auto_refresh=True, refresh_per_second=4) as shown:
        yield Picture(shown)
