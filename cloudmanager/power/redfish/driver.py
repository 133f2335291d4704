# SPDX-License-Identifier: Apache-2.0
"""Redfish: BMCs, and chassis with several machines in them.

An output is a system: its path, or the last part of it. What vendors differ
in when a system is reset or told what to boot from is left to sushy.
"""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import TypeVar

import sushy
from sushy import exceptions as sushy_exc
from sushy.resources import base as sushy_base
from sushy.resources.system import system as sushy_system

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power import types
from cloudmanager.power import wording
from cloudmanager.power.redfish import connector as redfish_connector
from cloudmanager.power.redfish import health as redfish_health
from cloudmanager.power.redfish import session

T = TypeVar('T')

# What the only system of a device may be called.
_ONLY = ('', '1')
_PAGES = 20

# In lower case, as not all devices write them as the schema does. All else,
# such as PoweringOff, is neither. Paused is by a hypervisor: memory and disks
# are held.
_STATES = {'on': states.POWER_ON, 'paused': states.POWER_ON,
           'off': states.POWER_OFF}
# The first one that a system has is asked for. None that toggles.
_RESETS = {
    'power on': (sushy.ResetType.ON, sushy.ResetType.FORCE_ON),
    'power off': (sushy.ResetType.FORCE_OFF,),
    'power off, softly': (sushy.ResetType.GRACEFUL_SHUTDOWN,),
    'power reset': (sushy.ResetType.FORCE_RESTART,
                    sushy.ResetType.POWER_CYCLE)}
_BOOT_SOURCES = {'none': sushy.BootSource.NONE, 'pxe': sushy.BootSource.PXE,
                 'http': sushy.BootSource.UEFI_HTTP,
                 'disk': sushy.BootSource.HDD, 'cdrom': sushy.BootSource.CD,
                 'usb': sushy.BootSource.USB,
                 'bios': sushy.BootSource.BIOS_SETUP}


class _System(sushy_system.System):   # type: ignore[misc]
    """A system of which less is read.

    sushy refuses a system for any property that is not as the schema has it,
    and with these power has nothing to do.
    """

    # As the device writes it: sushy takes one spelling only.
    power_state = sushy_base.Field('PowerState')
    boot_progress = indicator_led = maintenance_window = None
    memory_summary = status = system_type = None
    _offered: set[sushy.ResetType] | None = None

    def get_allowed_reset_system_values(self) -> set[sushy.ResetType]:
        """Return the kinds of resets that may be asked for.

        The list may be in a place of its own; if it cannot be read there,
        all may be. A reset looks at it once more.
        """
        if self._offered is None:
            try:
                self._offered = super().get_allowed_reset_system_values()
            except (exceptions.PowerRefused, exceptions.PowerProtocol,
                    exceptions.PowerUnsupported, ValueError):
                self._offered = set(sushy.ResetType)
        return self._offered


class RedfishDriver(base.PowerDriver):
    """A Redfish service; its outputs are its systems."""

    supports_soft = True
    options_schema = types.REDFISH.options_schema
    boot_devices = tuple(_BOOT_SOURCES)

    def __init__(self) -> None:
        self._turns = power_deadline.Turns()
        self._sessions = session.Sessions(self._turns)
        # Where systems are, by host, port and output; a hint only.
        self._paths: dict[tuple[str, int, str], str] = {}

    def close(self) -> None:
        self._sessions.close()

    def state(self, device: base.Device, output: str) -> str:
        return self.states(device, [output])[output]

    def states(self, device: base.Device,
               outputs: Iterable[str]) -> dict[str, str]:
        return self._visit(device, 'power status', lambda connector: {
            output: _state(device, self._system(connector, output))
            for output in outputs})

    def power_on(self, device: base.Device, output: str) -> None:
        self._reset(device, output, 'power on')

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        self._reset(device, output,
                    'power off, softly' if soft else 'power off')

    def reset(self, device: base.Device, output: str) -> None:
        self._reset(device, output, 'power reset')

    def outputs(self, device: base.Device) -> list[str]:
        return self._visit(device, 'a list of systems', lambda connector: [
            _last_part(path) for path in systems(connector)])

    def check(self, device: base.Device, output: str | None = None) -> None:
        if output is None:
            self.outputs(device)
        else:
            self.state(device, output)

    def set_boot_device(self, device: base.Device, output: str, name: str,
                        persistent: bool = False) -> None:
        """Choose what a machine boots from.

        :param name: one of ``boot_devices``; ``none`` leaves it to the
            machine again
        :param persistent: not just the next time
        """
        what = f'{name} as boot device'
        if name not in _BOOT_SOURCES:
            raise exceptions.PowerUnsupported(device=device, request=what)
        if name == 'none':
            enabled = sushy.BootSourceOverrideEnabled.DISABLED
        elif persistent:
            enabled = sushy.BootSourceOverrideEnabled.CONTINUOUS
        else:
            enabled = sushy.BootSourceOverrideEnabled.ONCE

        def work(connector: redfish_connector.Connector) -> None:
            # Not all name it among the values, where it goes by itself.
            target = None if name == 'none' else _BOOT_SOURCES[name]
            self._system(connector, output).set_system_boot_options(
                target=target, enabled=enabled)

        self._visit(device, what, work)

    def health(self, device: base.Device) -> base.Health:
        return self._visit(
            device, 'hardware health',
            lambda connector: redfish_health.Reader(connector).read(
                systems(connector)))

    def _reset(self, device: base.Device, output: str, what: str) -> None:
        """Ask for a reset of some kind, once."""
        def work(connector: redfish_connector.Connector) -> None:
            system = self._system(connector, output)
            offered = system.get_allowed_reset_system_values()
            for kind in _RESETS[what]:
                if kind in offered:
                    system.reset_system(kind)
                    return
            raise exceptions.PowerUnsupported(device=device, request=what)

        self._visit(device, what, work)

    def _visit(self, device: base.Device, what: str,
               work: Callable[[redfish_connector.Connector], T]) -> T:
        """Let a function work with a device, within the deadline.

        :raises PowerError: it failed
        """
        if not device.login or not device.password:
            raise exceptions.PowerCredentials(device=device)
        with self._turns.take(device) as deadline:
            try:
                with session.open_client(device,
                                                 deadline) as client:
                    return work(redfish_connector.Connector(
                        client, self._sessions, what,
                        self.option(device, 'auth')))
            except exceptions.PowerError as exc:
                error = exc
            # What a damaged answer makes sushy raise cannot be listed.
            except Exception as exc:
                error = _translate(device, what, exc)
        # Not raised above: the frames there hold credentials and whatever
        # the device said.
        error.__context__ = error.__cause__ = None
        raise error.with_traceback(None)

    def _system(self, connector: redfish_connector.Connector,
                output: str) -> Any:
        """Return a system as it is now.

        :raises PowerNoOutput: there is none of that name
        """
        device = connector.device
        key = device.host, device.port, output
        path = self._paths.get(key)
        if path is not None:
            try:
                return _System(connector, path)
            except sushy_exc.ResourceNotFoundError:
                del self._paths[key]
        path = _find(connector, output)
        try:
            found = _System(connector, path)
        except sushy_exc.ResourceNotFoundError:
            raise _no_output(device, output) from None
        self._paths[key] = path
        return found


def _state(device: base.Device, system: _System) -> str:
    """Return the power state of a system.

    :raises PowerUnclear: it is neither on nor off
    """
    told = system.power_state
    found = _STATES.get(told.lower()) if isinstance(told, str) else None
    if found is None:
        raise exceptions.PowerUnclear(device=device, state=(
            'missing' if told in (None, '')
            else f'"{wording.quote(device, str(told))}"'))
    return found


def _no_output(device: base.Device, output: str) -> exceptions.PowerError:
    return exceptions.PowerNoOutput(device=device,
                                    output=wording.quote(device, output))


def _find(connector: redfish_connector.Connector, output: str) -> str:
    """Return the path of a system.

    :raises PowerNoOutput: there is none of that name
    """
    if output.startswith('/'):
        return output
    found = systems(connector)
    named = [path for path in found if _last_part(path) == output]
    if len(named) == 1:
        return named[0]
    if not named and len(found) == 1 and output in _ONLY:
        return found[0]
    raise _no_output(connector.device, output)


def _last_part(path: str) -> str:
    return path.rstrip('/').rpartition('/')[2]


def systems(connector: redfish_connector.Connector) -> list[str]:
    """Return the paths of all systems, in the order of the device."""
    return redfish_health.members(
        connector, redfish_health.link(connector.root(), 'Systems')
        or f'{redfish_connector.ROOT}Systems', _PAGES)


def _translate(device: base.Device, what: str,
               exc: Exception) -> exceptions.PowerError:
    """Return our error for a failure, without a reference to its cause."""
    if isinstance(exc, sushy_exc.InvalidParameterValueError
                  | sushy_exc.MissingActionError):
        return exceptions.PowerUnsupported(device=device, request=what)
    if isinstance(exc, sushy_exc.HTTPError):
        return exceptions.PowerRefused(
            device=device, request=what,
            reason=f'HTTP status {exc.status_code}')
    return exceptions.PowerProtocol(device=device, request=what,
                                    reason=type(exc).__name__)
