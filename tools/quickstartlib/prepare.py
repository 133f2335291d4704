# SPDX-License-Identifier: Apache-2.0
"""Install what the demonstration needs, and only what is missing.

Runs on the Python of the system with nothing but its library.
"""

import argparse
from concurrent import futures
import hashlib
import importlib.util
import os
from pathlib import Path
import subprocess
import sys

from minicloudlib import backing
from minicloudlib import commands
from minicloudlib import console
from minicloudlib import errors
from minicloudlib import interrupts
from minicloudlib import packages
from minicloudlib import settings as config

from quickstartlib.console import say

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = (ROOT, ROOT / 'python-cloudmanagerclient')
START_SERVERS = 'service mariadb start; service rabbitmq-server start'


def _missing(settings: config.Settings, cloud: bool) -> list[str]:
    """Return the names of Debian packages."""
    names = set(packages.missing(settings)) if cloud else set()
    if importlib.util.find_spec('ensurepip') is None:
        names.add(packages.VENV_PACKAGE)
    if cloud and not commands.find('ipmi_sim'):
        names.add('openipmi')
    return sorted(names)


def _become_root(what: str, by_hand: str) -> None:
    """Have sudo ask for the password now, if it must.

    :param what: what root has to do
    :param by_hand: the command that does it
    :raises MinicloudError: there is no way to do it
    """
    if commands.as_root([]) is not None:
        return
    say(f'root has to {what}')
    sudo = commands.find('sudo')
    if sudo and sys.stdin.isatty() and not subprocess.run(
            [sudo, '-v']).returncode and commands.as_root([]) is not None:
        return
    interrupts.check()
    raise errors.MinicloudError(
        f'Please run as root, and then this again: {by_hand}')


def _made_of() -> str:
    """Return what the environment is marked with when it is complete."""
    content = b''.join(
        (project / name).read_bytes() for project in PROJECTS
        for name in ('requirements.txt', 'pyproject.toml'))
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


def _make_environment(directory: Path) -> None:
    """Make the environment of the service anew if that has changed.

    uv does in seconds what pip does in a minute.
    """
    venv = directory / 'venv'
    marker = venv / 'made-of'
    if marker.exists() and marker.read_text() == _made_of():
        return
    say(f'installing CloudManager into {venv} (once)')
    log = directory / 'install.log'
    log.unlink(missing_ok=True)
    python = venv / 'bin' / 'python'
    sources = (word for project in PROJECTS
               for word in ('--editable', str(project)))
    for argv in (
            [sys.executable, '-m', 'venv', '--clear', str(venv)],
            [str(python), '-m', 'pip', 'install', '--only-binary', ':all:',
             packages.INSTALLER],
            [str(python), '-m', 'uv', 'pip', 'install', '--python',
             str(python), *sources]):
        commands.run(argv, log, seconds=packages.PIP_SECONDS,
                     hint=packages.PIP_HINT)
    marker.write_text(_made_of())


def prepare(directory: Path, cloud: bool) -> None:
    """Install what is missing.

    :param directory: where the environment of the service is made
    :param cloud: whether OpenStack is needed
    :raises MinicloudError: something could not be installed
    """
    settings = config.Settings.from_environment()
    names = _missing(settings, cloud)
    servers = backing.missing(settings) if cloud else []
    if names:
        _become_root(f'install {" ".join(names)}', 'apt-get install '
                     f'--no-install-recommends {" ".join(names)}')
    elif servers:
        _become_root(f'start {" and ".join(servers)}', START_SERVERS)
    if packages.VENV_PACKAGE in names:
        packages.install(settings, [packages.VENV_PACKAGE])
        names.remove(packages.VENV_PACKAGE)
    with futures.ThreadPoolExecutor(1) as beside:
        openstack = beside.submit(
            packages.ensure, settings, names) if cloud else None
        _make_environment(directory)
        if openstack is not None:
            openstack.result()


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--no-cloud', action='store_true')
    options, _ = parser.parse_known_args()
    interrupts.heed()
    try:
        prepare(Path(os.environ['QUICKSTART_DIR']), not options.no_cloud)
    except errors.MinicloudError as exc:
        return console.report(exc, 'quickstart')
    return 0


if __name__ == '__main__':
    sys.exit(main())
