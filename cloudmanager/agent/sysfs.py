# SPDX-License-Identifier: Apache-2.0
"""Hardware of the node as its kernel tells it below ``/sys``."""

from collections.abc import Iterator
import pathlib
import re

from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

ROOT = pathlib.Path('/sys')
_KIB = re.compile(r'MemTotal:\s+(\d+) kB')
_PAGES = re.compile(r'hugepages-(\d+)kB')


def _text(path: pathlib.Path) -> str | None:
    """Return what a file says, if it is there and can be read."""
    try:
        return path.read_text(errors='replace').strip()
    except OSError:
        # Some files are there and cannot be read, such as the speed of an
        # interface that is down.
        return None


def _number(path: pathlib.Path) -> int | None:
    try:
        return int(_text(path) or '')
    except ValueError:
        return None


def _numbered(directory: pathlib.Path, name: str
              ) -> Iterator[tuple[int, pathlib.Path]]:
    """Yield the directories with a name and a number, by the number."""
    found = {int(path.name[len(name):]): path
             for path in directory.glob(f'{name}[0-9]*')
             if path.name[len(name):].isdigit()}
    yield from sorted(found.items())


def topology() -> JsonObject:
    """Return which CPUs, or threads, belong to which core.

    :returns: ``cores``, each with its ``socket``, ``die``, ``core``, NUMA
        ``node`` (null if the kernel does not tell) and ``cpus``; and the
        CPUs that are ``offline``
    :raises Unavailable: the kernel tells of no CPU
    """
    cores: dict[tuple[int | None, ...], JsonObject] = {}
    offline: list[int] = []
    for cpu, path in _numbered(ROOT / 'devices/system/cpu', 'cpu'):
        names = ('physical_package_id', 'die_id', 'core_id')
        place = [_number(path / 'topology' / name) for name in names]
        if place[-1] is None:
            # The kernel has no topology of what is off.
            offline.append(cpu)
            continue
        node = next((number for number, _ in _numbered(path, 'node')), None)
        core = cores.setdefault((*place, node), {
            'socket': place[0], 'die': place[1], 'core': place[2],
            'node': node, 'cpus': []})
        core['cpus'].append(cpu)
    if not cores:
        raise exception.Unavailable(
            reason='The kernel does not tell the topology of the CPUs.')
    return {'cores': list(cores.values()), 'offline': offline}


def numa() -> list[JsonObject]:
    """Return the NUMA nodes.

    :returns: each with its number as ``node``, its ``cpus`` as a text such as
        ``0-3,8-11``, ``memory_kib``, ``distances`` to all nodes in their
        order, and the number of ``huge_pages`` by their size in KiB
    :raises Unavailable: the kernel knows no NUMA
    """
    found: list[JsonObject] = []
    for number, path in _numbered(ROOT / 'devices/system/node', 'node'):
        memory = _KIB.search(_text(path / 'meminfo') or '')
        pages = {size[1]: _number(kind / 'nr_hugepages')
                 for kind in sorted((path / 'hugepages').glob('*'))
                 if (size := _PAGES.fullmatch(kind.name))}
        found.append({
            'node': number, 'cpus': _text(path / 'cpulist'),
            'memory_kib': None if memory is None else int(memory[1]),
            'distances': [int(word) for word in (
                _text(path / 'distance') or '').split()],
            'huge_pages': pages})
    if not found:
        raise exception.Unavailable(reason='The kernel knows no NUMA.')
    return found


def interface(name: str) -> JsonObject:
    """Return what the kernel tells of a network interface.

    :returns: ``driver``, ``speed`` in Mbit/s and ``numa_node``, each null if
        it has none or does not tell it
    """
    path = ROOT / 'class/net' / name
    driver = path / 'device/driver'
    numbers = {'speed': _number(path / 'speed'),
               'numa_node': _number(path / 'device/numa_node')}
    return {'driver': driver.resolve().name if driver.exists() else None,
            # It says -1 for what it does not know.
            **{what: number if number is not None and number >= 0 else None
               for what, number in numbers.items()}}
