# SPDX-License-Identifier: Apache-2.0
"""Run external programs: bounded, with their output in a log file."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

from minicloudlib import interrupts
from minicloudlib.errors import MinicloudError

# How soon an interrupt is seen.
INTERVAL = 0.2


def run(argv, log, seconds=300, env=None, stdin=None, stdout=None,
        whole=False, hint=''):
    """Run a program to its end, or fail naming its log file.

    :param whole: what would be half done is not interrupted
    :param hint: what to look at when it fails
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    interrupts.check()
    with log.open('ab') as output:
        try:
            # In a group of its own, which Ctrl-C does not reach.
            process = subprocess.Popen(
                argv, env={**os.environ, **(env or {})},
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or output, stderr=output, process_group=0)
        except OSError as exc:
            raise MinicloudError(f'{argv[0]}: {exc.strerror}.') from None
    with process:
        try:
            code = _wait(process, seconds, whole)
        except BaseException:
            _kill(process)
            raise
    if code is None:
        raise MinicloudError(
            f'{argv[0]} did not end within {seconds} seconds.{hint}',
            log=log)
    if code:
        raise MinicloudError(
            f'{argv[0]} failed with code {code}.{hint}', log=log)


def _wait(process, seconds, whole):
    """Return the exit code, or None if it had to be killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return process.wait(INTERVAL)
        except subprocess.TimeoutExpired:
            if not whole:
                interrupts.check()
    _kill(process)
    return None


def _kill(process):
    """End a program and all that it has started; not what root runs."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def succeeds(argv, log, seconds=60, env=None):
    """Run a program and tell whether it ended well."""
    try:
        run(argv, log, seconds=seconds, env=env)
    except interrupts.Interrupted:
        raise
    except MinicloudError:
        return False
    return True


def find(*names):
    """Return the path of the first program that is installed, or None."""
    path = f'{os.environ.get("PATH", "")}:/usr/local/sbin:/usr/sbin:/sbin'
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    return None


def _sudo():
    """Return the path of sudo if it does not ask for a password."""
    sudo = find('sudo')
    quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL,
             'stderr': subprocess.DEVNULL}
    allowed = sudo and not subprocess.run(
        [sudo, '-n', 'true'], **quiet).returncode
    return sudo if allowed else None


def as_root(argv):
    """Return argv to run as root, or None if that is not possible."""
    if os.geteuid() == 0:
        return argv
    sudo = _sudo()
    return [sudo, '-n', *argv] if sudo else None
