# SPDX-License-Identifier: Apache-2.0
"""Finds the driver of a control type among the installed plugins."""

import functools

import stevedore

from cloudmanager.power import base
from cloudmanager.power import exceptions

NAMESPACE = 'cloudmanager.power.drivers'


def _fail(manager: object, entry_point: object, error: Exception) -> None:
    # A driver that cannot be loaded must not be found missing at night.
    raise error


@functools.cache
def drivers() -> dict[str, base.PowerDriver]:
    """Return all drivers by control type; fails if one cannot load."""
    manager = stevedore.ExtensionManager(
        NAMESPACE, invoke_on_load=True, on_load_failure_callback=_fail)
    return {extension.name: extension.obj for extension in manager}


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
