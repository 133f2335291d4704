# SPDX-License-Identifier: Apache-2.0
"""Run external programs: bounded, with their output in a log file."""

import os
import shutil
import subprocess

from minicloudlib.errors import MinicloudError


def run(argv, log, seconds=300, env=None, stdin=None, stdout=None):
    """Run a program to its end, or fail naming its log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as output:
        try:
            subprocess.run(
                argv, check=True, timeout=seconds,
                env={**os.environ, **(env or {})},
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or output, stderr=output)
        except subprocess.TimeoutExpired:
            raise MinicloudError(
                f'{argv[0]} did not end within {seconds} seconds.',
                log=log) from None
        except subprocess.CalledProcessError as exc:
            raise MinicloudError(
                f'{argv[0]} failed with code {exc.returncode}.',
                log=log) from None
        except OSError as exc:
            raise MinicloudError(f'{argv[0]}: {exc.strerror}.') from None


def succeeds(argv, log, seconds=60, env=None):
    """Run a program and tell whether it ended well."""
    try:
        run(argv, log, seconds=seconds, env=env)
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


def as_root(argv):
    """Return argv to run as root, or None if that is not possible."""
    if os.geteuid() == 0:
        return argv
    sudo = find('sudo')
    return [sudo, '-n', *argv] if sudo else None
