# SPDX-License-Identifier: Apache-2.0
"""The mini cloud as tests use it: an administrator's view of Nova."""

import contextlib
import datetime
import pathlib
import subprocess
import sys
import time
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import loading
from keystoneauth1 import session as ks_session
from novaclient import client as nova_client
from novaclient import exceptions as nova_exc

from cloudmanager.tests.integration import nova_db
from cloudmanager.tests.integration import place

ROOT = pathlib.Path(__file__).resolve().parents[3]
MINICLOUD = ROOT / 'tools' / 'minicloud'
PASSWORD = 'secret'
DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED'
BOOT_TRIES = 3
# Computes of the mini cloud report so often.
HEARTBEAT_SECONDS = 3
# More than Nova waits for a heartbeat.
SILENT_SECONDS = 60
# A busy machine may take so many times as long as one at rest.
PATIENCE = 3
COMPUTES = ('cmp1', 'cmp2', 'cmp3', 'cmp4')


def minicloud(*arguments: str, seconds: float = 900,
              check: bool = True) -> str:
    """Run tools/minicloud; its output goes into the error of a failure."""
    done = subprocess.run(
        [sys.executable, str(MINICLOUD), *arguments], timeout=seconds,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env=place.environment())
    if check and done.returncode:
        raise AssertionError(
            f'minicloud {" ".join(arguments)} failed:\n'
            f'{done.stdout}{done.stderr}')
    return done.stdout


def start(slow: str = '') -> None:
    """Start the mini cloud with four computes, unless it runs well.

    :param slow: a compute whose live migrations last until they are aborted
        or forced
    """
    options = ['--computes', '4', '--max-live-migrations', '0',
               '--slow-migrations', slow or 'none']
    try:
        minicloud('start', *options)
    except AssertionError as exc:
        # Tests that were ended in mid-work have left it without a host.
        if not any(text in str(exc) for text in (
                'with other options', 'is not ready')):
            raise
        minicloud('stop')
        minicloud('start', *options)


def wait(condition: Any, seconds: float, what: str,
         interval: float = 0.2) -> Any:
    """Wait until a condition holds and return its value.

    :param seconds: more than it takes when nobody else needs the processors
    """
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(interval)


def session(user: str = 'admin', project: str = 'admin') -> Any:
    """Return a session of a user of the mini cloud."""
    auth = loading.get_plugin_loader('password').load_from_options(
        auth_url=place.auth_url(), username=user, password=PASSWORD,
        project_name=project,
        user_domain_name='Default', project_domain_name='Default')
    return ks_session.Session(auth=auth, timeout=60)


def service_nova() -> Any:
    """Return Nova as the service itself sees it."""
    return nova_client.Client('2.93', session=session('cloudmanager',
                                                      'service'))


class NoPlaceError(AssertionError):
    """Nova's scheduler found no place for servers.

    :ivar servers: the ids of all that were asked for
    """

    def __init__(self, text: str, servers: list[str]) -> None:
        super().__init__(text)
        self.servers = servers


class Cloud:
    """What tests do to the cloud and ask of it."""

    def __init__(self) -> None:
        self.session = session()
        self.nova = nova_client.Client('2.93', session=self.session)
        self.compute = adapter.Adapter(
            self.session, service_type='compute',
            default_microversion='2.93')
        self.placement = adapter.Adapter(
            self.session, service_type='placement',
            default_microversion='1.39')
        self.image = self.nova.glance.list()[0].id
        self.flavors = {flavor.name: flavor.id
                         for flavor in self.nova.flavors.list()}

    def boot(self, host: str, count: int, name: str = 'vm',
             flavor: str = 'm1.nano', **options: Any) -> list[str]:
        """Boot servers on a host and wait until they are active.

        :returns: their ids
        """
        return self.boot_each({host: count}, name, flavor, **options)[host]

    def boot_each(self, counts: dict[str, int], name: str = 'vm',
                  flavor: str = 'm1.nano', **options: Any
                  ) -> dict[str, list[str]]:
        """Boot servers on several hosts at once; wait until all are active.

        On a machine that is busy a heartbeat may be late, and Nova's
        scheduler leaves the host out until the next one.

        :param counts: how many, by host
        :returns: their ids, by host
        """
        found: dict[str, list[str]] = {}
        for tries in range(1, BOOT_TRIES + 1):
            asked = {host: self.nova.servers.create(
                name, self.image, self.flavors[flavor], nics='none',
                host=host, min_count=count, max_count=count,
                reservation_id=True, **options)
                for host, count in counts.items() if host not in found}
            for host, reservation in asked.items():
                try:
                    found[host] = self._booted(host, counts[host],
                                               reservation)
                except NoPlaceError as exc:
                    if tries == BOOT_TRIES:
                        raise
                    for server_id in exc.servers:
                        self.nova.servers.force_delete(server_id)
            if len(found) == len(counts):
                break
            time.sleep(HEARTBEAT_SECONDS)
        return {host: found[host] for host in counts}

    def send_to(self, host: str) -> str:
        """Have a server that is booted on its way to a host that is frozen.

        :returns: its id
        """
        server_id: str = self.nova.servers.create(
            'vm', self.image, self.flavors['m1.nano'], nics='none',
            host=host).id
        wait(lambda: self.placement.get(
            f'/allocations/{server_id}').json()['allocations'],
            30, f'the scheduler has chosen {host}')
        return server_id

    def _booted(self, host: str, count: int, reservation: str) -> list[str]:
        def ready() -> list[str] | None:
            failed = self._ids(reservation_id=reservation, status='ERROR')
            if failed:
                # Those that found no place have no host.
                fault = getattr(self.server(failed[0]), 'fault', {})
                text = f'boot failed on {host}: {fault.get("message")}'
                if 'No valid host' in text:
                    raise NoPlaceError(
                        text, self._ids(reservation_id=reservation))
                raise AssertionError(text)
            active = self._ids(reservation_id=reservation, status='ACTIVE')
            return active if len(active) == count else None

        return wait(ready, 120 + 2 * count, f'{count} servers on {host}',
                    0.2 + count / 50)

    def _ids(self, **options: Any) -> list[str]:
        """List ids only, which costs Nova a fraction of the details."""
        return [server.id for server in self.nova.servers.list(
            detailed=False, limit=-1,
            search_opts={'all_tenants': 1, **options})]

    def servers_on(self, host: str) -> list[str]:
        return self._ids(host=host)

    def server(self, server_id: str) -> Any:
        return self.nova.servers.get(server_id)

    def migrate(self, server_id: str, host: str | None = None) -> None:
        """Begin a cold migration.

        On a machine that is busy a heartbeat may be late, and Nova refuses
        until the next one.
        """
        def accepted() -> bool:
            try:
                self.nova.servers.migrate(server_id, host=host)
            except nova_exc.Conflict as exc:
                if 'unavailable' not in str(exc):
                    raise
                return False
            return True

        wait(accepted, 60, f'Nova migrates {server_id}', 1)

    def all_servers(self) -> dict[str, Any]:
        return {server.id: server for server in self.nova.servers.list(
            limit=-1, search_opts={'all_tenants': 1})}

    def host_of(self, server: Any) -> str:
        return getattr(server, 'OS-EXT-SRV-ATTR:host')

    def clear(self) -> None:
        """Delete all servers and groups and wait until they are gone."""
        for server_id in self._ids():
            # Some are on their way already.
            with contextlib.suppress(nova_exc.NotFound):
                self.nova.servers.force_delete(server_id)
        wait(lambda: not self._ids(), 120, 'servers are deleted', 0.3)
        for group in self.nova.server_groups.list(all_projects=True):
            self.nova.server_groups.delete(group.id)

    def service(self, host: str) -> Any:
        return self.nova.services.list(host=host, binary='nova-compute')[0]

    def restore_hosts(self) -> None:
        """Bring all computes back to life and into use."""
        nova_db.archive_services()
        for host in COMPUTES:
            service = self.service(host)
            if service.state != 'up' or service.forced_down:
                self._revive(host, service)
            elif service.status != 'enabled':
                self.nova.services.enable(service.id)
            else:
                continue
            wait(lambda host=host: self._takes_servers(host), 90,
                 f'Placement takes {host} for enabled', 0.2)

    def _takes_servers(self, host: str) -> bool:
        """Tell whether Placement has heard that a host is enabled."""
        (provider,) = self.placement.get(
            f'/resource_providers?name={host}').json()[
                'resource_providers']
        traits = self.placement.get(
            f'/resource_providers/{provider["uuid"]}/traits').json()
        return DISABLED_TRAIT not in traits['traits']

    def _revive(self, host: str, service: Any) -> None:
        minicloud('kill', host)
        # One that starts while it is being enabled may tell Placement that
        # it is disabled, and for a while no server would come to it.
        nova_db.enable_service(host)
        # Nova tells whole seconds of UTC.
        begun = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        minicloud('run', host)

        def reports() -> bool:
            # A new report: only then does it take orders.
            found = self.service(host)
            return found.state == 'up' and (
                datetime.datetime.fromisoformat(found.updated_at) > begun)

        wait(lambda: self._lift(service), 90,
             f'{host} is no longer forced down', 0.5)
        wait(reports, 90, f'nova-compute of {host} reports', 0.5)

    def _lift(self, service: Any) -> bool:
        """Undo forced_down, which Nova refuses until it has cleaned up."""
        answer = self.compute.put(
            f'/os-services/{service.id}', json={'forced_down': False},
            raise_exc=False)
        return answer.status_code == 200

    def lose(self, host: str) -> None:
        """Kill a nova-compute that has not been heard of for long.

        Its last heartbeat is dated back, instead of the wait for the time
        after which Nova takes a host for down.
        """
        minicloud('kill', host)

        def missed() -> bool:
            if self.service(host).state == 'down':
                return True
            nova_db.silence(host, SILENT_SECONDS)
            return False

        # A heartbeat that was on its way may arrive until the next look.
        wait(missed, 60, f'Nova misses {host}', 1)

    def actions(self, server_id: str, name: str) -> list[Any]:
        """Return a server's instance actions of a name."""
        return [action for action in
                self.nova.instance_action.list(server_id)
                if action.action == name]

    def migrations(self, server_id: str) -> list[Any]:
        return self.nova.migrations.list(instance_uuid=server_id)
