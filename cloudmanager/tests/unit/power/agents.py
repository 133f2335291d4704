# SPDX-License-Identifier: Apache-2.0
"""SNMP agents and power buttons that the tests of drivers talk to."""

import socket
import threading
import time

import fixtures
from pyasn1.codec.ber import decoder
from pyasn1.codec.ber import encoder
from pysnmp.proto import api
from pysnmp.proto import rfc1905

ROOT = (1, 3, 6, 1, 4, 1, 19865, 1, 2)
SYS_DESCR = (1, 3, 6, 1, 2, 1, 1, 1, 0)
GET, SET = 'get', 'set'
# What version 1 and 2c say of an object that is not there.
NO_SUCH_NAME = 2


def output(port, number):
    return (*ROOT, port, number, 0)


class Agent(fixtures.Fixture):
    """A board with its objects, on a port of its own.

    :ivar objects: value of each object, by identifier
    :ivar asked: (get or set, identifier, value) of each request served
    :ivar silent: whether it answers nobody
    :ivar ignores: how many requests are to be lost from now on
    :ivar loses_answers: how many answers are to be lost from now on
    :ivar delay: seconds until each answer
    :ivar answers: octets to send instead of the next answers; a callable
        gets the right answer and returns what to send, which may be a list
    :ivar status: error status of every set
    """

    def __init__(self, community, read_only='public'):
        super().__init__()
        self.community = community.encode()
        self.read_only = read_only.encode()
        self.objects = {SYS_DESCR: b'DAEnetIP2 v3.1'}
        for port in (1, 2):
            for number in range(1, 9):
                self.objects[output(port, number)] = 0
        for number in range(1, 9):
            self.objects[output(3, number)] = 0
        self.asked = []
        self.silent = False
        self.ignores = self.loses_answers = 0
        self.delay = 0.0
        self.answers = []
        self.status = 0
        self.versions = set()
        self.senders = set()

    def _setUp(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self._socket.close)
        self._socket.bind(('127.0.0.1', 0))
        self._socket.settimeout(0.05)
        self.host, self.port = self._socket.getsockname()
        self._stopping = threading.Event()
        thread = threading.Thread(target=self._serve)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self._stopping.set)

    def sets(self):
        """Return what was written: (identifier below the root, value)."""
        return [(identifier[len(ROOT):-1], value)
                for what, identifier, value in self.asked if what == SET]

    def _serve(self):
        while not self._stopping.is_set():
            try:
                packet, sender = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self.senders.add(sender)
            if self.silent:
                continue
            if self.ignores:
                self.ignores -= 1
                continue
            answer = self._handle(packet)
            if answer is None:
                continue
            if self.loses_answers:
                self.loses_answers -= 1
                continue
            time.sleep(self.delay)
            chosen = answer
            if self.answers:
                chosen = self.answers.pop(0)
                if callable(chosen):
                    chosen = chosen(answer)
            for each in chosen if isinstance(chosen, list) else [chosen]:
                self._socket.sendto(each, sender)

    def _handle(self, packet):
        version = int(api.decodeMessageVersion(packet))
        self.versions.add(version)
        module = api.PROTOCOL_MODULES[version]
        message = decoder.decode(packet, asn1Spec=module.Message())[0]
        community = bytes(module.apiMessage.get_community(message))
        if community not in (self.community, self.read_only):
            return None
        request = module.apiMessage.get_pdu(message)
        answer = module.apiMessage.get_response(message)
        reply = module.apiMessage.get_pdu(answer)
        (identifier, value), = module.apiPDU.get_varbinds(request)
        writes = isinstance(request, module.SetRequestPDU)
        self.asked.append((SET if writes else GET, tuple(identifier),
                           int(value) if writes else None))
        status, shown = self._answer(module, tuple(identifier), value,
                                     writes, community)
        module.apiPDU.set_error_status(reply, status)
        module.apiPDU.set_error_index(reply, 1 if status else 0)
        module.apiPDU.set_varbinds(reply, [(identifier, shown)])
        return encoder.encode(answer)

    def _answer(self, module, identifier, value, writes, community):
        if identifier not in self.objects:
            if module is api.PROTOCOL_MODULES[0]:
                return NO_SUCH_NAME, module.Null('')
            return 0, rfc1905.NoSuchInstance('')
        if writes:
            if community == self.read_only:
                return (NO_SUCH_NAME if module is api.PROTOCOL_MODULES[0]
                        else 6), value
            if self.status:
                return self.status, value
            self.write(identifier, int(value))
            return 0, value
        found = self.read(identifier)
        return 0, (module.OctetString(found) if isinstance(found, bytes)
                   else module.Integer(found))

    def write(self, identifier, value):
        self.objects[identifier] = value

    def read(self, identifier):
        return self.objects[identifier]


class Rack(Agent):
    """A board whose outputs P3.1 to P3.8 press buttons of ATX machines.

    Machine N drives input P6.N. Off, a press switches it on; on, one that
    is let go within ``override`` seconds shuts it down after
    ``shutdown`` seconds, a longer one cuts its power.

    :ivar presses: (machine, seconds) of those that have ended
    """

    def __init__(self, community, override=0.6, shutdown=0.0):
        super().__init__(community)
        self.override = override
        self.shutdown = shutdown
        self.on = dict.fromkeys(range(1, 9), False)
        self.presses = []
        self._since = {}
        self._woken_by = {}
        self._due = {}

    def write(self, identifier, value):
        super().write(identifier, value)
        port, number = identifier[len(ROOT):-1]
        if port != 1:
            return
        now = time.monotonic()
        self._settle(number, now)
        if value and number not in self._since:
            self._since[number] = now
            self._woken_by[number] = not self.on[number]
            self.on[number] = True
        elif not value and number in self._since:
            seconds = now - self._since.pop(number)
            self.presses.append((number, seconds))
            if self.on[number] and not self._woken_by[number]:
                self._due[number] = now + self.shutdown

    def read(self, identifier):
        below = identifier[len(ROOT):-1]
        if identifier[:len(ROOT)] == ROOT and below[0] == 3:
            self._settle(below[1], time.monotonic())
            return 1020 if self.on[below[1]] else 3
        return super().read(identifier)

    def _settle(self, number, now):
        since = self._since.get(number)
        if since is not None and now - since >= self.override:
            self.on[number] = False
        if now >= self._due.get(number, now + 1):
            del self._due[number]
            self.on[number] = False
