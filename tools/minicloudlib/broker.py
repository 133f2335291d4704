# SPDX-License-Identifier: Apache-2.0
"""The cloud's own virtual host in RabbitMQ."""

from minicloudlib import commands
from minicloudlib import settings as config

VIRTUAL_HOST = ('minicloud' if config.NUMBER == 1
                else f'minicloud{config.NUMBER}')


class Broker:
    """Chooses and cleans the virtual host.

    Where rabbitmqctl cannot be used (no root, or RabbitMQ runs
    elsewhere) the default virtual host "/" has to do.
    """

    def __init__(self, settings):
        self._server = settings.rabbit
        self._log = settings.log / 'rabbitmq.log'
        self._marker = settings.home / 'virtual-host'

    def _control(self, *arguments):
        argv = commands.as_root([commands.find('rabbitmqctl'), *arguments])
        return commands.succeeds(argv, self._log)

    def _controllable(self):
        here = self._server.host in (config.SERVERS_ADDRESS, 'localhost')
        program = commands.find('rabbitmqctl')
        return bool(here and program and commands.as_root([program]))

    def _create(self):
        return (
            self._control('add_vhost', VIRTUAL_HOST)
            and self._control(
                'set_permissions', '-p', VIRTUAL_HOST, self._server.user,
                '.*', '.*', '.*'))

    def reset(self):
        """Make the virtual host anew, without any old message."""
        if not self._controllable():
            self._marker.unlink(missing_ok=True)
            return
        if self._marker.exists():
            self._control('delete_vhost', VIRTUAL_HOST)
        if self._create():
            self._marker.touch()

    def remove(self):
        """Remove the virtual host."""
        if self._marker.exists():
            self._control('delete_vhost', VIRTUAL_HOST)
            self._marker.unlink()

    def url(self):
        """Return the URL for oslo.messaging."""
        name = VIRTUAL_HOST if self._marker.exists() else ''
        return f'rabbit://{self._server.authority}/{name}'
