# SPDX-License-Identifier: Apache-2.0
"""A threaded HTTP server, for standalone use and development.

In production the application runs in uWSGI or another WSGI server.
"""

import logging as std_logging
import threading
from typing import Any

from cheroot import server as cheroot_server
from cheroot import wsgi
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
IDLE_SECONDS = 30
THREADS = 8
MAX_THREADS = 64
STOP_SECONDS = 2


class _Headers(cheroot_server.HeaderReader):
    """Drops names with underscores: WSGI takes them for hyphens."""

    def _allow_header(self, key_name: bytes) -> bool:
        return b'_' not in key_name


class _Request(cheroot_server.HTTPRequest):
    header_reader = _Headers()


class _Connection(cheroot_server.HTTPConnection):
    RequestHandlerClass = _Request


class _Server(wsgi.Server):
    ConnectionClass = _Connection

    def error_log(self, msg: str = '', level: int = 20,
                  traceback: bool = False) -> None:
        # Clients that go away are no news.
        LOG.log(min(level, std_logging.DEBUG) if not traceback else level,
                '%s', msg, exc_info=traceback)


class Server:
    """Serves an application from threads.

    :param application: WSGI
    :param host: address to listen on, IPv4 or IPv6
    :param port: 0 lets the system choose one
    """

    def __init__(self, application: Any, host: str, port: int) -> None:
        self._server = _Server(
            (host, port), application, numthreads=THREADS, max=MAX_THREADS,
            timeout=IDLE_SECONDS, shutdown_timeout=STOP_SECONDS,
            request_queue_size=128)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on, once it was started."""
        return int(self._server.bind_addr[1])

    def start(self) -> None:
        """Listen, and serve in a thread.

        :raises OSError: the address cannot be listened on
        """
        self._server.prepare()
        self._thread = threading.Thread(
            target=self._server.serve, daemon=True, name='http')
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; what is under way gets some seconds to end."""
        if self._thread is not None:
            self._server.stop()
            self._thread.join(STOP_SECONDS)
            self._thread = None
