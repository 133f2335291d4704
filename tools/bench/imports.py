#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the imports of our programs cost, beside those of their libraries.

Each program is imported in fresh processes, whose modules are compiled as
those of an installed service are. The ideal is a process that imports the
same modules, without ours. The fastest run counts, which is the one that other
work disturbed least.

Usage: tools/bench/imports.py [--runs 10]

Exit code 1: one costs more than its limit.
"""

import argparse
import os
import subprocess
import sys

#: Programs, and their limits in seconds. The standalone one is an API and a
#: conductor.
PROGRAMS = {'conductor': 1.2, 'api': 1.2, 'standalone': 1.5, 'agent': 1.2,
            'manage': 1.2}
OURS = '''\
import os
import sys
import cloudmanager.cmd.{program}
used = os.times()
print(used.user + used.system)
print(*[name for name in sys.modules
        if name.partition('.')[0] not in ('cloudmanager', '__main__')])
'''
# Some modules can only be imported by others, and are, later or earlier.
LIBRARIES = '''\
import contextlib
import importlib
import os
import sys
from cloudmanager.common import runtime
runtime.choose()
for name in sys.stdin.read().split():
    with contextlib.suppress(AttributeError, ImportError):
        importlib.import_module(name)
used = os.times()
print(used.user + used.system)
'''
# Of those who work on the service, not of those who run it.
WITHOUT_CACHE = 'PYTHONDONTWRITEBYTECODE'


def run(code: str, given: str = '') -> tuple[float, str]:
    """Run code in a new process; return seconds of CPU and what else it says.

    :param given: its standard input
    """
    env = {name: value for name, value in os.environ.items()
           if name != WITHOUT_CACHE}
    said = subprocess.run(
        [sys.executable, '-c', code], input=given, env=env, check=True,
        stdout=subprocess.PIPE, text=True).stdout
    seconds, _, rest = said.partition('\n')
    return float(seconds), rest


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument('--runs', type=int, default=10)
    chosen = parser.parse_args()
    missed = False
    print(f'{"SECONDS OF CPU":<16}{"LIMIT":>6}{"PROGRAM":>9}'
          f'{"LIBRARIES":>11}{"RATIO":>7}{"MODULES":>9}')
    for program, limit in PROGRAMS.items():
        code = OURS.format(program=program)
        # This first run may compile modules.
        _, modules = run(code)
        ours, ideal = [], []
        for _ in range(chosen.runs):
            ours.append(run(code)[0])
            ideal.append(run(LIBRARIES, modules)[0])
        least, alone = min(ours), min(ideal)
        missed |= least > limit
        print(f'{program:<16}{limit:>6.1f}{least:>9.2f}{alone:>11.2f}'
              f'{least / alone:>7.2f}{len(modules.split()):>9}')
    return int(missed)


if __name__ == '__main__':
    sys.exit(main())
