# SPDX-License-Identifier: Apache-2.0
"""Work that outlives the agent, such as an upgrade of packages.

Each job has a directory with its output and, when it has ended, its outcome.
It runs apart from the agent, which may be restarted in the meantime, for
example by the upgrade itself. Under systemd it runs in a unit of its own,
because systemd ends all processes in the unit of a service.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from oslo_config import cfg

from cloudmanager.agent.privileged import programs
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
OFFERED = frozenset(('begin', 'status'))
_APT_OPTIONS = ('-o', 'DPkg::Lock::Timeout=600',
                # Keep configuration files that were changed locally.
                '-o', 'Dpkg::Options::=--force-confdef',
                '-o', 'Dpkg::Options::=--force-confold')
#: What each kind of job runs, one after the other.
KINDS: dict[str, list[list[str]]] = {
    'upgrade-apt': [
        # First complete an earlier upgrade that was interrupted.
        ['dpkg', '--configure', '-a', '--force-confdef', '--force-confold'],
        ['apt-get', '--quiet', *_APT_OPTIONS, 'update'],
        ['apt-get', '--quiet', '--yes', *_APT_OPTIONS, 'upgrade',
         '--with-new-pkgs']],
    # Refresh, since dnf's cache of repositories may be days old.
    'upgrade-dnf': [['dnf', '--assumeyes', '--refresh', 'upgrade']],
}
#: How many jobs are kept, and how many bytes of the end of their output are
#: returned.
MAX_KEPT = 20
MAX_TOLD = 64 * 1024
_ID = re.compile(r'[0-9a-f-]{1,36}')
# Addresses of repositories may contain credentials.
# They end at the last @ before the path.
_CREDENTIALS = re.compile(r'://[^/\s]+@')
# A process that starts a program has no words in /proc for an instant, between
# the end of what it was before and the time that the kernel has written them.
# Whoever has started it may go on already by then.
_MOMENT = 0.2
_SYSTEMD = pathlib.Path('/run/systemd/system')


def _directory(job_id: str) -> pathlib.Path:
    """Return the directory of a job.

    :raises Invalid: no job has such an id
    """
    if not _ID.fullmatch(job_id):
        raise exception.Invalid(reason='A job has no such id.')
    return pathlib.Path(CONF.agent.jobs_path) / job_id


def begin(job_id: str, kind: str) -> None:
    """Begin a job, unless it was begun before.

    :param job_id: chosen by the caller, who has stored it before
    :param kind: one of ``KINDS``
    :raises Invalid: there is no such id or kind
    :raises Unavailable: it could not be begun
    """
    directory = _directory(job_id)
    if kind not in KINDS:
        raise exception.Invalid(reason='There is no such kind of job.')
    if directory.exists():
        return
    for words in KINDS[kind]:
        programs.find(words[0])
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _prune(directory.parent)
        directory.mkdir(mode=0o700)
    except FileExistsError:
        return
    except OSError as exc:
        raise exception.Unavailable(
            reason=f'Directory {directory} cannot be made: '
                   f'{exc.strerror}.') from exc
    _launch(directory, kind)


def _launch(directory: pathlib.Path, kind: str) -> None:
    """Start the process that runs a job, apart from this one."""
    runner = pathlib.Path(__file__).with_name('job_runner.py')
    # The runner imports nothing of ours: it goes on while an upgrade
    # replaces the agent.
    words = [sys.executable, '-I', str(runner), str(directory),
             json.dumps(KINDS[kind])]
    if _SYSTEMD.is_dir():
        words = [programs.find('systemd-run'), '--quiet', '--collect',
                 f'--unit=cloudmanager-job-{directory.name}',
                 '--property=Type=exec', *(
                     f'--setenv={name}={value}'
                     for name, value in programs.environment().items()),
                 '--', *words]
    try:
        child = subprocess.Popen(  # noqa: S603  a list without input in it
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=programs.environment(), cwd='/',
            start_new_session=True)
        if _SYSTEMD.is_dir() and child.wait(CONF.agent.command_timeout):
            raise exception.CommandFailed(
                program='systemd-run', reason='it did not start the job.')
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise exception.Unavailable(
            reason=f'The job could not be started: {exc}.') from exc


def _prune(parent: pathlib.Path) -> None:
    """Remove the oldest jobs that have ended."""
    ended = sorted((path for path in parent.iterdir()
                    if (path / 'outcome').exists()),
                   key=lambda path: path.stat().st_mtime)
    for path in ended[:max(0, len(ended) - MAX_KEPT + 1)]:
        shutil.rmtree(path, ignore_errors=True)


def status(job_id: str) -> JsonObject:
    """Return what is known of a job.

    :returns: ``state``: ``unknown``, ``running``, ``done``, ``failed``, or
        ``lost`` when its process is gone without an outcome; ``code``: exit
        status of the program that ended it; ``output``: the end of what its
        programs wrote
    :raises Invalid: there is no such id
    """
    directory = _directory(job_id)
    if not directory.is_dir():
        return {'state': 'unknown', 'code': None, 'output': ''}
    state, code = _state(directory)
    if state == 'lost':
        clock.sleep(_MOMENT)
        state, code = _state(directory)
    return {'state': state, 'code': code, 'output': _tail(directory)}


def _state(directory: pathlib.Path) -> tuple[str, int | None]:
    # Checked before the outcome is read: a job that ends in between has one.
    alive = _is_alive(directory)
    try:
        code = int(json.loads((directory / 'outcome').read_bytes())['code'])
    except (FileNotFoundError, ValueError):
        return 'running' if alive else 'lost', None
    return 'failed' if code else 'done', code


def _is_alive(directory: pathlib.Path) -> bool:
    """Tell whether the process of a job runs."""
    for process in pathlib.Path('/proc').iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / 'cmdline').read_bytes().split(b'\0')
        except OSError:
            continue
        if (os.fsencode(directory) in words
                and any(word.endswith(b'job_runner.py') for word in words)):
            return True
    return False


def _tail(directory: pathlib.Path) -> str:
    """Return the end of the output, without credentials."""
    try:
        with (directory / 'output').open('rb') as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - MAX_TOLD))
            text = stream.read().decode(errors='replace')
    except OSError:
        return ''
    return _CREDENTIALS.sub('://***@', text)
