# SPDX-License-Identifier: Apache-2.0
"""What the user sees while the cloud starts."""

import sys
import time

_STARTED = time.monotonic()


def say(message):
    """Print one line of progress with the seconds passed so far."""
    passed = time.monotonic() - _STARTED
    print(f'[{passed:6.1f}s] {message}', flush=True)


def warn(message):
    """Print one line to the standard error stream."""
    print(f'minicloud: {message}', file=sys.stderr, flush=True)


def last_lines(path, count=15):
    """Return the last lines of a log file, or none if it has none."""
    try:
        return path.read_text(errors='replace').splitlines()[-count:]
    except OSError:
        return []
