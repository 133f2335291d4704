# SPDX-License-Identifier: Apache-2.0
"""Agents of the compute nodes: enrolled, started, and what they tell.

All nodes of the small cloud are this one machine, so their agents only look:
nothing is wished of the modes.
"""

from collections.abc import Sequence
import os
from pathlib import Path
import signal
import subprocess
import sys

from minicloudlib import broker
from minicloudlib import settings

from cloudmanagerclient.sdk.v1 import _proxy
from quickstartlib import interrupts
from quickstartlib.console import note
from quickstartlib.console import QuickstartError
from quickstartlib.console import say
from quickstartlib.console import table
from quickstartlib.console import wait
from quickstartlib.service import Service

CONFIGURATION = '''\
[DEFAULT]
host = {host}
state_path = {directory}
transport_url = {bus}
[agent]
key_file = {directory}/agent.key
jobs_path = {directory}/jobs
privileged = none
libvirt_uri =
heartbeat_interval = 2
'''
PROGRAM = 'cloudmanager-agent'


def shown(value: object) -> str:
    """Return a mode as a reader wants it."""
    if isinstance(value, dict):
        return ', '.join(f'{name} {shown(part)}'
                         for name, part in value.items())
    return '-' if value is None else str(value)


def bus() -> str:
    """Return the URL of the broker of the cloud, which agents reach, too."""
    return str(broker.Broker(settings.Settings.from_environment()).url())


class Agents:
    """Agents as processes of this machine.

    :param directory: below it each has its own
    """

    def __init__(self, service: Service, directory: Path) -> None:
        self._service = service
        self._directory = directory

    def start(self, hosts: Sequence[str], client: _proxy.Proxy) -> None:
        """Enrol and start agents, and show what they tell.

        :param client: the operations of the service
        :raises QuickstartError: one of them does not report
        """
        self._client = client
        say(f'starting the agents of {", ".join(hosts)}')
        for host in hosts:
            self._start(host)
        for host in hosts:
            node = wait(lambda host=host: self._reported(host), 60,
                        f'the agent of {host} reports')
            if host == hosts[0]:
                note(f'modes of {host}:')
                table(('MODE', 'DESIRED', 'ACTUAL', 'CHECKED', 'WHY'), [
                    (mode, shown(state['desired']), shown(state['actual']),
                     state['checked_at'], state['reason'] or '')
                    for mode, state in sorted(node['modes'].items())])
        table(('NODE', 'LAST CONTACT', 'VERSION', 'PACKAGES'), [
            (host, agent['last_contact'], agent['version'],
             agent['capabilities']['packages'])
            for host in hosts
            if (agent := self._reported(host)['agent'])])

    def _start(self, host: str) -> None:
        directory = self._directory / host
        directory.mkdir(parents=True, exist_ok=True)
        configuration = directory / 'agent.conf'
        configuration.touch(0o600)
        configuration.write_text(CONFIGURATION.format(
            host=host, directory=directory, bus=bus()))
        key = directory / 'agent.key'
        key.touch(0o600)
        key.write_text(self._service.manage('agent', 'enrol', host))
        log = directory / 'log'
        with interrupts.later(), log.open('wb') as output:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / PROGRAM),
                 '--config-file', str(configuration)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True)
            (directory / 'pid').write_text(str(process.pid))
        if process.poll() is not None:
            raise QuickstartError(f'{PROGRAM} has ended: see {log}')

    def _reported(self, host: str) -> dict | None:
        """Return a node if its agent has reported its modes."""
        node = self._client.get_node(host).to_dict(original_names=True)
        well = (node['agent'] or {}).get('is_reachable') and (
            node['modes']['ssh']['checked_at'])
        return node if well else None

    def stop(self) -> None:
        """End the agents of this run, or of an earlier one."""
        for path in self._directory.glob('*/pid'):
            try:
                pid = int(path.read_text())
                words = Path(f'/proc/{pid}/cmdline').read_bytes()
            except (OSError, ValueError):
                words = b''
            if PROGRAM.encode() in words:
                os.kill(pid, signal.SIGTERM)
            path.unlink()
