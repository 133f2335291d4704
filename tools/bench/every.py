#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks of the page on performance, one after the other.

Each runs in a process of its own once the machine is at rest, or after two
minutes of waiting for that; the load at its start is told with its result.
What it prints goes to a file of its name in the directory given. At the end
there is a line for each: load, seconds, exit code. Names choose some of them;
--list prints them with their commands.

Exit code 1: a benchmark failed, missed a limit of its own or took too long.
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent

#: By name: the program in this directory with its options. The page on
#: performance has a row for each.
BENCHMARKS = {
    'start': 'client_start.py',
    'imports': 'imports.py',
    'lists': 'lists.py --nodes 1000 --backends mysql mysqlclient',
    'plan': 'plan.py',
    'plan-1000': 'plan.py --hosts 1000 --servers 25000',
    'drs': 'drs.py --bound',
    'drs-use': 'drs.py --use --no-peer',
    'drs-1000': 'drs.py --hosts 1000 --servers 25000 --bound --no-peer',
    'drs-20': 'drs.py --hosts 10 --servers 150 --seeds 20 --optimum 20',
    'request': 'request_cost.py',
    'idle': 'idle.py',
    'heartbeats': 'heartbeats.py',
    'agent': 'agent_idle.py',
    'memory': 'memory.py',
    'burst': 'power_burst.py --clients 8',
    'sweep': 'power_sweep.py',
    'load': 'load.py',
    'roll': 'roll.py',
    'drain': 'drain.py --rounds 7',
    'drain-100': 'drain.py --servers 100',
    'evacuate': 'evacuate.py --rounds 7',
    'evacuate-100': 'evacuate.py --servers 100',
}
#: Load of the last minute below which the machine is at rest.
REST = 0.5
REST_SECONDS = 120.0
LIMIT_SECONDS = 900.0


def wait_for_rest() -> float:
    """Wait until little else runs, but not for ever; return the load."""
    end = time.monotonic() + REST_SECONDS
    while (load := os.getloadavg()[0]) > REST and time.monotonic() < end:
        time.sleep(5)
    return load


def run(name: str, directory: pathlib.Path) -> tuple[str, bool]:
    """Run one benchmark; return the line about it, and whether it was well."""
    program, *options = shlex.split(BENCHMARKS[name])
    load = wait_for_rest()
    began = time.monotonic()
    with (directory / f'{name}.txt').open('w', encoding='utf-8') as output:
        try:
            code = subprocess.run(  # noqa: S603 - a command of the table
                [sys.executable, str(HERE / program), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_SECONDS,
                check=False,
            ).returncode
            outcome = f'exit code {code}'
        except subprocess.TimeoutExpired:
            code = 1
            outcome = f'ended after {LIMIT_SECONDS:.0f} s'
    seconds = time.monotonic() - began
    return f'{name:14} load {load:5.2f} {seconds:6.0f} s  {outcome}', not code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('directory', type=pathlib.Path, nargs='?',
                        default=pathlib.Path('benchmarks'))
    parser.add_argument('--only', nargs='+', metavar='NAME',
                        choices=sorted(BENCHMARKS), default=[*BENCHMARKS])
    parser.add_argument('--list', action='store_true')
    args = parser.parse_args()
    if args.list:
        for name, command in BENCHMARKS.items():
            print(f'{name:14} {command}')
        return 0
    args.directory.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in args.only:
        line, well = run(name, args.directory)
        print(line, flush=True)
        failed = failed or not well
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
