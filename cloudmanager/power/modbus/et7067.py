# SPDX-License-Identifier: Apache-2.0
"""ET-7067 of ICP DAS: eight relays behind Modbus over TCP.

The manual of the ET-7000 series has function 1 for reading and 5 for
writing its digital outputs; that those of an ET-7067 are the coils from 0
on and its unit is 1 is what the series has in common, and can be set.

The number of the unit is no proof that the right module was reached: some
answer to any. Neither is there a password.
"""

from collections.abc import Callable
from collections.abc import Iterable
from typing import TypeVar

from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import options
from cloudmanager.power import relays
from cloudmanager.power import states
from cloudmanager.power.modbus import client as modbus

T = TypeVar('T')
OUTPUTS = 8

# Exception codes of the protocol.
_NOT_THERE = {1: 'this function', 2: 'this coil'}
_BUSY = (5, 6)
_BEHIND_A_GATEWAY = (10, 11)
_REASONS = {3: 'illegal value', 4: 'failure of the device',
            7: 'negative acknowledge', 8: 'memory parity error'}


def _translate(device: base.Device, request: str,
               exc: Exception) -> exceptions.PowerError:
    """Make an error of ours of what went wrong."""
    if isinstance(exc, OSError):
        return network.trouble(device, exc)
    if not isinstance(exc, modbus.ExceptionResponse):
        return exceptions.PowerProtocol(device=device, request=request,
                                        reason='it is no Modbus')
    if exc.code in _NOT_THERE:
        return exceptions.PowerUnsupported(
            device=device, request=f'{request}: it does not have '
                                   f'{_NOT_THERE[exc.code]}')
    if exc.code in _BUSY:
        return exceptions.PowerBusy(device=device)
    if exc.code in _BEHIND_A_GATEWAY:
        return exceptions.PowerUnreachable(device=device)
    return exceptions.PowerRefused(
        device=device, request=request,
        reason=_REASONS.get(exc.code, f'exception {exc.code}'))


class ET7067Driver(relays.RelayDriver):
    """The eight relays of a module."""

    options_schema = options.MODBUS

    def __init__(self) -> None:
        self._turns = power_deadline.Turns()

    def states(self, device: base.Device,
               outputs: Iterable[str]) -> dict[str, str]:
        numbers = {output: self._number(device, output)
                   for output in outputs}
        first = self.option(device, 'first_coil')
        # One request for all of them is as quick as one for one.
        found = self._visit(device, 'a reading',
                            lambda module: module.read_coils(first, OUTPUTS))
        return {output: (states.POWER_ON
                         if self._is_on(device, found[number])
                         else states.POWER_OFF)
                for output, number in numbers.items()}

    def outputs(self, device: base.Device) -> list[str]:
        return [str(number + 1) for number in range(OUTPUTS)]

    def _is_on(self, device: base.Device, coil: bool) -> bool:
        inverted: bool = self.option(device, 'inverted')
        return coil != inverted

    def _number(self, device: base.Device, output: str) -> int:
        """Return the number of an output, from 0.

        :raises PowerNoOutput: there is no such output
        """
        known = self.outputs(device)
        if output not in known:
            raise exceptions.PowerNoOutput(device=device, output=output)
        return known.index(output)

    def switch(self, device: base.Device, output: str, on: bool) -> None:
        coil = (self.option(device, 'first_coil')
                + self._number(device, output))
        value = self._is_on(device, on)
        request = f'output {output} {"on" if on else "off"}'

        def work(module: modbus.Module) -> bool:
            module.write_coil(coil, value)
            # The echo says only that it was understood.
            return module.read_coils(coil, 1) == [value]

        if not self._visit(device, request, work):
            raise exceptions.PowerUnchanged(device=device, request=request,
                                          reason='it did not change')

    def _visit(self, device: base.Device, request: str,
               work: Callable[[modbus.Module], T]) -> T:
        """Work with a module that nobody else works with meanwhile.

        :raises PowerError: it failed
        """
        with self._turns.take(device) as deadline:
            try:
                with modbus.Module(device, self.option(device, 'unit'),
                                   deadline) as module:
                    return work(module)
            except (OSError, modbus.ModbusError) as exc:
                error = _translate(device, request, exc)
        raise error
