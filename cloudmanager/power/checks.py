# SPDX-License-Identifier: Apache-2.0
"""Checks of fields of power controls that no JSON schema can express.

Apart from the drivers, as ``options`` is. Each function raises ValueError
with a text that goes on after the name of the field.
"""

from collections.abc import Callable
import re

from cryptography import exceptions as crypto_exc
from cryptography.hazmat.primitives import serialization

FINGERPRINT = re.compile('SHA256:[A-Za-z0-9+/]{43}')
# Those whose signatures the SSH driver takes.
_KEY = re.compile(r'(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) .+')
_HOST_KEYS = ('must have public keys of SSH without the name of the host '
              '("ssh-ed25519 AAAA...") or their fingerprints ("SHA256:..."), '
              'one a line')


def octets(most: int) -> Callable[[str], None]:
    """Return a check of the length of a text in UTF-8.

    :param most: octets that there is room for
    """
    def check(text: str) -> None:
        if len(text.encode('utf-8', 'surrogatepass')) > most:
            raise ValueError(f'must not have more than {most} octets in '
                             'UTF-8')
    return check


def host_keys(text: str) -> None:
    """Check what option ``host_key`` has."""
    lines = list(filter(None, map(str.strip, text.splitlines())))
    if not lines or not all(map(_is_host_key, lines)):
        raise ValueError(_HOST_KEYS)


def _is_host_key(line: str) -> bool:
    if FINGERPRINT.fullmatch(line):
        return True
    if not _KEY.fullmatch(line):
        return False
    try:
        serialization.load_ssh_public_key(line.encode())
    except (ValueError, crypto_exc.UnsupportedAlgorithm):
        return False
    return True
