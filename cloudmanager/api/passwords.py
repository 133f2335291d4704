# SPDX-License-Identifier: Apache-2.0
"""A file of passwords, and what it takes to guess one."""

from collections.abc import Iterator
from concurrent import futures
import contextlib
import hmac
import re
import secrets
import threading

import bcrypt
from oslo_log import log as logging

from cloudmanager.api import errors
from cloudmanager.api import guesses
from cloudmanager.common import exception
from cloudmanager.common import private

LOG = logging.getLogger(__name__)
SETTING = '[api] http_basic_auth_user_file'
#: Passwords that are checked at a time. Each takes a thread and a processor;
#: the other threads are for users that are known already.
AT_ONCE = 8
# Of a name, which can be as long as a header.
_IN_LOG = 64
# Seconds to wait for another thread that checks the same password.
_LONGEST = 30
_LINE = re.compile(
    r'(?P<user>[^:#][^:]*):(?P<hash>\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})')

#: User, what the file has for it, and what stands for the password.
_Try = tuple[str, str | None, bytes]


def _parse(lines: Iterator[str]) -> Iterator[tuple[int, re.Match[str] | None]]:
    """Give number and parts of each line that is there for a user."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith('#'):
            yield number, _LINE.fullmatch(text)


class Passwords:
    """A file of ``user:bcrypt-hash`` lines, read anew for each request.

    :param path: of the file
    :param most: wrong passwords in a minute from one address, and for one
        user
    :raises Misconfigured: it cannot be used
    """

    def __init__(self, path: str, most: int) -> None:
        self._path = path
        self._key = secrets.token_bytes(32)
        self._guesses = guesses.Guesses(most)
        self._lock = threading.Lock()
        # bcrypt takes its time; what it has let in once is remembered with
        # the hash of the file, so that a change there is effective at once.
        self._known: dict[str, tuple[str, bytes]] = {}
        self._checked: dict[_Try, futures.Future[bool]] = {}
        try:
            with open(path, encoding='utf-8') as lines:
                wrong = [number for number, found in _parse(lines)
                         if found is None]
            if private.is_open(path):
                LOG.warning('Others than its owner can read or change %s, '
                            'and guess its passwords as fast as they can: '
                            'set its mode to 0600.', path)
        except (OSError, UnicodeDecodeError) as exc:
            raise exception.Misconfigured(
                setting=f'{SETTING} {path}', reason=str(exc)) from exc
        if wrong:
            raise exception.Misconfigured(
                setting=f'{SETTING} {path}',
                reason=f'line {wrong[0]} is not of the form user:hash with a '
                       'bcrypt hash')

    def _read(self) -> dict[str, str]:
        """Return hashes by user; lines that are wrong are none."""
        found: dict[str, str] = {}
        try:
            with open(self._path, encoding='utf-8') as lines:
                for _number, parts in _parse(lines):
                    if parts is not None:
                        found.setdefault(parts['user'], parts['hash'])
        except (OSError, UnicodeDecodeError) as exc:
            LOG.error('The file of passwords cannot be read: %s', exc)
            raise exception.Unavailable(
                reason='Passwords cannot be checked now.') from exc
        return found

    def check(self, user: str, password: bytes, address: str) -> bool:
        """Tell whether a password is right.

        :param address: what ``guesses.place`` returned
        :raises TooManyLogins: too many were wrong
        :raises Unavailable: the file cannot be read
        """
        hashes = self._read()
        wanted = hashes.get(user)
        digest = hmac.digest(self._key, password, 'sha256')
        # Whoever guesses elsewhere does not keep out who has been here.
        if self._remembers(user, wanted, digest):
            return True
        tried = user, wanted, digest
        with self._lock:
            running = self._checked.get(tried)
            if running is None:
                mine = self._begin(tried, address)
        if running is not None:
            return self._wait(running)
        with self._ending(tried, mine):
            # The same for a user that there is not: the time that it takes
            # must not tell which there are.
            right = _fits(password, wanted or self._other(user, hashes))
            right = right and wanted is not None
            self._end(tried, right, address)
            mine.set_result(right)
        return right

    def _remembers(self, user: str, wanted: str | None,
                   digest: bytes) -> bool:
        known, password = self._known.get(user, (None, b''))
        return (wanted is not None and known == wanted
                and hmac.compare_digest(password, digest))

    def _short(self, user: str) -> bytes:
        """Return what stands for a user; names can be long."""
        return hmac.digest(self._key, user.encode(), 'sha256')

    def _other(self, user: str, hashes: dict[str, str]) -> str | None:
        """Return a hash for a user that has none, always the same one.

        Hashes of the file may take more or less time each.
        """
        others = sorted(hashes.values())
        number = int.from_bytes(self._short(user))
        return others[number % len(others)] if others else None

    def _begin(self, tried: _Try, address: str) -> futures.Future[bool]:
        """Begin a check that other threads may wait for.

        :raises TooManyLogins: there are too many
        """
        if len(self._checked) >= AT_ONCE:
            raise errors.TooManyLogins(seconds=1)
        self._guesses.add(self._short(tried[0]), address)
        self._checked[tried] = futures.Future()
        return self._checked[tried]

    @contextlib.contextmanager
    def _ending(self, tried: _Try,
                mine: futures.Future[bool]) -> Iterator[None]:
        """End a check, whatever becomes of it."""
        try:
            yield
        finally:
            with self._lock:
                del self._checked[tried]
            if not mine.done():
                mine.set_result(False)

    def _end(self, tried: _Try, right: bool, address: str) -> None:
        user, wanted, digest = tried
        if right and wanted is not None:
            self._known[user] = wanted, digest
            self._guesses.remove(self._short(user), address)
        else:
            LOG.warning('A login as %(user)s from %(address)s failed.',
                        {'user': user[:_IN_LOG], 'address': address})

    @staticmethod
    def _wait(running: futures.Future[bool]) -> bool:
        """Return what another thread finds out.

        :raises TooManyLogins: it takes too long
        """
        try:
            return running.result(_LONGEST)
        except futures.TimeoutError as exc:
            raise errors.TooManyLogins(seconds=_LONGEST) from exc


def _fits(password: bytes, wanted: str | None) -> bool:
    """Tell whether a password has a hash; no password has none."""
    if wanted is None:
        return False
    try:
        return bcrypt.checkpw(password, wanted.encode())
    except ValueError:
        # bcrypt takes no passwords above 72 bytes.
        return False
