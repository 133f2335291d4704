# SPDX-License-Identifier: Apache-2.0
"""System metadata of servers: texts by keys that Nova has chosen."""

import re

from cloudmanager.api.types.containers import Map
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Text

_KEY = r'[^\x00-\x1f\x7f/]{1,255}'
_MAX_KEYS = 128


def _key(name: str) -> str:
    if not re.fullmatch(_KEY, name):
        raise ValueError('must not have a name of a field that is empty, '
                         'has more than 255 characters, or has slashes or '
                         'control characters')
    return name


_METADATA = Map(_key, {'pattern': f'^{_KEY}$'}, Text(), 1, _MAX_KEYS)


class Metadata(Resource):
    """System metadata to set."""

    _about = About(others=_METADATA)


class Answer(Resource):
    """The system metadata of a server."""

    metadata = Field(_METADATA, nullable=False,
                     description='System metadata by key.')
