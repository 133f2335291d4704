# SPDX-License-Identifier: Apache-2.0
"""The functions that modules of this package offer."""

import importlib
from typing import Any

_PACKAGE = 'cloudmanager.agent.privileged'


def run(module: str, name: str, *arguments: Any) -> Any:
    """Carry out a function of a module of this package, in this process.

    :raises PermissionError: the module does not offer it
    """
    found = importlib.import_module(f'{_PACKAGE}.{module}')
    if name not in found.OFFERED:
        raise PermissionError(f'{module} does not offer {name}')
    return getattr(found, name)(*arguments)
