# SPDX-License-Identifier: Apache-2.0
"""The files that the agent writes into the configuration of other programs.

Callers name a file by its purpose, so that no request can name any other file.
Each file begins with a mark; a file without it is not ours.
"""

import os
import pathlib
import stat

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.common import private

CONF = cfg.CONF
OFFERED = frozenset(('read', 'write', 'remove'))
MARK = ('# Written by cloudmanager-agent, which replaces or removes it '
        'again.\n')
#: The option that names each file.
OPTIONS = {'nova': ('agent', 'nova_drop_in'),
           'rsyslog': ('agent', 'rsyslog_drop_in'),
           'lvmlockd': ('agent', 'lvmlockd_drop_in'),
           'lvmlockd_adopt': ('agent', 'lvmlockd_adopt_file'),
           'multipath': ('nas', 'multipath_drop_in')}
# Of the locks of a node with thousands of volumes.
MAX_SIZE = 1024 * 1024
MODE = 0o644


def path_of(purpose: str) -> pathlib.Path:
    """Return the path of a file."""
    group, option = OPTIONS[purpose]
    return pathlib.Path(CONF[group][option])


def _trouble(path: pathlib.Path, exc: OSError) -> exception.Unavailable:
    return exception.Unavailable(
        reason=f'File {path} cannot be used: {exc.strerror}.')


def read(purpose: str) -> str | None:
    """Return the content of a file without its mark, if the file exists.

    :raises Conflict: the file is not ours
    :raises Unavailable: it cannot be read
    """
    path = path_of(purpose)
    foreign = exception.Conflict(
        reason=f'File {path} was not written by the agent; it is left '
               'alone.')
    try:
        # Neither a link to a file nor a device is ours.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW
                             | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        if path.is_symlink():
            raise foreign from exc
        raise _trouble(path, exc) from exc
    with os.fdopen(descriptor, 'rb') as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise foreign
        text = stream.read(MAX_SIZE + 1).decode(errors='replace')
    if not text.startswith(MARK) or len(text) > MAX_SIZE:
        raise foreign
    return text.removeprefix(MARK)


def write(purpose: str, content: str) -> None:
    """Write a file as a whole.

    :raises Conflict: there is such a file that is not ours
    :raises Unavailable: it cannot be written, or would be too long
    """
    read(purpose)
    path = path_of(purpose)
    if len(MARK + content) > MAX_SIZE:
        raise exception.Unavailable(
            reason=f'File {path} would be longer than {MAX_SIZE} '
                   'characters.')
    try:
        # Only the last directory is created. The directory above belongs
        # to the program; without it, the program is not installed.
        path.parent.mkdir(mode=0o755, exist_ok=True,
                          parents=purpose == 'multipath')
        _sweep(path)
        private.replace(path, (MARK + content).encode(), MODE)
    except OSError as exc:
        raise _trouble(path, exc) from exc


def remove(purpose: str) -> None:
    """Remove a file, if it exists.

    :raises Conflict: the file is not ours
    :raises Unavailable: it cannot be removed
    """
    if read(purpose) is None:
        return
    path = path_of(purpose)
    try:
        path.unlink(missing_ok=True)
        private.sync_directory(path.parent)
    except OSError as exc:
        raise _trouble(path, exc) from exc


def _sweep(path: pathlib.Path) -> None:
    """Remove temporary files of a process that was killed while writing."""
    for left in path.parent.glob(f'.{path.name}.*.new'):
        left.unlink(missing_ok=True)
