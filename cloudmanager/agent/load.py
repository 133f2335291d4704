# SPDX-License-Identifier: Apache-2.0
"""How busy the node is, by the counters of its kernel.

Each value is an average since the previous reading, so nothing is missed
however rarely it is read. A reading only reads a few files.
"""

from collections.abc import Callable
from collections.abc import Mapping
import os
import pathlib
import re

from oslo_config import cfg
import psutil

from cloudmanager.common import clock
from cloudmanager.domain import load_reports

CONF = cfg.CONF
MIB, GIB = float(1 << 20), float(1 << 30)
_PRESSURE = pathlib.Path('/proc/pressure')
_SYS = pathlib.Path('/sys')
_MOUNTS = pathlib.Path('/proc/self/mountinfo')
#: The kernel's files of pressures, by our names.
_PRESSURES = {load_reports.CPU_PRESSURE: 'cpu',
              load_reports.MEMORY_PRESSURE: 'memory',
              load_reports.IO_PRESSURE: 'io'}
#: Reading one of these file systems may hang when its server is away.
_REMOTE = ('nfs', 'ceph', 'cifs', 'smb', 'gluster', 'fuse', '9p', 'afs',
           'lustre', 'gpfs', 'beegfs')
# Parts of a path with those of links on its way.
_MAX_PARTS = 400
#: Times in which the CPU was idle, or not available to this machine, or that
#: are counted twice: the time of guests is also in that of users.
_NOT_BUSY = ('idle', 'iowait', 'steal', 'guest', 'guest_nice')

# The kernel writes blanks in names as octal numbers.
_OCTAL = re.compile(r'\\([0-7]{3})')

Counters = dict[str, float]


class Unknown(Exception):
    """A value cannot be read; the text says why."""


def _cpus() -> Counters:
    """Return seconds of CPU time that were spent."""
    times = psutil.cpu_times()._asdict()
    return {load_reports.CPUS: sum(
        seconds for kind, seconds in times.items() if kind not in _NOT_BUSY)}


def _pressures() -> Counters:
    """Return the seconds in which some process waited."""
    found = {}
    for name, file in _PRESSURES.items():
        try:
            some = (_PRESSURE / file).read_text('ascii').splitlines()[0]
        except OSError as exc:
            raise Unknown('the kernel does not tell of pressure: '
                          f'{exc.strerror}') from exc
        found[name] = int(some.rpartition('total=')[2]) / 1e6
    return found


def _has_device(kind: str, name: str) -> bool:
    """Tell whether a disk or network card is physical, not a layer on one."""
    return (_SYS / kind / name.replace('/', '!') / 'device').exists()


def _network() -> Counters:
    """Return MiB that network cards have received and sent."""
    cards = [card for name, card in
             psutil.net_io_counters(pernic=True, nowrap=False).items()
             if _has_device('class/net', name)]
    if not cards:
        raise Unknown('the node has no network card')
    return {load_reports.NETWORK_IN_MB:
            sum(card.bytes_recv for card in cards) / MIB,
            load_reports.NETWORK_OUT_MB:
            sum(card.bytes_sent for card in cards) / MIB}


def _disks() -> Counters:
    """Return MiB and operations of whole disks."""
    disks = [disk for name, disk in
             (psutil.disk_io_counters(perdisk=True, nowrap=False)
              or {}).items()
             if _has_device('block', name)]
    if not disks:
        raise Unknown('the node has no disk')
    return {
        load_reports.DISK_READ_MB:
        sum(disk.read_bytes for disk in disks) / MIB,
        load_reports.DISK_WRITE_MB:
        sum(disk.write_bytes for disk in disks) / MIB,
        load_reports.DISK_OPERATIONS:
        float(sum(disk.read_count + disk.write_count for disk in disks))}


def _memory() -> Counters:
    """Return MiB of memory that are not available to programs."""
    found = psutil.virtual_memory()
    return {load_reports.MEMORY_MB: (found.total - found.available) / MIB}


def file_system(path: str) -> str:
    """Return the type of the file system that a path is on.

    This reads the kernel's list of mounts, since access to the path may hang.

    :param path: an absolute path
    :raises Unknown: the list has no file system for it
    """
    best, kind = '', ''
    wanted = f'{os.path.normpath(path)}/'
    for line in _MOUNTS.read_text(errors='replace').splitlines():
        words = line.split()
        place = _OCTAL.sub(lambda found: chr(int(found[1], 8)), words[4])
        if wanted.startswith(f'{place.rstrip("/")}/') and len(place) >= len(
                best):
            best, kind = place, words[words.index('-', 6) + 1]
    if not kind:
        raise Unknown(f'no file system has {path}')
    return kind


def _resolve(path: str) -> str:
    """Return a path without links, and touch no network share for it.

    :param path: an absolute path
    :raises Unknown: it leads to a network share
    """
    done, left = '/', path.split('/')
    for _ in range(_MAX_PARTS):
        if not left:
            return done
        part, *left = left
        here = os.path.normpath(os.path.join(done, part))
        kind = file_system(here)
        if kind.startswith(_REMOTE):
            raise Unknown(f'{path} is on a network share ({kind})')
        try:
            target = os.readlink(here)
        except OSError:
            # It is no link, or not there.
            done = here
        else:
            left = [*target.split('/'), *left]
            done = '/' if target.startswith('/') else done
    raise Unknown(f'{path} has too many links')


def _space() -> Counters:
    """Return GiB in use of the file system with the disks of guests."""
    path = CONF.agent.instances_path
    if not path:
        raise Unknown('instances_path is empty')
    try:
        found = psutil.disk_usage(_resolve(path))
    except OSError as exc:
        raise Unknown(f'{path}: {exc.strerror}') from exc
    return {load_reports.DISK_GB: found.used / GIB}


#: The readers of counters, which grow, and of present values.
_GROWING: tuple[tuple[Callable[[], Counters], tuple[str, ...]], ...] = (
    (_cpus, (load_reports.CPUS,)),
    (_pressures, tuple(_PRESSURES)),
    (_network, (load_reports.NETWORK_IN_MB, load_reports.NETWORK_OUT_MB)),
    (_disks, (load_reports.DISK_READ_MB, load_reports.DISK_WRITE_MB,
              load_reports.DISK_OPERATIONS)))
_PRESENT: tuple[tuple[Callable[[], Counters], tuple[str, ...]], ...] = (
    (_memory, (load_reports.MEMORY_MB,)), (_space, (load_reports.DISK_GB,)))


def rates(before: Mapping[str, float], after: Mapping[str, float],
          seconds: float) -> dict[str, float]:
    """Return by how much counters have grown per second.

    A counter that is lower than before was reset, and is left out.
    """
    return {name: (after[name] - before[name]) / seconds
            for name in after
            if name in before and after[name] >= before[name]
            and seconds > 0}


class HostLoad:
    """The load of the node since the last ``take``."""

    def __init__(self) -> None:
        self._at = clock.monotonic()
        self._before, _ = self._read(_GROWING)

    @staticmethod
    def _read(readers: tuple[tuple[Callable[[], Counters], tuple[str, ...]],
                             ...]) -> tuple[Counters, dict[str, str]]:
        """Return the values that can be read, and why others cannot."""
        found: Counters = {}
        reasons: dict[str, str] = {}
        for read, names in readers:
            try:
                found.update(read())
            except (Unknown, OSError, ValueError, LookupError,
                    RuntimeError) as exc:
                # The last three come from psutil, and from files in an
                # unknown form.
                reasons.update(dict.fromkeys(names, str(exc)))
        return found, reasons

    def take(self) -> tuple[load_reports.Values, dict[str, str]]:
        """Return the load since the last time, and why values are missing.

        :returns: see ``load_reports.HOST``; reasons by the same names
        """
        now = clock.monotonic()
        counters, why = self._read(_GROWING)
        grown = rates(self._before, counters, now - self._at)
        self._at, self._before = now, counters
        present, reasons = self._read(_PRESENT)
        reasons.update(why)
        values: load_reports.Values = {
            name: grown.get(name, present.get(name))
            for name in load_reports.HOST}
        for name, value in values.items():
            if value is None:
                reasons.setdefault(name, 'it was not measured twice')
        return values, reasons
