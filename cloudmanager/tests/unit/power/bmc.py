# SPDX-License-Identifier: Apache-2.0
"""A BMC with RMCP+ sessions, of which the tests choose the cipher suites.

Written from section 13 of the IPMI 2.0 specification; ``ipmi_sim``, which the
integration tests use, has no suite 17.
"""

import hmac
import os
import socket
import struct
import threading

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers import modes
import fixtures

# Authentication and integrity algorithm, hash, octets of an integrity code.
SUITES = {3: (1, 1, 'sha1', 12), 17: (3, 4, 'sha256', 16)}
GUID = bytes(range(16))
HEAD = bytes.fromhex('0600ff07')
ID = 0x12345678


def checksum(octets):
    return bytes([-sum(octets) & 0xff])


def answer_to(request, code, data=b''):
    """Return the answer to an IPMI message, section 13.8."""
    head = bytes([request[3], request[1] | 4])
    body = bytes([request[0], request[4], request[5], code]) + data
    return head + checksum(head) + body + checksum(body)


class BMC(fixtures.Fixture):
    """One session at a time, for one account.

    :param suites: cipher suites that it has
    :ivar offered: (authentication, integrity, confidentiality) of each
        session that was asked for
    :ivar privileges: privilege level of each login
    :ivar commands: (network function, command, data) inside of sessions
    """

    def __init__(self, user, password, suites):
        super().__init__()
        self._user = user.encode()
        self._password = password.encode()
        self._suites = {SUITES[suite][:2]: SUITES[suite][2:]
                        for suite in suites}
        self.offered, self.privileges, self.commands = [], [], []

    def _setUp(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self._socket.close)
        self._socket.bind(('127.0.0.1', 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self._stopping = threading.Event()
        thread = threading.Thread(target=self._serve)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self._stopping.set)

    def _serve(self):
        while not self._stopping.is_set():
            try:
                packet, sender = self._socket.recvfrom(3000)
            except TimeoutError:
                continue
            answer = self._handle(packet)
            if answer:
                self._socket.sendto(answer, sender)

    def _handle(self, packet):
        if packet[4] == 0:      # before any session
            message = answer_to(packet[14:], 0, bytes.fromhex(
                '0180040200000000'))
            return HEAD + bytes(9) + bytes([len(message)]) + message
        kind = packet[5]
        payload = packet[16:16 + struct.unpack('<H', packet[14:16])[0]]
        if kind == 0xc0:
            return self._command(packet, payload)
        code, answer = {0x10: self._open, 0x12: self._rakp1,
                        0x14: self._rakp3}[kind](payload)
        return HEAD + struct.pack('<BBIIH', 6, kind + 1, 0, 0,
                                  len(answer) + 2) + bytes(
            [payload[0], code]) + answer

    def _hash(self, key, *parts):
        return hmac.digest(key, b''.join(parts), self._algorithm)

    def _open(self, payload):
        self._client = payload[4:8]
        wanted = payload[12], payload[20], payload[28]
        self.offered.append(wanted)
        if wanted[:2] not in self._suites or wanted[2] != 1:
            return 0x11, bytes(2) + self._client
        self._algorithm, self._size = self._suites[wanted[:2]]
        return 0, (b'\x04\x00' + self._client + struct.pack('<I', ID)
                   + payload[8:32])

    def _rakp1(self, payload):
        self._random, self._role = payload[8:24], payload[24:25]
        name = payload[28:28 + payload[27]]
        self.privileges.append(payload[24] & 0x0f)
        if name != self._user:
            return 0x0d, bytes(2) + self._client
        self._role += bytes([len(name)]) + name
        self._mine = os.urandom(16)
        return 0, (bytes(2) + self._client + self._mine + GUID + self._hash(
            self._password, self._client, struct.pack('<I', ID),
            self._random, self._mine, GUID, self._role))

    def _rakp3(self, payload):
        if payload[8:] != self._hash(self._password, self._mine,
                                     self._client, self._role):
            return 0x0f, bytes(2) + self._client
        key = self._hash(self._password, self._random, self._mine,
                         self._role)
        self._integrity = self._hash(key, b'\x01' * 20)
        self._encryption = self._hash(key, b'\x02' * 20)[:16]
        return 0, bytes(2) + self._client + self._hash(
            key, self._random, struct.pack('<I', ID), GUID)[:self._size]

    def _cipher(self, start):
        return Cipher(algorithms.AES(self._encryption), modes.CBC(start))

    def _command(self, packet, payload):
        code = self._hash(self._integrity, packet[4:-self._size])
        if code[:self._size] != packet[-self._size:]:
            return None
        open_ = self._cipher(payload[:16]).decryptor()
        message = open_.update(payload[16:]) + open_.finalize()
        message = message[:-1 - message[-1]]
        function, command = message[1] >> 2, message[5]
        self.commands.append((function, command, message[6:-1]))
        found = {(6, 0x3b): message[6:7], (6, 0x3c): b'',
                 (0, 1): b'\x01\x00\x00'}[function, command]
        answer = answer_to(message, 0, found)
        fill = -(len(answer) + 1) % 16
        answer += bytes(range(1, fill + 1)) + bytes([fill])
        start = os.urandom(16)
        close = self._cipher(start).encryptor()
        answer = start + close.update(answer) + close.finalize()
        found = HEAD + struct.pack(
            '<BB4sIH', 6, 0xc0, self._client, len(self.commands),
            len(answer)) + answer
        fill = -(len(found) - 4 + 2) % 4
        found += b'\xff' * fill + bytes([fill, 7])
        return found + self._hash(self._integrity, found[4:])[:self._size]
