# SPDX-License-Identifier: Apache-2.0
"""The interface of a power driver."""

import abc
import dataclasses
from typing import ClassVar

from cloudmanager.power import exceptions


@dataclasses.dataclass(frozen=True)
class Device:
    """A power control, with its secrets in the clear.

    :ivar port: TCP or UDP port
    """

    control_type: str
    protocol_type: str
    host: str
    port: int
    login: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    ssh_key: str | None = dataclasses.field(default=None, repr=False)

    def __str__(self) -> str:
        return (f'{self.protocol_type}://{self.control_type}@{self.host}:'
                f'{self.port}')


class PowerDriver(abc.ABC):
    """Speaks to one kind of device.

    Every method ends within ``[power] call_deadline`` seconds and raises
    only ``PowerError`` and its kinds. Outputs are named as operators name
    them, counting from ``1``.
    """

    #: Whether the device can ask the operating system to shut down.
    supports_soft: ClassVar[bool] = False

    @abc.abstractmethod
    def state(self, device: Device, output: str) -> str:
        """Read an output: ``power_on``, ``power_off`` or ``unknown``."""

    @abc.abstractmethod
    def power_on(self, device: Device, output: str) -> None:
        """Ask for an output to be on."""

    @abc.abstractmethod
    def power_off(self, device: Device, output: str,
                  soft: bool = False) -> None:
        """Ask for an output to be off, or for a clean shutdown."""

    def reset(self, device: Device, output: str) -> None:
        """Restart what hangs on an output, if the device can itself."""
        raise exceptions.PowerUnsupported(device=device, request='reset')
