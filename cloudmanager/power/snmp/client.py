# SPDX-License-Identifier: Apache-2.0
"""SNMP version 1 and 2c for one agent, one object and one deadline.

pysnmp's engine has tables of all communities that it ever saw, and answers
a wrong one, a dead port and a slow agent in the same way after a time of
its own. One object in one datagram needs no engine: pysnmp writes and reads
the messages (its ``pysnmp.proto.api``), and what is waited for is decided
here. RFC 1157 has the messages of version 1, RFC 3416 those of 2c.
"""

import secrets
import socket
import time
from typing import Any
from typing import Self

from pyasn1.codec.ber import decoder
from pyasn1.codec.ber import encoder
from pysnmp.proto import api
from pysnmp.proto import rfc1905

from cloudmanager.power import base
from cloudmanager.power import network

VERSIONS = {'1': api.SNMP_VERSION_1, '2c': api.SNMP_VERSION_2C}
SYS_DESCR = (1, 3, 6, 1, 2, 1, 1, 1, 0)
#: Seconds until a request is sent again; each time twice as long.
RESEND_SECONDS = 1.0

# One object fits into far less, and nothing larger is worth decoding.
_LONGEST_ANSWER = 2048
_REQUEST_IDS = 2 ** 31
_NO_SUCH_NAME = 'noSuchName'
_STATUS = ('noError', 'tooBig', _NO_SUCH_NAME, 'badValue', 'readOnly',
           'genErr', 'noAccess', 'wrongType', 'wrongLength', 'wrongEncoding',
           'wrongValue', 'noCreation', 'inconsistentValue',
           'resourceUnavailable', 'commitFailed', 'undoFailed',
           'authorizationError', 'notWritable', 'inconsistentName')
# Version 2c says in place of the value that there is none.
_NO_VALUE = (rfc1905.NoSuchObject, rfc1905.NoSuchInstance,
             rfc1905.EndOfMibView)

OID = tuple[int, ...]


class SNMPError(Exception):
    """The agent has answered, but not with what it was asked for."""


class Malformed(SNMPError):
    """Nothing that came from the agent could be understood."""


class NoSuchObject(SNMPError):
    """The agent has no such object, or does not show it to us."""


class ErrorStatus(SNMPError):
    """The agent refused.

    :ivar status: the name that the standard has for the reason
    """

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(status)


class _Ignored(Exception):
    """An answer to somebody or something else."""


class Agent:
    """Asks one agent for one object at a time.

    :param community: what the agent wants to hear, a secret
    :param deadline: monotonic time at which everything has to be over
    :param version: a key of ``VERSIONS``
    :raises OSError: the agent has no address, or not in time
    """

    def __init__(self, device: base.Device, community: str, deadline: float,
                 version: str = '1') -> None:
        self._community = community.encode('utf-8', 'surrogatepass')
        self._deadline = deadline
        self._version = VERSIONS[version]
        self._module = api.PROTOCOL_MODULES[self._version]
        self._socket = network.connect(device.host, device.port,
                                       socket.SOCK_DGRAM, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    @property
    def deadline(self) -> float:
        """The monotonic time at which everything has to be over."""
        return self._deadline

    def get(self, oid: OID) -> int | bytes:
        """Read an object.

        :returns: a number, or the octets of a text
        :raises OSError: no answer came in time
        :raises SNMPError: it has no such object, or none of these types
        """
        return self._ask(self._module.GetRequestPDU(), oid,
                         self._module.Null(''), True)

    def set(self, oid: OID, value: int, repeat: bool = True) -> None:
        """Write a number.

        :param repeat: whether to send it again as long as no answer comes;
            without it the first silence, of ``RESEND_SECONDS``, ends it
        :raises OSError: no answer came in time
        :raises SNMPError: the agent refused
        """
        self._ask(self._module.SetRequestPDU(), oid,
                  self._module.Integer(value), repeat)

    def _ask(self, pdu: Any, oid: OID, value: Any,
             repeat: bool) -> int | bytes:
        number = secrets.randbelow(_REQUEST_IDS)
        packet = self._encode(pdu, number, oid, value)
        give_up = min(self._deadline, time.monotonic()
                      + (network.CONNECT_SECONDS if repeat
                         else RESEND_SECONDS))
        patience, malformed = RESEND_SECONDS, False
        while time.monotonic() < give_up:
            self._socket.settimeout(network.left(self._deadline))
            self._socket.send(packet)
            until = min(give_up, time.monotonic() + patience)
            patience *= 2
            try:
                return self._await(number, oid, until)
            except TimeoutError:
                pass
            except Malformed:
                malformed = True
        if malformed:
            raise Malformed
        raise TimeoutError

    def _encode(self, pdu: Any, number: int, oid: OID, value: Any) -> bytes:
        module = self._module
        module.apiPDU.set_defaults(pdu)
        module.apiPDU.set_request_id(pdu, number)
        module.apiPDU.set_varbinds(
            pdu, [(module.ObjectIdentifier(oid), value)])
        message = module.Message()
        module.apiMessage.set_defaults(message)
        module.apiMessage.set_community(message, self._community)
        module.apiMessage.set_pdu(message, pdu)
        found: bytes = encoder.encode(message)
        return found

    def _await(self, number: int, oid: OID, until: float) -> int | bytes:
        """Return the answer to a request.

        :raises Malformed: nothing came but what cannot be understood
        """
        malformed = False
        while True:
            try:
                self._socket.settimeout(network.left(until))
                packet = self._socket.recv(_LONGEST_ANSWER)
            except TimeoutError:
                if malformed:
                    raise Malformed from None
                raise
            try:
                return self._decode(packet, number, oid)
            except _Ignored:
                continue
            except SNMPError:
                raise
            # What damaged octets make pyasn1 raise cannot be listed.
            except Exception:
                malformed = True

    def _decode(self, packet: bytes, number: int, oid: OID) -> int | bytes:
        """Return the value in an answer.

        :raises _Ignored: it answers something else
        """
        module = self._module
        message = decoder.decode(packet, asn1Spec=module.Message())[0]
        pdu = module.apiMessage.get_pdu(message)
        if (int(module.apiMessage.get_version(message)) != self._version
                or bytes(module.apiMessage.get_community(message))
                != self._community
                or not isinstance(pdu, module.GetResponsePDU)
                or int(module.apiPDU.get_request_id(pdu)) != number):
            raise _Ignored
        status = int(module.apiPDU.get_error_status(pdu))
        if status:
            name = (_STATUS[status] if 0 < status < len(_STATUS)
                    else f'status {status}')
            raise (NoSuchObject() if name == _NO_SUCH_NAME
                   else ErrorStatus(name))
        (found, value), = module.apiPDU.get_varbinds(pdu)
        if tuple(found) != oid:
            raise ValueError
        if isinstance(value, _NO_VALUE):
            raise NoSuchObject
        if isinstance(value, module.Integer):
            return int(value)
        if (isinstance(value, module.OctetString)
                and not isinstance(value, module.Null)):
            return bytes(value)
        raise ValueError
