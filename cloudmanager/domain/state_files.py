# SPDX-License-Identifier: Apache-2.0
"""The file that an agent keeps on each availability storage of its node.

It is one JSON object: a signed message (see ``common.signing``) and the
checksum of its body. The checksum shows anybody whether a file is damaged. The
signature shows those who have the key whether a file is forged. The body has:

* ``host``: the node
* ``generation``: grows with each file that the node writes
* ``time``: when it was written, in seconds since 1970 by the node's clock
* ``interval``: seconds within which the next one is written
* ``boot_id``: another one after each start of the node
* ``guests``: ``id``, ``name`` and ``state`` of each (``guest_states``), or
  null, and then ``reason`` says why they are not known
"""

import hashlib
import json
from urllib import parse

from cloudmanager.common.json_types import JsonObject

_PREFIX, _SUFFIX = 'cloudmanager-', '.json'


def name_of(host: str) -> str:
    """Return the name of the file of a node."""
    return f'{_PREFIX}{parse.quote(host, safe="")}{_SUFFIX}'


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def pack(envelope: JsonObject) -> bytes:
    """Return the content of a file.

    :param envelope: a signed message
    """
    return json.dumps({**envelope, 'checksum': _checksum(
        envelope['body'])}).encode() + b'\n'


def unpack(content: bytes) -> JsonObject:
    """Return the message in a file; its signature is still to be verified.

    :raises ValueError: the file is damaged, or something else
    """
    try:
        envelope = json.loads(content)
        if not isinstance(envelope, dict):
            raise ValueError('it is no object')
        checksum = envelope.pop('checksum')
        if checksum != _checksum(envelope['body']):
            raise ValueError('its checksum is wrong')
    except (ValueError, LookupError, TypeError, AttributeError,
            RecursionError) as exc:
        raise ValueError(f'The file of states is damaged: {exc}') from exc
    return envelope
