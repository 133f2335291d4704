# SPDX-License-Identifier: Apache-2.0
"""Reads the power states of the whole fleet, again and again.

There are no rounds, which would be as slow as the slowest device. Each device
has its own time at which it is due, and its own thread while it is read. The
results are stored about every second. A limited number of places decides how
many devices are read at the same time. Devices that did not answer last time
have places of their own, and a device that takes long gives up its place. So
the working devices are read in time, however many do not answer.
"""

from collections.abc import Callable
import queue
import threading

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.periodics import members
from cloudmanager.conductor.power import readings
from cloudmanager.db import power_states as db_power_states
from cloudmanager.db import power_sweep as db_power_sweep
from cloudmanager.db.models import Row

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# Seconds from one look for due devices to the next.
LOOK_SECONDS = 2.0
# Results are stored when the oldest is this many seconds old, or when there
# are this many. A statement for each would be slow, and so would one for all.
KEEP_SECONDS = 1.0
KEEP_COUNT = 500
# Seconds after which a device gives up its place.
PATIENCE_SECONDS = 1.0
# Devices that are read at the same time, with or without a place, as a
# multiple of the places.
OVERTIME = 4
# Fraction of the places that is for devices that failed last time.
SUSPECTS = 0.25
# Seconds to wait for results before free places are filled again.
WAIT_SECONDS = 0.05
# How many devices one statement reads from the database.
CHUNK = 200
# A driver that ignores its time limit and hangs this many seconds is given up.
HANG_SECONDS = 900.0


class _Places:
    """The devices that are being read now."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[float, bool]] = {}
        self._rows: dict[int, Row] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._begun

    def __len__(self) -> int:
        return len(self._begun)

    def enter(self, row: Row, suspect: bool) -> None:
        self._begun[row['id']] = (clock.monotonic(), suspect)
        self._rows[row['id']] = row

    def leave(self, key: int) -> float | None:
        """Return the seconds the reading took; ``None`` if it was given up."""
        self._rows.pop(key, None)
        found = self._begun.pop(key, None)
        return None if found is None else clock.monotonic() - found[0]

    def hanging(self) -> list[Row]:
        """Return the rows of the devices whose driver hangs."""
        since = clock.monotonic() - HANG_SECONDS
        return [self._rows[key] for key, (begun, _) in self._begun.items()
                if begun < since]

    def free(self, suspect: bool) -> int:
        """Return how many more readings may begin.

        :param suspect: whether of devices that failed last time, or of the
            others
        """
        places = int(CONF.power.sweep_workers)
        since = clock.monotonic() - PATIENCE_SECONDS
        if suspect:
            taken = sum(dead for _, dead in self._begun.values())
            mine = max(1, int(places * SUSPECTS)) - taken
        else:
            mine = places - sum(begun > since and not dead
                                for begun, dead in self._begun.values())
        return max(0, min(mine, places * OVERTIME - len(self._begun)))


class _Figures:
    """Counts of what happened since the last report."""

    def __init__(self) -> None:
        self.since = clock.monotonic()
        self.visits = self.failed = self.changed = 0
        self.seconds = 0.0

    def report(self, waiting: int, running: int) -> JsonObject:
        read = self.visits - self.failed
        return {
            'at': clock.isoformat(clock.utcnow()),
            'seconds': round(clock.monotonic() - self.since, 1),
            'visits': self.visits, 'failed': self.failed,
            'changed': self.changed, 'waiting': waiting, 'running': running,
            'mean_seconds': round(self.seconds / read, 3) if read else None}


class Sweeper:
    """Reads the devices that belong to this conductor.

    :param find_members: returns the conductors that are alive
    :param report: called with figures from time to time
    :param changed: called with the nodes whose state has changed
    """

    def __init__(
            self, find_members: Callable[[], members.Members],
            report: Callable[[JsonObject], None] = lambda values: None,
            changed: Callable[[list[db_power_states.PowerChange]], None] =
            lambda changes: None) -> None:
        self._find_members = find_members
        self._report = report
        self._tell = changed
        self._places = _Places()
        self._waiting: dict[bool, list[int]] = {False: [], True: []}
        self._results: queue.SimpleQueue[db_power_states.Visit] = (
            queue.SimpleQueue())
        self._unkept: list[db_power_states.Visit] = []
        self._figures = _Figures()

    def run(self, stopping: threading.Event) -> None:
        """Read until the conductor stops or the sweep is switched off."""
        look_at = 0.0
        while not stopping.is_set() and CONF.power.sweep_interval > 0:
            now = clock.monotonic()
            if now >= look_at:
                self._look_for_work()
                look_at = now + min(LOOK_SECONDS,
                                    CONF.power.sweep_interval / 4)
            self._begin()
            self._collect()
            self._report_at_times()
            if not (len(self._places) or any(self._waiting.values())
                    or self._unkept):
                clock.wait(stopping,
                           max(0.0, look_at - clock.monotonic()))

    def _look_for_work(self) -> None:
        """Find out which of this conductor's devices are due."""
        context = cm_context.admin_context()
        for row in self._places.hanging():
            LOG.error('The driver of power control %d hangs.', row['id'])
            self._take(readings.silent(
                row, exception.Unavailable(reason='Its driver hangs.')))
        living = self._find_members()
        unkept = {visit.control_id for visit in self._unkept}
        self._waiting = {False: [], True: []}
        for item in db_power_sweep.due(context, CONF.power.sweep_interval):
            if (item.id not in self._places and item.id not in unkept
                    and living.owns(item.id)):
                self._waiting[item.failures > 0].append(item.id)

    def _begin(self) -> None:
        """Begin to read as many devices as there are free places."""
        for suspect, waiting in self._waiting.items():
            free = min(self._places.free(suspect), CHUNK)
            chosen, waiting[:free] = waiting[:free], []
            if chosen:
                self._begin_all(chosen, suspect)

    def _begin_all(self, ids: list[int], suspect: bool) -> None:
        decrypt = _opener()
        for row in db_power_sweep.devices(cm_context.admin_context(), ids):
            # A daemon thread, since one that hangs with its device must not
            # keep the process from ending.
            threading.Thread(target=self._visit, args=(row, decrypt),
                             daemon=True, name='power-sweep').start()
            # Only this thread takes results, so none can be taken before.
            self._places.enter(row, suspect)

    def _visit(self, row: Row,
               decrypt: Callable[[str | None], str | None]) -> None:
        self._results.put(readings.look(row, row['outputs'], decrypt))

    def _collect(self) -> None:
        """Take results, and store them when it is time to."""
        try:
            self._take(self._results.get(timeout=WAIT_SECONDS))
            while len(self._unkept) < KEEP_COUNT:
                self._take(self._results.get_nowait())
        except queue.Empty:
            pass
        if self._unkept and (
                len(self._unkept) >= KEEP_COUNT or not len(self._places)
                or clock.monotonic() - self._unkept_since > KEEP_SECONDS):
            self._keep()

    def _take(self, visit: db_power_states.Visit) -> None:
        seconds = self._places.leave(visit.control_id)
        if seconds is None:
            return
        self._figures.visits += 1
        if visit.error is None:
            self._figures.seconds += seconds
        else:
            self._figures.failed += 1
        if not self._unkept:
            self._unkept_since = clock.monotonic()
        self._unkept.append(visit)

    def _keep(self) -> None:
        changes = db_power_states.record(
            cm_context.admin_context(), self._unkept, CONF.power.lost_after)
        # Only now, so that results that could not be stored are tried again.
        self._unkept = []
        self._figures.changed += sum(
            change.before != change.after for change in changes)
        for change in changes:
            LOG.log(_level(change),
                    'Power of node %(node)s: %(before)s, now %(after)s. '
                    '%(reason)s', {
                        'node': change.name or change.node_id,
                        'before': change.before or 'unknown',
                        'after': change.after or 'unknown',
                        'reason': change.reason or ''})
        if changes:
            self._tell(changes)

    def _report_at_times(self) -> None:
        figures = self._figures
        if clock.monotonic() - figures.since < CONF.power.sweep_interval:
            return
        values = figures.report(sum(map(len, self._waiting.values())),
                                len(self._places))
        self._figures = _Figures()
        LOG.info('Power sweep: %(visits)d readings of power controls in '
                 '%(seconds)s s, %(failed)d failed, %(changed)d '
                 'nodes changed; %(waiting)d wait, %(running)d are in '
                 'progress.', values)
        self._report(values)


def _level(change: db_power_states.PowerChange) -> int:
    """Return the log level of a change; a fleet has many changes."""
    if change.by_itself or change.after is None:
        return logging.WARNING
    return logging.DEBUG if change.before is None else logging.INFO


def _opener() -> Callable[[str | None], str | None]:
    """Return a function that decrypts secrets.

    Without keys, the function raises, so that only devices with secrets fail.
    """
    try:
        return secrets.opener()
    except exception.Unavailable as exc:
        error = exc

        def fail(stored: str | None) -> str | None:
            if stored is None:
                return None
            raise error
        return fail
