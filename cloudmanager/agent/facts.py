# SPDX-License-Identifier: Apache-2.0
"""The hardware of the node, as its own tools report it."""

from collections.abc import Callable
import json
import pathlib
from typing import Any

from cloudmanager.agent import commands
from cloudmanager.agent import dmi
from cloudmanager.agent import sysfs
from cloudmanager.agent.operations import operation
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

_DMI = pathlib.Path('/sys/class/dmi/id')
#: Values of the firmware that every user may read.
_DMI_NAMES = ('sys_vendor', 'product_name', 'product_version', 'board_vendor',
              'board_name', 'bios_vendor', 'bios_version', 'bios_date')
_MEMINFO = pathlib.Path('/proc/meminfo')
_DISKS = ('NAME,TYPE,SIZE,MODEL,SERIAL,REV,ROTA,TRAN,VENDOR,WWN,HCTL,LOG-SEC,'
          'PHY-SEC,FSTYPE,MOUNTPOINTS')
#: Sections, and the programs that print them as JSON.
_PROGRAMS = {
    'cpu': ('lscpu', '--json'),
    'disks': ('lsblk', '--json', '--bytes', '--output', _DISKS),
    'interfaces': ('ip', '-json', '-details', 'address', 'show'),
}


def _from_json(words: tuple[str, ...]) -> Any:
    result = commands.run(*words)
    if result.is_cut:
        raise exception.CommandFailed(program=words[0],
                                      reason='it tells too much')
    try:
        return json.loads(result.out)
    except ValueError as exc:
        raise exception.CommandFailed(
            program=words[0], reason='it does not answer JSON') from exc


def _cpu() -> dict[str, str]:
    """Return the values of lscpu, by its own names."""
    rows = _from_json(_PROGRAMS['cpu'])['lscpu']
    found: dict[str, str] = {}
    while rows:
        row = rows.pop(0)
        if row.get('data') is not None:
            found[row['field'].rstrip(':')] = row['data']
        # Newer versions nest the rows in groups.
        rows = row.get('children', []) + rows
    return found


def _interfaces() -> list[JsonObject]:
    """Return the network interfaces as ip does, with a few more values."""
    return [{**one, **sysfs.interface(str(one['ifname']))}
            for one in _from_json(_PROGRAMS['interfaces'])]


def _pci() -> list[dict[str, str]]:
    """Return the PCI devices, which lspci prints as blocks of lines."""
    blocks = commands.run('lspci', '-vmm', '-D').out.strip().split('\n\n')
    return [{name: value.strip() for name, _, value in
             (line.partition(':') for line in block.splitlines())}
            for block in blocks if block]


def _memory() -> dict[str, int]:
    """Return sizes of memory in KiB."""
    found = {}
    for line in _MEMINFO.read_text('ascii').splitlines():
        name, _, value = line.partition(':')
        if name in ('MemTotal', 'SwapTotal', 'HugePages_Total',
                    'Hugepagesize'):
            found[name] = int(value.split()[0])
    return found


def _firmware() -> dict[str, str]:
    """Return what the firmware says about the machine."""
    found = {}
    for name in _DMI_NAMES:
        try:
            found[name] = (_DMI / name).read_text(errors='replace').strip()
        except OSError:
            continue
    if not found:
        raise exception.Unavailable(reason='The node has no DMI.')
    return found


_SECTIONS: dict[str, Callable[[], object]] = {
    'cpu': _cpu, 'topology': sysfs.topology, 'numa': sysfs.numa,
    'memory': _memory, 'memory_modules': dmi.memory_modules,
    'firmware': _firmware, 'serials': dmi.serials, 'pci': _pci,
    'disks': lambda: _from_json(_PROGRAMS['disks'])['blockdevices'],
    'interfaces': _interfaces,
}


@operation('facts.hwinfo', version='1.1')
def hwinfo(agent: object) -> JsonObject:
    """Return the hardware of the node.

    :returns: the sections, ``null`` for one that cannot be read; ``reasons``
        says why, by section
    """
    found: JsonObject = {}
    reasons: dict[str, str] = {}
    for name, read in _SECTIONS.items():
        try:
            found[name] = read()
        except (exception.CloudManagerException, OSError, ValueError,
                LookupError, TypeError, AttributeError) as exc:
            found[name] = None
            reasons[name] = str(exc)
    return {**found, 'reasons': reasons}
