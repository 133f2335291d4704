# SPDX-License-Identifier: Apache-2.0
"""A small threaded HTTP server, for standalone use and development.

In production the application runs in uwsgi or another WSGI server.
"""

import ipaddress
import socket
import socketserver
import threading
from typing import Any
from wsgiref import simple_server

from oslo_log import log as logging

LOG = logging.getLogger(__name__)
IDLE_SECONDS = 30
MAX_THREADS = 64
STOP_SECONDS = 5


class _Handler(simple_server.WSGIRequestHandler):
    timeout = IDLE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        # The server reads bodies of a known length only.
        environ.pop('HTTP_PROXY', None)
        return environ


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._slots = threading.BoundedSemaphore(MAX_THREADS)
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._slots.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any,
                               client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug('A connection of %s broke.', client_address)


class _ServerV6(_Server):
    address_family = socket.AF_INET6


def _family(host: str) -> type[_Server]:
    try:
        six = ipaddress.ip_address(host).version == 6
    except ValueError:
        six = False
    return _ServerV6 if six else _Server


class Server:
    """Serves an application from threads.

    :param application: WSGI
    :param host: address to listen on, IPv4 or IPv6
    :param port: 0 lets the system choose one
    """

    def __init__(self, application: Any, host: str, port: int) -> None:
        self._application = application
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None  # noqa: S101
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen, and serve in a thread.

        :raises OSError: the address cannot be listened on
        """
        made = _family(self._address[0])(self._address, _Handler)
        made.set_app(self._application)
        self._server = made
        self._thread = threading.Thread(
            target=made.serve_forever, kwargs={'poll_interval': 0.2},
            daemon=True, name='http')
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; requests under way end with the process."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(STOP_SECONDS)
            self._server.server_close()
