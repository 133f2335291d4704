# SPDX-License-Identifier: Apache-2.0
"""Kinds of power controls: what the API must know about each of them.

They stand behind entry points, apart from the drivers: a plugin adds a kind
and its driver, and the API, which has to know the kind, imports no driver
and none of the libraries that drivers need.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import functools
from importlib import metadata
from typing import Any

from cloudmanager.common import exception

NAMESPACE = 'cloudmanager.power.types'
DRIVERS = 'cloudmanager.power.drivers'

# In the order in which the documentation of the REST API names them; what
# it does not name comes after them, by name.
_DOCUMENTED = ('ET7067', 'DaenetIP2', 'DaenetIP2_ACPI', 'SshDevice',
               'IntelAMT', 'SupermicroRackDevice')
_DOCUMENTED_PROTOCOLS = ('modbus', 'ipmi', 'snmp', 'ssh', 'intel_amt')


class DriverMissing(exception.CloudManagerException):
    code = 501
    error_code = 'cloudmanager.power_control.driver_missing'
    template = 'There is no driver for power controls of type %(type)s.'


@dataclasses.dataclass(frozen=True, slots=True)
class PowerType:
    """One kind of device.

    :ivar control_type: name of the kind, of its entry point, and of the
        entry point of its driver
    :ivar coils_count: number of outputs; ``None`` when outputs have names,
        such as the domains of a hypervisor, instead of numbers
    :ivar default_port: TCP or UDP port
    :ivar options_schema: JSON schemas of the options that a device of this
        kind may have, by name, such as the cipher suite of a BMC; answered
        to whoever may see the device, so no option may be a secret
    :ivar takes_ssh_key: whether a device may have a private key
    :ivar checks: what no schema can say of a text, by the name of its field,
        such as ``password`` or ``options.host_key``: a function that raises
        ValueError with what is wrong, without the value, to be read after
        the name
    """

    control_type: str
    protocol_type: str
    coils_count: int | None
    default_port: int
    options_schema: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict, compare=False)
    takes_ssh_key: bool = False
    checks: Mapping[str, Callable[[str], None]] = dataclasses.field(
        default_factory=dict, compare=False)

    def has_output(self, name: str) -> bool:
        """Tell whether a device of this kind can have an output."""
        if self.coils_count is None:
            return True
        return (name.isascii() and name.isdigit() and len(name) < 6
                and str(int(name)) == name
                and 1 <= int(name) <= self.coils_count)


def _rank(names: tuple[str, ...], name: str) -> tuple[int, str]:
    return names.index(name) if name in names else len(names), name


@functools.cache
def all_types() -> Mapping[str, PowerType]:
    """Return all kinds that are installed, by control type.

    :raises ImportError: a plugin cannot be loaded
    :raises ValueError: two plugins have the same kind, or one calls it by
        another name than its entry point
    """
    found: dict[str, PowerType] = {}
    for entry in metadata.entry_points(group=NAMESPACE):
        kind: PowerType = entry.load()
        if kind.control_type != entry.name or entry.name in found:
            raise ValueError(f'Entry point {entry.name} = {entry.value} of '
                             f'{NAMESPACE} is wrong or not the only one.')
        found[entry.name] = kind
    if not found:
        raise ImportError(
            f'No entry points {NAMESPACE}: the package was installed before '
            'it had them, install it again.')
    return {name: found[name] for name in sorted(
        found, key=functools.partial(_rank, _DOCUMENTED))}


@functools.cache
def protocols() -> tuple[str, ...]:
    """Return the protocols of all kinds."""
    return tuple(sorted(
        {kind.protocol_type for kind in all_types().values()},
        key=functools.partial(_rank, _DOCUMENTED_PROTOCOLS)))


def coils_count(control_type: str) -> int | None:
    """Return the number of outputs of a kind; ``None`` for named ones.

    The plugin of a stored device may be gone; then its outputs are those
    that are in use.
    """
    kind = all_types().get(control_type)
    return kind.coils_count if kind is not None else None


@functools.cache
def _with_driver() -> frozenset[str]:
    return frozenset(entry.name
                     for entry in metadata.entry_points(group=DRIVERS))


def require_driver(control_type: str) -> None:
    """Check that actions on a kind of device are possible.

    :raises DriverMissing: they are not
    """
    if control_type not in _with_driver():
        raise DriverMissing(type=control_type)
