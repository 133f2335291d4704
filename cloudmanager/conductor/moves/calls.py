# SPDX-License-Identifier: Apache-2.0
"""Calls of Nova that run in threads, one for each server at a time."""

from collections.abc import Iterable
from concurrent import futures
from typing import Any
from typing import Self

from cloudmanager.clients import retry
from cloudmanager.conductor.engine import run as engine_run


class Calls:
    """What was asked of Nova and is not answered yet, by server.

    :param workers: number of threads
    """

    def __init__(self, run: engine_run.Run, workers: int) -> None:
        self._run = run
        self._pool = futures.ThreadPoolExecutor(
            workers, thread_name_prefix='move')
        self._open: dict[str, futures.Future[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __bool__(self) -> bool:
        return bool(self._open)

    def __contains__(self, server_id: str) -> bool:
        return server_id in self._open

    def start(self, server_id: str, function: Any, *args: Any) -> None:
        """Call Nova in a thread, which gives up when the lease is lost."""
        self._open[server_id] = self._pool.submit(
            retry.only_while, self._run.is_owned, function, *args)

    def ended(self) -> Iterable[tuple[str, futures.Future[Any]]]:
        """Give each call that has ended, once."""
        for server_id, call in list(self._open.items()):
            if call.done():
                del self._open[server_id]
                yield server_id, call

    def wait(self, seconds: float) -> None:
        """Wait until one of them ends, but not longer."""
        futures.wait(list(self._open.values()), seconds,
                     futures.FIRST_COMPLETED)
