# SPDX-License-Identifier: Apache-2.0
"""The process that touches a file system which may hang; see ``mounted``.

Called with ``read`` or ``write``, a directory, the name of a file and
``mounted`` or ``anywhere``. What is written comes by the standard input, what
was read goes to the standard output, and an error is a line on the standard
error. It imports nothing of ours, so it starts at once.
"""

import glob
import os
import sys
import tempfile

MAX_SIZE = 8 * 1024 * 1024
MODE = 0o644
#: What the first process has mounted, which in a container with the
#: processes of its host is what the host has.
MOUNTS = '/proc/1/mountinfo'


def _roots() -> set[int]:
    """Return the devices of our root and of that of the first process."""
    found = {os.stat('/').st_dev}
    try:
        with open(MOUNTS, encoding='utf-8', errors='replace') as stream:
            rows = [line.split() for line in stream]
    except OSError:
        # Where /proc shows nobody the processes of others.
        return found
    return found | {os.makedev(*map(int, row[2].split(':')))
                    for row in rows if row[4] == '/'}


def check_mounted(directory: str) -> None:
    """Check that a directory is not on the root's own file system.

    A file that is written there while the share is not mounted reaches
    nobody, and hides below the share later. In a container it is a mount of
    its own all the same, so the root of the host counts, too.

    :raises OSError: it is
    """
    if os.stat(directory).st_dev in _roots():
        raise OSError('it is not mounted: it is on the file system of /')


def write(directory: str, name: str, content: bytes) -> None:
    """Write a file as a whole, or leave it as it was.

    :raises OSError: it could not be written
    """
    for left in glob.glob(os.path.join(glob.escape(directory),
                                       f'.{glob.escape(name)}.*.new')):
        os.unlink(left)
    descriptor, temporary = tempfile.mkstemp(
        prefix=f'.{name}.', suffix='.new', dir=directory)
    try:
        with os.fdopen(descriptor, 'wb') as stream:
            os.fchmod(descriptor, MODE)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, os.path.join(directory, name))
    except OSError:
        os.unlink(temporary)
        raise


def read(directory: str, name: str) -> bytes:
    """Return the content of a file, or its beginning.

    :raises OSError: it could not be read
    """
    # A pipe of this name must not be waited for.
    descriptor = os.open(os.path.join(directory, name),
                         os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, 'rb') as stream:
        return stream.read(MAX_SIZE)


def main() -> int:
    """Do what the arguments say."""
    verb, directory, name, where = sys.argv[1:]
    try:
        if where == 'mounted':
            check_mounted(directory)
        if verb == 'write':
            write(directory, name, sys.stdin.buffer.read())
        else:
            sys.stdout.buffer.write(read(directory, name))
    except OSError as exc:
        sys.stderr.write(f'{exc.strerror or exc}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
