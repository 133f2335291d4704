# SPDX-License-Identifier: Apache-2.0
"""Kills conductors while they have tasks in their hands."""

import collections
from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import dataclasses
import random
import threading
import time
from typing import Any

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes

LOOK_SECONDS = 0.05
READY_SECONDS = 60
# By then somebody else must have what the killed one had.
TAKEN_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Held:
    """A task that has not ended.

    :ivar owner: the conductor that has it, or had it last
    :ivar generation: how often it was claimed
    """

    id: str
    name: str
    owner: str
    generation: int


class Crew:
    """The conductors of an installation, and who of them has which task.

    The database is asked, past the API: it tells who owns a task.
    """

    def __init__(self, workers: Sequence[processes.Process],
                 database: str) -> None:
        self.workers = workers
        self._database = database

    def tasks(self) -> dict[str, Held]:
        """Return all tasks that have not ended, by their ids."""
        rows = processes.query(
            self._database, 'SELECT id, name, owner, generation FROM tasks '
            "WHERE status IN ('PENDING', 'STARTED', 'RETRY')")
        return {row[0]: Held(row[0], row[1], (row[2] or '').partition(':')[0],
                             row[3]) for row in rows}

    def held(self, worker: processes.Process) -> list[Held]:
        """Return the tasks that a conductor has in its hands."""
        return [task for task in self.tasks().values()
                if task.owner == worker.name]

    def ready(self) -> bool:
        return all(worker.ready for worker in self.workers)

    def wait(self) -> None:
        """Wait until conductors have got over their last start."""
        cloud.wait(self.ready, READY_SECONDS, 'all conductors run', 0.1)


class Takeovers:
    """How long tasks waited for their next conductor.

    :ivar found: of each task that was lost and had not ended: when its
        conductor was lost, by the monotonic clock, and the seconds until
        another one had it
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._lost: dict[str, tuple[int, float]] = {}
        self.found: list[tuple[float, float]] = []

    @property
    def seconds(self) -> list[float]:
        return [seconds for _, seconds in self.found]

    @property
    def waiting(self) -> bool:
        """Tell whether tasks are without a conductor."""
        return bool(self._lost)

    def is_lost(self, task: Held) -> bool:
        """Tell whether a task has lost its conductor already."""
        return self._lost.get(task.id, (-1, 0))[0] == task.generation

    def lost(self, tasks: Sequence[Held]) -> None:
        """Note that the conductor that has these tasks is away from now."""
        now = time.monotonic()
        for task in tasks:
            if not self.is_lost(task):
                self._lost[task.id] = (task.generation, now)

    def look(self) -> None:
        """Note which of the tasks that were lost are in new hands."""
        if not self._lost:
            return
        tasks, now = self._crew.tasks(), time.monotonic()
        for task_id, (generation, since) in list(self._lost.items()):
            if task_id not in tasks:
                del self._lost[task_id]
            elif tasks[task_id].generation > generation:
                del self._lost[task_id]
                self.found.append((since, now - since))


class Harasser:
    """Kills one conductor after the other, and starts each one again.

    A conductor is killed while all run, and the next one when what it had
    is in new hands. It is a context manager: the kills come from a thread
    as long as the block goes on.

    :param choose: returns who is to be killed next, None while there is
        nobody
    :param latest: a kill comes within this many seconds after the choice
    :param most: so many kills, unless the block ends before
    :param guard: held during a kill, so that whoever holds it is spared
    :ivar kills: how many there were
    :ivar hits: how many tasks of each name were in the hands of those killed
    """

    def __init__(self, crew: Crew, rng: random.Random,
                 choose: Callable[[], processes.Process | None],
                 latest: float, most: float = float('inf'),
                 guard: Any = None) -> None:
        self._crew = crew
        self._random = rng
        self._choose = choose
        self._latest = latest
        self._most = most
        self._guard = guard or contextlib.nullcontext()
        self.kills = 0
        self.hits: collections.Counter[str] = collections.Counter()
        self.takeovers = Takeovers(crew)
        self._error: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Harasser':
        self._thread.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._over.set()
        self._thread.join(READY_SECONDS + TAKEN_SECONDS)
        if self._error is not None and exc_info[0] is None:
            raise self._error

    @property
    def runs(self) -> bool:
        """Tell whether kills may still come."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while self.kills < self._most and not self._over.is_set():
                self._crew.wait()
                victim = self._choose()
                if victim is None:
                    self._over.wait(LOOK_SECONDS)
                elif not self._over.wait(
                        self._random.uniform(0, self._latest)):
                    self._kill(victim)
                    self._follow()
        except Exception as exc:
            self._error = exc

    def _kill(self, victim: processes.Process) -> None:
        with self._guard:
            held = self._crew.held(victim)
            victim.kill()
            self.takeovers.lost(held)
        self.hits.update(task.name for task in held)
        self.kills += 1
        victim.start()

    def _follow(self) -> None:
        """Wait until others have what the one killed had."""
        deadline = time.monotonic() + TAKEN_SECONDS
        while True:
            self.takeovers.look()
            if not self.takeovers.waiting:
                return
            if time.monotonic() > deadline:
                raise AssertionError(
                    f'nobody took a task over in {TAKEN_SECONDS} s')
            time.sleep(LOOK_SECONDS)
