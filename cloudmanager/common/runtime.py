# SPDX-License-Identifier: Apache-2.0
"""The runtime of every process: real threads, and no eventlet.

Chosen by the packages of programs before anything else is imported.
"""

import importlib.util
import sys

from oslo_service import backend


def choose() -> None:
    """Choose threads for oslo.service and keep eventlet out.

    Libraries import eventlet where it is installed, only to ask whether
    threads have been replaced. That costs a tenth of a program's start and a
    warning in each log; an import that fails gives them the same answer.
    """
    sys.modules.setdefault('eventlet', None)  # type: ignore[arg-type]
    backend.init_backend(backend.BackendType.THREADING)


def import_late(name: str) -> None:
    """Have a module carried out when an attribute of it is first used.

    :param name: full name of a module of a package
    :raises ModuleNotFoundError: there is none
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f'No module named {name!r}', name=name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    # "from package import module" takes it from here; a look into
    # sys.modules would use an attribute of it.
    package, _, child = name.rpartition('.')
    setattr(sys.modules[package], child, module)
