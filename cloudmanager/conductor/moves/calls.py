# SPDX-License-Identifier: Apache-2.0
"""Calls to Nova that run in threads, one at a time for each server."""

from collections.abc import Callable
from collections.abc import Iterable
from concurrent import futures
import functools
from typing import Any
from typing import Self
from typing import TypeVar

from oslo_log import log as logging

from cloudmanager.clients import retry
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run

LOG = logging.getLogger(__name__)
T = TypeVar('T')


def _nothing() -> None:
    """Do nothing about an answer."""


class Calls:
    """The calls to Nova that have not ended yet, by server.

    :param workers: number of threads
    """

    def __init__(self, run: engine_run.Run, workers: int) -> None:
        self._run = run
        self._pool = futures.ThreadPoolExecutor(
            workers, thread_name_prefix='move')
        self._open: dict[
            str, tuple[futures.Future[Any], Callable[[], None]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __bool__(self) -> bool:
        return bool(self._open)

    def __contains__(self, server_id: str) -> bool:
        return server_id in self._open

    def start(self, server_id: str,
              taker: Callable[[futures.Future[T]], None],
              function: Callable[..., T], *args: object) -> None:
        """Call Nova in a thread. Retries stop when the lease is lost.

        :param taker: is called with the call once it has ended
        """
        call = self._pool.submit(
            retry.only_while, self._run.is_owned, function, *args)
        self._open[server_id] = call, functools.partial(taker, call)

    def ask(self, server_id: str, function: Callable[..., object],
            *args: object,
            accepted: Callable[[], None] = _nothing,
            unanswered: Callable[[], None] = _nothing) -> None:
        """Send a request in a thread. If Nova refuses it, that is logged.

        Then somebody else was faster, or the next reading of the server
        shows what is wrong.

        :param accepted: called when Nova has accepted the request
        :param unanswered: called when nobody knows whether it has
        """
        def take(call: futures.Future[object]) -> None:
            try:
                call.result()
            except (exception.CloudRequestRefused, exception.NotFound) as exc:
                LOG.info('Server %(server)s: %(why)s',
                         {'server': server_id, 'why': exc})
            except exception.CloudUnreachable:
                LOG.warning('Nova did not answer for server %s.', server_id)
                unanswered()
            else:
                accepted()

        self.start(server_id, take, function, *args)

    def ended(self) -> Iterable[tuple[str, Callable[[], None]]]:
        """Yield each call that has ended, once: the server, and its taker."""
        for server_id, (call, taker) in list(self._open.items()):
            if call.done():
                del self._open[server_id]
                yield server_id, taker

    def wait(self, seconds: float) -> None:
        """Wait until one of them ends, but at most some seconds."""
        futures.wait([call for call, _ in self._open.values()], seconds,
                     futures.FIRST_COMPLETED)

    def pause(self, seconds: float) -> None:
        """Let some time pass, or less if one of them ends.

        :param seconds: if they are not above zero, no time passes
        :raises HandOver: the process must end
        """
        if seconds <= 0:
            return
        if self:
            self.wait(seconds)
        else:
            self._run.pause(seconds)
