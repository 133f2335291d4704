# SPDX-License-Identifier: Apache-2.0
"""The virtual controller that the node serves."""

from oslo_config import cfg

from cloudmanager.agent import guests
from cloudmanager.agent import privileged
from cloudmanager.agent.drivers import units
from cloudmanager.agent.privileged import controllers as files
from cloudmanager.agent.store import Store
from cloudmanager.common import exception

CONF = cfg.CONF
_MAX_NAMED = 10


class Controller:
    """Options of nova-compute for the controller, in a drop-in."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> str | None:
        found: str | None = privileged.call('controllers', 'read')
        return found

    def is_settled(self) -> bool:
        return not self._store.is_restart_due(CONF.agent.nova_unit)

    @staticmethod
    def _check(value: str | None) -> None:
        """Check that the node can change to a controller now.

        The cloud that it leaves must not lose a guest. On a node without
        libvirt, only that cloud's Nova knows whether there are guests. That
        libvirt does not answer does not mean that there are none.

        :raises Conflict: there are guests, or may be, or there are no options
            for the controller
        """
        if value is not None:
            privileged.call('controllers', 'check', value)
        if not CONF.agent.libvirt_uri:
            return
        try:
            there = [guest.name for guest in guests.read()]
        except exception.CommandFailed as exc:
            raise exception.Conflict(
                reason='Whether guests are on the node is not known: '
                       f'{exc.message} On a node without libvirt, [agent] '
                       'libvirt_uri has to be empty.') from exc
        if there:
            more = ', ...' if len(there) > _MAX_NAMED else ''
            raise exception.Conflict(
                reason=f'{len(there)} guest(s) are on the node: '
                       f'{", ".join(there[:_MAX_NAMED])}{more}.')

    def plan(self, value: str | None) -> list[str]:
        if value == self.read():
            return []
        self._check(value)
        path = files.path()
        return [f'remove: {path}' if value is None
                else f'link: {path} to {files.source(value)}',
                f'run: systemctl try-restart -- {CONF.agent.nova_unit}']

    def apply(self, value: str | None) -> None:
        unit = CONF.agent.nova_unit
        if value != self.read():
            self._check(value)
            self._store.set_restart_due(unit, True)
            if value is None:
                privileged.call('controllers', 'remove')
            else:
                privileged.call('controllers', 'use', value)
        if self._store.is_restart_due(unit):
            units.restart(unit)
            self._store.set_restart_due(unit, False)
