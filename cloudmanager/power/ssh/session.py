# SPDX-License-Identifier: Apache-2.0
"""Commands on another machine by SSH, within a deadline.

Host keys are always checked, against keys that belong to the device or to
a file of known hosts; there is no first use that would be trusted. Nothing
of the account that runs the service has a say: no ``~/.ssh``, no agent.
"""

import asyncio
import binascii
from collections.abc import Callable
from collections.abc import Coroutine
import dataclasses
import functools
import pathlib
import re
import socket
import struct
from typing import Any
from typing import TypeVar

import asyncssh
from oslo_config import cfg

from cloudmanager.power import base
from cloudmanager.power import checks
from cloudmanager.power import deadline as power_deadline
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import wording

CONF = cfg.CONF
T = TypeVar('T')
#: Bytes that a command may print.
MOST_BYTES = 1024 * 1024

# No algorithm with SHA-1, and no certificates where keys are pinned.
_HOST_KEY_ALGORITHMS = (
    'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256')
# Not those in which the other side chooses a prime, however large, and with
# it how long all other connections of the process have to wait.
_KEX_ALGORITHMS = (
    'curve25519-sha256', 'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512', 'diffie-hellman-group14-sha256')

# Rounds of bcrypt, each some milliseconds, that guard a private key.
# ssh-keygen takes 16 or 24; it can be told any number.
_MOST_ROUNDS = 256
_OPENSSH_MAGIC = b'openssh-key-v1\0'
_PEM = re.compile(r'-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+)-----END')

Keys = tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey],
             list[asyncssh.SSHKey]]


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a command.

    :ivar status: ``None`` when it did not end by itself
    """

    status: int | None
    output: str
    errors: str


class TooMuch(Exception):
    """A command printed more than it may."""


class _Trust:
    """Which host keys a device may have.

    :param device: errors are about it
    :param pinned: value of its option ``host_key``, if it has one
    :raises PowerUntrusted: they cannot be read
    """

    def __init__(self, device: base.Device, pinned: str | None) -> None:
        self._device = device
        self._fingerprints: set[str] = set()
        self._known: asyncssh.SSHKnownHosts | None = None
        self._presented = ''
        #: For ``asyncssh.connect``.
        self.algorithms: Any = ()
        if pinned is None:
            self._known = self._read_known()
        else:
            self._pin(pinned)

    @property
    def known_hosts(self) -> asyncssh.SSHKnownHosts | Keys:
        # None would make asyncssh read ~/.ssh.
        return self._known if self._known is not None else ([], [], [])

    def accept(self, key: asyncssh.SSHKey) -> bool:
        """Tell whether a key that is in no file will do."""
        self._presented = key.get_fingerprint('sha256')
        return self._presented in self._fingerprints

    def error(self, address: str, text: str) -> exceptions.PowerUntrusted:
        """Return the error for a key that would not do.

        :param address: where the device was found
        :param text: what asyncssh says
        """
        if 'revoked' in text:
            reason = 'its host key is revoked'
        elif self._known is None:
            reason = 'it has another host key than option host_key'
        elif self._has_entry(address):
            reason = 'its host key has changed'
        else:
            reason = ('its host key is unknown; enter it in option host_key '
                      'or in [power] ssh_known_hosts')
        if self._presented:
            reason += f' (it has {self._presented})'
        return exceptions.PowerUntrusted(device=self._device, reason=reason)

    def _has_entry(self, address: str) -> bool:
        assert self._known is not None  # noqa: S101
        port = self._device.port
        found = self._known.match(self._device.host, address,
                                  port if port != 22 else None)
        return bool(found[0] or found[1])

    def _unusable(self, what: str) -> exceptions.PowerUntrusted:
        return exceptions.PowerUntrusted(device=self._device,
                                         reason=f'{what} cannot be used')

    def _pin(self, pinned: str) -> None:
        names: set[str] = set()
        for line in filter(None, map(str.strip, pinned.splitlines())):
            if checks.FINGERPRINT.fullmatch(line):
                names.update(_HOST_KEY_ALGORITHMS)
                self._fingerprints.add(line)
                continue
            try:
                key = asyncssh.import_public_key(line)
            except (asyncssh.KeyImportError, ValueError):
                key = None
            if key is None:
                raise self._unusable('option host_key')
            names.update(each.decode() for each in key.sig_algorithms)
            self._fingerprints.add(key.get_fingerprint('sha256'))
        self.algorithms = [name for name in _HOST_KEY_ALGORITHMS
                           if name in names]
        if not self.algorithms:
            raise self._unusable('option host_key')

    def _read_known(self) -> asyncssh.SSHKnownHosts:
        found = None
        try:
            found = asyncssh.import_known_hosts(pathlib.Path(
                CONF.power.ssh_known_hosts).read_text())
        except FileNotFoundError:
            found = asyncssh.import_known_hosts('')
        except (OSError, ValueError):
            pass
        if found is None:
            raise self._unusable('[power] ssh_known_hosts')
        return found


class _Client(asyncssh.SSHClient):
    """What asyncssh asks back about a connection."""

    def __init__(self, trust: _Trust) -> None:
        self._trust = trust
        self.connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int,
                                 key: asyncssh.SSHKey) -> bool:
        return self._trust.accept(key)


def _private_key(device: base.Device) -> asyncssh.SSHKey | None:
    """Return the private key of a device, decrypted with its password.

    :raises PowerCredentials: it cannot be used
    """
    if not device.ssh_key:
        return None
    reason = _too_costly(device.ssh_key)
    if reason is None:
        try:
            return _import_key(device.ssh_key, device.password or None)
        except (asyncssh.KeyImportError, ValueError):
            reason = ('it is no key, or the password of the device does not '
                      'decrypt it')
    raise exceptions.PowerCredentials(
        f'The private key for {device} cannot be used: {reason}.',
        device=device)


@functools.lru_cache(maxsize=128)
def _import_key(text: str, passphrase: str | None) -> asyncssh.SSHKey:
    """Return a private key.

    What guards one is meant to take long to decrypt: half a second of
    computing with the least that ssh-keygen takes, for each reading.
    """
    return asyncssh.import_private_key(text, passphrase)


def _too_costly(text: str) -> str | None:
    """Tell why a private key would take too long to decrypt, if so."""
    match = _PEM.search(text)
    if match is None:
        return 'it is not in PEM'
    kind = match[1]
    if kind == 'ENCRYPTED PRIVATE KEY':
        # Its cost is in parameters of many kinds.
        return 'encrypted keys must be in the format of OpenSSH'
    if kind != 'OPENSSH PRIVATE KEY':
        return None
    try:
        rounds = _bcrypt_rounds(match[2])
    except (ValueError, struct.error):
        return 'it is damaged'
    if rounds > _MOST_ROUNDS:
        return f'it has {rounds} rounds of bcrypt, more than {_MOST_ROUNDS}'
    return None


def _bcrypt_rounds(text: str) -> int:
    """Return the cost of a key in the format of OpenSSH.

    Source: PROTOCOL.key of OpenSSH: behind the magic the names of the
    cipher and of the derivation, then the options of the latter: its salt
    and its rounds.

    :raises ValueError: it is damaged
    """
    data = binascii.a2b_base64(text)
    if not data.startswith(_OPENSSH_MAGIC):
        raise ValueError('no key of OpenSSH')
    rest = data[len(_OPENSSH_MAGIC):]
    _, rest = _string(rest)
    name, rest = _string(rest)
    options, _ = _string(rest)
    if name != b'bcrypt':
        return 0
    _, rounds = _string(options)
    return int(struct.unpack('>I', rounds)[0])


def _string(data: bytes) -> tuple[bytes, bytes]:
    length = struct.unpack('>I', data[:4])[0]
    if length > len(data) - 4:
        raise ValueError('too short')
    return data[4:4 + length], data[4 + length:]


class Session:
    """A login that runs commands, one after the other.

    :param connection: established
    """

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection

    async def run(self, command: str) -> Result:
        """Run a command without input and return what came of it.

        :raises TooMuch: it printed too much
        """
        process = await self._connection.create_process(
            command, stdin=asyncssh.DEVNULL, encoding=None)
        output, errors = await asyncio.gather(_read(process.stdout),
                                              _read(process.stderr))
        await process.wait_closed()
        return Result(process.exit_status, output, errors)


async def _read(reader: asyncssh.SSHReader[bytes]) -> str:
    found = b''
    while part := await reader.read(65536):
        found += part
        if len(found) > MOST_BYTES:
            raise TooMuch
    return found.decode(errors='replace')


def run(device: base.Device, deadline: float, host_key: str | None,
        work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
    """Log in, let a function work with the session, and log out.

    :param deadline: monotonic time at which everything has to be over
    :param host_key: keys or fingerprints that the device may have, one a
        line; the file of known hosts counts without
    :raises PowerError: it did not work
    """
    if not device.login or not (device.password or device.ssh_key):
        raise exceptions.PowerCredentials(device=device)
    trust = _Trust(device, host_key)
    client = _Client(trust)
    options = _options(device, trust, client)
    address = ''
    try:
        connected = network.connect(device.host, device.port,
                                    socket.SOCK_STREAM, deadline)
        address = str(connected.getpeername()[0])
        connected.setblocking(False)
        return power_deadline.LOOP.run(
            _work(device, connected, options, client, work), deadline)
    except exceptions.PowerError:
        raise
    # What a damaged packet makes asyncssh raise cannot be listed.
    except Exception as exc:
        error = _translate(device, trust, address, exc)
    # Not raised above: the frames of the cause hold the secrets.
    raise error


def _options(device: base.Device, trust: _Trust,
             client: _Client) -> asyncssh.SSHClientConnectionOptions:
    """Return all that asyncssh has to know, so that it looks nowhere.

    :raises PowerCredentials: the private key cannot be used
    """
    key = _private_key(device)
    return asyncssh.SSHClientConnectionOptions(
        client_factory=lambda: client, config=None, agent_path=None,
        username=device.login, known_hosts=trust.known_hosts,
        server_host_key_algs=trust.algorithms or (),
        kex_algs=_KEX_ALGORITHMS, compression_algs=['none'],
        client_keys=[key] if key is not None else None,
        password=None if key is not None else device.password,
        public_key_auth=key is not None, password_auth=key is None,
        kbdint_auth=key is None, host_based_auth=False, gss_host=None,
        # A device that accepts anybody is not the one with the account.
        disable_trivial_auth=True)


async def _work(device: base.Device, connected: socket.socket,
                options: asyncssh.SSHClientConnectionOptions,
                client: _Client,
                work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
    done = False
    try:
        connection = await asyncssh.connect(
            device.host, device.port, sock=connected, options=options)
        result = await work(Session(connection))
        done = True
        return result
    finally:
        if client.connection is None:
            connected.close()
        elif done:
            # Not waited for: what was found must not be lost to it.
            client.connection.close()
        else:
            client.connection.abort()


def _translate(device: base.Device, trust: _Trust, address: str,
               exc: Exception) -> exceptions.PowerError:
    """Return our error for a failure, without a reference to its cause."""
    if isinstance(exc, asyncssh.HostKeyNotVerifiable):
        return trust.error(address, str(exc))
    if isinstance(exc, asyncssh.PermissionDenied):
        return exceptions.PowerCredentials(device=device)
    if isinstance(exc, OSError | asyncssh.ConnectionLost):
        return network.trouble(device, exc)
    if isinstance(exc, asyncssh.ChannelOpenError):
        return exceptions.PowerBusy(device=device)
    what = 'the login'
    if isinstance(exc, asyncssh.DisconnectError):
        if exc.code == asyncssh.DISC_TOO_MANY_CONNECTIONS:
            return exceptions.PowerBusy(device=device)
        if 'authentication' in str(exc.reason).lower():
            return exceptions.PowerCredentials(device=device)
        return exceptions.PowerProtocol(
            device=device, request=what,
            reason=wording.quote(device, exc.reason))
    if isinstance(exc, TooMuch):
        return exceptions.PowerProtocol(
            device=device, request='a command',
            reason=f'more than {MOST_BYTES} bytes')
    return exceptions.PowerProtocol(device=device, request=what,
                                    reason=type(exc).__name__)
