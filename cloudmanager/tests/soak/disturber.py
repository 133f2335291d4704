# SPDX-License-Identifier: Apache-2.0
"""Carries out the disturbances of a round, and undoes them."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import random
import signal
import threading
import time
from typing import Any

from cloudmanager.tests.integration import kills
from cloudmanager.tests.integration import processes
from cloudmanager.tests.soak import plans
from cloudmanager.tests.soak import relay

TICK_SECONDS = 0.05
# No disturbance of ours.
RESTART = 'start again'
READY_SECONDS = 60
STOP_SECONDS = READY_SECONDS + 30
# So long it is waited for somebody whom a disturbance is meant for.
PATIENCE_SECONDS = 2.0


@dataclasses.dataclass
class Event:
    """A disturbance that happened.

    :ivar at: seconds after the beginning of the round
    :ivar detail: whom it met
    """

    name: str
    at: float
    seconds: float
    detail: str = ''

    def __str__(self) -> str:
        whom = f' {self.detail}' if self.detail else ''
        return f'{self.at:.1f} {self.name}{whom} ({self.seconds:.1f} s)'


class Disturber:
    """Disturbs a round in a thread, as long as the block goes on.

    :param relays: to the database and the broker, by these names
    :ivar events: what happened
    :ivar takeovers: of tasks whose conductor was killed or paused
    :ivar deserters: conductors that ended by themselves in mid-work
    :ivar error: what went wrong here
    """

    def __init__(self, crew: kills.Crew, relays: Mapping[str, relay.Relay],
                 plan: plans.Plan) -> None:
        self._crew = crew
        self._relays = relays
        self._plan = plan
        # Whom it meets depends on what runs where, which no seed decides.
        self._random = random.Random(plan.seed)
        self.events: list[Event] = []
        self.takeovers = kills.Takeovers(crew)
        self.deserters: list[str] = []
        self.error: Exception | None = None
        # When and how each disturbance ends, by whom it met.
        self._undo: dict[str, tuple[float, Callable[[], Any]]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Disturber':
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def alone(self) -> list[float]:
        """Return the seconds of takeovers that nothing else disturbed."""
        return [seconds for since, seconds in self.takeovers.found
                if sum(event.at < since - self._begun + seconds
                       and event.at + event.seconds > since - self._begun
                       - TICK_SECONDS for event in self.events) == 1]

    @property
    def runs(self) -> bool:
        """Tell whether disturbances may still come, or last."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            for disturbance in self._plan.disturbances:
                self._pass(disturbance.gap)
                self._hurry_at = time.monotonic() + PATIENCE_SECONDS
                while not self._over.is_set() and not self._happens(
                        disturbance):
                    self._pass(TICK_SECONDS)
            while self._undo or self.takeovers.waiting:
                if self._over.is_set():
                    break
                self._pass(TICK_SECONDS)
        except Exception as exc:
            self.error = exc
        finally:
            while self._undo:
                self._undo.popitem()[1][1]()
            self._settle()

    def _pass(self, seconds: float) -> None:
        """Let time pass, in which what has lasted long enough ends."""
        until = time.monotonic() + seconds
        while not self._over.is_set():
            now = time.monotonic()
            for whom, (when, undo) in list(self._undo.items()):
                if now >= when:
                    del self._undo[whom]
                    undo()
            self._start_again()
            self.takeovers.look()
            if now >= until:
                return
            self._over.wait(min(TICK_SECONDS, until - now))

    def _start_again(self) -> None:
        """Do what systemd does with a conductor that ends by itself.

        One that starts may: it is not bound to bear that its first
        connection to the database is cut.
        """
        for worker in self._crew.workers:
            if not worker.running and worker.name not in self._undo:
                if worker.was_ready:
                    self.deserters.append(worker.name)
                self.events.append(Event(
                    RESTART, time.monotonic() - self._begun, 0, worker.name))
                worker.start()

    def _settle(self) -> None:
        """Wait until all conductors run again."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._crew.ready() and time.monotonic() < deadline:
            self._start_again()
            time.sleep(TICK_SECONDS)

    def _happens(self, disturbance: plans.Disturbance) -> bool:
        """Begin a disturbance; false while there is nobody whom it meets."""
        what, whom = disturbance.kind
        at = time.monotonic() - self._begun
        if whom in self._relays:
            self._on_relay(what, whom, disturbance.seconds)
            detail = ''
        else:
            victims = self._victims(whom)
            if not victims:
                return False
            names = {victim.name for victim in victims}
            held = [task for task in self._held() if task.owner in names]
            for victim in victims:
                self._on_worker(what, victim, disturbance.seconds)
            self.takeovers.lost(held)
            detail = (f'{"+".join(victim.name for victim in victims)} with '
                      f'{len(held)} task(s)')
        self.events.append(Event(disturbance.name, at, disturbance.seconds,
                                 detail))
        return True

    def _held(self) -> list[kills.Held]:
        """Return the tasks whose conductor is at work."""
        return [task for task in self._crew.tasks().values()
                if not self.takeovers.is_lost(task)]

    def _victims(self, whom: str) -> Sequence[processes.Process]:
        """Return those whom it meets, of the conductors that are at work."""
        present = [worker for worker in self._crew.workers
                   if worker.running and worker.name not in self._undo]
        if whom == plans.BOTH:
            return present if len(present) == 2 else ()
        holding = {task.owner for task in self._held()}
        chosen = [worker for worker in present
                  if (worker.name in holding) == (whom == plans.HOLDER)]
        if not chosen and time.monotonic() > self._hurry_at:
            # Tasks are changing hands, or all are in the same ones.
            chosen = present
        return [self._random.choice(chosen)] if chosen else ()

    def _on_worker(self, what: str, worker: processes.Process,
                   seconds: float) -> None:
        if what == plans.KILL:
            worker.kill()
            self._later(worker.name, seconds, worker.start)
        else:
            worker.signal(signal.SIGSTOP)
            self._later(worker.name, seconds,
                        lambda: worker.signal(signal.SIGCONT))

    def _on_relay(self, what: str, whom: str, seconds: float) -> None:
        found = self._relays[whom]
        if what == plans.CUT:
            found.cut()
        else:
            found.stall()
        # One that lasts is replaced by the new one.
        self._later(whom, seconds, found.heal)

    def _later(self, whom: str, seconds: float,
               undo: Callable[[], Any]) -> None:
        self._undo[whom] = (time.monotonic() + seconds, undo)
