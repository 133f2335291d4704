# SPDX-License-Identifier: Apache-2.0
"""Modbus over TCP: coils of one module, over one connection, in time.

A module of this kind often serves a single connection, so each visit has its
own, which is closed at once. pymodbus writes and reads what is asked; its
clients are not used, as they wait on when the connection is lost or what
comes is no Modbus. "MODBUS Messaging on TCP/IP Implementation Guide V1.0b"
has the header, "MODBUS Application Protocol Specification V1.1b3" the rest.
"""

import secrets
import socket
import struct
import time
from typing import Self

from pymodbus import pdu as modbus_pdu
from pymodbus.pdu import bit_message

from cloudmanager.power import base
from cloudmanager.power import network

#: Seconds within which a module has answered, or will not.
ANSWER_SECONDS = 5.0

# Transaction, protocol (0), length of what follows it, unit.
_HEADER = struct.Struct('>HHHB')
_LONGEST = 254
_TRANSACTIONS = 2 ** 16


class ModbusError(Exception):
    """The module has answered, but not with what it was asked for."""


class Malformed(ModbusError):
    """What came from the module is no answer to what it was asked."""


class ExceptionResponse(ModbusError):
    """The module refused.

    :ivar code: exception code of the protocol
    """

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Module:
    """One connection to a module.

    :param unit: number of the unit behind the address
    :param deadline: monotonic time at which everything has to be over
    :raises OSError: it could not be connected to in time
    """

    def __init__(self, device: base.Device, unit: int,
                 deadline: float) -> None:
        self._unit = unit
        self._deadline = deadline
        self._decoder = modbus_pdu.DecodePDU(False)
        self._socket = network.connect(device.host, device.port,
                                       socket.SOCK_STREAM, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def read_coils(self, address: int, count: int) -> list[bool]:
        """Read coils (function 1).

        :raises OSError: no answer came in time
        :raises ModbusError: the module refused, or answered nonsense
        """
        answer = self._ask(bit_message.ReadCoilsRequest(
            address=address, count=count))
        # All that come, filled up to whole octets.
        if (not isinstance(answer, bit_message.ReadCoilsResponse)
                or len(answer.bits) != (count + 7) // 8 * 8):
            raise Malformed
        return list(answer.bits[:count])

    def write_coil(self, address: int, value: bool) -> None:
        """Write one coil (function 5).

        :raises OSError: no answer came in time
        :raises ModbusError: the module refused, or answered nonsense
        """
        answer = self._ask(bit_message.WriteSingleCoilRequest(
            address=address, bits=[value]))
        if (not isinstance(answer, bit_message.WriteSingleCoilResponse)
                or answer.address != address
                or list(answer.bits) != [value]):
            raise Malformed

    def _ask(self, request: modbus_pdu.ModbusPDU) -> modbus_pdu.ModbusPDU:
        give_up = min(self._deadline, time.monotonic() + ANSWER_SECONDS)
        transaction = secrets.randbelow(_TRANSACTIONS)
        body = bytes([request.function_code]) + request.encode()
        self._socket.settimeout(network.left(give_up))
        self._socket.sendall(_HEADER.pack(transaction, 0, len(body) + 1,
                                          self._unit) + body)
        while True:
            found, unit, body = self._receive(give_up)
            # Not ours: one that was late, and for somebody before us.
            if found == transaction:
                break
        if unit != self._unit or body[0] & 0x7f != request.function_code:
            raise Malformed
        answer = self._decoder.decode(body)
        if isinstance(answer, modbus_pdu.ExceptionResponse):
            raise ExceptionResponse(answer.exception_code)
        if answer is None:
            raise Malformed
        return answer

    def _receive(self, give_up: float) -> tuple[int, int, bytes]:
        """Return the next answer: transaction, unit and the rest."""
        transaction, protocol, length, unit = _HEADER.unpack(
            self._read(_HEADER.size, give_up))
        if protocol or not 2 < length <= _LONGEST:
            raise Malformed
        return transaction, unit, self._read(length - 1, give_up)

    def _read(self, size: int, give_up: float) -> bytes:
        """Read so many octets, however many come at a time."""
        found = bytearray()
        while len(found) < size:
            self._socket.settimeout(network.left(give_up))
            part = self._socket.recv(size - len(found))
            if not part:
                raise ConnectionResetError
            found += part
        return bytes(found)
