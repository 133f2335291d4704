# SPDX-License-Identifier: Apache-2.0
"""Names and addresses of hosts."""

import ipaddress
import re

_MAX = 253
_LABEL = '(?!-)[a-z0-9_-]{1,63}(?<!-)'
_NAME = re.compile(rf'{_LABEL}(\.{_LABEL})*\.?', re.IGNORECASE)


def canonical(value: str) -> str:
    """Return a host name or an IP address in its common form.

    :raises ValueError: it is neither
    """
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    if not _NAME.fullmatch(value) or len(value) > _MAX:
        raise ValueError('must be a host name or an IP address')
    return value.lower()
