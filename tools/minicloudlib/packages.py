# SPDX-License-Identifier: Apache-2.0
"""Install what is missing: system packages and OpenStack itself."""

from concurrent import futures
import hashlib
import importlib.util
import sys
import time

from minicloudlib import commands
from minicloudlib import locks
from minicloudlib import settings as config
from minicloudlib import waiting
from minicloudlib.console import say
from minicloudlib.errors import MinicloudError

# requirements.txt says what is wanted, this all that it takes, with versions.
LOCK = config.PACKAGE / 'requirements.lock'
# There are no wheels of these; they are Python only.
FROM_SOURCE = ('ovs', 'simplegeneric')
# It downloads and unpacks in parallel, in a tenth of the time of pip.
INSTALLER = 'uv>=0.9'
APT_SECONDS = 900
# A wait of this length is told of.
SHOWN_SECONDS = 1
PIP_SECONDS = 1800
PIP_HINT = ' Is a package index reachable?'
VENV_PACKAGE = f'python{sys.version_info.major}-venv'
APT_OPTIONS = ('-o', 'DPkg::Lock::Timeout=400')


def ensure(settings, also=()):
    """Install everything that is not there yet.

    :param also: further Debian packages to install
    """
    lock = settings.base / 'install.lock'
    with (locks.locked(lock, 'installs what is missing'),
            futures.ThreadPoolExecutor(1) as beside):
        names = list(dict.fromkeys([*missing(settings), *also]))
        installing = beside.submit(install, settings, names)
        try:
            if VENV_PACKAGE in names:
                installing.result()
            _ensure_venv(settings)
        finally:
            if futures.wait([installing], SHOWN_SECONDS).not_done:
                say('waiting for apt-get to finish')
        installing.result()


def missing(settings):
    """Return the Debian packages to install, nothing if all is there."""
    database, rabbit = settings.database, settings.rabbit
    present = {
        'mariadb-server': (
            waiting.listening(database.host, database.port)
            or commands.find('mariadbd', 'mysqld')),
        'mariadb-client': commands.find('mariadb', 'mysql'),
        'rabbitmq-server': (
            waiting.listening(rabbit.host, rabbit.port)
            or commands.find('rabbitmq-server')),
        'qemu-utils': commands.find('qemu-img'),
    }
    if not _venv_complete(settings):
        present[VENV_PACKAGE] = importlib.util.find_spec('ensurepip')
    return [package for package, there in present.items() if not there]


def install(settings, packages):
    """Install Debian packages, which an interrupt does not leave half done.

    :param packages: their names; may be none
    """
    if not packages:
        return
    names = ' '.join(packages)
    apt = commands.find('apt-get')
    if not apt:
        raise MinicloudError(f'Please install (Debian names): {names}')
    if not commands.as_root([apt]):
        raise MinicloudError(
            'Neither root, nor sudo without a password. As root, run: '
            f'apt-get install --no-install-recommends {names}')
    say(f'installing {names}')
    begun = time.monotonic()
    log = settings.base / 'apt.log'
    environment = ['env', 'DEBIAN_FRONTEND=noninteractive']
    for arguments in (
            ['update'],
            ['install', '--yes', '--no-install-recommends', *packages]):
        argv = [*environment, apt, *APT_OPTIONS, *arguments]
        commands.run(commands.as_root(argv), log, seconds=APT_SECONDS,
                     whole=True, hint=' Is the archive reachable?')
    say(f'packages are installed, in {time.monotonic() - begun:.0f} s')


def _digest():
    """Return what a complete virtual environment is marked with."""
    content = LOCK.read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()


def _marker(settings):
    return settings.venv / 'minicloud-complete'


def _venv_complete(settings):
    try:
        return _marker(settings).read_text() == _digest()
    except FileNotFoundError:
        return False


def _ensure_venv(settings):
    """Make the virtual environment, unless it is complete."""
    if _venv_complete(settings):
        return
    say(f'installing OpenStack into {settings.venv} (once)')
    begun = time.monotonic()
    log = settings.base / 'pip.log'
    python = settings.program('python')
    # What was left half done begins anew. A complete one is brought up to
    # date, since a cloud may run from it.
    half = settings.base / 'venv-half-done'
    anew = ['--clear'] if half.exists() else []
    half.touch()
    commands.run(
        [sys.executable, '-m', 'venv', *anew, str(settings.venv)], log)
    commands.run(
        [python, '-m', 'pip', 'install', '--only-binary', ':all:',
         INSTALLER], log, seconds=PIP_SECONDS, hint=PIP_HINT)
    sources = (f'--no-binary={name}' for name in FROM_SOURCE)
    commands.run(
        [python, '-m', 'uv', 'pip', 'install', '--python', python,
         '--no-deps', '--require-hashes', '--only-binary=:all:', *sources,
         '--requirement', str(LOCK)], log, seconds=PIP_SECONDS,
        hint=PIP_HINT)
    _marker(settings).write_text(_digest())
    half.unlink()
    say(f'OpenStack is installed, in {time.monotonic() - begun:.0f} s')
