# SPDX-License-Identifier: Apache-2.0
"""A Modbus module that the tests of drivers talk to."""

import socket
import struct
import threading
import time

import fixtures


class Last(bytes):
    """Octets after which the connection is closed."""


class Module(fixtures.Fixture):
    """Eight coils, one connection at a time, written from the standard.

    :ivar asked: (unit, function, address, value or count) of each request
    :ivar connections: how many there were
    :ivar silent: whether it answers nobody
    :ivar delay: seconds until each answer
    :ivar drip: seconds between the octets of an answer
    :ivar refusal: exception code of every write
    :ivar stuck: whether coils stay as they are
    :ivar answers: callables that get the right answer and return what to
        send instead
    """

    def __init__(self, first=0, coils=8):
        super().__init__()
        self.coils = dict.fromkeys(range(first, first + coils), False)
        self.asked = []
        self.connections = 0
        self.silent = self.stuck = False
        self.delay = self.drip = 0.0
        self.refusal = 0
        self.answers = []

    def _setUp(self):
        self._listener = socket.socket()
        self.addCleanup(self._listener.close)
        self._listener.bind(('127.0.0.1', 0))
        self._listener.listen(16)
        self._listener.settimeout(0.05)
        self.host, self.port = self._listener.getsockname()
        self._stopping = threading.Event()
        thread = threading.Thread(target=self._serve)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self._stopping.set)

    def writes(self):
        """Return what was written: (address, value)."""
        return [(address, value == 0xff00)
                for _, function, address, value in self.asked
                if function == 5]

    def _serve(self):
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with connection:
                connection.settimeout(0.05)
                try:
                    while self._request(connection):
                        pass
                except OSError:
                    pass    # The client has gone in mid-answer.

    def _read(self, connection, size):
        found = b''
        while len(found) < size:
            if self._stopping.is_set():
                return None
            try:
                part = connection.recv(size - len(found))
            except TimeoutError:
                continue
            if not part:
                return None
            found += part
        return found

    def _request(self, connection):
        """Serve one; return whether the connection goes on."""
        header = self._read(connection, 7)
        if header is None:
            return False
        transaction, protocol, length, unit = struct.unpack('>HHHB', header)
        body = self._read(connection, length - 1)
        if body is None or protocol:
            return False
        if self.silent:
            return True
        body = self._answer(unit, *struct.unpack('>BHH', body))
        answer = struct.pack('>HHHB', transaction, 0, len(body) + 1,
                             unit) + body
        if self.answers:
            answer = self.answers.pop(0)(answer)
        time.sleep(self.delay)
        return (self._send(connection, answer)
                and not isinstance(answer, Last))

    def _send(self, connection, answer):
        if not self.drip:
            connection.sendall(answer)
            return True
        for octet in answer:
            if self._stopping.wait(self.drip):
                return False
            connection.sendall(bytes([octet]))
        return True

    def _answer(self, unit, function, address, value):
        self.asked.append((unit, function, address, value))
        if function not in (1, 5):
            return bytes([function | 0x80, 1])
        wanted = range(address, address + (value if function == 1 else 1))
        if any(coil not in self.coils for coil in wanted):
            return bytes([function | 0x80, 2])
        if function == 5:
            if self.refusal:
                return bytes([0x85, self.refusal])
            if not self.stuck:
                self.coils[address] = value == 0xff00
            return struct.pack('>BHH', function, address, value)
        bits = sum(self.coils[coil] << number
                   for number, coil in enumerate(wanted))
        size = (value + 7) // 8
        return bytes([function, size]) + bits.to_bytes(size, 'little')
