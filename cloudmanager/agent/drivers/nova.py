# SPDX-License-Identifier: Apache-2.0
"""The CPU model that the servers on the node see."""

import pathlib
import platform
import re

from oslo_config import cfg

from cloudmanager.agent import commands
from cloudmanager.agent.drivers import drop_ins
from cloudmanager.agent.store import Store
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import node_modes

CONF = cfg.CONF
_OPTION = re.compile(r'^(cpu_mode|cpu_models) = (.*)$', re.MULTILINE)
#: The kernel's name of an architecture, and the prefix of libvirt's files.
_FAMILIES = {'x86_64': 'x86', 'aarch64': 'arm', 'ppc64le': 'ppc64'}


def render(value: JsonObject) -> str | None:
    """Return the options of Nova for a value; none for its default."""
    if value['mode'] is None:
        return None
    lines = ['[libvirt]', f'cpu_mode = {value["mode"]}']
    if value['model'] is not None:
        lines.append(f'cpu_models = {value["model"]}')
    return '\n'.join(lines) + '\n'


def parse(content: str | None) -> JsonObject:
    """Return the value that some options of Nova stand for."""
    found = dict(_OPTION.findall(content or ''))
    return {'mode': found.get('cpu_mode'), 'model': found.get('cpu_models')}


def known_models() -> set[str] | None:
    """Return the models of processors that libvirt knows on this node.

    :returns: ``None`` where that cannot be found out
    """
    machine = platform.machine()
    try:
        found = commands.run('virsh', 'cpu-models', machine).out.split()
    except exception.CommandFailed:
        found = []
    if found:
        return set(found)
    prefix = f'{_FAMILIES.get(machine, machine)}_'
    names = {path.stem.removeprefix(prefix)
             for path in pathlib.Path(CONF.agent.cpu_map).rglob(
                 f'{prefix}*.xml')}
    # These two files define features and vendors, not models.
    return names - {'features', 'vendors'} or None


class CPUMode(drop_ins.DropIn):
    """The mode and model in a drop-in of nova-compute."""

    def __init__(self, store: Store) -> None:
        super().__init__('nova', CONF.agent.nova_unit, store, render, parse)

    @staticmethod
    def _check(value: JsonObject) -> None:
        """Check that the node can have a value.

        :raises Conflict: libvirt does not know the model
        """
        if value['mode'] != node_modes.CUSTOM:
            return
        known = known_models()
        if known is None:
            raise exception.Conflict(
                reason='Which models of processors the node knows cannot be '
                       'found out: libvirt is not there.')
        if value['model'] not in known:
            raise exception.Conflict(
                reason=f'The node does not know the processor model '
                       f'{value["model"]}.')

    def plan(self, value: JsonObject) -> list[str]:
        self._check(value)
        return super().plan(value)

    def apply(self, value: JsonObject) -> None:
        if value != self.read():
            self._check(value)
        super().apply(value)
