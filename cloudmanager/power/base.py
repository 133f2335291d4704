# SPDX-License-Identifier: Apache-2.0
"""The interface of a power driver."""

import abc
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
from typing import Any
from typing import ClassVar

from cloudmanager.power import exceptions


@dataclasses.dataclass(frozen=True)
class Device:
    """A power control with decrypted secrets.

    :ivar port: TCP or UDP port
    :ivar options: what its driver's ``options_schema`` allows
    """

    control_type: str
    protocol_type: str
    host: str
    port: int
    login: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    ssh_key: str | None = dataclasses.field(default=None, repr=False)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return (f'{self.protocol_type}://{self.control_type}@{self.host}:'
                f'{self.port}')


@dataclasses.dataclass(frozen=True)
class Sensor:
    """One reading of a device.

    :ivar kind: what it measures, such as ``Temperature`` or ``Fan``
    :ivar value: number in ``unit``, ``None`` when it has none now
    :ivar status: ``ok``, ``warning``, ``critical``, ``failed`` or
        ``unknown``
    """

    name: str
    kind: str
    value: float | None
    unit: str
    status: str


@dataclasses.dataclass(frozen=True)
class Event:
    """One entry of a device's event log.

    :ivar time: by the clock of the device, UTC; ``None`` when it has none
    """

    time: datetime.datetime | None
    source: str
    text: str
    severity: str


@dataclasses.dataclass(frozen=True)
class Health:
    """The health of a device's hardware, as it reports it.

    :ivar events: the newest ones, the newest first
    :ivar events_total: number of entries of its log
    :ivar complete: whether there was time for all of it
    """

    sensors: tuple[Sensor, ...] = ()
    events: tuple[Event, ...] = ()
    events_total: int = 0
    complete: bool = True


class PowerDriver(abc.ABC):
    """Speaks to one kind of device.

    Every method ends within ``[power] call_deadline`` seconds and raises
    only ``PowerError`` and its kinds. Outputs are named as operators name
    them, counting from ``1``.
    """

    #: Whether the device can ask the operating system to shut down.
    supports_soft: ClassVar[bool] = False
    #: Whether that does no harm a second time, when it is not known if the
    #: first request got through. A button must not be pressed again.
    soft_may_repeat: ClassVar[bool] = True
    #: That of its kind, in ``cloudmanager.power.types``; ``default`` in one
    #: of them is what ``option`` returns when a device does not have it.
    options_schema: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    #: Names that ``set_boot_device`` takes.
    boot_devices: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def option(cls, device: Device, name: str) -> Any:
        """Return an option of a device, or what its schema says instead."""
        default = cls.options_schema[name].get('default')
        return device.options.get(name, default)

    @abc.abstractmethod
    def state(self, device: Device, output: str) -> str:
        """Read an output: ``power_on``, ``power_off`` or ``unknown``.

        :raises PowerUnclear: it is neither on nor off, with what it is
        """

    def states(self, device: Device,
               outputs: Iterable[str]) -> dict[str, str]:
        """Read several outputs, in one visit where the device can.

        This one asks for one after the other, each with a deadline of its
        own; a device that does not answer is not asked for the next.
        """
        return {output: self.state(device, output) for output in outputs}

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

    def outputs(self, device: Device) -> list[str]:
        """Name the outputs of a device.

        Numbered ones are known without it; hypervisors ask for the names
        of their domains.
        """
        raise exceptions.PowerUnsupported(device=device,
                                          request='a list of outputs')

    def check(self, device: Device, output: str | None = None) -> None:
        """Check that a device can be reached and takes the credentials.

        :param output: check also that it has this output
        """
        self.state(device, output or '1')

    def set_boot_device(self, device: Device, output: str, name: str,
                        persistent: bool = False) -> None:
        """Choose what a machine boots from.

        :param name: one of ``boot_devices``
        :param persistent: not just the next time
        """
        raise exceptions.PowerUnsupported(device=device,
                                          request='a boot device')

    def health(self, device: Device) -> Health:
        """Read sensors and the newest events."""
        raise exceptions.PowerUnsupported(device=device,
                                          request='hardware health')

    def close(self) -> None:
        """Release what is kept between calls, at the end of the process.

        It ends within some seconds and raises nothing.
        """
