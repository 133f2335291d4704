#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kolla, kolla-ansible and ansible-lint in an environment of their own.

It is made once and kept beside the mini cloud's. Run as a program this makes
it, for those who want it made while they do something else.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).with_name('kolla-requirements.txt')
SECONDS = 900


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, timeout=SECONDS,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def environment() -> pathlib.Path:
    """Return the directory of the environment, which is made if missing."""
    base = pathlib.Path(os.environ.get('MINICLOUD_DIR')
                        or pathlib.Path.home() / '.minicloud')
    base.mkdir(parents=True, exist_ok=True)
    directory = base / 'kolla'
    marker = directory / 'complete'
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()
                            + sys.version.encode()).hexdigest()
    with (base / 'kolla.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text() == wanted:
            return directory
        shutil.rmtree(directory, ignore_errors=True)
        _run(sys.executable, '-m', 'venv', str(directory))
        _run(str(directory / 'bin/python'), '-m', 'pip', 'install',
             '--quiet', '--disable-pip-version-check', '--requirement',
             str(REQUIREMENTS))
        marker.write_text(wanted)
    return directory


if __name__ == '__main__':
    print(environment())
