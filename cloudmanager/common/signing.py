# SPDX-License-Identifier: Apache-2.0
"""Signed messages between the control plane and the agents of nodes.

The message bus is shared by many programs, so what it delivers proves
nothing. Each agent shares keys with the control plane, and every message
between them has a code (HMAC with SHA-256) over all that matters of it: which
kind it is, from whom and to whom, when it was made, which message it answers,
and its body.

The body is signed as the text that it travels as, so that both sides need
not agree on one way to write JSON.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import enum
import hmac
import json
import os
import pathlib
import secrets
import threading
from typing import Any

import orjson
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import private
from cloudmanager.common.json_types import JsonObject

LOG = logging.getLogger(__name__)
#: What the control plane is called, whichever conductor speaks for it.
CONTROL = 'control'
VERSION = 1
KEY_BYTES = 32
# So much of a message is looked at; a longer one is none of ours.
MAX_BODY = 8 * 1024 * 1024
_MAX_WORD = 300
_WORDS = ('kind', 'sender', 'recipient', 'key_id', 'nonce', 'answer_to',
          'code')

Json = Any
Envelope = JsonObject
#: Keys of a sender by their ids; empty for one that is not known.
Keys = Callable[[str], Mapping[str, bytes]]


class Kind(enum.StrEnum):
    """Which way a message goes, and what for."""

    REQUEST = 'request'
    ANSWER = 'answer'
    REPORT = 'report'
    #: What an agent leaves on a storage, for whoever looks.
    STATE = 'state'


class Refusal(enum.StrEnum):
    """Why a message is refused."""

    MALFORMED = 'malformed'
    UNKNOWN_KEY = 'unknown_key'
    FORGED = 'forged'
    OLD = 'old'
    REPLAYED = 'replayed'
    #: A report is older than what was stored. It may have been overtaken on
    #: its way to another conductor, so it is no sign of an attack.
    LATE = 'late'
    #: The broker delivered it again, as it does when a connection has
    #: broken, and it was taken before.
    REDELIVERED = 'redelivered'


#: What happens without anybody meaning harm.
_HARMLESS = (Refusal.LATE, Refusal.REDELIVERED)


class Refused(Exception):
    """A message is not to be believed.

    :param refusal: why
    :param sender: who it says it is from; a claim, not a fact
    """

    def __init__(self, refusal: Refusal, sender: str) -> None:
        super().__init__(f'{refusal} message that names {sender!r} as its '
                         'sender')
        self.refusal = refusal
        self.sender = sender


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that an agent shares with the control plane."""

    id: str
    secret: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Message:
    """A message that was verified.

    :ivar sent_at: seconds since 1970, by the clock of the sender
    :ivar nonce: names the message
    """

    sender: str
    key_id: str
    sent_at: float
    nonce: str
    body: Json


def new_key() -> Key:
    """Make a key of random bytes."""
    return Key(secrets.token_hex(8), secrets.token_bytes(KEY_BYTES))


def _code(secret: bytes, fields: list[str]) -> str:
    """Return the code of a message.

    Each field goes in with its length, so that no two lists of fields are
    the same bytes.
    """
    parts: list[bytes] = []
    for field in fields:
        encoded = field.encode()
        parts += len(encoded).to_bytes(8, 'big'), encoded
    # All at once takes a fraction of what many updates take.
    return hmac.digest(secret, b''.join(parts), 'sha256').hex()


def _fields(envelope: Envelope) -> list[str]:
    return [str(envelope['version']), envelope['kind'], envelope['sender'],
            envelope['recipient'], envelope['key_id'],
            repr(envelope['time']), envelope['nonce'],
            envelope['answer_to'], envelope['body']]


def sign(key: Key, kind: Kind, sender: str, recipient: str, body: Json, *,
         answer_to: str = '') -> Envelope:
    """Make a signed message.

    :param sender: name of a host, or ``CONTROL``
    :param recipient: the same
    :param body: JSON-safe
    :param answer_to: nonce of the request that is answered
    """
    envelope: Envelope = {
        'version': VERSION, 'kind': str(kind), 'sender': sender,
        'recipient': recipient, 'key_id': key.id, 'time': clock.timestamp(),
        'nonce': secrets.token_hex(16), 'answer_to': answer_to,
        'body': json.dumps(body)}
    return {**envelope, 'code': _code(key.secret, _fields(envelope))}


def _parsed(body: str) -> Json:
    """Return the value of a body.

    :raises ValueError: it is no JSON
    :raises RecursionError: it has too many levels
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # It does not take all that ``json`` writes, such as NaN.
        return json.loads(body)


def _well_formed(envelope: object) -> bool:
    if not isinstance(envelope, dict):
        return False
    return (envelope.get('version') == VERSION
            and type(envelope.get('time')) is float
            and isinstance(envelope.get('body'), str)
            # As ``sign`` makes it; other text may have no bytes to sign.
            and envelope['body'].isascii()
            and len(envelope['body']) <= MAX_BODY
            and all(isinstance(envelope.get(word), str)
                    and len(envelope[word]) <= _MAX_WORD
                    and envelope[word].isascii() for word in _WORDS))


def trimmed(envelope: object) -> Envelope | None:
    """Return a message with nothing but what its signature covers.

    :param envelope: as it came from the bus
    :returns: ``None`` if it is no signed message, whoever has sent it
    """
    if not isinstance(envelope, dict) or not _well_formed(envelope):
        return None
    return {name: envelope[name]
            for name in ('version', 'time', 'body', *_WORDS)}


class Nonces:
    """Remembers messages for as long as they would be new enough.

    :param window: seconds
    :param path: file that keeps them over the end of the process; in memory
        only without one
    """

    def __init__(self, window: float,
                 path: pathlib.Path | None = None) -> None:
        self._window = window
        self._path = path
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._forget_at = 0.0
        if path is not None and path.exists():
            self._load(path)

    def _load(self, path: pathlib.Path) -> None:
        for line in path.read_text('ascii', 'replace').splitlines():
            nonce, _, until = line.partition(' ')
            try:
                self._until[nonce] = float(until)
            except ValueError:
                # The line that was being written when the machine died; its
                # message was not acted on.
                continue

    def is_new(self, nonce: str, sent_at: float) -> bool:
        """Remember a message, unless it was here before.

        :param sent_at: seconds since 1970
        :returns: whether it is the first time
        :raises OSError: it could not be remembered
        """
        with self._lock:
            if nonce in self._until:
                return False
            self._forget(clock.timestamp())
            self._until[nonce] = sent_at + self._window
            self._append(nonce)
            return True

    def _forget(self, now: float) -> None:
        """Drop what is too old by now, once in a window."""
        if now < self._forget_at:
            return
        self._until = {nonce: until for nonce, until in self._until.items()
                       if until > now}
        self._forget_at = now + self._window
        if self._path is not None:
            private.replace(self._path, ''.join(
                f'{nonce} {until}\n'
                for nonce, until in self._until.items()).encode())

    def _append(self, nonce: str) -> None:
        if self._path is None:
            return
        with self._path.open('a', encoding='ascii') as stream:
            # On a full disk the last line may have been written in part.
            stream.write(f'\n{nonce} {self._until[nonce]}\n')
            stream.flush()
            os.fsync(stream.fileno())


class Refusals:
    """Counts and logs messages that are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(map(str, Refusal), 0)

    @property
    def counts(self) -> dict[str, int]:
        """How many there were, by why."""
        with self._lock:
            return dict(self._counts)

    def add(self, refusal: Refusal, sender: str) -> Refused:
        """Count and log one, and return the error that tells of it."""
        error = Refused(refusal, sender)
        with self._lock:
            self._counts[refusal] += 1
        LOG.log(logging.INFO if refusal in _HARMLESS else logging.WARNING,
                'A message was refused: %s.', error)
        return error


class Verifier:
    """Tells messages that are to be believed from others.

    :param recipient: whom messages must be meant for
    :param keys: returns the keys of a sender
    :param window: seconds by which the clocks of two machines may differ,
        together with the time that a message takes
    :param nonces: remembers messages
    :param refusals: counts what is not believed
    """

    def __init__(self, recipient: str, keys: Keys, window: float,
                 nonces: Nonces, refusals: Refusals) -> None:
        self._recipient = recipient
        self._keys = keys
        self._window = window
        self._nonces = nonces
        self._refusals = refusals

    def verify(self, envelope: object, kind: Kind, *, answer_to: str = '',
               redelivered: bool = False) -> Message:
        """Return a message that is to be believed.

        :param envelope: as it came from the bus
        :param kind: what it must be
        :param answer_to: nonce of the request that it must answer
        :param redelivered: whether the broker says that it may have delivered
            the message before
        :raises Refused: it is not to be believed
        """
        if not isinstance(envelope, dict) or not _well_formed(envelope):
            raise self._refusals.add(Refusal.MALFORMED, 'nobody')
        sender = envelope['sender']
        secret = self._keys(sender).get(envelope['key_id'])
        if secret is None:
            raise self._refusals.add(Refusal.UNKNOWN_KEY, sender)
        if not (hmac.compare_digest(envelope['code'],
                                    _code(secret, _fields(envelope)))
                and envelope['kind'] == kind
                and envelope['recipient'] == self._recipient
                and envelope['answer_to'] == answer_to):
            raise self._refusals.add(Refusal.FORGED, sender)
        if not abs(clock.timestamp() - envelope['time']) <= self._window:
            raise self._refusals.add(Refusal.OLD, sender)
        # Only now: what strangers send must not fill the memory.
        if not self._nonces.is_new(envelope['nonce'], envelope['time']):
            raise self._refusals.add(
                Refusal.REDELIVERED if redelivered else Refusal.REPLAYED,
                sender)
        try:
            body = _parsed(envelope['body'])
        except (ValueError, RecursionError):
            # Whoever has a key can sign anything.
            raise self._refusals.add(Refusal.MALFORMED, sender) from None
        return Message(sender, envelope['key_id'], envelope['time'],
                       envelope['nonce'], body)
