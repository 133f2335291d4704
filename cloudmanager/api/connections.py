# SPDX-License-Identifier: Apache-2.0
"""Connections of the server: limits, deadlines, and errors in our form.

Waitress reads requests and sends answers in one loop, so that a slow client
holds no thread. What is added to it here: a deadline for a request as a
whole, the one body of errors for what is no proper HTTP, and an end of
refused connections that lets the client read why.
"""

import socket
import time

from oslo_context import context
from waitress import channel
from waitress import parser
from waitress import task
from waitress import utilities

from cloudmanager.api import errors

MAX_HEADERS = 100
# Texts of the server may quote what the client sent.
_MAX_DETAIL = 200


class Request(parser.HTTPRequestParser):  # type: ignore[misc]
    """Refuses what HTTP forbids and Waitress lets through."""

    path: str

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the first line and the header.

        :raises ParsingError: they are not valid HTTP
        """
        super().parse_header(header_plus)
        if header_plus.count(b'\n') > MAX_HEADERS:
            self.error = utilities.RequestHeaderFieldsTooLarge(
                f'There are more than {MAX_HEADERS} header fields')
            self.completed = True
        self._check_length()
        self._set_target()

    def _check_length(self) -> None:
        """Check that there is one way to tell where the body ends."""
        if 'TRANSFER_ENCODING' in self.headers:
            raise parser.ParsingError(
                'HTTP/1.0 has no Transfer-Encoding')
        if self.chunked and 'CONTENT_LENGTH' in self.headers:
            raise parser.ParsingError(
                'Transfer-Encoding and Content-Length exclude each other')

    def _set_target(self) -> None:
        """Bring all forms of a request's target to a path."""
        if self.proxy_netloc:
            self.headers['HOST'] = self.proxy_netloc
        if self.command == 'CONNECT' or self.request_uri == '*' or (
                self.proxy_netloc and not self.path):
            self.path = '/'
        if not self.path.startswith('/'):
            raise parser.ParsingError('The target must begin with a slash')


class Answer(task.WSGITask):  # type: ignore[misc]
    """Keeps connections open after answers that have no body."""

    def set_close_on_finish(self) -> None:
        """Close the connection unless it is plain where the answer ends."""
        if (self.has_body or self.version == '1.0'
                or self.request.connection_close):
            super().set_close_on_finish()


class Refusal(task.ErrorTask):  # type: ignore[misc]
    """Answers what is no proper HTTP."""

    def execute(self) -> None:
        error = self.request.error
        detail = errors.of_server(error.code, str(error.body)[:_MAX_DETAIL],
                                  context.generate_request_id())
        self.status = detail.status
        self.response_headers.extend(
            pair for pair in detail.headerlist
            if pair[0].lower() != 'content-length')
        self.set_close_on_finish()
        self.content_length = len(detail.body)
        # The loop may send what is written at once.
        self.channel.refused = True
        self.write(detail.body)


class Connection(channel.HTTPChannel):  # type: ignore[misc]
    """A connection that knows since when its client lets us wait.

    :ivar refused: its last request was refused, and the rest of what the
        client sends is thrown away
    """

    parser_class = Request
    task_class = Answer
    error_task_class = Refusal

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.refused = False
        self._is_over = False
        self._ended = False
        self._partial: Request | None = None
        self._began = time.time()
        super().__init__(*args, **kwargs)

    @property
    def close_when_flushed(self) -> bool:
        """Whether Waitress closes the connection after its answers.

        A thread that has answered sets it at any moment, even while the
        loop sends. After a refusal ``handle_write`` ends the connection
        instead.
        """
        return self._is_over and not self.refused

    @close_when_flushed.setter
    def close_when_flushed(self, value: bool) -> None:
        self._is_over = value

    @property
    def is_served(self) -> bool:
        """Whether a request is complete and not answered yet."""
        return bool(self.requests)

    @property
    def _has_begun(self) -> bool:
        """Whether the client has begun what it has not ended."""
        return self._partial is not None or self._ended

    @property
    def waits_since(self) -> float:
        """When we began to wait for the client, in seconds."""
        return (self._began if self._has_begun
                else float(self.last_activity))

    def overdue(self, now: float, deadline: float, idle: float) -> bool:
        """Tell whether the client took too long.

        :param now: seconds since the epoch
        :param deadline: most seconds for a request as a whole
        :param idle: most seconds without any request, or with an answer
            of which the client reads nothing
        """
        if self.is_served:
            # The time that we take is not the client's.
            self._began = now
            return False
        return now >= self.waits_since + (
            deadline if self._has_begun else idle)

    def received(self, data: bytes) -> bool:
        if self.refused:
            return True
        well = bool(super().received(data))
        if self.request is not self._partial:
            self._partial = self.request
            self._began = time.time()
        return well

    def writable(self) -> bool:
        return bool(super().writable()) or self._must_end

    @property
    def _must_end(self) -> bool:
        """Whether a refused request was answered, but for the end of it."""
        return self.refused and self._is_over and not self._ended

    def handle_write(self) -> None:
        """Send, and let the client of a refused request read the answer.

        Closing while it still sends would make its system throw the answer
        away: first only our direction is closed.
        """
        super().handle_write()
        if self._must_end and self.connected and not self.total_outbufs_len:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._partial = self.request = None
        self._began = time.time()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
