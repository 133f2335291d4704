# SPDX-License-Identifier: Apache-2.0
"""DAEnetIP2 whose outputs press power buttons.

A pulse is all that an ATX power button takes: short means "on" to a machine
that is off and "shut down, please" to one that is on; held for four seconds
or more (ACPI specification, 4.8.3.1.1, power button override) it cuts the
power. The same press does opposite things, so nothing is pressed before the
state of the machine is known, and that is read from an input of port P6
which the machine drives: the output itself says only whether the button is
pressed now.

A button must not stay pressed. Each press is released by whoever began it,
whatever went wrong, and checked. If that process died in between, or the
board could not be reached, the next press releases first, and so does any
reading that has seen the button pressed for longer than a press lasts.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import threading
import time

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import options
from cloudmanager.power import states
from cloudmanager.power.snmp import client as snmp
from cloudmanager.power.snmp import daenet

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# Seconds of the deadline that are kept for the release.
RESERVE_SECONDS = 3.0
# Seconds for which a button that was found pressed is let go before it is
# pressed again, so that the machine takes it for two presses.
GAP_SECONDS = 0.5
# Seconds by which a press may last longer than it should before others
# take it for a forgotten one.
FORGOTTEN_SECONDS = 5.0


class DaenetACPIDriver(daenet.DaenetDriver):
    """The outputs press power buttons, inputs tell the states."""

    supports_soft = True
    soft_may_repeat = False
    options_schema = options.DAENET_ACPI

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Buttons that this process holds now.
        self._held: set[tuple[str, int, str]] = set()
        # Since when others were seen pressed, monotonic.
        self._pressed_since: dict[tuple[str, int, str], float] = {}

    def states(self, device: base.Device,
               outputs: Iterable[str]) -> dict[str, str]:
        wanted = {output: self.pin(device, output) for output in outputs}
        return self.visit(device, 'a reading', lambda agent: {
            output: self._look(device, agent, output, pin)
            for output, pin in wanted.items()})

    def power_on(self, device: base.Device, output: str) -> None:
        self._press(device, output, states.POWER_ON, 'short_press_ms',
                    self.option(device, 'blind_power_on'))

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        if soft:
            # A machine that is off would be switched on by it.
            self._press(device, output, states.POWER_OFF, 'short_press_ms',
                        False)
        else:
            # That ends with a machine that is off in any case.
            self._press(device, output, states.POWER_OFF, 'long_press_ms',
                        True)

    def examine(self, device: base.Device, agent: snmp.Agent,
                pin: str) -> None:
        super().examine(device, agent, pin)
        for number in self.option(device, 'sense_inputs'):
            if number is not None:
                agent.get(daenet.oid(f'P6.{number}'))

    def _look(self, device: base.Device, agent: snmp.Agent, output: str,
              pin: str) -> str:
        """Read a machine's state, and let go of a forgotten button."""
        pressed = self.read(device, agent, pin) == states.POWER_ON
        if self._forgotten(device, pin, pressed):
            LOG.warning('The button %(pin)s of %(device)s has been pressed '
                        'for too long and is released.',
                        {'pin': pin, 'device': device})
            try:
                self._release(device, agent, pin)
            except exceptions.PowerError as exc:
                # That is no reason not to know the state.
                LOG.error('%s', exc)
        return self._sense(device, agent, output)

    def _forgotten(self, device: base.Device, pin: str,
                   pressed: bool) -> bool:
        """Tell whether a button has been pressed for too long.

        Another conductor may hold it now, but for no longer than a long
        press lasts.
        """
        key = (device.host, device.port, pin)
        longest = (self.option(device, 'long_press_ms') / 1000
                   + FORGOTTEN_SECONDS)
        with self._lock:
            if not pressed or key in self._held:
                self._pressed_since.pop(key, None)
                return False
            now = time.monotonic()
            since = self._pressed_since.setdefault(key, now)
            if now - since < longest:
                return False
            del self._pressed_since[key]
            return True

    def _sense(self, device: base.Device, agent: snmp.Agent,
               output: str) -> str:
        """Return the state of a machine; unknown without an input."""
        inputs = self.option(device, 'sense_inputs')
        number = int(output) - 1
        if number >= len(inputs) or inputs[number] is None:
            return states.UNKNOWN
        value = agent.get(daenet.oid(f'P6.{inputs[number]}'))
        if not isinstance(value, int):
            return states.UNKNOWN
        low = value < self.option(device, 'sense_off_below')
        high = value > self.option(device, 'sense_on_above')
        # Options that contradict each other decide nothing.
        if low == high:
            return states.UNKNOWN
        return (states.POWER_ON
                if high != self.option(device, 'sense_inverted')
                else states.POWER_OFF)

    def _press(self, device: base.Device, output: str, target: str,
               duration: str, blindly: bool) -> None:
        """Press a button, unless the machine is as wanted already.

        :param duration: the option with the milliseconds
        :param blindly: do it also when the state is not known
        """
        deadline = time.monotonic() + CONF.power.call_deadline
        pin = self.pin(device, output)
        seconds = self.option(device, duration) / 1000
        if seconds + RESERVE_SECONDS > CONF.power.call_deadline:
            raise exceptions.PowerUnsupported(
                device=device, request=f'a press of {seconds} s within '
                                       f'[power] call_deadline')
        request = f'a press of the button {pin}'
        with self._hold(device, pin):
            # A short press must not become a long one, so nobody else is
            # served meanwhile. A long one would keep all others waiting.
            if duration == 'short_press_ms':
                self.visit(device, request, lambda agent: self._press_short(
                    device, agent, output, pin, target, blindly, seconds),
                    deadline)
                return
            self._press_long(device, output, pin, target, seconds, request,
                             deadline)

    @contextlib.contextmanager
    def _hold(self, device: base.Device, pin: str) -> Iterator[None]:
        """Note that a button is ours for a while.

        :raises PowerBusy: it is already
        """
        key = (device.host, device.port, pin)
        with self._lock:
            if key in self._held:
                raise exceptions.PowerBusy(device=device)
            self._held.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(key)

    def _press_short(self, device: base.Device, agent: snmp.Agent,
                     output: str, pin: str, target: str, blindly: bool,
                     seconds: float) -> None:
        if not self._must_press(device, agent, output, pin, target, blindly,
                                seconds):
            return
        until = time.monotonic() + seconds
        self._close(device, agent, pin)
        try:
            time.sleep(max(0.0, until - time.monotonic()))
        finally:
            self._release(device, agent, pin)

    def _press_long(self, device: base.Device, output: str, pin: str,
                    target: str, seconds: float, request: str,
                    deadline: float) -> None:
        def begin(agent: snmp.Agent) -> bool:
            if not self._must_press(device, agent, output, pin, target,
                                    True, seconds):
                return False
            self._close(device, agent, pin)
            return True

        if not self.visit(device, request, begin, deadline):
            return
        try:
            time.sleep(seconds)
        finally:
            self.visit(device, f'a release of the button {pin}',
                       lambda agent: self._release(device, agent, pin),
                       deadline)

    def _must_press(self, device: base.Device, agent: snmp.Agent,
                    output: str, pin: str, target: str, blindly: bool,
                    seconds: float) -> bool:
        """Tell whether a press is needed; the button is up afterwards.

        :raises PowerUnsupported: nobody knows what it would do
        :raises PowerBusy: too little time is left for it
        """
        if self.read(device, agent, pin) != states.POWER_OFF:
            self._release(device, agent, pin)
            time.sleep(GAP_SECONDS)
        found = self._sense(device, agent, output)
        if found == target:
            return False
        if found == states.UNKNOWN and not blindly:
            raise exceptions.PowerUnsupported(
                device=device, request=f'a press of the button {pin} while '
                                       f'the state is unknown')
        if network.left(agent.deadline) < seconds + RESERVE_SECONDS:
            raise exceptions.PowerBusy(device=device)
        return True

    def _close(self, device: base.Device, agent: snmp.Agent,
               pin: str) -> None:
        """Begin to press; the button is up when it fails.

        It is sent once: a copy that was delayed could arrive after the
        release. If no answer comes, the board is asked whether it did it.

        :raises PowerError: our community is not allowed to, or the button
            may be pressed all the same
        :raises OSError: it was not pressed
        :raises SNMPError: the board refused
        """
        try:
            allowed = self.set_pin(device, agent, pin, True, repeat=False)
        except (OSError, snmp.Malformed):
            allowed = None
        if allowed is None and not self._is_pressed(device, agent, pin):
            self._release(device, agent, pin)
            raise TimeoutError
        if allowed is False:
            raise exceptions.PowerCredentials(device=device)

    def _is_pressed(self, device: base.Device, agent: snmp.Agent,
                    pin: str) -> bool:
        """Tell whether a button is known to be pressed."""
        try:
            return self.read(device, agent, pin) == states.POWER_ON
        except (OSError, snmp.SNMPError):
            return False

    def _release(self, device: base.Device, agent: snmp.Agent,
                 pin: str) -> None:
        """Let go of a button, and read whether it is up.

        :raises PowerError: it may still be pressed
        """
        try:
            self.write(device, agent, pin, False)
            return
        except (OSError, snmp.SNMPError) as exc:
            why = daenet.translate(device, 'a release', exc)
        raise exceptions.PowerError(
            device=device,
            reason=f'the button {pin} may still be pressed: {why}')
