# SPDX-License-Identifier: Apache-2.0
"""Carries TCP connections out of a machine of ``nodevmlib``.

The machine has no network. This listens in it, and carries what is said over
a serial line to a thread outside, which connects to a server. In the machine
it is run as ``nodevm_wire.py /dev/ttyS1 PORT``.

A message on the line is a header, with the number of a connection and what
happens to it, and as much data as the header says.
"""

import contextlib
import enum
import io
import socket
import struct
import sys
import threading
import tty

_HEADER = struct.Struct('>BHH')
#: How much a message may carry.
_MOST = 4096
_CONNECT_SECONDS = 5


class Kind(enum.IntEnum):
    """What happens to a connection."""

    BEGIN = 1
    DATA = 2
    END = 3


class Wire:
    """One end of the line.

    :param line: unbuffered
    :param address: host and port of the server, if this is the end outside
    """

    def __init__(self, line: io.RawIOBase,
                 address: tuple[str, int] | None = None) -> None:
        self._line, self._address = line, address
        self._writing = threading.Lock()
        self._connections: dict[int, socket.socket] = {}

    def _write(self, kind: Kind, number: int, data: bytes = b'') -> None:
        left = _HEADER.pack(kind, number, len(data)) + data
        # A line that was cut takes nothing; whoever reads it ends all.
        with self._writing, contextlib.suppress(OSError, ValueError):
            while left:
                left = left[self._line.write(left) or 0:]

    def _read(self, size: int) -> bytes:
        """Read so many bytes.

        :raises EOFError: the line was cut
        """
        found = b''
        while len(found) < size:
            more = self._line.read(size - len(found))
            if not more:
                raise EOFError
            found += more
        return found

    def _listen(self, number: int, connection: socket.socket) -> None:
        """Hand on what a connection says, until it ends."""
        with contextlib.suppress(OSError):
            while data := connection.recv(_MOST):
                self._write(Kind.DATA, number, data)
        del self._connections[number]
        connection.close()
        self._write(Kind.END, number)

    def _carry(self, number: int, connection: socket.socket) -> None:
        self._connections[number] = connection
        threading.Thread(target=self._listen, args=(number, connection),
                         daemon=True).start()

    def begin(self, number: int, connection: socket.socket) -> None:
        """Carry a connection from now on.

        :param number: that no other has
        """
        self._write(Kind.BEGIN, number)
        self._carry(number, connection)

    def run(self) -> None:
        """Hand on what comes over the line, until it is cut."""
        # The other end has ended, or the plug of its machine was pulled.
        with contextlib.suppress(EOFError, OSError):
            while True:
                kind, number, size = _HEADER.unpack(self._read(_HEADER.size))
                self._hear(kind, number, self._read(size))
        for connection in list(self._connections.values()):
            _end(connection)
        with self._writing:
            self._line.close()

    def _hear(self, kind: int, number: int, data: bytes) -> None:
        if kind == Kind.BEGIN and self._address is not None:
            try:
                connection = socket.create_connection(self._address,
                                                      _CONNECT_SECONDS)
            except OSError:
                self._write(Kind.END, number)
                return
            connection.settimeout(None)
            self._carry(number, connection)
            return
        found = self._connections.get(number)
        if found is None:
            return
        if kind == Kind.END:
            _end(found)
            return
        # Who listens to it notices that it has ended.
        with contextlib.suppress(OSError):
            found.sendall(data)


def _end(connection: socket.socket) -> None:
    # Wakes up whoever listens to it.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Be the end in the machine."""
    line = open(sys.argv[1], 'r+b', buffering=0)
    tty.setraw(line.fileno())
    wire = Wire(line)
    number = 0
    with socket.create_server(('127.0.0.1', int(sys.argv[2])),
                              backlog=64) as server:
        threading.Thread(target=wire.run, daemon=True).start()
        while True:
            connection, _ = server.accept()
            number = number % 65535 + 1
            wire.begin(number, connection)


if __name__ == '__main__':
    main()
