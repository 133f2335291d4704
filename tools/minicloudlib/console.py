# SPDX-License-Identifier: Apache-2.0
"""What the user sees while the cloud starts."""

import sys
import time

_STARTED = time.monotonic()


def say(message):
    """Print one line of progress with the seconds passed so far."""
    passed = time.monotonic() - _STARTED
    print(f'[{passed:6.1f}s] {message}', flush=True)


def warn(message, program='minicloud'):
    """Print one line to the standard error stream."""
    print(f'{program}: {message}', file=sys.stderr, flush=True)


def report(error, program='minicloud'):
    """Print an error with the end of its log; return the exit code.

    :param program: who says so
    """
    warn(str(error), program)
    for line in last_lines(error.log) if error.log else ():
        warn(f'  {line}', program)
    return error.code


def last_lines(path, count=15):
    """Return the last lines of a log file, or none if it has none."""
    try:
        return path.read_text(errors='replace').splitlines()[-count:]
    except OSError:
        return []
