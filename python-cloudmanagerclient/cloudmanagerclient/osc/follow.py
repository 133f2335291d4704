# SPDX-License-Identifier: Apache-2.0
"""Following a task: a live picture at a terminal, lines elsewhere."""

from collections.abc import Iterator
import contextlib
import sys
from typing import Any
from typing import Protocol
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudmanagerclient.sdk.v1 import _proxy
    from cloudmanagerclient.sdk.v1 import task as _task

#: Exit codes by the status of a task.
EXIT_CODES = {'SUCCESS': 0, 'FAILURE': 1, 'REVOKED': 3}
#: The task was left running: as shells say it of Ctrl-C.
LEFT_RUNNING = 130


class View(Protocol):
    """What shows a task."""

    def update(self, task: '_task.Task') -> None:
        """Show how far it is."""


def follow(client: '_proxy.Proxy', task_id: str,
           interval: float = 1.0) -> tuple['_task.Task', int]:
    """Show a task until it has ended, or the user does not want any more.

    :param client: the operations of the service
    :param task_id: id of the task
    :param interval: seconds between two looks
    :returns: the task as it was seen last, and the exit code
    """
    while True:
        try:
            with _view() as view:
                for task in client.follow_task(task_id, interval=interval):
                    view.update(task)
            return task, EXIT_CODES[task.status]
        except KeyboardInterrupt:
            if not _go_on(client, task_id):
                return client.get_task(task_id), LEFT_RUNNING


def _go_on(client: '_proxy.Proxy', task_id: str) -> bool:
    """Ask what Ctrl-C meant; return whether to follow the task further."""
    answer = 'l'
    if sys.stdin.isatty() and sys.stderr.isatty():
        try:
            print('\n[c]ancel the task, [l]eave it running, or go on '
                  'following (Enter)? ', end='', file=sys.stderr, flush=True)
            answer = sys.stdin.readline().strip().lower()[:1]
        except KeyboardInterrupt:
            answer = 'l'
    if answer == 'c':
        client.cancel_task(task_id)
        print('It begins nothing more; what is under way finishes.',
              file=sys.stderr)
        return True
    if answer == 'l':
        print(f'\nTask {task_id} goes on. Follow it: openstack cloudmanager '
              f'task show --follow {task_id}', file=sys.stderr)
        return False
    return True


@contextlib.contextmanager
def _view() -> Iterator[View]:
    if not sys.stderr.isatty():
        yield Lines()
        return
    # Costly to import, and most commands do without.
    from cloudmanagerclient.osc import live

    with live.picture() as picture:
        yield picture


class Lines:
    """A line for each change of the task or of one of its items."""

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}

    def update(self, task: '_task.Task') -> None:
        for item in task.items_ or ():
            self._tell(item['id'], f'  {describe(item)}')
        self._tell(task.id, summary(task))

    def _tell(self, key: str, line: str) -> None:
        if self._told.get(key) != line:
            self._told[key] = line
            print(line, file=sys.stderr, flush=True)


def summary(task: '_task.Task') -> str:
    """Return in one line how far a task is."""
    counts = task.progress or {}
    text = str(task.status)
    if counts.get('total'):
        text += (f': {counts["done"]} of {counts["total"]} done, '
                 f'{counts["running"]} under way, {counts["failed"]} failed')
    if task.has_ended and task.result:
        text += f'. {task.result}'
    return text


def describe(item: dict[str, Any]) -> str:
    """Return in one line how far an item of a task is."""
    text = f'{item.get("name") or item["id"]}: {item["state"]}'
    if item.get('action'):
        text += f', {item["action"]}'
    if item.get('source') or item.get('destination'):
        text += (f', {item.get("source") or "?"} -> '
                 f'{item.get("destination") or "?"}')
    if item.get('error'):
        text += f' ({item["error"]})'
    return text
