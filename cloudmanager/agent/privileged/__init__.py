# SPDX-License-Identifier: Apache-2.0
"""The code that needs privileges, and nothing else.

Its modules have plain functions. ``call`` runs a function in the helper
process that has the capabilities for it, or in this process, as
``[agent] privileged`` says.
"""

from typing import Any

from oslo_config import cfg

from cloudmanager.agent.privileged import functions

CONF = cfg.CONF


def is_separate() -> bool:
    """Tell whether helper processes have the privileges."""
    return bool(CONF.agent.privileged == 'privsep')


def call(module: str, name: str, *arguments: Any) -> Any:
    """Carry out a function of a module of this package.

    :param arguments: plain values; they may cross to another process
    """
    if is_separate():
        # Only this case needs oslo.privsep.
        from cloudmanager.agent.privileged import contexts
        return contexts.ENTRY_POINTS[module](name, *arguments)
    return functions.run(module, name, *arguments)


def start() -> None:
    """Start the helper processes, before there are threads."""
    if is_separate():
        # Only this case needs oslo.privsep.
        from cloudmanager.agent.privileged import contexts
        contexts.start()


def is_alive() -> bool:
    """Tell whether the helper processes can be asked."""
    if is_separate():
        # Only this case needs oslo.privsep.
        from cloudmanager.agent.privileged import contexts
        return contexts.is_alive()
    return True
