# SPDX-License-Identifier: Apache-2.0
"""What is named on the command line: by its name or its id.

Each function returns the ids of what has a name, as :data:`options.Finder`
says. What is not CloudManager's own is looked up at its service in the cloud.
Where that cannot be asked the text is passed on as it is: it may be an id,
and otherwise CloudManager says that there is no such thing.
"""

from collections.abc import Mapping
import re
from typing import Any

from osc_lib import exceptions as osc_exc

#: What the numbers of the condition of a node mean.
CONDITIONS = {0: 'out of service', 1: 'enabled', 2: 'disabled', 3: 'alarm',
              4: 'reserved'}
_BY_NAME = {name: number for number, name in CONDITIONS.items()}
_UUID = re.compile(r'[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}', re.I)
_NOTHING: Mapping[str, Any] = {}


def condition(manager: Any, text: str,
              known: Mapping[str, Any] = _NOTHING) -> tuple[int]:
    """Return the number of a condition of nodes."""
    if text.isdecimal() and int(text) in CONDITIONS:
        return (int(text),)
    name = re.sub(r'[\s_-]+', ' ', text.strip().lower())
    if name not in _BY_NAME:
        raise osc_exc.CommandError(
            f'There is no condition {text}.\nIt is one of: '
            + ', '.join(f'{name} ({number})'
                        for name, number in _BY_NAME.items()))
    return (_BY_NAME[name],)


def node(manager: Any, text: str,
         known: Mapping[str, Any] = _NOTHING) -> tuple[int]:
    """Return the id of a node."""
    return (int(manager.cloudmanager.get_node(text, fields='id').id),)


def node_class(manager: Any, text: str,
               known: Mapping[str, Any] = _NOTHING) -> tuple[int]:
    """Return the id of a class of nodes."""
    return (manager.cloudmanager.find_node_class(text).id,)


def node_type(manager: Any, text: str,
              known: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the ids of the types of a name; classes may have one each.

    :param known: ``node_class_id`` limits it to the types of that class
    """
    wanted = known.get('node_class_id')
    classes = [found for found in manager.cloudmanager.node_classes()
               if not isinstance(wanted, int) or found.id == wanted]
    types = [each for found in classes for each in found.node_types or ()]
    for field in ('id', 'name'):
        ids = tuple(each['id'] for each in types
                    if str(each[field]) == text)
        if ids:
            return ids
    where = f' of class {classes[0].name}' if isinstance(wanted, int) else ''
    raise osc_exc.CommandError(
        f'There is no type {text}{where}.\nSee what there is: openstack '
        f'cloudmanager node class list --long')


def image(manager: Any, text: str,
          known: Mapping[str, Any] = _NOTHING) -> tuple[int]:
    """Return the id of an image that nodes boot."""
    return (manager.cloudmanager.find_node_image(text).id,)


def power_control(manager: Any, text: str,
                  known: Mapping[str, Any] = _NOTHING) -> tuple[int]:
    """Return the id of a power control."""
    return (manager.cloudmanager.find_power_control(text).id,)


def server(manager: Any, text: str,
           known: Mapping[str, Any] = _NOTHING) -> tuple[str]:
    """Return the UUID of a server, of whatever project."""
    return (_of_cloud(manager, 'compute', 'server', text,
                      all_projects=True),)


def volume(manager: Any, text: str,
           known: Mapping[str, Any] = _NOTHING) -> tuple[str]:
    """Return the UUID of a volume, of whatever project."""
    return (_of_cloud(manager, 'block_storage', 'volume', text,
                      all_projects=True),)


def domain(manager: Any, text: str,
           known: Mapping[str, Any] = _NOTHING) -> tuple[str]:
    """Return the id of a domain of Keystone."""
    return (_of_cloud(manager, 'identity', 'domain', text),)


def aggregate(manager: Any, text: str,
              known: Mapping[str, Any] = _NOTHING) -> tuple[str]:
    """Return the id of a host aggregate."""
    if text.isdecimal():
        return (text,)
    return (_of_cloud(manager, 'compute', 'aggregate', text),)


def _of_cloud(manager: Any, service: str, kind: str, text: str,
              **more: Any) -> str:
    """Return the id of an object of another service.

    :raises openstack.exceptions.DuplicateResource: several have the name
    """
    if _UUID.fullmatch(text):
        return text
    # Costly to import, and most commands name nothing of other services.
    from keystoneauth1 import exceptions as ksa_exc
    from openstack import exceptions as sdk_exc

    try:
        proxy = getattr(manager.sdk_connection, service)
        found = getattr(proxy, f'find_{kind}')(text, **more)
    except sdk_exc.DuplicateResource:
        raise
    except (sdk_exc.SDKException, ksa_exc.ClientException):
        return text
    return text if found is None else str(found.id)
