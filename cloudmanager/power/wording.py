# SPDX-License-Identifier: Apache-2.0
"""Makes texts of devices safe for errors and logs."""

from cloudmanager.common import texts
from cloudmanager.power import base

LONGEST = 200
_MASK = '***'


def quote(device: base.Device, text: object,
          *more: str | None) -> str:
    """Return a text of a device in one short line, without its secrets.

    A device knows the secrets that it was sent, and may well repeat them in
    its complaint about a request.

    :param text: anything; what is no string counts as saying nothing
    :param more: further secrets
    """
    if not isinstance(text, str):
        return 'no reason given'
    for secret in (device.password, device.ssh_key, *more):
        if secret:
            text = text.replace(secret, _MASK)
    line = ' '.join(texts.printable(text, len(text)).split())
    if len(line) > LONGEST:
        line = line[:LONGEST] + '...'
    return line or 'no reason given'
