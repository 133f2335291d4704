# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests as they come from a connection."""

import io
import re
from typing import Any

_LENGTH = re.compile(r'[0-9]{1,18}')
_CHUNK = re.compile(rb'([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r?\n')
_MAX_LINE = 4096
_MAX_TRAILERS = 100


class _Reader(io.RawIOBase):
    """What both forms of bodies have in common."""

    _usable = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._some(len(buffer))
        buffer[:len(found)] = found
        return len(found)

    def _some(self, size: int) -> bytes:
        raise NotImplementedError

    def _broken(self, text: str) -> ConnectionError:
        """Note that nothing more can be read, and return the error."""
        self._usable = False
        return ConnectionError(text)

    def read(self, size: int | None = -1) -> bytes:
        """Read as much as was asked for, or less at the end only."""
        wanted = size if size is not None and size >= 0 else None
        found = bytearray()
        while wanted is None or len(found) < wanted:
            part = self._some(65536 if wanted is None
                              else wanted - len(found))
            if not part:
                break
            found += part
        return bytes(found)

    def ended(self, most: int) -> bool:
        """Tell whether all was read, after reading so much of the rest."""
        try:
            return self._usable and len(self.read(most)) < most
        except OSError:
            return False


class Sized(_Reader):
    """A body whose length was given."""

    def __init__(self, stream: Any, length: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = length

    def _some(self, size: int) -> bytes:
        found = self._stream.read(min(size, self._left))
        if len(found) < min(size, self._left):
            raise self._broken('the body ended early')
        self._left -= len(found)
        return found

    def ended(self, most: int) -> bool:
        return self._left <= most and super().ended(most + 1)


class Chunked(_Reader):
    """A body that comes in chunks."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._left = 0
        self._over = False

    def _some(self, size: int) -> bytes:
        if not self._left and not self._over:
            self._next_chunk()
        if self._over or not size:
            return b''
        found = self._stream.read(min(size, self._left))
        if not found:
            raise self._broken('the body ended early')
        self._left -= len(found)
        if not self._left and self._line() not in (b'\r\n', b'\n'):
            raise self._broken('a chunk is longer than it said')
        return found

    def _line(self) -> bytes:
        return self._stream.readline(_MAX_LINE)

    def _next_chunk(self) -> None:
        found = _CHUNK.fullmatch(self._line())
        if found is None:
            raise self._broken('a chunk does not begin with its size')
        self._left = int(found[1], 16)
        if self._left:
            return
        for _ in range(_MAX_TRAILERS):
            if self._line() in (b'\r\n', b'\n'):
                self._over = True
                return
        raise self._broken('the body has no end')


def of_headers(stream: Any, headers: Any) -> Sized | Chunked:
    """Return the body that the headers of a request announce.

    :raises ValueError: they contradict each other, as when somebody hides a
        second request in a body
    """
    lengths = headers.get_all('Content-Length', [])
    encodings = headers.get_all('Transfer-Encoding', [])
    if encodings:
        if lengths or [text.strip().lower()
                       for text in encodings] != ['chunked']:
            raise ValueError('the end of the body is not clear')
        return Chunked(stream)
    if not lengths:
        return Sized(stream, 0)
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0].strip()):
        raise ValueError('the length of the body is not clear')
    return Sized(stream, int(lengths[0]))
