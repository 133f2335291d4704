# SPDX-License-Identifier: Apache-2.0
"""Kinds of power controls: what the API must know about each of them."""

import dataclasses

from cloudmanager.common import exception


class DriverMissing(exception.CloudManagerException):
    code = 501
    error_code = 'cloudmanager.power_control.driver_missing'
    template = 'There is no driver for power controls of type %(type)s.'


@dataclasses.dataclass(frozen=True, slots=True)
class PowerType:
    """One kind of device.

    :ivar coils_count: number of outputs; ``None`` when outputs have names,
        such as the domains of a hypervisor, instead of numbers
    :ivar available: whether this version has a driver for it
    """

    control_type: str
    protocol_type: str
    coils_count: int | None
    default_port: int
    available: bool = False


_ALL = (
    PowerType('ET7067', 'modbus', 8, 502),
    PowerType('DaenetIP2', 'snmp', 16, 161),
    PowerType('DaenetIP2_ACPI', 'snmp', 8, 161),
    PowerType('SshDevice', 'ssh', None, 22),
    PowerType('IntelAMT', 'intel_amt', 1, 16992),
    PowerType('SupermicroRackDevice', 'ipmi', 1, 623, available=True),
    PowerType('FakeDevice', 'fake', 8, 1, available=True),
)

POWER_TYPES = {power_type.control_type: power_type for power_type in _ALL}
PROTOCOLS = tuple(dict.fromkeys(
    power_type.protocol_type for power_type in _ALL))


def require_driver(control_type: str) -> None:
    """Check that actions on a kind of device are possible.

    :raises DriverMissing: they are not
    """
    power_type = POWER_TYPES.get(control_type)
    if power_type is None or not power_type.available:
        raise DriverMissing(type=control_type)
