# SPDX-License-Identifier: Apache-2.0
"""Runs many calls at once, in threads that do not delay a process's end."""

from collections.abc import Callable
from collections.abc import Sequence
import contextvars
import queue
import threading
from typing import Any
from typing import TypeVar

T = TypeVar('T')
V = TypeVar('V')


def run(function: Callable[[V], T], values: Sequence[V],
        workers: int) -> list[T]:
    """Call a function with each of some values.

    Unlike with ``concurrent.futures``, a call that hangs does not keep the
    process from ending.

    :param workers: calls at a time
    :returns: the results, in the order of the values
    :raises Exception: the first error of a call; no more are begun then
    """
    found: list[Any] = [None] * len(values)
    errors: list[BaseException] = []
    waiting: queue.SimpleQueue[tuple[int, V]] = queue.SimpleQueue()
    for entry in enumerate(values):
        waiting.put(entry)

    def work() -> None:
        while not errors:
            try:
                index, value = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                found[index] = function(value)
            except Exception as exc:
                # Boundary of the thread: the caller raises it.
                errors.append(exc)

    # What the caller's context says holds in the threads, too.
    threads = [threading.Thread(target=contextvars.copy_context().run,
                                args=(work,), daemon=True, name='parallel')
               for _ in range(min(workers, len(values)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return found
