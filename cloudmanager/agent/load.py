# SPDX-License-Identifier: Apache-2.0
"""How busy the node is, by the counters of its kernel.

Each value is an average since the reading before, so it misses nothing
however seldom it is read, and reading costs no more than a few files.
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
#: Files of pressures by what we call them.
_PRESSURES = {load_reports.CPU_PRESSURE: 'cpu',
              load_reports.MEMORY_PRESSURE: 'memory',
              load_reports.IO_PRESSURE: 'io'}
#: Looking at one of these may take for ever when a server is away.
_REMOTE = ('nfs', 'ceph', 'cifs', 'smb', 'gluster', 'fuse', '9p', 'afs',
           'lustre', 'gpfs', 'beegfs')
#: Spent on nothing, or not by this machine; time of guests is in that of
#: users as well.
_NOT_BUSY = ('idle', 'iowait', 'steal', 'guest', 'guest_nice')

# How the kernel writes blanks in names.
_OCTAL = re.compile(r'\\([0-7]{3})')

Counters = dict[str, float]


class Unknown(Exception):
    """Something cannot be had; the text says why."""


def _cpus() -> Counters:
    """Return seconds of CPU time that were spent."""
    times = psutil.cpu_times()._asdict()
    return {load_reports.CPUS: sum(
        seconds for kind, seconds in times.items() if kind not in _NOT_BUSY)}


def _pressures() -> Counters:
    """Return seconds in which something waited."""
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
    """Tell whether a disk or a network card is a device, not a layer."""
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
    """Return MiB of memory that programs cannot have."""
    found = psutil.virtual_memory()
    return {load_reports.MEMORY_MB: (found.total - found.available) / MIB}


def file_system(path: str) -> str:
    """Return the kind of the file system that a path is on.

    It asks the kernel's list of mounts, not the path, which may hang.

    :param path: absolute
    :raises Unknown: the list does not tell
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


def _space() -> Counters:
    """Return GiB in use of the file system with the disks of guests."""
    path = CONF.agent.instances_path
    if not path:
        raise Unknown('instances_path is empty')
    kind = file_system(path)
    if kind.startswith(_REMOTE):
        raise Unknown(f'{path} is on a network share ({kind})')
    try:
        found = psutil.disk_usage(path)
    except OSError as exc:
        raise Unknown(f'{path}: {exc.strerror}') from exc
    return {load_reports.DISK_GB: found.used / GIB}


#: What grows, so that differences count, and what is so now.
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
    """Return by how much counters have grown in a second.

    One that went back was begun anew, so it says nothing this time.
    """
    return {name: (after[name] - before[name]) / seconds
            for name in after
            if name in before and after[name] >= before[name]
            and seconds > 0}


class HostLoad:
    """The load of the node since it was asked for last."""

    def __init__(self) -> None:
        self._at = clock.monotonic()
        self._before, _ = self._read(_GROWING)

    @staticmethod
    def _read(readers: tuple[tuple[Callable[[], Counters], tuple[str, ...]],
                             ...]) -> tuple[Counters, dict[str, str]]:
        """Return what can be read, and why other things cannot."""
        found: Counters = {}
        reasons: dict[str, str] = {}
        for read, names in readers:
            try:
                found.update(read())
            except (Unknown, OSError, ValueError, LookupError,
                    RuntimeError) as exc:
                # The last three are what psutil raises, and what comes of
                # files in a form that is not known.
                reasons.update(dict.fromkeys(names, str(exc)))
        return found, reasons

    def take(self) -> tuple[load_reports.Values, dict[str, str]]:
        """Return the load since the last time, and why some is not known.

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
