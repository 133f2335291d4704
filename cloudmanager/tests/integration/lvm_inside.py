# SPDX-License-Identifier: Apache-2.0
"""What runs in a machine of ``tools/nodevmlib.py``: the operations of the
agent on volumes, and who writes to a volume meanwhile."""

import hashlib
import os
import threading
import types

from oslo_config import cfg

from cloudmanager import conf  # noqa: F401
from cloudmanager.agent import operations
from cloudmanager.agent.volumes import changes  # noqa: F401
from cloudmanager.agent.volumes import locks  # noqa: F401
from cloudmanager.agent.volumes import works

BLOCK = 4096
_agent = types.SimpleNamespace(host='node', volumes=works.Works())
cfg.CONF.set_override('privileged', 'none', group='agent')
# The machine shares the processors with other tests, and a volume is written
# to all the time.
cfg.CONF.set_override('command_timeout', 90.0, group='agent')


def operation(name, arguments):
    """Carry out an operation as the agent does; return its answer."""
    return operations.carry_out(_agent, {'operation': name,
                                         'arguments': arguments})


def _content(number, turn):
    return hashlib.sha256(f'{number}/{turn}'.encode()).digest() * (
        BLOCK // 32)


class Writer(threading.Thread):
    """Writes to blocks of a device all over, again and again."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.ending = threading.Event()
        self.turns = {}

    def run(self):
        descriptor = os.open(self.path, os.O_WRONLY | os.O_DSYNC)
        blocks = os.lseek(descriptor, 0, os.SEEK_END) // BLOCK
        turn = 0
        while not self.ending.is_set():
            turn += 1
            # A step that has no divisor in common with powers of two.
            number = turn * 7919 % blocks
            os.pwrite(descriptor, _content(number, turn), number * BLOCK)
            self.turns[number] = turn
        os.close(descriptor)


_writers = {}


def begin_writing(path):
    """Begin to write to a device."""
    _writers[path] = Writer(path)
    _writers[path].start()


def end_writing(path):
    """Stop; return how many blocks were written, and which are wrong."""
    writer = _writers.pop(path)
    writer.ending.set()
    writer.join()
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    wrong = [number for number, turn in writer.turns.items()
             if os.pread(descriptor, BLOCK, number * BLOCK)
             != _content(number, turn)]
    os.close(descriptor)
    return [len(writer.turns), wrong]


def stamp(path):
    """Write something else into each quarter of a mebibyte of a device."""
    descriptor = os.open(path, os.O_WRONLY)
    size = os.lseek(descriptor, 0, os.SEEK_END)
    for offset in range(0, size, 1024 ** 2 // 4):
        os.pwrite(descriptor, _content(offset, 0), offset)
    os.fsync(descriptor)
    os.close(descriptor)


def checksum(path):
    """Return a checksum of all that is on a device."""
    with open(path, 'rb') as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(stream, 'sha256').hexdigest()
