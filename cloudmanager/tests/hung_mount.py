# SPDX-License-Identifier: Apache-2.0
"""A file system that hangs, as a share does whose server is away.

The kernel asks us by FUSE. We answer that we are there, and nothing more: who
touches the file system waits, and no signal ends that, until it is let go.
"""

import ctypes
import os
import struct
import threading

import fixtures

_LIBC = ctypes.CDLL(None, use_errno=True)
_REQUEST = struct.Struct('<IIQQIIII')
_ANSWER = struct.Struct('<IiQ')
_INIT = 26
# Version, read-ahead, flags, limits, and what is not used.
_INIT_ANSWER = struct.pack('<IIIIHHIIHHI7I', 7, 31, 0, 0, 0, 0, 4096, 1, 0,
                           0, 0, *[0] * 7)
_DETACH = 2


def why_not():
    """Return why no such file system can be made here, if so."""
    if os.geteuid():
        return 'only root can mount'
    if not os.access('/dev/fuse', os.R_OK | os.W_OK):
        return '/dev/fuse is missing'
    return None


class HungMount(fixtures.Fixture):
    """Mounted on a directory until the end of the test.

    :param path: of the directory
    """

    def __init__(self, path):
        self.path = str(path)
        self.touched = threading.Event()

    def _setUp(self):
        self._device = os.open('/dev/fuse', os.O_RDWR)
        options = (f'fd={self._device},rootmode=40000,user_id=0,'
                   'group_id=0,allow_other')
        if _LIBC.mount(b'hung', self.path.encode(), b'fuse', 0,
                       options.encode()):
            raise OSError(ctypes.get_errno(), 'mount')
        self.addCleanup(self.let_go)
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self):
        while True:
            try:
                found = os.read(self._device, 1 << 20)
            except OSError:
                # It was unmounted.
                return
            _, kind, number, *_ = _REQUEST.unpack_from(found)
            if kind == _INIT:
                os.write(self._device, _ANSWER.pack(
                    _ANSWER.size + len(_INIT_ANSWER), 0, number)
                    + _INIT_ANSWER)
            else:
                self.touched.set()

    def let_go(self):
        """Unmount it: whoever waits gets an error."""
        if self._device is None:
            return
        _LIBC.umount2(self.path.encode(), 1 | _DETACH)
        self._thread.join(10)
        os.close(self._device)
        self._device = None
