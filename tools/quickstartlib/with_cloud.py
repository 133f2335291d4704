# SPDX-License-Identifier: Apache-2.0
"""The main job on a real OpenStack with simulated BMCs."""

import functools
import json
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

from minicloudlib import settings

from quickstartlib import agents
from quickstartlib.console import note
from quickstartlib.console import QuickstartError
from quickstartlib.console import say
from quickstartlib.console import table
from quickstartlib.console import wait
from quickstartlib.service import Service
from quickstartlib.session import Session

TOOLS = Path(__file__).resolve().parents[1]
BMC_HOSTS = ('cmp1', 'cmp2', 'cmp3')
DRAINED, DEAD = 'cmp1', 'cmp2'
SERVERS_EACH = 6
ADDRESS = settings.ADDRESS


def tool(name: str, *arguments: str, show: bool = True) -> str:
    """Run one of our tools; show its lines while it runs.

    Ctrl-C reaches it only through us: minicloud ends what it has begun, the
    others are soon done.
    """
    process = subprocess.Popen(
        [sys.executable, str(TOOLS / name), *arguments], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, process_group=0)
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if show:
                note(line.rstrip())
    except KeyboardInterrupt:
        if name == 'minicloud':
            process.terminate()
        process.communicate()
        raise
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
        # Whoever has the power of a machine has that of its nova-compute.
        self._ipmisim('start', *BMC_HOSTS, '--hook', shlex.join(
            [sys.executable, str(TOOLS / 'minicloud'), 'power']), show=True)
        say('starting cloudmanager-standalone')
        self._agents.stop()
        self._service.start(credentials('cloudmanager'), agents.bus())
        note(f'it answers on {self._service.url}')
        self._enrol()
        self._agents.start(BMC_HOSTS, self._session.client)
        before = self._boot()
        self._drain()
        self._evacuate()
        return self._report(before)

    @functools.cached_property
    def _session(self) -> Session:
        return Session(credentials('admin'))

    def _enrol(self) -> None:
        say('enrolling the compute nodes with their BMCs')
        status = json.loads(self._ipmisim('status', '--json'))
        for bmc in status:
            values = self._ipmisim('env', bmc['name']).splitlines()
            found = dict(line.removeprefix('export ').split('=', 1)
                         for line in values)
            self._session.enrol(
                bmc['name'], control_type='SupermicroRackDevice',
                protocol_type='ipmi', host=bmc['host'],
                port_number=bmc['port'],
                login=''.join(shlex.split(found['IPMI_USER'])),
                password=''.join(shlex.split(found['IPMI_PASSWORD'])))
            note(f'{bmc["name"]}: ipmi {bmc["host"]}:{bmc["port"]}')

    def _servers(self) -> dict[str, Any]:
        return {server.id: server for server in
                self._session.conn.compute.servers(all_projects=True)}

    def _boot(self) -> dict[str, str]:
        say(f'booting {2 * SERVERS_EACH} servers on {DRAINED} and {DEAD}')
        compute = self._session.conn.compute
        image = next(self._session.conn.image.images()).id
        flavor = compute.find_flavor('m1.nano').id
        for host in (DRAINED, DEAD):
            compute.create_server(
                name=f'on-{host}', image_id=image, flavor_id=flavor,
                networks='none', host=host, min_count=SERVERS_EACH,
                max_count=SERVERS_EACH)

        def active() -> bool:
            found = self._servers().values()
            if any(server.status == 'ERROR' for server in found):
                raise QuickstartError('a server did not boot')
            return (len(found) == 2 * SERVERS_EACH and all(
                server.status == 'ACTIVE' for server in found))

        wait(active, 120, 'all servers are active')
        return {server_id: server.compute_host
                for server_id, server in self._servers().items()}

    def _drain(self) -> None:
        say(f'what a shutdown of {DRAINED} would do')
        self._session.show(f'host shutdown {DRAINED} --dry-run -c Server '
                           '-c Action -c Destination')
        say(f'emptying {DRAINED} and switching it off')
        self._session.show(f'host shutdown {DRAINED} --yes --wait -c Server '
                           '-c Action -c Destination -c State')
        note(f'its BMC says: {self._power(DRAINED)}')

    def _evacuate(self) -> None:
        say(f'killing nova-compute of {DEAD}')
        tool('minicloud', 'kill', DEAD)

        def missed() -> bool:
            service, = self._session.conn.compute.services(
                host=DEAD, binary='nova-compute')
            return service.state == 'down'

        # A host that Nova takes for up is not evacuated.
        wait(missed, 60, f'Nova misses {DEAD}')
        say(f'evacuating {DEAD}: fence it, then rebuild its servers')
        note('their disks are on the host itself; they start from their '
             'image again (--allow-data-loss)')
        self._session.show(
            f'host evacuate {DEAD} --allow-data-loss --yes --wait -c Server '
            '-c Action -c Destination -c State')
        note(f'its BMC says: {self._power(DEAD)}')

    def _power(self, host: str) -> str:
        return self._ipmisim('state', host).strip()

    def _report(self, before: dict[str, str]) -> bool:
        say('what it has done, and the nodes now')
        self._session.show('task list -c Name -c Status -c Host -c Result')
        self._session.show('node list -c ID -c Name -c Condition '
                           '-c "Power Status"')
        say('the servers now')
        after = self._servers()
        rows = sorted(
            (server.name, server.status, before[server_id],
             server.compute_host) for server_id, server in after.items())
        table(('SERVER', 'STATUS', 'WAS ON', 'IS ON'), rows)
        well = (set(after) == set(before)
                and all(status == 'ACTIVE' and now not in (DRAINED, DEAD)
                        for _, status, _, now in rows)
                and self._power(DRAINED) == self._power(DEAD) == 'off')
        say('all servers run elsewhere, both hosts are off' if well
            else 'not everything is as it should be')
        return well


def credentials(user: str) -> dict[str, str]:
    """Return the variables of a user of the mini cloud."""
    lines = tool('minicloud', 'env', user, show=False).splitlines()
    pairs = (line.removeprefix('export ').split('=', 1) for line in lines)
    return {name: ''.join(shlex.split(value)) for name, value in pairs}
