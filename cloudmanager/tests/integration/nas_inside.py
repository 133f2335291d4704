# SPDX-License-Identifier: Apache-2.0
"""What runs in a machine of ``tools/nodevmlib.py``: the operations of the
agent on targets, beside a real initiator and a real storage."""

import pathlib
import types

from oslo_config import cfg

from cloudmanager import conf  # noqa: F401
from cloudmanager.agent import operations
from cloudmanager.agent.nas import targets

CONF = cfg.CONF
_agent = types.SimpleNamespace(host='node')


def begin(directory, **options):
    """Let an agent begin its work, with options of the group nas."""
    CONF.set_override('privileged', 'none', group='agent')
    for name, value in options.items():
        CONF.set_override(name, value, group='nas')
    path = pathlib.Path(directory)
    path.mkdir(exist_ok=True)
    _agent.targets = targets.Targets(path)
    _agent.store = types.SimpleNamespace(settings={})


def operation(name, arguments):
    """Carry out an operation as the agent does; return its answer."""
    return operations.carry_out(_agent, {'operation': name,
                                         'arguments': arguments})
