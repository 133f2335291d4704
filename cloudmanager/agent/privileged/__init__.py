# SPDX-License-Identifier: Apache-2.0
"""The code that needs privileges, and nothing else.

Its modules have plain functions. ``call`` runs a function in the helper
process that has the capabilities for it, or in this process, as
``[agent] privileged`` says.
"""

import importlib
from typing import Any

from oslo_config import cfg

CONF = cfg.CONF


def is_separate() -> bool:
    """Tell whether helper processes have the privileges."""
    return bool(CONF.agent.privileged == 'privsep')


def call(module: str, name: str, *arguments: Any) -> Any:
    """Carry out a function of a module of this package.

    :param arguments: plain values; they may cross to another process
    """
    if is_separate():
        # Imported here, since only this case needs oslo.privsep.
        from cloudmanager.agent.privileged import contexts
        return contexts.ENTRY_POINTS[module](name, *arguments)
    return direct(module, name, *arguments)


def direct(module: str, name: str, *arguments: Any) -> Any:
    """Carry out such a function in this process.

    :raises PermissionError: the module does not offer it
    """
    found = importlib.import_module(f'{__name__}.{module}')
    if name not in found.OFFERED:
        raise PermissionError(f'{module} does not offer {name}')
    return getattr(found, name)(*arguments)


def start() -> None:
    """Start the helper processes, before there are threads."""
    if is_separate():
        from cloudmanager.agent.privileged import contexts
        contexts.start()


def is_alive() -> bool:
    """Tell whether the helper processes can be asked."""
    if is_separate():
        from cloudmanager.agent.privileged import contexts
        return contexts.is_alive()
    return True
