# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: Fernet with rotating keys.

Keys are files in ``[secrets] key_repository`` named by number. The highest
number encrypts, all decrypt, so that rotation needs no downtime: add a key,
re-encrypt at leisure, remove the old one.
"""

from collections.abc import Callable
import os
import pathlib
import stat
import tempfile

from cryptography import fernet
from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.common import private

CONF = cfg.CONF
SETTING = '[secrets] key_repository'


def _key_files(repository: pathlib.Path) -> list[pathlib.Path]:
    """Return the key files, newest first.

    :raises Misconfigured: they cannot be looked for
    """
    try:
        if not repository.is_dir():
            return []
        files = [path for path in repository.iterdir()
                 if path.name.isdigit()]
    except OSError as exc:
        raise exception.Misconfigured(setting=SETTING,
                                      reason=str(exc)) from exc
    return sorted(files, key=lambda path: int(path.name), reverse=True)


def check() -> None:
    """Check that others can neither read nor replace the keys.

    The group of a key file may read it, for services that get it from
    somebody else.

    :raises Misconfigured: others can
    """
    repository = pathlib.Path(CONF.secrets.key_repository)
    files = _key_files(repository)
    try:
        if files and private.mode(repository) & stat.S_IWOTH:
            raise _open(repository, '0700')
        for path in files:
            if private.is_open(path):
                raise _open(path, '0600')
    except OSError as exc:
        raise exception.Misconfigured(setting=SETTING,
                                      reason=str(exc)) from exc


def _open(path: pathlib.Path, wanted: str) -> exception.Misconfigured:
    return exception.Misconfigured(
        setting=SETTING,
        reason=f'others have access to {path} (mode '
               f'{private.mode(path):04o}); set it to {wanted}, and make a '
               'new key if somebody may have read it')


def create_key(repository: str | None = None) -> pathlib.Path:
    """Add a new primary key.

    :returns: the file, readable by its owner alone
    """
    directory = pathlib.Path(repository or CONF.secrets.key_repository)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix='.', dir=directory)
    try:
        with os.fdopen(descriptor, 'wb') as stream:
            stream.write(fernet.Fernet.generate_key())
            stream.flush()
            os.fsync(stream.fileno())
        return _publish(pathlib.Path(temporary), directory)
    finally:
        os.unlink(temporary)


def _publish(temporary: pathlib.Path,
             directory: pathlib.Path) -> pathlib.Path:
    """Give a complete key file the next number, never an existing one's."""
    while True:
        existing = _key_files(directory)
        number = int(existing[0].name) + 1 if existing else 0
        path = directory / str(number)
        try:
            path.hardlink_to(temporary)
            return path
        except FileExistsError:
            continue


def prune_keys(keep: int = 2) -> list[pathlib.Path]:
    """Remove all keys but the newest.

    :param keep: how many to keep
    :returns: the files removed
    """
    old = _key_files(pathlib.Path(CONF.secrets.key_repository))[keep:]
    for path in old:
        path.unlink()
    return old


def _cipher() -> fernet.MultiFernet:
    files = _key_files(pathlib.Path(CONF.secrets.key_repository))
    if not files:
        raise exception.Unavailable(
            reason='No encryption key in [secrets] key_repository; run '
                   'cloudmanager-manage secrets create-key.')
    return fernet.MultiFernet([_read_key(path) for path in files])


def _read_key(path: pathlib.Path) -> fernet.Fernet:
    try:
        return fernet.Fernet(path.read_bytes().strip())
    except (OSError, ValueError) as exc:
        raise exception.Unavailable(
            reason=f'Encryption key {path} cannot be used: {exc}') from exc


def encrypt(plain: str | None) -> str | None:
    """Encrypt a secret for the database; ``None`` stays ``None``."""
    if plain is None:
        return None
    return _cipher().encrypt(plain.encode()).decode()


def decrypt(stored: str | None) -> str | None:
    """Decrypt a secret of the database.

    :raises SecretUnreadable: no present key fits
    """
    return opener()(stored) if stored is not None else None


def opener() -> Callable[[str | None], str | None]:
    """Return a function like ``decrypt`` that has read the keys already.

    It is for many secrets at once and not to be kept: keys are rotated.
    """
    cipher = _cipher()

    def decrypt_with_it(stored: str | None) -> str | None:
        if stored is None:
            return None
        try:
            return cipher.decrypt(stored.encode()).decode()
        except fernet.InvalidToken as exc:
            raise exception.SecretUnreadable() from exc
    return decrypt_with_it


def rotate(stored: str) -> str:
    """Re-encrypt a stored secret with the newest key."""
    try:
        return _cipher().rotate(stored.encode()).decode()
    except fernet.InvalidToken as exc:
        raise exception.SecretUnreadable() from exc
