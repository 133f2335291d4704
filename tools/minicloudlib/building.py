# SPDX-License-Identifier: Apache-2.0
"""Build the cloud from empty databases."""

from concurrent import futures
import shutil

from minicloudlib import commands
from minicloudlib import readiness
from minicloudlib import seeding
from minicloudlib import settings as config
from minicloudlib.console import say


class Builder:
    """Makes the tables, starts the APIs and seeds them.

    Keystone, Nova and the others are independent of each other at
    first, so each group has a thread of its own.
    """

    def __init__(self, settings, dbs, supervisor, services, client):
        self._settings = settings
        self._databases = dbs
        self._supervisor = supervisor
        self._services = services
        self._client = client

    def build(self, transport_url):
        """Build a cloud that has all but its daemons."""
        say('making the tables of all services (once)')
        self._databases.create_all()
        with futures.ThreadPoolExecutor(3) as pool:
            jobs = [
                pool.submit(self._build_keystone),
                pool.submit(self._build_nova, transport_url),
                pool.submit(self._build_others),
            ]
        for job in jobs:
            job.result()
        say('APIs are up')
        with futures.ThreadPoolExecutor(3) as pool:
            jobs = [
                pool.submit(seed, self._client)
                for seed in (
                    seeding.seed_image, seeding.seed_flavors,
                    seeding.seed_volume_types)]
        for job in jobs:
            job.result()
        say('image, flavors and volume types are there')

    def _manage(self, program, config_file, *arguments):
        """Run one of the *-manage programs."""
        commands.run(
            [self._settings.program(program),
             f'--config-file={self._settings.etc / config_file}',
             *arguments],
            self._settings.log / f'{program}.log')

    def _start(self, name):
        self._supervisor.start(name)
        readiness.wait_for_port(
            self._supervisor, name, self._services[name].port)

    def _build_keystone(self):
        manage = ('keystone-manage', 'keystone.conf')
        self._manage(*manage, 'db_sync')
        self._manage(
            *manage, 'bootstrap',
            '--bootstrap-password', config.PASSWORD,
            '--bootstrap-region-id', config.REGION,
            '--bootstrap-admin-url', config.AUTH_URL,
            '--bootstrap-internal-url', config.AUTH_URL,
            '--bootstrap-public-url', config.AUTH_URL)
        self._start('keystone')
        self._client.login()
        seeding.seed_identity(self._client)
        say('Keystone is seeded')

    def _build_nova(self, transport_url):
        manage = ('nova-manage', 'nova.conf')
        self._manage(*manage, 'api_db', 'sync')
        self._manage(*manage, 'db', 'sync', '--local_cell')
        self._copy_cell()
        self._databases.map_cells(transport_url)
        say('Nova has its tables')
        self._start('nova-api')

    def _copy_cell(self):
        """Give cell0 the tables of the other cell; they are the same."""
        dump = self._settings.state / 'cell.sql'
        self._databases.dump('nova', dump)
        self._databases.load('nova_cell0', dump)
        dump.unlink()

    def _build_others(self):
        self._manage('placement-manage', 'placement.conf', 'db', 'sync')
        self._manage('glance-manage', 'glance-api.conf', 'db_sync')
        self._manage('cinder-manage', 'cinder.conf', 'db', 'sync')
        say('Placement, Glance and Cinder have their tables')
        for name in ('placement', 'glance', 'cinder-api'):
            self._start(name)


def clear(settings):
    """Remove what an earlier cloud left in the state directory."""
    shutil.rmtree(settings.state, ignore_errors=True)
