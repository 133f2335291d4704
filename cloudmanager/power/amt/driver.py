# SPDX-License-Identifier: Apache-2.0
"""Intel Active Management Technology, by WS-Management over HTTP.

Power states are numbered as in DMTF DSP1027. What a machine reports while
it is on its way from one to another, and the states of sleep, are unknown
here: its memory may come to life again, so it is not off, and it does not
run either.
"""

from collections.abc import Callable
from typing import TypeVar

from oslo_log import log as logging
from requests import auth as requests_auth

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power import types
from cloudmanager.power import web
from cloudmanager.power import wording
from cloudmanager.power.amt import wsman

LOG = logging.getLogger(__name__)
T = TypeVar('T')
TLS_PORT = 16993
_MOST_BYTES = 128 * 1024
_PATH = '/wsman'
_HEADERS = {'Content-Type': 'application/soap+xml;charset=UTF-8'}

_ON, _OFF_HARD, _OFF_SOFT, _RESET, _OFF_GRACEFUL = 2, 6, 8, 10, 12
_STATES = {_ON: states.POWER_ON, _OFF_HARD: states.POWER_OFF,
           _OFF_SOFT: states.POWER_OFF}
# Neither on nor off, DSP1027.
_STATE_NAMES = {3: 'light sleep', 4: 'deep sleep', 7: 'hibernate'}
# Forced ones, for the next boot; AMT has none that last.
_BOOT_SOURCES = {'pxe': 'Intel(r) AMT: Force PXE Boot',
                 'disk': 'Intel(r) AMT: Force Hard-drive Boot',
                 'cdrom': 'Intel(r) AMT: Force CD/DVD Boot'}

# What methods return, DSP1027.
_NOT_SUPPORTED = 1
_IN_USE = (6, 4099)
_REASONS = {
    2: 'it cannot do it now; it is so while a session of SOL, IDE-R or KVM '
       'is open',
    3: 'it would take too long', 4: 'it failed', 5: 'an invalid parameter',
    4097: 'not in this power state'}


class AMTDriver(base.PowerDriver):
    """The AMT of a machine; whatever its output is called, there is one."""

    supports_soft = True
    options_schema = types.INTEL_AMT.options_schema
    boot_devices = tuple(_BOOT_SOURCES)

    def __init__(self) -> None:
        self._turns = power_deadline.Turns()

    def state(self, device: base.Device, output: str) -> str:
        with self._turns.take(device) as deadline:
            found, _ = self._power(device, deadline)
        if found not in _STATES:
            raise exceptions.PowerUnclear(
                device=device, state=_STATE_NAMES.get(found, found))
        return _STATES[found]

    def power_on(self, device: base.Device, output: str) -> None:
        self._change(device, 'power on', _ON)

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        if soft:
            self._shut_down(device)
        else:
            self._change(device, 'power off', _OFF_SOFT)

    def reset(self, device: base.Device, output: str) -> None:
        self._change(device, 'power reset', _RESET)

    def outputs(self, device: base.Device) -> list[str]:
        return ['1']

    def set_boot_device(self, device: base.Device, output: str, name: str,
                        persistent: bool = False) -> None:
        if name not in _BOOT_SOURCES or persistent:
            raise exceptions.PowerUnsupported(
                device=device, request=f'{name} as boot device'
                f'{" for ever" if persistent else ""}')
        what = 'a boot device'
        with self._turns.take(device) as deadline:
            for message in (
                    wsman.change_boot_order(_BOOT_SOURCES[name]),
                    wsman.use_boot_order_once()):
                self._invoke(device, deadline, what, message)

    def _shut_down(self, device: base.Device) -> None:
        """Ask the operating system, which takes an agent of Intel in it.

        :raises PowerUnsupported: there is none
        """
        what = 'power off, softly'
        with self._turns.take(device) as deadline:
            found, available = self._power(device, deadline)
            if _STATES.get(found) == states.POWER_OFF:
                return
            if available and _OFF_GRACEFUL not in available:
                raise exceptions.PowerUnsupported(device=device,
                                                  request=what)
            try:
                self._invoke(device, deadline, what,
                             wsman.change_power(_OFF_GRACEFUL))
            except exceptions.PowerRefused as exc:
                LOG.info('%s', exc)
                refused = True
            else:
                refused = False
        if refused:
            # Versions that do not tell what they can refuse it without
            # saying why. Cutting the power is what remains in any case.
            raise exceptions.PowerUnsupported(device=device, request=what)

    def _change(self, device: base.Device, what: str, state: int) -> None:
        with self._turns.take(device) as deadline:
            self._invoke(device, deadline, what,
                         wsman.change_power(state))

    def _power(self, device: base.Device,
               deadline: float) -> tuple[int, list[int]]:
        return self._exchange(device, deadline, 'power status',
                              wsman.get_power(), wsman.power)

    def _invoke(self, device: base.Device, deadline: float, what: str,
                message: bytes) -> None:
        """Call a method, once.

        :raises PowerError: it did not return success
        """
        value = self._exchange(device, deadline, what, message,
                               wsman.return_value)
        if value:
            raise _refusal(device, what, value)

    def _exchange(self, device: base.Device, deadline: float, what: str,
                  message: bytes, parse: Callable[[bytes], T]) -> T:
        """Send a message and return what the answer says.

        :raises PowerError: it says nothing, or that it failed
        """
        # No variable here holds the answer, as the frames of an error are
        # looked at, and a device may repeat in it what it was sent.
        found = _parsed(device, what, parse,
                        self._ask(device, deadline, what, message))
        if isinstance(found, exceptions.PowerError):
            raise found
        return found

    def _ask(self, device: base.Device, deadline: float, what: str,
             message: bytes) -> bytes:
        """Send a message and return the answer, which may be a fault.

        :raises PowerError: there is none
        """
        if not device.login or not device.password:
            raise exceptions.PowerCredentials(device=device)
        tls = self.option(device, 'tls')
        if tls is None:
            tls = device.port == TLS_PORT
        auth = requests_auth.HTTPDigestAuth(device.login,
                                              device.password)
        with web.Client(device, 'https' if tls else 'http', device.options,
                        deadline, _MOST_BYTES) as client:
            answer = client.request(what, 'POST', _PATH, headers=_HEADERS,
                                    body=message, auth=auth)
        status = answer.status_code
        if status in (401, 403):
            raise exceptions.PowerCredentials(device=device)
        if status in (429, 503):
            raise exceptions.PowerBusy(device=device)
        # Faults come with these two.
        if status not in (200, 400, 500):
            raise exceptions.PowerProtocol(device=device, request=what,
                                           reason=f'HTTP status {status}')
        return bytes(answer.content)


def _parsed(device: base.Device, what: str, parse: Callable[[bytes], T],
            answer: bytes) -> T | exceptions.PowerError:
    try:
        return parse(answer)
    except wsman.Malformed as exc:
        return exceptions.PowerProtocol(device=device, request=what,
                                        reason=str(exc))
    except wsman.Fault as exc:
        return _fault(device, what, exc)


def _fault(device: base.Device, what: str,
           exc: wsman.Fault) -> exceptions.PowerError:
    if exc.code == 'AccessDenied':
        return exceptions.PowerCredentials(device=device)
    if exc.code in ('Concurrency', 'QuotaLimit', 'TimedOut'):
        return exceptions.PowerBusy(device=device)
    if exc.code in ('ActionNotSupported', 'UnsupportedFeature'):
        return exceptions.PowerUnsupported(device=device, request=what)
    return exceptions.PowerRefused(device=device, request=what,
                                   reason=wording.quote(device, exc.reason))


def _refusal(device: base.Device, what: str,
             value: int) -> exceptions.PowerError:
    if value == _NOT_SUPPORTED:
        return exceptions.PowerUnsupported(device=device, request=what)
    if value in _IN_USE:
        return exceptions.PowerBusy(device=device)
    reason = _REASONS.get(value, 'no reason known')
    return exceptions.PowerRefused(device=device, request=what,
                                   reason=f'{reason} (value {value})')
