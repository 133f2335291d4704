# SPDX-License-Identifier: Apache-2.0
"""An HTTP server, for standalone use and development.

In production the application runs in uWSGI or another WSGI server.
"""

import socket
import threading
import time
from wsgiref import types as wsgi

from oslo_config import cfg
from oslo_log import log as logging
from waitress import adjustments
from waitress import server
from waitress import task
from waitress import wasyncore

from cloudmanager.api import connections
from cloudmanager.api.controllers import health

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
BACKLOG = 1024
# Threads that wait neither for conductors nor for devices.
THREADS = 8
HEALTH_THREADS = 2
# Seconds without a request on a connection, or without a byte of an answer
# that the client reads.
IDLE_SECONDS = 30
STOP_SECONDS = 2
# Bytes in memory for each connection; larger bodies go to a file.
_IN_MEMORY = 65536
# Answers wait in files for slow clients, not in the threads that made them.
_NEVER = 1 << 40
# The longest pause of the loop, in seconds.
_TICK = 1.0


class _Dispatcher:
    """Hands requests to threads; those for /healthcheck have their own.

    :param threads: how many answer all other requests
    """

    def __init__(self, threads: int) -> None:
        self._others = task.ThreadedTaskDispatcher()
        self._health = task.ThreadedTaskDispatcher()
        self._others.set_thread_count(threads)
        self._health.set_thread_count(HEALTH_THREADS)

    def add_task(self, connection: connections.Connection) -> None:
        """Have the first request of a connection answered."""
        path = getattr(connection.requests[0], 'path', '')
        chosen = self._health if path == health.PATH else self._others
        chosen.add_task(connection)

    def shutdown(self, seconds: float) -> None:
        """End the threads; those that are busy end when they are done."""
        for one in (self._others, self._health):
            one.shutdown(timeout=seconds)


class _Listener(server.TcpWSGIServer):  # type: ignore[misc]
    """Accepts connections, and closes those of slow clients."""

    channel_class = connections.Connection
    # Whether an answer was being made when all was closed.
    _left = False

    def readable(self) -> bool:
        """Tell whether a connection may be accepted."""
        return bool(self.accepting) and (
            len(self.active_channels) < self.adj.connection_limit
            or any(not one.is_served
                   for one in self.active_channels.values()))

    def handle_accept(self) -> None:
        """Accept a connection.

        When there are more than allowed, the client that has kept us
        waiting longest makes room.
        """
        super().handle_accept()
        if len(self.active_channels) > self.adj.connection_limit:
            waiting = [one for one in self.active_channels.values()
                       if not one.is_served]
            min(waiting, key=lambda one: one.waits_since).handle_close()

    def close_overdue(self) -> None:
        """Close the connections of clients that took too long."""
        now = time.time()
        for one in list(self.active_channels.values()):
            if one.overdue(now, CONF.api.request_timeout, IDLE_SECONDS):
                one.handle_close()

    @property
    def busy(self) -> bool:
        """Whether an answer is being made or sent."""
        return any(one.is_served or one.total_outbufs_len
                   for one in self.active_channels.values())

    def close_all(self) -> None:
        """Close all connections."""
        self._left = self.busy
        for one in list(self.active_channels.values()):
            one.handle_close()

    def close_trigger(self) -> None:
        """Close what wakes the loop, after its end.

        A thread that is busy still would write to it.
        """
        if not self._left:
            self.trigger.close()

    def stop_listening(self) -> None:
        """Accept no more connections."""
        self.del_channel()
        self.socket.close()


def _listen(host: str, port: int) -> socket.socket:
    """Listen on an address, on IPv4 too if it is all those of IPv6.

    :raises OSError: it cannot be listened on
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    both = host == '::' and socket.has_dualstack_ipv6()
    return socket.create_server(address[:2], family=family, backlog=BACKLOG,
                                dualstack_ipv6=both)


def _limits(host: str, listening: socket.socket) -> adjustments.Adjustments:
    return adjustments.Adjustments(
        sockets=[listening], server_name=host, ident='cloudmanager',
        backlog=BACKLOG, asyncore_use_poll=True, log_socket_errors=False,
        # oslo.middleware decides about them.
        clear_untrusted_proxy_headers=False,
        connection_limit=CONF.api.max_connections,
        max_request_header_size=CONF.api.max_header_bytes,
        # From its limit on Waitress refuses, and we only above it.
        max_request_body_size=CONF.api.max_body_bytes + 1,
        inbuf_overflow=_IN_MEMORY, outbuf_high_watermark=_NEVER)


class Server:
    """Serves an application from threads.

    Requests are read and answers are sent by one loop, whatever the
    clients' speed.

    :param application: WSGI
    :param host: address to listen on, IPv4 or IPv6
    :param port: 0 lets the system choose one
    """

    def __init__(self, application: wsgi.WSGIApplication, host: str,
                 port: int) -> None:
        self._application = application
        self._address = (host, port)
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._map: dict[int, wasyncore.dispatcher] = {}

    @property
    def port(self) -> int:
        """The port that it listens on, once it was started."""
        if self._listener is None:
            return self._address[1]
        return int(self._listener.effective_port)

    def start(self) -> None:
        """Listen, and serve in a thread.

        :raises OSError: the address cannot be listened on
        """
        listening = _listen(*self._address)
        self._listener = _Listener(
            self._application, self._map, _sock=listening,
            dispatcher=_Dispatcher(
                THREADS + CONF.api.max_waiting_requests),
            adj=_limits(self._address[0], listening), bind_socket=False,
            sockinfo=(listening.family, listening.type, listening.proto,
                      listening.getsockname()))
        self._thread = threading.Thread(
            target=self._run, args=(self._listener,), daemon=True,
            name='http')
        self._thread.start()

    def _run(self, listener: _Listener) -> None:
        while not self._stopping.is_set():
            self._turn(listener, min(_TICK, CONF.api.request_timeout / 4))
        listener.stop_listening()
        deadline = time.monotonic() + STOP_SECONDS
        while listener.busy and time.monotonic() < deadline:
            self._turn(listener, 0.05)
        listener.task_dispatcher.shutdown(0.1)
        listener.close_all()

    def _turn(self, listener: _Listener, seconds: float) -> None:
        """Wait for something to happen, and do it."""
        try:
            wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)
            listener.close_overdue()
        except Exception:
            # The boundary of a thread: one connection must not end the
            # service of the others.
            LOG.exception('The HTTP server could not handle an event.')

    def stop(self) -> None:
        """Listen no more; what is under way gets some seconds to end."""
        if self._thread is not None and self._listener is not None:
            self._stopping.set()
            self._listener.pull_trigger()
            self._thread.join(2 * STOP_SECONDS)
            if not self._thread.is_alive():
                self._listener.close_trigger()
            self._thread = None
