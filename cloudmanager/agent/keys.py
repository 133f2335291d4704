# SPDX-License-Identifier: Apache-2.0
"""The file with the keys that the agent shares with the control plane.

Each line has one key: its id, a colon, and its bytes in Base64. The first key
signs; all keys verify. Lines that begin with ``#`` are comments.
"""

import base64
import binascii
import pathlib
import threading

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.common import signing

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


def parse(text: str) -> list[signing.Key]:
    """Return the keys in the content of a file.

    :raises ValueError: it has no keys, or a line that is not a key
    """
    found = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith('#'):
            continue
        name, _, encoded = line.partition(':')
        try:
            secret = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            secret = b''
        if not name or len(secret) != signing.KEY_BYTES:
            raise ValueError('a line is no key')
        found.append(signing.Key(name, secret))
    if not found:
        raise ValueError('it has no key')
    return found


class KeyFile:
    """The keys that the file has now.

    :param path: the path of the file
    :raises Misconfigured: other users can read the file, or it has no key
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[signing.Key] = []
        self._refresh()

    def _refresh(self) -> None:
        """Read the file if it has changed.

        :raises Misconfigured: the file cannot be used
        """
        try:
            stat = self._path.stat()
            seen = stat.st_ino, stat.st_mtime_ns, stat.st_size
            if seen == self._seen:
                return
            if private.is_open(self._path):
                raise ValueError('others have access to it; set its mode '
                                 'to 0600, and enrol the agent again if '
                                 'somebody may have read it')
            self._keys = parse(self._path.read_text('ascii'))
            self._seen = seen
        except (OSError, ValueError) as exc:
            raise exception.Misconfigured(
                setting=f'[agent] key_file ({self._path})',
                reason=str(exc)) from exc

    def _current(self) -> list[signing.Key]:
        with self._lock:
            try:
                self._refresh()
            except exception.Misconfigured as exc:
                LOG.error('The keys that were read before are kept: %s', exc)
            return self._keys

    @property
    def newest(self) -> signing.Key:
        """The key that signs."""
        return self._current()[0]

    @property
    def all(self) -> dict[str, bytes]:
        """All keys, by their ids."""
        return {key.id: key.secret for key in self._current()}


def line(key: signing.Key) -> str:
    """Return the line of the file for a key."""
    return f'{key.id}:{base64.b64encode(key.secret).decode()}'
