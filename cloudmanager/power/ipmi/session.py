# SPDX-License-Identifier: Apache-2.0
"""One IPMI 2.0 session that ends in time, from one thread.

pyghmi has two kinds of session. The usual one shares its sockets, its
tables and a thread with all others of the process: a second session to the
same BMC hangs, a closed one is handed out again, and a thread that waits
for its own BMC may find itself waiting for another one. The simple one
shares nothing, but waits for ever and never sends anything twice. So it is
the simple one that is used here, and what it lacks is added.
"""

from collections.abc import Collection
from collections.abc import Sequence
import contextlib
import socket
import time
from typing import Any
from typing import Self

from pyghmi import exceptions as pyghmi_exc
from pyghmi.ipmi.private import constants
from pyghmi.ipmi.private import simplesession

from cloudmanager.power import base
from cloudmanager.power import network

#: Cipher suites, the stronger one first, and the bits of their hashes by
#: which pyghmi calls them. Others have no integrity, no encryption, or a
#: broken hash; with suite 0 any password will do.
CIPHER_SUITES = {17: 256, 3: 1}
#: What a session may do, by the numbers of the specification.
PRIVILEGES = {'user': 2, 'operator': 3, 'administrator': 4}
#: Seconds until a packet is sent again; each time twice as long.
RESEND_SECONDS = 1.0
# What is shorter than its two headers cannot be told apart.
_SHORTEST_PACKET = 16
_LONGEST_PACKET = 3000
# Status codes of an open session response that concern algorithms.
_NO_SUCH_SUITE = (4, 5, 6, 7, 0x10, 0x11)


def _lookup(host: str, port: int, family: socket.AddressFamily,
            deadline: float) -> list[Any]:
    """Return the addresses of a BMC, for a socket of a family.

    :param deadline: monotonic time at which to give up
    :raises OSError: there are none, or not in time
    """
    flags = (socket.AI_V4MAPPED | socket.AI_ALL
             if family == socket.AF_INET6 else 0)
    return [address for _, address in network.lookup(
        host, port, socket.SOCK_DGRAM, deadline, family, flags)]


class Unacceptable(pyghmi_exc.IpmiException):  # type: ignore[misc]
    """What the BMC offers is not good enough, or not known here.

    :ivar what: what it would have to do
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class Session(simplesession.Session):  # type: ignore[misc]
    """Logs in when made, and out at the end of its ``with``.

    :param device: with login and password; either may be empty
    :param deadline: monotonic time at which everything has to be over
    :param suites: cipher suites that are allowed, of ``CIPHER_SUITES``; a
        BMC that refuses the strongest is offered the other
    :param privilege: what to be allowed to do, of ``PRIVILEGES``; ``None``
        is as much as the BMC allows
    :raises OSError: the BMC did not answer in time
    :raises IpmiException: it did not let us in
    """

    def __init__(self, device: base.Device, port: int, deadline: float,
                 suites: Collection[int] = tuple(CIPHER_SUITES),
                 privilege: int | None = None) -> None:
        self._deadline = deadline
        self._hashes = [bits for suite, bits in CIPHER_SUITES.items()
                        if suite in suites]
        if not self._hashes:
            raise Unacceptable('any cipher suite that is allowed')
        self._give_up = min(deadline, time.monotonic()
                            + network.CONNECT_SECONDS)
        self._addresses: list[Any] = []
        self._patience = RESEND_SECONDS
        self._resend_at = 0.0
        self._repeat = True
        self.socket: socket.socket | None = None
        try:
            # Without a name it is the null user, which is user 1.
            super().__init__(bmc=device.host, userid=device.login or '',
                             password=device.password or '', port=port,
                             privlevel=privilege)
        # The socket must go whatever ended the login.
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def ask(self, netfn: int, command: int, data: Sequence[int] = (),
            repeat: bool = True, lun: int = 0) -> bytes:
        """Send a command and return the data of its answer.

        :param repeat: it does no harm to do it twice
        :param lun: logical unit of the BMC
        :raises OSError: no answer came in time
        :raises IpmiException: the BMC answered with an error
        """
        self._repeat = repeat
        answer = self.raw_command(netfn=netfn, command=command, data=data,
                                  rslun=lun)
        self._repeat = True
        if 'error' in answer:
            raise pyghmi_exc.IpmiException(answer['error'], answer['code'])
        return bytes(answer['data'])

    @property
    def deadline(self) -> float:
        """The monotonic time at which everything has to be over."""
        return self._deadline

    def close(self) -> None:
        """Tell the BMC, which has few sessions, and wait for nothing."""
        if self.socket is None:
            return
        try:
            # A command may still be open when the time was over.
            self.incommand = False
            self.lastpayload = None
            self.logout()
        # The answer is in, or the error is on its way: neither may be lost
        # to a farewell, and pyghmi fails in many ways with half a session.
        except Exception:  # noqa: S110
            pass
        finally:
            self.socket.close()
            self.socket = None
            simplesession.Session.keepalive_sessions.pop(self, None)

    def wait_for_rsp(self, timeout: float | None = None,
                     callout: bool = True) -> None:
        """Handle one packet, or send the last one again."""
        now = time.monotonic()
        if now >= self._give_up:
            raise TimeoutError
        assert self.socket is not None  # noqa: S101
        self.socket.settimeout(
            max(0.001, min(self._give_up, self._resend_at) - now))
        try:
            packet, sender = self.socket.recvfrom(_LONGEST_PACKET)
        except TimeoutError:
            self._send_again()
        else:
            self._take(packet, sender)

    def awaitresponse(self, retry: bool) -> None:
        while retry and self.lastresponse is None and self.logged:
            self.wait_for_rsp()

    def _take(self, packet: bytes, sender: Any) -> None:
        # Without this, whoever writes first would be taken for the BMC.
        if (len(packet) < _SHORTEST_PACKET or packet[0] != 6
                or packet[2:4] != b'\xff\x07'
                or sender not in self._addresses):
            return
        self._give_up = self._deadline
        self._patience = RESEND_SECONDS
        self._handle_ipmi_packet(bytearray(packet), sockaddr=sender)

    def _send_again(self) -> None:
        now = time.monotonic()
        if now < self._resend_at:
            return
        self._patience *= 2
        self._resend_at = now + self._patience
        if self._repeat:
            # pyghmi sends again until this has grown too large.
            self.timeout = 0.0
            self._timedout()

    def _initsession(self) -> None:
        super()._initsession()
        # pyghmi would compare with the session before.
        self.remseqnumber = 0
        self.attemptedhash = self._hashes[0]

    def _get_session_challenge(self) -> None:
        # How pyghmi would go on with a BMC that says it has IPMI 1.5 only,
        # which anybody on the way can make it say.
        raise Unacceptable('IPMI 2.0')

    def _got_rmcp_response(self, data: Any) -> Any:
        # pyghmi would offer the other suite whatever the reason is, and
        # whether it is allowed or not.
        status = data[1]
        if (data[0] == self.rmcptag and status
                and self.attemptedhash == self._hashes[-1]):
            if status in _NO_SUCH_SUITE:
                suites = [str(suite) for suite, bits in CIPHER_SUITES.items()
                          if bits in self._hashes]
                raise Unacceptable(f'cipher suite {" or ".join(suites)}')
            raise pyghmi_exc.IpmiException(constants.rmcp_codes.get(
                status, f'RMCP+ status {status:#04x}'))
        return super()._got_rmcp_response(data)

    def _xmit_packet(self, retry: bool = True,
                     delay_xmit: float | None = None,
                     timeout: float | None = None) -> None:
        assert self.socket is not None  # noqa: S101
        if self.sequencenumber:
            self.sequencenumber += 1
        if not self._addresses:
            self._addresses = _lookup(self.bmc, self.port,
                                      self.socket.family, self._give_up)
        self._resend_at = time.monotonic() + self._patience
        for address in ([self.sockaddr] if self.sockaddr
                        else self._addresses):
            # One of several addresses may have no route; the deadline
            # tells if none has.
            with contextlib.suppress(OSError):
                self.socket.sendto(self.netpacket, address)
