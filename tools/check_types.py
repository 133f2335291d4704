#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks types with mypy, and how often ``Any`` is written.

An annotation that says ``Any`` checks nothing. Those that are there may stay,
but there must not be more of them: say what it is, or ``object`` where that
does not matter. Whoever has removed some lowers ``MOST``.
"""

import subprocess
import sys

#: Annotations with ``Any`` that there may be.
MOST = 160
#: The end of mypy's line about one of them.
CODE = '[explicit-any]'


def main() -> int:
    """Return 0 when all is well."""
    done = subprocess.run(
        [sys.executable, '-m', 'mypy', '--disallow-any-explicit',
         '--no-pretty', '--no-error-summary', '--show-error-codes',
         *sys.argv[1:]], stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    found = [line for line in lines if line.endswith(CODE)]
    others = [line for line in lines if not line.endswith(CODE)]
    if others or done.returncode > 1:
        print(*others, sep='\n')
        return 1
    if len(found) > MOST:
        print(*found, sep='\n')
        print(f'Any is written {len(found)} times, {len(found) - MOST} times '
              f'more often than before ({MOST}).')
        return 1
    print(f'Types are right. Any is written {len(found)} times of {MOST}.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
