# SPDX-License-Identifier: Apache-2.0
"""Finds the driver of a control type among the installed plugins."""

from importlib import metadata
import threading

import stevedore

from cloudmanager.power import base
from cloudmanager.power import exceptions

NAMESPACE = 'cloudmanager.power.drivers'
_lock = threading.Lock()
_loaded: dict[str, base.PowerDriver] = {}


def _fail(manager: 'stevedore.ExtensionManager[base.PowerDriver]',
          entry_point: metadata.EntryPoint, error: BaseException) -> None:
    # A driver that cannot be loaded must not be found missing at night.
    raise error


def load(namespace: str = NAMESPACE) -> dict[str, base.PowerDriver]:
    """Make all drivers of a namespace, by control type.

    :raises Exception: whatever kept one of them from loading
    """
    manager: stevedore.ExtensionManager[base.PowerDriver] = (
        stevedore.ExtensionManager(namespace, invoke_on_load=True,
                                   on_load_failure_callback=_fail))
    return {extension.name: extension.obj for extension in manager
            if extension.obj is not None}


def drivers() -> dict[str, base.PowerDriver]:
    """Return all drivers by control type; fails if one cannot load."""
    # Two drivers for a device would not know of each other's requests.
    with _lock:
        if not _loaded:
            _loaded.update(load())
        return dict(_loaded)


def get(device: base.Device) -> base.PowerDriver:
    """Return the driver of a device.

    :raises PowerUnsupported: none is installed for its type
    """
    try:
        return drivers()[device.control_type]
    except KeyError:
        raise exceptions.PowerUnsupported(
            device=device,
            request=f'its control type {device.control_type}') from None


def close() -> None:
    """Close all drivers at the end of the process."""
    with _lock:
        found = list(_loaded.values())
    for driver in found:
        driver.close()
