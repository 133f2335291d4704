# SPDX-License-Identifier: Apache-2.0
"""Guests of the node and what they use, as libvirt reports it.

The agent asks libvirt through virsh, in a separate process: it can be ended
when it hangs, and a node without libvirt needs none of its libraries.
"""

import dataclasses
import re

from oslo_config import cfg

from cloudmanager.agent import commands
from cloudmanager.agent import load
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.domain import guest_states
from cloudmanager.domain import load_reports

CONF = cfg.CONF
#: What libvirt's numbers of states mean.
STATES = (guest_states.UNKNOWN, guest_states.RUNNING, guest_states.RUNNING,
          guest_states.PAUSED, guest_states.STOPPING, guest_states.STOPPED,
          guest_states.CRASHED, guest_states.SUSPENDED)
#: One call of virsh, so that both parts report the same guests. virsh accepts
#: several commands in one text; no part of this text comes from outside.
_QUESTION = ('list --all --uuid --name; domstats --nowait --raw --state '
             '--cpu-total --balloon --interface --block')
_LISTED = re.compile(r'([0-9a-f-]{36}) (.+)')
_TITLE = re.compile(r"Domain: '(.*)'")
_MIB_OF_KIB = 1024.0
_DISK = re.compile(r'block\.\d+\.path')
_FOLLOW_SECONDS = '600'
#: Counters of one disk or card of a guest, by our names.
_DEVICES = {
    re.compile(r'net\.\d+\.rx\.bytes'): load_reports.NETWORK_IN_MB,
    re.compile(r'net\.\d+\.tx\.bytes'): load_reports.NETWORK_OUT_MB,
    re.compile(r'block\.\d+\.rd\.bytes'): load_reports.DISK_READ_MB,
    re.compile(r'block\.\d+\.wr\.bytes'): load_reports.DISK_WRITE_MB,
}


@dataclasses.dataclass(frozen=True)
class Guest:
    """A guest at a moment.

    :ivar id: the id of the server in Nova
    :ivar name: its name in libvirt
    :ivar state: one of ``guest_states``
    :ivar counters: what it has used since its start, by our names
    :ivar memory_mb: MiB of the node's memory that it uses, if known
    :ivar disks: paths of the files and devices that are its disks
    """

    id: str
    name: str
    state: str
    counters: dict[str, float] = dataclasses.field(default_factory=dict)
    memory_mb: float | None = None
    disks: tuple[str, ...] = ()


def parse(text: str) -> list[Guest]:
    """Return the guests in the output of virsh.

    A guest that appeared between the two parts has no state, and is left out
    this time.

    :raises ValueError: it is not the output of virsh
    """
    ids: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    values: dict[str, str] | None = None
    # A name may have other characters that end a line elsewhere.
    for line in text.split('\n'):
        title = _TITLE.fullmatch(line)
        if title:
            values = found.setdefault(title[1], {})
        elif values is not None:
            name, _, value = line.strip().partition('=')
            values[name] = value
        elif line.strip():
            listed = _LISTED.fullmatch(line.strip())
            if listed is None:
                raise ValueError('virsh does not list guests')
            ids[listed[2]] = listed[1]
    return [_guest(ids[name], name, values)
            for name, values in found.items() if name in ids]


def _guest(key: str, name: str, values: dict[str, str]) -> Guest:
    """Return a guest from its values in virsh."""
    number = int(values.get('state.state', '0'))
    state = (STATES[number] if 0 <= number < len(STATES)
             else guest_states.UNKNOWN)
    counters: dict[str, float] = {}
    if 'cpu.time' in values:
        counters[load_reports.CPUS] = int(values['cpu.time']) / 1e9
    disks = tuple(value for field, value in values.items()
                  if _DISK.fullmatch(field))
    for field, value in values.items():
        for pattern, ours in _DEVICES.items():
            if pattern.fullmatch(field):
                counters[ours] = (counters.get(ours, 0.0)
                                  + int(value) / load.MIB)
    rss = values.get('balloon.rss')
    return Guest(key, name, state, counters,
                 None if rss is None else int(rss) / _MIB_OF_KIB, disks)


def read() -> list[Guest]:
    """Return the guests of the node, in the order of their names.

    :raises CommandFailed: libvirt does not answer
    """
    uri = CONF.agent.libvirt_uri
    if not uri:
        raise exception.CommandFailed(program='virsh',
                                      reason='libvirt_uri is empty')
    found = commands.run('virsh', '--readonly', '--connect', uri, _QUESTION)
    if found.is_cut:
        raise exception.CommandFailed(program='virsh',
                                      reason='it tells too much')
    try:
        guests = parse(found.out)
    except ValueError as exc:
        raise exception.CommandFailed(
            program='virsh', reason=f'its answer is not known: {exc}'
        ) from exc
    return sorted(guests, key=lambda guest: guest.name)


def follow() -> commands.Follower:
    """Begin to follow the events of guests.

    The follower ends by itself from time to time, since it may not notice
    that libvirt was restarted. It needs no privileges, because it uses the
    read-only socket.

    :returns: a program that writes a line when a guest starts or stops, for
        example
    :raises CommandFailed: there is no virsh
    """
    return commands.Follower(
        'virsh', '--readonly', '--connect', CONF.agent.libvirt_uri, 'event',
        '--event', 'lifecycle', '--loop', '--timeout', _FOLLOW_SECONDS)


class GuestLoad:
    """What guests use, as averages since the last ``take``."""

    def __init__(self) -> None:
        # When each guest was seen first and last, by the monotonic clock, and
        # what it was then.
        self._first: dict[str, tuple[float, Guest]] = {}
        self._last: dict[str, tuple[float, Guest]] = {}

    def saw(self, guests: list[Guest]) -> None:
        """Remember the guests that were just read."""
        now = clock.monotonic()
        self._last = {guest.id: (now, guest) for guest in guests}
        for key, seen in self._last.items():
            self._first.setdefault(key, seen)

    def take(self) -> dict[str, load_reports.Values]:
        """Return what each guest uses; see ``load_reports.GUEST``.

        :returns: the values by id; guests that do not run are left out
        """
        found: dict[str, load_reports.Values] = {}
        for key, (now, guest) in self._last.items():
            if guest.state != guest_states.RUNNING:
                continue
            before, first = self._first.get(key, (now, guest))
            values: load_reports.Values = dict(load.rates(
                first.counters, guest.counters, now - before))
            if guest.memory_mb is not None:
                values[load_reports.MEMORY_MB] = guest.memory_mb
            if values:
                found[key] = values
        self._first = dict(self._last)
        return found
