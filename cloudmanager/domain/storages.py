# SPDX-License-Identifier: Apache-2.0
"""The availability storages of a node, in the form that its agent gets."""

import os

from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

#: Storages of one node.
MAX_STORAGES = 64
MAX_PATH = 1024


def check(storages: object) -> list[JsonObject]:
    """Check storages, and return them in the order of their ids.

    :param storages: ``id`` and ``path`` of each, not trusted
    :raises Invalid: they are not valid
    """
    if not isinstance(storages, list) or len(storages) > MAX_STORAGES:
        raise exception.Invalid(reason='Storages must be a list, of at most '
                                       f'{MAX_STORAGES}.')
    found: dict[int, JsonObject] = {}
    for storage in storages:
        if not isinstance(storage, dict) or set(storage) != {'id', 'path'}:
            raise exception.Invalid(reason='A storage must have id and path.')
        key, path = storage['id'], storage['path']
        if type(key) is not int or key in found:
            raise exception.Invalid(
                reason='The id of a storage must be a number of its own.')
        if (not isinstance(path, str) or len(path) > MAX_PATH
                or not path.startswith('/') or not path.isprintable()
                or os.path.normpath(path) != (path.rstrip('/') or '/')):
            raise exception.Invalid(
                reason=f'The path of storage {key} is not absolute and '
                       'plain.')
        found[key] = {'id': key, 'path': path}
    return [found[key] for key in sorted(found)]
