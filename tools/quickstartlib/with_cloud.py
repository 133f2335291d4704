# SPDX-License-Identifier: Apache-2.0
"""The main job on a real OpenStack with simulated BMCs."""

import json
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

from keystoneauth1 import loading
from keystoneauth1 import session as ks_session
from novaclient import client as nova_client

from quickstartlib import agents
from quickstartlib.console import note
from quickstartlib.console import QuickstartError
from quickstartlib.console import say
from quickstartlib.console import table
from quickstartlib.console import wait
from quickstartlib.service import Service

TOOLS = Path(__file__).resolve().parents[1]
BMC_HOSTS = ('cmp1', 'cmp2', 'cmp3')
DRAINED, DEAD = 'cmp1', 'cmp2'
SERVERS_EACH = 6


def tool(name: str, *arguments: str, show: bool = True) -> str:
    """Run one of our tools; show its lines while it runs."""
    process = subprocess.Popen(
        [sys.executable, str(TOOLS / name), *arguments], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if show:
            note(line.rstrip())
    if process.wait():
        raise QuickstartError(f'{name} {" ".join(arguments)} failed: '
                              + ''.join(lines[-5:]))
    return ''.join(lines)


class Demonstration:
    """One run with a cloud.

    :param directory: for the simulated BMCs
    """

    def __init__(self, service: Service, directory: Path) -> None:
        self._service = service
        self._bmcs = directory / 'bmcs'
        self._agents = agents.Agents(service, directory / 'agents')
        self._nova: Any = None

    def _ipmisim(self, *arguments: str, show: bool = False) -> str:
        return tool('ipmisim', *arguments, '--dir', str(self._bmcs),
                    show=show)

    def stop(self) -> None:
        """End the cloud and the BMCs, of this run or of an earlier one."""
        self._agents.stop()
        self._ipmisim('stop')
        tool('minicloud', 'stop', show=False)

    def run(self) -> bool:
        """Do the whole job; return whether all went well."""
        say('starting a small real OpenStack (tools/minicloud)')
        tool('minicloud', 'stop', show=False)
        tool('minicloud', 'start', '--computes', '4',
             '--max-live-migrations', '0')
        say(f'starting {len(BMC_HOSTS)} simulated BMCs (tools/ipmisim)')
        self._ipmisim('stop')
        self._ipmisim('start', *BMC_HOSTS, show=True)
        say('starting cloudmanager-standalone')
        self._agents.stop()
        self._service.start(self._credentials('cloudmanager'), agents.bus())
        note(f'it answers on {self._service.url}')
        self._enrol()
        self._agents.start(BMC_HOSTS)
        before = self._boot()
        self._drain()
        self._evacuate()
        return self._report(before)

    @staticmethod
    def _credentials(user: str) -> dict[str, str]:
        lines = tool('minicloud', 'env', user, show=False).splitlines()
        pairs = (line.removeprefix('export ').split('=', 1)
                 for line in lines)
        return {name: ''.join(shlex.split(value)) for name, value in pairs}

    def _enrol(self) -> None:
        say('enrolling the compute nodes with their BMCs')
        status = json.loads(self._ipmisim('status', '--json'))
        for bmc in status:
            values = self._ipmisim('env', bmc['name']).splitlines()
            found = dict(line.removeprefix('export ').split('=', 1)
                         for line in values)
            node = self._service.enrol(bmc['name'], {
                'control_type': 'SupermicroRackDevice',
                'protocol_type': 'ipmi', 'host': bmc['host'],
                'port_number': bmc['port'],
                'login': ''.join(shlex.split(found['IPMI_USER'])),
                'password': ''.join(shlex.split(found['IPMI_PASSWORD']))})
            note(f'node {node} {bmc["name"]}: ipmi {bmc["host"]}:'
                 f'{bmc["port"]}')

    def _connect(self) -> None:
        env = self._credentials('admin')
        auth = loading.get_plugin_loader('password').load_from_options(
            auth_url=env['OS_AUTH_URL'], username=env['OS_USERNAME'],
            password=env['OS_PASSWORD'],
            project_name=env['OS_PROJECT_NAME'],
            user_domain_name='Default', project_domain_name='Default')
        self._nova = nova_client.Client(
            '2.90', session=ks_session.Session(auth=auth, timeout=60))

    def _servers(self) -> dict[str, Any]:
        return {server.id: server for server in self._nova.servers.list(
            search_opts={'all_tenants': 1})}

    def _boot(self) -> dict[str, str]:
        say(f'booting {2 * SERVERS_EACH} servers on {DRAINED} and {DEAD}')
        self._connect()
        image = self._nova.glance.list()[0].id
        flavor = self._nova.flavors.find(name='m1.nano').id
        for host in (DRAINED, DEAD):
            self._nova.servers.create(
                f'on-{host}', image, flavor, nics='none', host=host,
                min_count=SERVERS_EACH, max_count=SERVERS_EACH)

        def active() -> bool:
            found = self._servers().values()
            if any(server.status == 'ERROR' for server in found):
                raise QuickstartError('a server did not boot')
            return (len(found) == 2 * SERVERS_EACH and all(
                server.status == 'ACTIVE' for server in found))

        wait(active, 120, 'all servers are active')
        return {server_id: _host(server)
                for server_id, server in self._servers().items()}

    def _drain(self) -> None:
        say(f'what a shutdown of {DRAINED} would do (dry_run)')
        plan = self._service.request(
            'POST', f'/v1/hosts/{DRAINED}/actions/shutdown',
            {'dry_run': True})[0]['plan']
        table(('SERVER', 'ACTION', 'TO', 'FITS'), [
            (item['name'], item['action'], item['destination'],
             item['fits']) for item in plan['servers']])
        say(f'emptying {DRAINED} and switching it off')
        self._service.follow(f'/v1/hosts/{DRAINED}/actions/shutdown')
        note(f'its BMC says: {self._power(DRAINED)}')

    def _evacuate(self) -> None:
        say(f'killing nova-compute of {DEAD}')
        tool('minicloud', 'kill', DEAD)
        # A host that Nova takes for up is not evacuated.
        wait(lambda: self._nova.services.list(
            host=DEAD, binary='nova-compute')[0].state == 'down', 60,
            f'Nova misses {DEAD}')
        say(f'evacuating {DEAD}: fence it, then rebuild its servers')
        note('their disks are on the host itself; they start from their '
             'image again (allow_data_loss)')
        self._service.follow(f'/v1/hosts/{DEAD}/actions/evacuate',
                             {'allow_data_loss': True})
        note(f'its BMC says: {self._power(DEAD)}')

    def _power(self, host: str) -> str:
        return self._ipmisim('state', host).strip()

    def _report(self, before: dict[str, str]) -> bool:
        say('the servers now')
        after = self._servers()
        rows = sorted(
            (server.name, server.status, before[server_id], _host(server))
            for server_id, server in after.items())
        table(('SERVER', 'STATUS', 'WAS ON', 'IS ON'), rows)
        well = (set(after) == set(before)
                and all(status == 'ACTIVE' and now not in (DRAINED, DEAD)
                        for _, status, _, now in rows)
                and self._power(DRAINED) == self._power(DEAD) == 'off')
        say('all servers run elsewhere, both hosts are off' if well
            else 'not everything is as it should be')
        return well


def _host(server: Any) -> str:
    return getattr(server, 'OS-EXT-SRV-ATTR:host')
