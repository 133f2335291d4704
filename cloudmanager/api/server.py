# SPDX-License-Identifier: Apache-2.0
"""A small threaded HTTP server, for standalone use and development.

In production the application runs in uwsgi or another WSGI server.
"""

import contextlib
import http.server
import socket
import socketserver
import threading
import time
from typing import Any

from oslo_context import context as oslo_context
from oslo_log import log as logging

from cloudmanager.api import errors
from cloudmanager.api import httpd_body
from cloudmanager.api import httpd_environ

LOG = logging.getLogger(__name__)
IDLE_SECONDS = 30
LINGER_SECONDS = 2
MAX_THREADS = 64
STOP_SECONDS = 5
POLL_SECONDS = 0.1
# What a client may still send after its answer, to keep its connection.
MAX_DRAINED = 65536
WITHOUT_BODY = ('204', '304')


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection; answers its requests one after another."""

    server: '_Server'
    protocol_version = 'HTTP/1.1'
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug('%(client)s: %(what)s', {
            'client': self.client_address[0], 'what': format % args})

    def version_string(self) -> str:
        return 'cloudmanager'

    def handle_one_request(self) -> None:
        self.server.set_idle(self.connection, True)
        try:
            self.raw_requestline = self.rfile.readline(65537)
            self.server.set_idle(self.connection, False)
            if len(self.raw_requestline) > 65536:
                self.requestline = self.request_version = self.command = ''
                self.send_error(414)
            elif not self.raw_requestline:
                self.close_connection = True
            elif self.parse_request():
                self._answer()
        except OSError as exc:
            # The client went away or fell silent.
            LOG.debug('The connection of %(client)s ended: %(why)s',
                      {'client': self.client_address[0], 'why': exc})
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None,
                   explain: str | None = None) -> None:
        """Answer what is no HTTP in the form of all other errors."""
        request_id = oslo_context.generate_request_id()
        made = errors.of_status(int(code), request_id)
        made.headers['x-openstack-request-id'] = request_id
        self.close_connection = True
        self._send(made.status, list(made.headers.items()), made.body)

    def _answer(self) -> None:
        try:
            body = httpd_body.of_headers(self.rfile, self.headers)
        except ValueError:
            self.send_error(400)
            return
        environ = httpd_environ.make(self, body)
        status, headers = '', []

        def start_response(new_status: str,
                           new_headers: list[tuple[str, str]],
                           exc_info: Any = None) -> None:
            nonlocal status, headers
            status, headers = new_status, new_headers

        parts = self.server.application(environ, start_response)
        try:
            content = b''.join(parts)
        finally:
            if hasattr(parts, 'close'):
                parts.close()
        if self.server.stopping.is_set() or not body.ended(MAX_DRAINED):
            self.close_connection = True
        self._send(status, headers, content)

    def _send(self, status: str, headers: list[tuple[str, str]],
              content: bytes) -> None:
        lines = [f'HTTP/1.1 {status}']
        lines += [f'{name}: {value}' for name, value in headers
                  if name.lower() not in ('content-length', 'connection')]
        if self.command == 'HEAD':
            lines += [f'{name}: {value}' for name, value in headers
                      if name.lower() == 'content-length']
            content = b''
        elif status[:3] not in WITHOUT_BODY:
            lines.append(f'Content-Length: {len(content)}')
        lines += [f'Date: {self.date_time_string()}',
                  'Connection: '
                  + ('close' if self.close_connection else 'keep-alive')]
        head = '\r\n'.join(lines).encode('latin-1')
        self.wfile.write(head + b'\r\n\r\n' + content)
        self.log_request(status[:3], len(content))

    def finish(self) -> None:
        super().finish()
        self._linger()

    def _linger(self) -> None:
        """Let the client read its answer before the connection breaks.

        A socket that is closed with data unread resets the connection, and
        the answer with it.
        """
        deadline = time.monotonic() + LINGER_SECONDS
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.server.set_idle(self.connection, True)
            while (left := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(65536):
                    break


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens; gives each connection one of a bounded number of threads."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, application: Any, host: str, port: int) -> None:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE)[0]
        self.address_family = family
        self.application = application
        self.stopping = threading.Event()
        self._slots = threading.BoundedSemaphore(MAX_THREADS)
        self._lock = threading.Lock()
        #: Open connections, and whether they wait for a request.
        self._idle: dict[socket.socket, bool] = {}
        super().__init__(address, _Handler)  # type: ignore[arg-type]

    def set_idle(self, connection: socket.socket, idle: bool) -> None:
        """Note whether a connection waits for its next request."""
        with self._lock:
            if connection in self._idle:
                # Put last, so that the first is the one idle the longest.
                del self._idle[connection]
                self._idle[connection] = idle
        if idle and self.stopping.is_set():
            self._end(connection)

    @staticmethod
    def _end(connection: socket.socket) -> None:
        """Let a connection read what has arrived, and then its end."""
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        while not self._slots.acquire(timeout=POLL_SECONDS):
            if self.stopping.is_set():
                self.shutdown_request(request)
                return
            self._end_one_idle()
        with self._lock:
            self._idle[request] = True
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            # No thread could be started.
            self._forget(request)
            raise

    def process_request_thread(self, request: Any,
                               client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def _forget(self, request: Any) -> None:
        with self._lock:
            self._idle.pop(request, None)
        self._slots.release()

    def _end_one_idle(self) -> None:
        with self._lock:
            found = next((connection for connection, idle
                          in self._idle.items() if idle), None)
        if found is not None:
            self._end(found)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Called from an except block of the standard library.
        LOG.exception('The connection of %s broke.',  # noqa: LOG004
                      client_address)

    def end_connections(self, seconds: float) -> None:
        """Wait until what is under way is answered, within bounds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._lock:
                found = list(self._idle.items())
            if not found:
                return
            for connection, idle in found:
                if idle:
                    self._end(connection)
            time.sleep(POLL_SECONDS / 5)


class Server:
    """Serves an application from threads.

    :param application: WSGI
    :param host: address or name to listen on, IPv4 or IPv6
    :param port: 0 lets the system choose one
    """

    def __init__(self, application: Any, host: str, port: int) -> None:
        self._application = application
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on.

        :raises RuntimeError: it was not started
        """
        if self._server is None:
            raise RuntimeError('The server was not started.')
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen, and serve in a thread.

        :raises OSError: the address cannot be listened on
        """
        self._server = _Server(self._application, *self._address)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={'poll_interval': POLL_SECONDS}, daemon=True,
            name='http')
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; let requests under way end, within bounds."""
        if self._server is None or self._thread is None:
            return
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join(STOP_SECONDS)
        self._server.server_close()
        self._server.end_connections(STOP_SECONDS)
        self._server = self._thread = None
