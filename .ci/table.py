# SPDX-License-Identifier: Apache-2.0
"""Say where the time of a CI run went.

Reads ``STEP SECONDS OUTCOME`` lines, and the output of each step from a log
of its name; prints a table of the steps, and one of the classes of the
integration tests.
"""

import collections
from pathlib import Path
import re
import sys

# A line of stestr: worker, test, seconds and outcome.
TEST = re.compile(r'^\{(\d+)\} (\S+)(?: \(.*\))? \[([\d.]+)s\] \.\.\. (\w+)')
BY_CLASS = 'integration'


def output_of(directory: Path, step: str) -> Path:
    return directory / f'{step.replace(" ", "-")}.log'


def tests(path: Path) -> list[tuple[str, str, float]]:
    """Return worker, class and seconds of each test in an output."""
    if not path.exists():
        return []
    found = (TEST.match(line) for line in
             path.read_text('utf-8', 'replace').splitlines())
    return [(match[1], match[2].rpartition('.')[0], float(match[3]))
            for match in found if match]


def main(directory: Path) -> None:
    print(f'{"STEP":<28} {"SECONDS":>8} {"TESTS":>6}  OUTCOME')
    total = 0
    for line in (directory / 'steps').read_text().splitlines():
        name, seconds, outcome = line.rsplit(' ', 2)
        total += int(seconds)
        count = len(tests(output_of(directory, name)))
        print(f'{name:<28} {seconds:>8} {count or "":>6}  {outcome}')
    print(f'{"all":<28} {total:>8}\n')
    found = tests(output_of(directory, BY_CLASS))
    # One that takes much longer than the others should be divided.
    show('INTEGRATION BY WORKER', [
        (f'worker {worker}', seconds) for worker, _, seconds in found])
    show('INTEGRATION BY CLASS', [
        (name.removeprefix('cloudmanager.tests.integration.'), seconds)
        for _, name, seconds in found])


def show(title: str, found: list[tuple[str, float]]) -> None:
    """Print sums of seconds and counts by name, the largest first."""
    seconds_of: dict[str, float] = collections.defaultdict(float)
    count_of: collections.Counter[str] = collections.Counter()
    for name, seconds in found:
        seconds_of[name] += seconds
        count_of[name] += 1
    print(f'{title:<60} {"SECONDS":>8} {"TESTS":>6}')
    for name in sorted(seconds_of, key=lambda name: -seconds_of[name]):
        print(f'{name:<60} {seconds_of[name]:>8.0f} {count_of[name]:>6}')
    print()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
