# SPDX-License-Identifier: Apache-2.0
"""IPMI 2.0 over LAN.

Each request logs in and out again: a session that is kept would be stale
when a BMC restarted or its password was changed. A BMC gets one request at
a time, as many can do no better, and no request waits for another BMC.
"""

from pyghmi import exceptions as pyghmi_exc

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import ipmi_session
from cloudmanager.power import states

DEFAULT_PORT = 623

# Chassis commands: network function, command, and what the control does.
_CHASSIS = 0
_GET_STATUS = 1
_CONTROL = 2
_CONTROLS = {'off': 0, 'on': 1, 'reset': 3, 'shutdown': 5}

# pyghmi tells most kinds of error apart by text alone.
_CREDENTIALS = ('incorrect password', 'unauthorized name',
                'unauthorized role', 'invalid role', 'wrong kg',
                'insufficient privilege', 'integrity check value',
                'username', 'user name', 'user is not allowed',
                'privilege level')
_BUSY = ('node busy', 'insufficient resources', 'no available login slots',
         'no slot available', 'firmware update mode',
         'initialization in progress', 'timeout while processing')
_UNREACHABLE = ('timeout', 'session')


def _translate(device: base.Device, request: str,
               exc: Exception) -> exceptions.PowerError:
    """Make an error of ours, which shares nothing with what caused it."""
    if isinstance(exc, OSError):
        return exceptions.PowerUnreachable(device=device)
    if not isinstance(exc, pyghmi_exc.PyghmiException):
        # A packet that made no sense to pyghmi. Its text may be anything.
        return exceptions.PowerError(
            device=device, reason=f'a malformed answer to {request} '
                                  f'({type(exc).__name__})')
    reason = str(exc.args[0]) if exc.args and exc.args[0] else ''
    text = reason.lower()
    if any(word in text for word in _CREDENTIALS):
        return exceptions.PowerCredentials(device=device)
    if any(word in text for word in _BUSY):
        return exceptions.PowerBusy(device=device)
    if not text or any(word in text for word in _UNREACHABLE):
        return exceptions.PowerUnreachable(device=device)
    return exceptions.PowerRefused(device=device, request=request,
                                   reason=reason)


class IPMIDriver(base.PowerDriver):
    """The BMC of a server; whatever its output is called, there is one."""

    supports_soft = True

    def __init__(self) -> None:
        self._turns = power_deadline.Turns()

    def state(self, device: base.Device, output: str) -> str:
        found = self._call(device, 'power status', _GET_STATUS)
        if not found:
            return states.UNKNOWN
        return states.POWER_ON if found[0] & 1 else states.POWER_OFF

    def power_on(self, device: base.Device, output: str) -> None:
        self._control(device, 'on')

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        self._control(device, 'shutdown' if soft else 'off')

    def reset(self, device: base.Device, output: str) -> None:
        self._control(device, 'reset')

    def _control(self, device: base.Device, verb: str) -> None:
        self._call(device, f'power {verb}', _CONTROL, _CONTROLS[verb],
                   # A lost answer must not restart a server twice.
                   repeat=verb != 'reset')

    def _call(self, device: base.Device, request: str, command: int,
              *data: int, repeat: bool = True) -> bytes:
        """Carry out a request within the deadline, waiting included.

        :raises PowerError: it failed
        """
        if not device.login or not device.password:
            raise exceptions.PowerCredentials(device=device)
        with self._turns.take(device) as deadline:
            try:
                with ipmi_session.Session(device, device.port
                                          or DEFAULT_PORT,
                                          deadline) as session:
                    return session.ask(_CHASSIS, command, data, repeat)
            # What a damaged packet makes pyghmi raise cannot be listed.
            except Exception as exc:
                error = _translate(device, request, exc)
        # Not raised above: the frames of the cause hold the password.
        raise error
