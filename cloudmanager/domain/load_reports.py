# SPDX-License-Identifier: Apache-2.0
"""The load of a node and of its guests, as agents report it.

Values are averages over the time since the last report. A value that cannot be
read is ``None``, and a reason is given.
"""

from collections.abc import Mapping
import re

from cloudmanager.common import texts

CPUS, MEMORY_MB, DISK_GB = 'cpus', 'memory_mb', 'disk_gb'
CPU_PRESSURE, MEMORY_PRESSURE, IO_PRESSURE = (
    'cpu_pressure', 'memory_pressure', 'io_pressure')
NETWORK_IN_MB, NETWORK_OUT_MB = 'network_in_mb', 'network_out_mb'
DISK_READ_MB, DISK_WRITE_MB = 'disk_read_mb', 'disk_write_mb'
DISK_OPERATIONS = 'disk_operations'
#: What is measured of a node, and in which units.
HOST = {
    CPUS: 'CPUs that were busy',
    MEMORY_MB: 'MiB of memory that are not available to programs',
    DISK_GB: 'GiB in use of the file system with the disks of guests',
    NETWORK_IN_MB: 'MiB a second that network cards received',
    NETWORK_OUT_MB: 'MiB a second that network cards sent',
    DISK_READ_MB: 'MiB a second that were read from disks',
    DISK_WRITE_MB: 'MiB a second that were written to disks',
    DISK_OPERATIONS: 'reads and writes of disks a second',
    CPU_PRESSURE: 'fraction of the time in which something waited for CPU',
    MEMORY_PRESSURE: 'the same of memory',
    IO_PRESSURE: 'the same of disks',
}
#: What is measured of a guest.
GUEST = {
    CPUS: 'CPUs that it kept busy',
    MEMORY_MB: 'MiB of memory that it takes of its host',
    NETWORK_IN_MB: 'MiB a second that it received',
    NETWORK_OUT_MB: 'MiB a second that it sent',
    DISK_READ_MB: 'MiB a second that it read',
    DISK_WRITE_MB: 'MiB a second that it wrote',
}
#: The most guests of one node; no node has more.
MAX_GUESTS = 4096
_MAX_REASON = 200
# Any larger value is an error, whatever is measured.
_MOST = 1e12
# A UUID in its usual form. To parse it would take most of the check.
_ID = re.compile('[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}')

Values = dict[str, float | None]


def _values(found: object, names: Mapping[str, str]) -> Values | None:
    """Return the valid ones of some values; the others are ``None``."""
    if not isinstance(found, dict):
        return None
    values: Values = {}
    for name in names:
        value = found.get(name)
        # NaN is in no range, and a bool is no int of a report.
        values[name] = float(value) if (
            (isinstance(value, float) or type(value) is int)
            and 0 <= value <= _MOST) else None
    return values


def _is_id(key: object) -> bool:
    return isinstance(key, str) and _ID.fullmatch(key) is not None


def check(found: object) -> tuple[Values, dict[str, Values],
                                  dict[str, str]] | None:
    """Return the load in a report, without values that cannot be right.

    :param found: the load, not trusted
    :returns: values of the node, of its guests by their ids, and reasons why
        something is not known, by its name; ``None`` if it is no load
    """
    if not isinstance(found, dict):
        return None
    host = _values(found.get('host'), HOST)
    guests, reasons = found.get('guests'), found.get('reasons')
    if host is None or not isinstance(guests, dict) or not isinstance(
            reasons, dict) or len(guests) > MAX_GUESTS:
        return None
    kept: dict[str, Values] = {}
    for key, value in guests.items():
        values = _values(value, GUEST) if _is_id(key) else None
        if values is not None:
            kept[key] = {name: one for name, one in values.items()
                         if one is not None}
    return host, kept, {
        name: texts.printable(str(reasons[name]), _MAX_REASON)
        for name in (*HOST, 'guests') if name in reasons}
