# SPDX-License-Identifier: Apache-2.0
"""What happens in a round, drawn from its seed."""

import dataclasses
import random

# A short lease: a task is taken over within two to four seconds.
LEASE = 2.0
KILL, PAUSE = 'kill', 'pause'
CUT, STALL = 'cut', 'stall'
HOLDER, OTHER, BOTH = 'holder', 'other', 'both'
DATABASE, BROKER = 'database', 'broker'
#: What may happen and to whom, and how often beside the others.
KINDS = {
    (KILL, HOLDER): 24, (KILL, OTHER): 8, (KILL, BOTH): 12,
    (PAUSE, HOLDER): 14, (PAUSE, BOTH): 6,
    (CUT, DATABASE): 10, (STALL, DATABASE): 10,
    (CUT, BROKER): 8, (STALL, BROKER): 8}
#: Shortest and longest time that it lasts, in seconds: a kill until the next
#: start; a pause is longer than the lease.
LASTS = {KILL: (0.0, 1.5), PAUSE: (LEASE * 1.25, LEASE * 4),
         CUT: (0.0, 3.0), STALL: (0.5, LEASE * 2.5)}
#: Seconds between the beginnings of two disturbances, and before the first.
GAPS = (0.2, 1.6)
FIRST_GAPS = (0.0, 1.5)
#: Disturbances of a round, unless its tasks end before.
MOST = (20, 40)
#: Flows, and how often each is drawn beside the others.
FLOWS = {'drain': 36, 'evacuate': 10, 'restart': 14, 'servers': 24,
         'power': 13, 'decommission': 3}


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """One thing that goes wrong.

    :ivar kind: what happens, and to whom
    :ivar gap: seconds after the beginning of the one before
    :ivar seconds: how long it lasts
    """

    kind: tuple[str, str]
    gap: float
    seconds: float

    @property
    def name(self) -> str:
        what, whom = self.kind
        return f'{what} {whom}'


@dataclasses.dataclass(frozen=True)
class Plan:
    """A round.

    :ivar draw: for what the flow itself draws
    """

    seed: int
    flow: str
    disturbances: tuple[Disturbance, ...]
    draw: random.Random = dataclasses.field(compare=False)


def _weighted(rng: random.Random, weights: dict) -> tuple[str, str] | str:
    return rng.choices(list(weights), list(weights.values()))[0]


def plan(seed: int, flow: str | None = None) -> Plan:
    """Return the round of a seed.

    :param flow: in place of the one drawn
    """
    rng = random.Random(seed)
    drawn = _weighted(rng, FLOWS)
    disturbances = []
    for number in range(rng.randint(*MOST)):
        kind = _weighted(rng, KINDS)
        disturbances.append(Disturbance(
            kind, rng.uniform(*(GAPS if number else FIRST_GAPS)),
            rng.uniform(*LASTS[kind[0]])))
    return Plan(seed, flow or drawn, tuple(disturbances), rng)
