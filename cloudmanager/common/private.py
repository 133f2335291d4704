# SPDX-License-Identifier: Apache-2.0
"""Files that only the service itself may read."""

import os
import pathlib
import stat
import tempfile

from oslo_log import log as logging

LOG = logging.getLogger(__name__)
MODE = 0o600
# What others, and what others and the group, may not do.
_OTHERS = stat.S_IRWXO
_ANYBODY = stat.S_IRWXG | stat.S_IRWXO


def mode(path: str | os.PathLike[str]) -> int:
    """Return the permissions of a file.

    :raises OSError: it cannot be looked at
    """
    return stat.S_IMODE(os.stat(path).st_mode)


def is_open(path: str | os.PathLike[str]) -> bool:
    """Tell whether others than owner and group can read a file.

    One that the group can change is open, too.

    :raises OSError: it cannot be looked at
    """
    return bool(mode(path) & (_OTHERS | stat.S_IWGRP))


def create(path: str | os.PathLike[str]) -> bool:
    """Create an empty file for the owner alone, if there is none.

    :returns: whether it is new
    :raises OSError: it cannot be created
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY,
                             MODE)
    except FileExistsError:
        return False
    os.close(descriptor)
    return True


def close(path: str | os.PathLike[str]) -> None:
    """Let only the owner of a file read it, and log that.

    One that is not ours to change only gets a line in the log.
    """
    try:
        found = mode(path)
        if not found & _ANYBODY:
            return
        os.chmod(path, found & ~_ANYBODY)
    except FileNotFoundError:
        return
    except OSError as exc:
        LOG.warning('Others than its owner may have access to %(path)s: '
                    '%(why)s', {'path': path, 'why': exc})
    else:
        LOG.warning('Others than its owner had access to %(path)s (mode '
                    '%(mode)04o); they have none any more.',
                    {'path': path, 'mode': found})


def replace(path: pathlib.Path, content: bytes, mode: int = MODE) -> None:
    """Write a file as a whole, or leave it as it was.

    Whoever reads it meanwhile, or after a crash at any moment, finds the old
    content or the new one.

    :param mode: its permissions
    :raises OSError: it could not be written
    """
    descriptor, temporary = tempfile.mkstemp(
        prefix=f'.{path.name}.', suffix='.new', dir=path.parent)
    try:
        with os.fdopen(descriptor, 'wb') as stream:
            os.fchmod(descriptor, mode)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    sync_directory(path.parent)


def sync_directory(path: pathlib.Path) -> None:
    """Have the disk know which files are in a directory.

    :raises OSError: it cannot be told
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
