# SPDX-License-Identifier: Apache-2.0
"""Say where the time of a CI run went, and what failed in it.

Reads ``STEP SECONDS OUTCOME`` lines, and the output of each step from a log
of its name; prints a table of the steps, one of the classes of the
integration tests, and what went wrong in the steps that failed.
"""

import collections
import itertools
from pathlib import Path
import re
import sys

# A line of stestr: worker, test, seconds and outcome.
TEST = re.compile(r'^\{(\d+)\} (\S+)(?: \(.*\))? \[([\d.]+)s\] \.\.\. (\w+)')
BY_CLASS = 'integration'
# The same line of a test that failed, or of a set-up, which has no such name.
FAILURE = re.compile(r'^\{\d+\} (.+?) \[[\d.]+s\] \.\.\. FAILED$')
# What ends the details of a test: the next test, or a headline of stestr.
NEXT = re.compile(r'^(\{\d+\} |={6,}$)')
DETAIL = 'Captured '
TRACEBACK = f'{DETAIL}traceback'
# Bounds of what is shown again at the end of a long output.
FAILURES_SHOWN = 20
LINES_SHOWN = 15


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


def failures(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Return each failed test of an output with the end of its traceback."""
    found = []
    for number, line in enumerate(lines):
        if match := FAILURE.match(line):
            details = list(itertools.takewhile(
                lambda text: not NEXT.match(text), lines[number + 1:]))
            found.append((match[1], last_traceback(details)))
    return found


def last_traceback(details: list[str]) -> list[str]:
    """Return the last lines of the last traceback among a test's details."""
    kept: list[str] = []
    wanted = False
    for line in details:
        if line.startswith(DETAIL):
            wanted = line.startswith(TRACEBACK)
            if wanted:
                kept.clear()
        elif wanted:
            kept.append(line)
    return shown(kept)


def shown(lines: list[str]) -> list[str]:
    """Return the last of the lines that say something."""
    return [line for line in lines if line.strip(' ~')][-LINES_SHOWN:]


def show_failures(directory: Path, step: str) -> None:
    """Print what went wrong in a step that failed."""
    path = output_of(directory, step)
    if not path.exists():
        return
    lines = path.read_text('utf-8', 'replace').splitlines()
    found = failures(lines)
    print(f'{step} FAILED: {len(found)} tests')
    for name, traceback in found[:FAILURES_SHOWN]:
        print(f'  {name}')
        for line in traceback:
            print(f'    {line}')
    if len(found) > FAILURES_SHOWN:
        print(f'  and {len(found) - FAILURES_SHOWN} more')
    if not found:
        # It was ended, or something else than a test failed.
        for line in shown(lines):
            print(f'    {line}')
    print()


def main(directory: Path) -> None:
    print(f'{"STEP":<28} {"SECONDS":>8} {"TESTS":>6}  OUTCOME')
    total = 0
    failed = []
    for line in (directory / 'steps').read_text().splitlines():
        name, seconds, outcome = line.rsplit(' ', 2)
        total += int(seconds)
        count = len(tests(output_of(directory, name)))
        print(f'{name:<28} {seconds:>8} {count or "":>6}  {outcome}')
        if outcome == 'FAILED':
            failed.append(name)
    print(f'{"all":<28} {total:>8}\n')
    found = tests(output_of(directory, BY_CLASS))
    # One that takes much longer than the others should be divided.
    show('INTEGRATION BY WORKER', [
        (f'worker {worker}', seconds) for worker, _, seconds in found])
    show('INTEGRATION BY CLASS', [
        (name.removeprefix('cloudmanager.tests.integration.'), seconds)
        for _, name, seconds in found])
    for step in failed:
        show_failures(directory, step)


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
