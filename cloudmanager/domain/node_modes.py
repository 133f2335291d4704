# SPDX-License-Identifier: Apache-2.0
"""Modes of nodes: settings that the agent of a node applies to it.

Settings are a value for each mode that somebody has set:

* ``snmp``, ``ssh``, ``nodesafe``, ``dcc``: whether it is on
* ``cpu_mode``: ``mode`` and, for ``custom``, ``model``; ``mode`` is ``None``
  for Nova's own default
* ``log_redirection``: name or address of a host, or ``None``
* ``controller``: id of the virtual controller that nova-compute serves, or
  ``None``

A mode without a value has never been set. The agent leaves it as it is.
"""

from collections.abc import Mapping
import re

from cloudmanager.common import exception
from cloudmanager.domain import host_names

SNMP, SSH, NODESAFE, DCC = 'snmp', 'ssh', 'nodesafe', 'dcc'
CPU_MODE, LOG_REDIRECTION = 'cpu_mode', 'log_redirection'
CONTROLLER = 'controller'
SWITCHES = (SNMP, SSH, NODESAFE, DCC)
MODES = (*SWITCHES, CPU_MODE, LOG_REDIRECTION, CONTROLLER)
#: Modes that configure components; they can only be set while DCC is on.
COMPONENTS = (CPU_MODE, LOG_REDIRECTION, CONTROLLER)
CUSTOM = 'custom'
CPU_MODES = (None, 'host-passthrough', 'host-model', CUSTOM)
CPU_MODEL = re.compile(r'[A-Za-z0-9][A-Za-z0-9._+-]{0,63}')
UUID = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
#: The settings of a node for which no mode was ever set.
DEFAULTS: dict[str, object] = {DCC: True}

Settings = dict[str, object]


def dcc_is_on(settings: Mapping[str, object]) -> bool:
    """Tell whether the agent configures components of the node."""
    return bool(settings.get(DCC, DEFAULTS[DCC]))


def _check_cpu_mode(value: object) -> None:
    if not isinstance(value, dict) or set(value) != {'mode', 'model'}:
        raise ValueError('must have mode and model')
    if value['mode'] not in CPU_MODES:
        raise ValueError('has an unknown mode')
    model = value['model']
    if (value['mode'] == CUSTOM) != (model is not None):
        raise ValueError('has a model for custom, and for no other mode')
    if model is not None and not (isinstance(model, str)
                                  and CPU_MODEL.fullmatch(model)):
        raise ValueError('has what is no name of a model')


def _check_value(mode: str, value: object) -> None:
    """Check the value of a mode.

    :raises ValueError: it cannot have it
    """
    if mode in SWITCHES:
        if not isinstance(value, bool):
            raise ValueError('must be true or false')
    elif mode == CPU_MODE:
        _check_cpu_mode(value)
    elif mode == CONTROLLER:
        if value is not None and not (isinstance(value, str)
                                      and UUID.fullmatch(value)):
            raise ValueError('must be the id of a server')
    elif value is not None:
        if (not isinstance(value, str)
                or host_names.canonical(value) != value):
            raise ValueError('must be a host name or an IP address')


def check(settings: object) -> Settings:
    """Check settings, and return them.

    :param settings: the settings, not trusted
    :raises Invalid: they are not valid
    """
    if not isinstance(settings, dict):
        raise exception.Invalid(reason='Settings must be an object.')
    for mode, value in settings.items():
        if mode not in MODES:
            raise exception.Invalid(
                reason=f'There is no mode {str(mode)[:64]}.')
        try:
            _check_value(mode, value)
        except ValueError as exc:
            raise exception.Invalid(
                reason=f'Mode {mode} {exc}.') from exc
    return settings
