# SPDX-License-Identifier: Apache-2.0
"""Addresses and sockets of power devices, within a deadline.

And the errors that are made of what goes wrong with them.
"""

from concurrent import futures
import contextlib
import socket
import time
from typing import Any

from cloudmanager.power import base
from cloudmanager.power import exceptions

#: What has not answered at all within so many seconds is not there.
CONNECT_SECONDS = 5.0

# Looking up a name cannot be interrupted. These threads are all that can
# hang in it; whoever waits for them gives up when its time is over.
_LOOKUPS = futures.ThreadPoolExecutor(32, thread_name_prefix='power-lookup')

#: Family and address, as sockets take them.
Address = tuple[socket.AddressFamily, Any]


class NoConnection(TimeoutError):
    """Nobody answers at an address."""


def left(deadline: float) -> float:
    """Return the seconds until a monotonic time.

    :raises TimeoutError: it has passed
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def lookup(host: str, port: int, kind: socket.SocketKind, deadline: float,
           family: socket.AddressFamily = socket.AF_UNSPEC,
           flags: int = 0) -> list[Address]:
    """Return the addresses of a device, the preferred one first.

    :param kind: ``SOCK_DGRAM`` or ``SOCK_STREAM``
    :param deadline: monotonic time at which to give up
    :param family: the only family that is of use
    :param flags: of ``getaddrinfo``
    :raises gaierror: there are none, or with ``EAI_AGAIN`` not in time
    """
    arguments = (host, port, family, kind, 0)
    try:
        with contextlib.suppress(socket.gaierror):
            return [found[::4] for found in socket.getaddrinfo(
                *arguments, flags | socket.AI_NUMERICHOST)]
        answer = _LOOKUPS.submit(socket.getaddrinfo, *arguments, flags)
        try:
            return [found[::4] for found in answer.result(
                max(0.0, deadline - time.monotonic()))]
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN,
                                  'no answer in time') from None
        finally:
            answer.cancel()
    # Names that cannot even be written down for a name server.
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, 'no host name') from None


def connect(host: str, port: int, kind: socket.SocketKind,
            deadline: float) -> socket.socket:
    """Return a socket that is connected to a device.

    A datagram socket that is connected hears nobody but the device, and of
    ports that are closed.

    :param kind: ``SOCK_DGRAM`` or ``SOCK_STREAM``
    :param deadline: monotonic time at which to give up; a device that is
        not there is given up earlier, after ``CONNECT_SECONDS``
    :raises gaierror: as for ``lookup``
    :raises NoConnection: nobody answered in time
    :raises OSError: no address of it could be reached
    """
    deadline = min(deadline, time.monotonic() + CONNECT_SECONDS)
    addresses = lookup(host, port, kind, deadline)
    error: OSError = TimeoutError()
    for number, (family, address) in enumerate(addresses):
        made = socket.socket(family, kind)
        try:
            # One address that is dead leaves time for the others.
            made.settimeout(left(deadline) / (len(addresses) - number))
            made.connect(address)
        except OSError as exc:
            made.close()
            error = exc
        else:
            return made
    if isinstance(error, TimeoutError):
        raise NoConnection
    raise error


def trouble(device: base.Device,
            exc: BaseException) -> exceptions.PowerError:
    """Make the error for a device that could not be spoken to.

    :param exc: an OSError, what else is lost connections
    """
    if isinstance(exc, socket.gaierror):
        if exc.errno == socket.EAI_AGAIN:
            return exceptions.PowerUnreachable(
                f'{device} cannot be reached: no name server tells its '
                'address now.', device=device)
        return exceptions.PowerUnresolvable(device=device)
    if isinstance(exc, TimeoutError) and not isinstance(exc, NoConnection):
        return exceptions.PowerSilent(device=device)
    return exceptions.PowerUnreachable(device=device)
