# SPDX-License-Identifier: Apache-2.0
"""IPMI 2.0 over LAN.

Each request logs in and out again: a session that is kept would be stale
when a BMC restarted or its password was changed. A BMC gets one request at
a time, as many can do no better, and no request waits for another BMC.
"""

from collections.abc import Callable
from collections.abc import Iterable
import contextlib
from typing import TypeVar

from pyghmi import exceptions as pyghmi_exc

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import options
from cloudmanager.power import states
from cloudmanager.power.ipmi import health as ipmi_health
from cloudmanager.power.ipmi import session as ipmi_session

T = TypeVar('T')

DEFAULT_PORT = 623

# Chassis commands: network function, command, and what the control does.
_CHASSIS = 0
_GET_STATUS = 1
_CONTROL = 2
_CONTROLS = {'off': 0, 'on': 1, 'reset': 3, 'shutdown': 5}
_SET_BOOT_OPTIONS = 8
_GET_BOOT_OPTIONS = 9

# Boot options, section 28.13 of the specification: the flags, their bits,
# and "do not clear them when no command comes in time".
_BOOT_FLAGS = 5
_FLAGS_VALID, _PERSISTENT, _UEFI = 0x80, 0x40, 0x20
_DEVICE_BITS = 0x3c
_BOOT_DEVICES = {'none': 0, 'pxe': 1, 'disk': 2, 'cdrom': 5, 'bios': 6}
_KEEP_FLAGS = (3, 8)

_INVALID_COMMAND = 0xc1

# pyghmi tells most kinds of error apart by text alone.
_CREDENTIALS = ('incorrect password', 'unauthorized name',
                'unauthorized role', 'invalid role', 'wrong kg',
                'insufficient privilege', 'integrity check value',
                'username', 'user name', 'user is not allowed',
                'privilege level')
_BUSY = ('node busy', 'insufficient resources', 'no available login slots',
         'no slot available', 'initialization in progress',
         'timeout while processing')
_UPDATING = 'firmware update mode'
_SILENT, _LOST = 'timeout', 'session'


def _fits(text: str | None, longest: int) -> bool:
    """Tell whether a BMC can have such a name or password.

    An empty name is that of the null user, and an empty password is one.
    """
    try:
        return len((text or '').encode()) <= longest
    except UnicodeEncodeError:
        return False


def _translate(device: base.Device, request: str,
               exc: Exception) -> exceptions.PowerError:
    """Return our error for a failure, without a reference to its cause."""
    if isinstance(exc, OSError):
        return network.trouble(device, exc)
    if isinstance(exc, ipmi_session.Unacceptable):
        return exceptions.PowerUnsupported(device=device, request=exc.what)
    if (isinstance(exc, pyghmi_exc.UnsupportedFunctionality)
            or getattr(exc, 'ipmicode', None) == _INVALID_COMMAND):
        return exceptions.PowerUnsupported(device=device, request=request)
    if not isinstance(exc, pyghmi_exc.PyghmiException):
        # A packet that made no sense to pyghmi. Its text may be anything.
        return exceptions.PowerProtocol(device=device, request=request,
                                        reason=type(exc).__name__)
    reason = str(exc.args[0]) if exc.args and exc.args[0] else ''
    text = reason.lower()
    if any(word in text for word in _CREDENTIALS):
        return exceptions.PowerCredentials(device=device)
    if _UPDATING in text:
        return exceptions.PowerUpdating(device=device)
    if any(word in text for word in _BUSY):
        return exceptions.PowerBusy(device=device)
    if not text or _SILENT in text:
        return exceptions.PowerSilent(device=device)
    if _LOST in text:
        return exceptions.PowerUnreachable(device=device)
    return exceptions.PowerRefused(device=device, request=request,
                                   reason=reason)


class IPMIDriver(base.PowerDriver):
    """The BMC of a server; whatever its output is called, there is one."""

    supports_soft = True
    options_schema = options.IPMI
    boot_devices = tuple(_BOOT_DEVICES)

    def __init__(self) -> None:
        self._turns = power_deadline.Turns()

    def state(self, device: base.Device, output: str) -> str:
        found = self._visit(device, 'power status',
                            lambda session: session.ask(_CHASSIS,
                                                        _GET_STATUS))
        if not found:
            raise exceptions.PowerUnclear(device=device, state='missing')
        return states.POWER_ON if found[0] & 1 else states.POWER_OFF

    def states(self, device: base.Device,
               outputs: Iterable[str]) -> dict[str, str]:
        wanted = list(outputs)
        return dict.fromkeys(wanted, self.state(device, '1')
                             if wanted else states.UNKNOWN)

    def power_on(self, device: base.Device, output: str) -> None:
        self._control(device, 'on')

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        self._control(device, 'shutdown' if soft else 'off')

    def reset(self, device: base.Device, output: str) -> None:
        self._control(device, 'reset')

    def outputs(self, device: base.Device) -> list[str]:
        return ['1']

    def set_boot_device(self, device: base.Device, output: str, name: str,
                        persistent: bool = False) -> None:
        """Choose what a machine boots from.

        :param name: one of ``boot_devices``; ``none`` leaves it to the
            machine again
        :param persistent: not just the next time
        """
        if name not in _BOOT_DEVICES:
            raise exceptions.PowerUnsupported(
                device=device, request=f'{name} as boot device')
        request = f'boot device {name}'
        flags = 0
        if name != 'none':
            flags = _FLAGS_VALID | (_PERSISTENT if persistent else 0)
            if self.option(device, 'boot_mode') == 'uefi':
                flags |= _UEFI
        data = (_BOOT_FLAGS, flags, _BOOT_DEVICES[name] << 2, 0, 0, 0)

        def work(session: ipmi_session.Session) -> bytes:
            # A BMC forgets it if no power command comes within a minute.
            # Those that have no such timer may refuse this.
            with contextlib.suppress(pyghmi_exc.IpmiException):
                session.ask(_CHASSIS, _SET_BOOT_OPTIONS, _KEEP_FLAGS)
            session.ask(_CHASSIS, _SET_BOOT_OPTIONS, data)
            return session.ask(_CHASSIS, _GET_BOOT_OPTIONS,
                               (_BOOT_FLAGS, 0, 0))

        # Version and parameter come before what was set. Some clear the
        # bit that says that it is valid, so only the device is compared.
        found = self._visit(device, request, work)[2:]
        if len(found) < 2 or found[1] & _DEVICE_BITS != data[2]:
            raise exceptions.PowerUnchanged(device=device, request=request,
                                          reason='it did not change')

    def health(self, device: base.Device) -> base.Health:
        return self._visit(
            device, 'hardware health',
            lambda session: ipmi_health.Reader(session).read())

    def _control(self, device: base.Device, verb: str) -> None:
        self._visit(device, f'power {verb}', lambda session: session.ask(
            _CHASSIS, _CONTROL, (_CONTROLS[verb],),
            # A lost answer must not restart a server twice.
            repeat=verb != 'reset'))

    def _visit(self, device: base.Device, request: str,
               work: Callable[[ipmi_session.Session], T]) -> T:
        """Work in a session, within the deadline, waiting included.

        :param request: names the work in errors
        :raises PowerError: it failed
        """
        if not (_fits(device.login, options.IPMI_LONGEST_LOGIN)
                and _fits(device.password, options.IPMI_LONGEST_PASSWORD)):
            raise exceptions.PowerCredentials(device=device)
        interval = self.option(device, 'min_command_interval')
        with self._turns.take(device, interval) as deadline:
            try:
                with ipmi_session.Session(
                        device, device.port or DEFAULT_PORT, deadline,
                        self.option(device, 'cipher_suites'),
                        ipmi_session.PRIVILEGES.get(self.option(
                            device, 'privilege'))) as session:
                    return work(session)
            # What a damaged packet makes pyghmi raise cannot be listed.
            except Exception as exc:
                error = _translate(device, request, exc)
        # Not raised above: the frames of the cause hold the password.
        raise error
