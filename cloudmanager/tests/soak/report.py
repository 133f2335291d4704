# SPDX-License-Identifier: Apache-2.0
"""What a soak prints."""

import collections
import statistics

from cloudmanager.tests.soak import disturber
from cloudmanager.tests.soak import rounds


def round_text(number: int, result: rounds.Result) -> str:
    """Return the lines of a round."""
    lines = [f'round {number} seed {result.plan.seed}: {result.what}, '
             f'{result.seconds:.0f} s']
    lines += [f'    {event}' for event in result.events]
    if result.all_takeovers:
        lines.append('    taken over after '
                     + ', '.join(f'{seconds:.1f}' for seconds
                                 in result.all_takeovers) + ' s')
    lines += [f'  FINDING {finding}' if result.begun else f'  {finding}'
              for finding in result.findings] or ['  well']
    return '\n'.join(lines)


def _spread(values: list[float]) -> str:
    if not values:
        return 'none'
    return (f'{len(values)}, {min(values):.1f} to {max(values):.1f} s, '
            f'median {statistics.median(values):.1f} s')


class Figures:
    """Sums over the rounds."""

    def __init__(self) -> None:
        self.rounds: collections.Counter[str] = collections.Counter()
        self.kinds: collections.Counter[str] = collections.Counter()
        self.not_begun = 0
        self.restarts = 0
        self.faulty: list[int] = []
        self._takeovers: list[float] = []
        self._all_takeovers: list[float] = []

    @property
    def disturbances(self) -> int:
        return self.kinds.total()

    def add(self, result: rounds.Result) -> None:
        """Count a round in."""
        self.rounds[result.plan.flow] += result.begun
        self.not_begun += not result.begun
        names = collections.Counter(event.name for event in result.events)
        self.restarts += names.pop(disturber.RESTART, 0)
        self.kinds.update(names)
        self._takeovers += result.takeovers
        self._all_takeovers += result.all_takeovers
        if result.findings and result.begun:
            self.faulty.append(result.plan.seed)

    def text(self) -> str:
        """Return the lines of the end."""
        lines = [f'{self.disturbances} disturbances in '
                 f'{self.rounds.total()} rounds '
                 f'({self.not_begun} more could not begin)']
        for what, counts in (('rounds', self.rounds), ('kinds', self.kinds)):
            lines.append(f'{what}: ' + ', '.join(
                f'{name} {count}' for name, count in sorted(counts.items())))
        lines += [f'conductors that ended in their start, and were started '
                  f'again: {self.restarts}',
                  f'takeovers with nothing else: {_spread(self._takeovers)}',
                  f'all takeovers: {_spread(self._all_takeovers)}',
                  f'rounds with findings: {len(self.faulty)}'
                  + ''.join(f' {seed}' for seed in self.faulty)]
        return '\n'.join(lines)
