# SPDX-License-Identifier: Apache-2.0
"""Sessions at Redfish services, kept between calls.

Source: DMTF DSP0266, the Redfish specification. Services allow few sessions
and end them when they please. So one is kept for each device between calls,
for a while; it is closed when it is not used any more or when the password
has changed.
"""

from concurrent import futures
import contextlib
import dataclasses
import hashlib
import json
import secrets
import threading
import time

from cloudmanager.common import clock
from cloudmanager.power import base
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import web

#: Seconds after which a session that is not used is closed.
IDLE_SECONDS = 60.0
#: Seconds until a device that began no session is asked for one again, each
#: time twice as long, and the most of them.
WAIT_SECONDS, LONGEST_WAIT = 5.0, 300.0
#: Seconds for closing what is open when the process ends.
CLOSE_SECONDS = 5.0
#: That a device may send in one call; lists of sensors and events are long.
MOST_BYTES = 8 * 1024 * 1024
_CLOSERS = 16


@dataclasses.dataclass
class Kept:
    """A session that is open, or that there are none.

    :ivar token: ``None`` when the device has no sessions
    :ivar path: of its resource, which is deleted to close it
    :ivar owner: stands for the login and the password it was begun with
    :ivar used: monotonic time
    """

    device: base.Device
    token: str | None = dataclasses.field(repr=False)
    path: str | None
    owner: bytes = dataclasses.field(repr=False)
    used: float


@dataclasses.dataclass
class Wait:
    """A device began no session, and is left alone for a while.

    :ivar owner: as in ``Kept``; others do not wait
    :ivar reason: what it said
    :ivar seconds: how long it is left alone
    :ivar until: monotonic time
    :ivar takes_password: whether it may take the password instead, which is
        not to be tried over and over
    """

    owner: bytes = dataclasses.field(repr=False)
    reason: str
    seconds: float
    until: float
    takes_password: bool = True


class Sessions:
    """The sessions that are kept, one a device at most.

    :param turns: of the driver; only who has the turn at a device uses its
        session
    """

    def __init__(self, turns: power_deadline.Turns) -> None:
        self._turns = turns
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], Kept] = {}
        self._waits: dict[tuple[str, int], Wait] = {}
        self._salt = secrets.token_bytes(16)
        self._sweeper: threading.Thread | None = None
        self._stopping = threading.Event()

    def owner(self, device: base.Device) -> bytes:
        """Return what tells the credentials of a device from others."""
        text = json.dumps([device.login, device.password]).encode()
        return hashlib.blake2b(text, key=self._salt).digest()

    def get(self, device: base.Device) -> Kept | None:
        """Return the session of a device, of whatever credentials."""
        with self._lock:
            return self._kept.get((device.host, device.port))

    def keep(self, kept: Kept) -> None:
        """Keep a session, in the place of the one before."""
        with self._lock:
            self._kept[kept.device.host, kept.device.port] = kept
            self._waits.pop((kept.device.host, kept.device.port), None)
            if self._sweeper is None:
                self._stopping.clear()
                self._sweeper = threading.Thread(
                    target=self._sweep, daemon=True, name='redfish-sessions')
                self._sweeper.start()

    def forget(self, device: base.Device) -> None:
        with self._lock:
            self._kept.pop((device.host, device.port), None)

    def wait(self, device: base.Device) -> Wait | None:
        """Return the wait of a device, if it is to be left alone now."""
        found = self._wait(device)
        return (found if found is not None
                and clock.monotonic() < found.until else None)

    def begin_wait(self, device: base.Device, reason: str) -> Wait:
        """Leave a device alone, for longer than the last time."""
        before, now = self._wait(device), clock.monotonic()
        seconds, takes_password = WAIT_SECONDS, True
        if before is not None and now < before.until + LONGEST_WAIT:
            seconds = min(before.seconds * 2, LONGEST_WAIT)
            takes_password = before.takes_password
        made = Wait(self.owner(device), reason, seconds, now + seconds,
                    takes_password)
        with self._lock:
            self._waits[device.host, device.port] = made
        return made

    def _wait(self, device: base.Device) -> Wait | None:
        with self._lock:
            found = self._waits.get((device.host, device.port))
        return (found if found is not None
                and found.owner == self.owner(device) else None)

    def close(self) -> None:
        """Close all sessions, as far as their devices answer in time."""
        self._stopping.set()
        with self._lock:
            found = list(self._kept.values())
        if found:
            pool = futures.ThreadPoolExecutor(
                _CLOSERS, thread_name_prefix='redfish-close')
            futures.wait([pool.submit(self._close, kept, 0.0)
                          for kept in found], CLOSE_SECONDS)
            pool.shutdown(wait=False, cancel_futures=True)

    def _sweep(self) -> None:
        """Close what is not used, until nothing is left."""
        while True:
            stopped = self._stopping.wait(IDLE_SECONDS / 4)
            with self._lock:
                if stopped or not self._kept:
                    self._sweeper = None
                    return
                idle = [kept for kept in self._kept.values()
                        if kept.used < time.monotonic() - IDLE_SECONDS]
            for kept in idle:
                self._close(kept, IDLE_SECONDS)

    def _close(self, kept: Kept, idle: float) -> None:
        """Close a session unless it was used in so many seconds."""
        # The device may be gone, and another call may be waiting for it.
        with (contextlib.suppress(exceptions.PowerError),
              self._turns.take(kept.device)):
            if (self.get(kept.device) is kept
                    and kept.used <= time.monotonic() - idle):
                self.forget(kept.device)
                end(kept)


def open_client(device: base.Device, deadline: float) -> web.Client:
    return web.Client(device, device.options.get('scheme', 'https'),
                      device.options, deadline, MOST_BYTES)


def end(kept: Kept) -> None:
    """End a session at its device, if that answers soon.

    :raises PowerError: it did not
    """
    if kept.token is None or kept.path is None:
        return
    with open_client(kept.device, time.monotonic() + CLOSE_SECONDS) as client:
        client.request('the end of a session', 'DELETE', kept.path,
                       headers={'X-Auth-Token': kept.token})
