# SPDX-License-Identifier: Apache-2.0
"""The directory that PXELINUX reads its configuration from.

It also has files of the site. Ours are named after a MAC address **and** begin
with our mark. No other file is changed or removed, and no link is followed.
"""

import contextlib
import errno
import os
import re
import stat
import tempfile
import time

from cloudmanager.domain import pxe

# TFTP servers serve only files that everybody may read.
MODE = 0o644
# A file of ours has our mark as its first line, in addition to the data.
_MOST = pxe.MAX_BYTES + 1024
_PREFIX, _SUFFIX = '.cloudmanager-', '.tmp'
_TEMPORARY = re.compile(re.escape(_PREFIX) + r'\w+' + re.escape(_SUFFIX))
# Writing takes far less time; a temporary file that is older was left by a
# crash.
LEFTOVER_SECONDS = 300


class NotOurs(Exception):
    """A file with the name of a boot file was not written by us."""


class Directory:
    """A directory of boot files; all methods may raise OSError."""

    def __init__(self, path: str) -> None:
        self._path = path

    def _file(self, mac: str) -> str:
        return os.path.join(self._path, pxe.file_name(mac))

    def macs(self) -> set[str]:
        """Return the addresses that files are named after, ours or not."""
        return {mac for name in os.listdir(self._path)
                if (mac := pxe.mac_of(name)) is not None}

    def read(self, mac: str) -> bytes | None:
        """Return what the boot file of an address contains.

        :returns: ``None`` when there is no file; no bytes for a file that must
            be written again whatever it contains
        :raises NotOurs: something else has this name
        """
        try:
            # Do not block, since it may be a pipe.
            descriptor = os.open(
                self._file(mac), os.O_RDONLY | os.O_NOFOLLOW
                | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as exc:
            # A link, a socket, or a file that we may not read.
            if exc.errno in (errno.ELOOP, errno.EACCES, errno.ENXIO):
                raise NotOurs from exc
            raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise NotOurs
            with os.fdopen(descriptor, 'rb', closefd=False) as source:
                content = source.read(_MOST + 1)
        finally:
            os.close(descriptor)
        if not content.startswith(pxe.MARK.encode()):
            raise NotOurs
        if stat.S_IMODE(status.st_mode) != MODE:
            return b''
        return content

    def write(self, mac: str, content: bytes) -> None:
        """Write a boot file in one step: nobody ever sees a part of it."""
        descriptor, temporary = tempfile.mkstemp(_SUFFIX, _PREFIX,
                                                 self._path)
        try:
            with os.fdopen(descriptor, 'wb') as output:
                output.write(content)
                output.flush()
                os.fchmod(descriptor, MODE)
                os.fsync(descriptor)
            os.replace(temporary, self._file(mac))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def remove(self, mac: str) -> None:
        """Remove a boot file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file(mac))

    def remove_leftovers(self) -> None:
        """Remove temporary files of writers that were killed."""
        oldest = time.time() - LEFTOVER_SECONDS
        with os.scandir(self._path) as entries:
            found = [entry for entry in entries
                     if _TEMPORARY.fullmatch(entry.name)
                     and entry.is_file(follow_symlinks=False)]
        for entry in found:
            # Its writer or another conductor may remove it first.
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.unlink(entry.path)
