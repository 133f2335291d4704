# SPDX-License-Identifier: Apache-2.0
"""Any number of BMCs in one process: IPMI 2.0 over LAN, and no more of it.

One socket answers for all; each BMC has an address of its own, 127.44.0.1
for the first, and the kernel tells which one a packet was sent to. They let
clients in by RMCP+ with the cipher suites 3 and 17 and know the commands
that have to do with power. They can be slow, lose packets, fall silent or
update their firmware.

The formats are those of the IPMI 2.0 specification, revision 1.1: 13.6 for
packets, 13.17 to 13.24 for the login, 13.28 to 13.32 for keys and
encryption, chapters 20, 22 and 28 for the commands.
"""

import dataclasses
import heapq
import hmac
import itertools
import os
import random
import select
import socket
import struct
import threading
import time
from typing import Any

from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers import modes

NET = '127.44'
# A second octet pair numbers them.
MOST = 0xffff
ADMINISTRATOR = 4
GUID = bytes(range(16))
# Seconds after which a session that is not used is closed.
SESSION_SECONDS = 60.0
# Of Linux; not all versions of Python name it.
IP_PKTINFO = 8

RMCP = b'\x06\x00\xff\x07'
RMCP_PLUS = 6
# Types of payload.
IPMI, OPEN, OPENED, RAKP1, RAKP2, RAKP3, RAKP4 = (
    0, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15)
ENCRYPTED, AUTHENTICATED = 0x80, 0x40
# Status codes of the login.
NO_SUITE, NO_USER, WRONG_KEY = 0x11, 0x0d, 0x0f
# Network functions and completion codes.
CHASSIS, APPLICATION = 0, 6
OK, UNKNOWN_COMMAND, UPDATING, UNSPECIFIED = 0, 0xc1, 0xd1, 0xff
AES_CBC_128 = 1
# The list of cipher suites as the BMC tells it, see table 22-19.
SUITE_RECORDS = bytes.fromhex('c003014181' 'c011034481')
# RMCP+ only, and a user with a name.
CAPABILITIES = bytes((1, 0x80, 4, 2, 0, 0, 0, 0))
DEVICE_ID = bytes((0x20, 1, 1, 2, 2, 0xbf, 0x7c, 0x2a, 0, 0, 0, 0, 0, 0, 0))


@dataclasses.dataclass(frozen=True)
class Suite:
    """A cipher suite: how packets are signed."""

    authentication: int
    integrity: int
    hash: str
    signature_bytes: int

    def sign(self, key: bytes, *data: bytes) -> bytes:
        return hmac.digest(key, b''.join(data), self.hash)


# By the number of the algorithm that a client asks for; suites 3 and 17.
SUITES = {1: Suite(1, 1, 'sha1', 12), 3: Suite(3, 4, 'sha256', 16)}


@dataclasses.dataclass
class BMC:
    """One BMC, with all that can be changed about it.

    :ivar power: whether its machine is on
    :ivar silent: it answers nothing at all
    :ivar updating: it lets in, and does nothing else
    :ivar refusing: changes of power are answered with an error
    :ivar ignoring_soft: its operating system does not shut down
    :ivar asked: controls that it was asked for
    """

    address: str
    power: bool = True
    silent: bool = False
    updating: bool = False
    refusing: bool = False
    ignoring_soft: bool = False
    logins: int = 0
    statuses: int = 0
    asked: list[str] = dataclasses.field(default_factory=list)

    CONTROLS = {0: 'off', 1: 'on', 2: 'cycle', 3: 'reset', 5: 'soft'}

    def status(self) -> tuple[int, bytes]:
        """Get Chassis Status."""
        self.statuses += 1
        return OK, bytes((self.power, 0, 0x40))

    def control(self, number: int) -> tuple[int, bytes]:
        """Chassis Control."""
        name = self.CONTROLS.get(number)
        if name is None or self.refusing:
            return UNSPECIFIED, b''
        self.asked.append(name)
        if name in ('on', 'reset', 'cycle'):
            self.power = True
        elif name == 'off' or not self.ignoring_soft:
            self.power = False
        return OK, b''


@dataclasses.dataclass
class Session:
    """A client that is, or is about to be, let in."""

    bmc: BMC
    suite: Suite
    number: bytes
    client: bytes
    used: float
    client_random: bytes = b''
    own_random: bytes = b''
    user: bytes = b''
    signing_key: bytes = b''
    cipher_key: bytes = b''
    sequence: int = 0


@dataclasses.dataclass
class Counters:
    """What came in and went out."""

    received: int = 0
    sent: int = 0
    swallowed: int = 0
    malformed: int = 0
    logins: int = 0
    commands: int = 0


class Simulator:
    """Answers for all BMCs, from a thread.

    :param count: how many there are
    :param delay: seconds until an answer is sent
    :param loss: share of packets that get lost
    :param port: a free one when 0
    """

    def __init__(self, count: int, *, delay: float = 0.0, loss: float = 0.0,
                 port: int = 0, user: str = 'admin',
                 password: str = 'secret', net: str = NET) -> None:
        if not 0 < count <= MOST:
            raise ValueError(f'There can be 1 to {MOST} BMCs.')
        self.delay = delay
        self.loss = loss
        self.user = user
        self.password = password
        self.bmcs = [BMC(f'{net}.{number >> 8}.{number & 255}')
                     for number in range(1, count + 1)]
        self._by_address = {socket.inet_aton(bmc.address): bmc
                            for bmc in self.bmcs}
        self.counters = Counters()
        self._sessions: dict[bytes, Session] = {}
        self._waiting: list[tuple[float, int, bytes, Any, bytes]] = []
        self._order = itertools.count()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, 1 << 24)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self._socket.setblocking(False)
        # All of 127/8 is this machine, and nothing else.
        self._socket.bind(('', port))
        self.port: int = self._socket.getsockname()[1]

    def start(self) -> 'Simulator':
        self._thread = threading.Thread(target=self.run, daemon=True,
                                        name='bmcsim')
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
        self._socket.close()

    def run(self) -> None:
        """Answer until ``stop`` is called."""
        swept = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            until = self._waiting[0][0] if self._waiting else now + 0.2
            select.select([self._socket], [], [], max(0.0, until - now))
            self._receive()
            self._send_due()
            if now - swept > SESSION_SECONDS:
                swept = now
                self._sessions = {
                    key: session for key, session in self._sessions.items()
                    if now - session.used < SESSION_SECONDS}

    # Packets

    def _receive(self) -> None:
        for _ in range(64):
            try:
                packet, extra, _, sender = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            self.counters.received += 1
            own = extra[0][2][8:12]
            bmc = self._by_address.get(own)
            if bmc is None or bmc.silent or random.random() < self.loss:
                self.counters.swallowed += 1
                continue
            try:
                answer = self._answer(bmc, packet)
            except (IndexError, ValueError, struct.error):
                answer = None
            if answer is None:
                self.counters.malformed += 1
            else:
                heapq.heappush(self._waiting, (
                    time.monotonic() + self.delay, next(self._order),
                    answer, sender, own))

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, packet, receiver, own = heapq.heappop(self._waiting)
            # From the address that was asked.
            origin = struct.pack('@I4s4s', 0, own, b'')
            self._socket.sendmsg(
                [packet], [(socket.IPPROTO_IP, IP_PKTINFO, origin)], 0,
                receiver)
            self.counters.sent += 1

    def _answer(self, bmc: BMC, packet: bytes) -> bytes | None:
        if packet[:4] != RMCP:
            return None
        if packet[4] == 0:
            # IPMI 1.5, as whoever knows nothing of a BMC yet begins.
            request = packet[14:14 + packet[13]]
            answer = self._greet(request)
            return answer and (RMCP + bytes(9) + bytes((len(answer),))
                               + answer)
        if packet[4] != RMCP_PLUS:
            return None
        kind = packet[5]
        number, _, length = struct.unpack('<4sIH', packet[6:16])
        payload = packet[16:16 + length]
        if kind == OPEN:
            return wrap(OPENED, self._open(bmc, payload))
        if kind == RAKP1:
            return wrap(RAKP2, self._challenge(bmc, payload))
        if kind == RAKP3:
            return wrap(RAKP4, self._admit(bmc, payload))
        if kind == IPMI:
            answer = self._greet(payload)
            return answer and wrap(IPMI, answer)
        if kind == IPMI | ENCRYPTED | AUTHENTICATED:
            return self._serve(self._session(bmc, number), packet, payload)
        return None

    def _session(self, bmc: BMC, number: bytes) -> Session:
        """Return a session of a BMC.

        :raises ValueError: there is none
        """
        session = self._sessions.get(number)
        if session is None or session.bmc is not bmc:
            raise ValueError('no such session')
        session.used = time.monotonic()
        return session

    # Before and during the login

    @staticmethod
    def _greet(request: bytes) -> bytes | None:
        """Answer what is answered to everybody."""
        function, command, data = request[1] >> 2, request[5], request[6:-1]
        if function != APPLICATION:
            return None
        if command == 0x38:         # Get Channel Authentication Capabilities
            return message(request, OK, CAPABILITIES)
        if command == 0x54:         # Get Channel Cipher Suites
            part = data[2] & 0x3f
            return message(request, OK, bytes((1,)) + SUITE_RECORDS[
                part * 16:part * 16 + 16])
        return None

    def _open(self, bmc: BMC, payload: bytes) -> bytes:
        suite = SUITES.get(payload[12])
        if suite is None or suite.integrity != payload[20]:
            return bytes((payload[0], NO_SUITE, 0, 0)) + payload[4:8]
        number = os.urandom(4)
        while number in self._sessions or number == bytes(4):
            number = os.urandom(4)
        self._sessions[number] = Session(
            bmc, suite, number, payload[4:8], time.monotonic())
        chosen = b''.join(
            bytes((kind, 0, 0, 8, algorithm, 0, 0, 0))
            for kind, algorithm in ((0, suite.authentication),
                                    (1, suite.integrity),
                                    (2, AES_CBC_128)))
        return (bytes((payload[0], OK, ADMINISTRATOR, 0)) + payload[4:8]
                + number + chosen)

    def _challenge(self, bmc: BMC, payload: bytes) -> bytes:
        session = self._session(bmc, payload[4:8])
        name = payload[28:28 + payload[27]]
        if name != self.user.encode():
            return bytes((payload[0], NO_USER, 0, 0)) + session.client
        session.client_random = payload[8:24]
        session.own_random = os.urandom(16)
        session.user = bytes((payload[24], len(name))) + name
        proof = session.suite.sign(
            self.password.encode(), session.client, session.number,
            session.client_random, session.own_random, GUID, session.user)
        return (bytes((payload[0], OK, 0, 0)) + session.client
                + session.own_random + GUID + proof)

    def _admit(self, bmc: BMC, payload: bytes) -> bytes:
        session = self._session(bmc, payload[4:8])
        suite, secret = session.suite, self.password.encode()
        proof = suite.sign(secret, session.own_random, session.client,
                           session.user)
        if payload[1] or not hmac.compare_digest(payload[8:], proof):
            return bytes((payload[0], WRONG_KEY, 0, 0)) + session.client
        key = suite.sign(secret, session.client_random, session.own_random,
                         session.user)
        session.signing_key = suite.sign(key, b'\x01' * 20)
        session.cipher_key = suite.sign(key, b'\x02' * 20)[:16]
        self.counters.logins += 1
        bmc.logins += 1
        final = suite.sign(key, session.client_random, session.number, GUID)
        return (bytes((payload[0], OK, 0, 0)) + session.client
                + final[:suite.signature_bytes])

    # After the login

    def _serve(self, session: Session, packet: bytes,
               payload: bytes) -> bytes:
        suite = session.suite
        body, signature = (packet[4:-suite.signature_bytes],
                           packet[-suite.signature_bytes:])
        if not session.signing_key or not hmac.compare_digest(
                suite.sign(session.signing_key, body)[
                    :suite.signature_bytes], signature):
            raise ValueError('the signature is wrong')
        request = decrypt(session.cipher_key, payload)
        code, data = self._command(session, request)
        self.counters.commands += 1
        return self._seal(session, message(request, code, data))

    def _command(self, session: Session,
                 request: bytes) -> tuple[int, bytes]:
        bmc = session.bmc
        function, command, data = request[1] >> 2, request[5], request[6:-1]
        if (function, command) == (APPLICATION, 0x3b):
            # Set Session Privilege Level; 0 asks for the present one.
            return OK, bytes((data[0] & 0xf or ADMINISTRATOR,))
        if (function, command) == (APPLICATION, 0x3c):
            self._sessions.pop(session.number, None)
            return OK, b''
        if bmc.updating:
            return UPDATING, b''
        if (function, command) == (CHASSIS, 1):
            return bmc.status()
        if (function, command) == (CHASSIS, 2):
            return bmc.control(data[0] & 0xf)
        if (function, command) == (APPLICATION, 1):
            return OK, DEVICE_ID
        if (function, command) == (APPLICATION, 0x37):
            return OK, GUID
        if (function, command) == (APPLICATION, 0x38):
            return OK, CAPABILITIES
        return UNKNOWN_COMMAND, b''

    @staticmethod
    def _seal(session: Session, answer: bytes) -> bytes:
        """Encrypt and sign an answer."""
        session.sequence += 1
        payload = encrypt(session.cipher_key, answer)
        packet = (RMCP + bytes((RMCP_PLUS,
                                IPMI | ENCRYPTED | AUTHENTICATED))
                  + session.client
                  + struct.pack('<IH', session.sequence, len(payload))
                  + payload)
        # The signed part, with length and next header, fills words.
        padding = -(len(packet) - 4 + 2) % 4
        packet += b'\xff' * padding + bytes((padding, 7))
        return packet + session.suite.sign(
            session.signing_key, packet[4:])[
                :session.suite.signature_bytes]


def checksum(data: bytes) -> int:
    """Return what makes the sum of some bytes zero."""
    return -sum(data) & 0xff


def message(request: bytes, code: int, data: bytes) -> bytes:
    """Make the IPMI message that answers another one."""
    head = bytes((request[3], (request[1] >> 2 | 1) << 2 | request[4] & 3))
    body = bytes((request[0], request[4] & 0xfc | request[1] & 3,
                  request[5], code)) + data
    return (head + bytes((checksum(head),)) + body
            + bytes((checksum(body),)))


def wrap(kind: int, payload: bytes) -> bytes:
    """Make a packet outside of any session."""
    return (RMCP + bytes((RMCP_PLUS, kind))
            + struct.pack('<IIH', 0, 0, len(payload)) + payload)


def encrypt(key: bytes, data: bytes) -> bytes:
    """Encrypt by AES-CBC-128 with the padding of IPMI."""
    padding = -(len(data) + 1) % 16
    data += bytes(range(1, padding + 1)) + bytes((padding,))
    vector = os.urandom(16)
    cipher = ciphers.Cipher(algorithms.AES(key), modes.CBC(vector))
    worker = cipher.encryptor()
    return vector + worker.update(data) + worker.finalize()


def decrypt(key: bytes, payload: bytes) -> bytes:
    """Undo ``encrypt``."""
    cipher = ciphers.Cipher(algorithms.AES(key), modes.CBC(payload[:16]))
    worker = cipher.decryptor()
    data = worker.update(payload[16:]) + worker.finalize()
    return data[:len(data) - 1 - data[-1]]
