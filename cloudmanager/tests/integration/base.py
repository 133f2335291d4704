# SPDX-License-Identifier: Apache-2.0
"""What integration tests have in common: a cloud, BMCs, our programs."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Any
import uuid

import testtools

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

sys.path.insert(0, str(cloud.ROOT / 'tools'))

import ipmisimlib  # noqa: E402  it is beside the tools, not in the package

BMC_USER, BMC_PASSWORD = 'operator', 'bmc-secret-1'


class IntegrationCase(testtools.TestCase):
    """A class of tests with an installation of its own.

    :cvar conductors: how many are started
    :cvar board: the jobboard
    :cvar more: further lines of the configuration
    :cvar slow: a compute with slow live migrations
    :cvar forged: see ``forge``
    """

    conductors = 1
    board = 'sql'
    more = ''
    slow = ''
    forged = True

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # The last of the cleanups.
        cls.addClassCleanup(place.release)
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-test-'))
        cls.addClassCleanup(shutil.rmtree, cls.directory,
                            ignore_errors=True)
        cloud.start(cls.slow)
        cls.cloud = cloud.Cloud()
        cls.cloud.clear()
        cls.cloud.restore_hosts()
        cls.installation = processes.Installation(
            cls.directory, f'cm_test_{uuid.uuid4().hex[:8]}',
            address=place.address(), board=cls.board, more=cls.more,
            forged=cls.forged,
            **cls.backing())
        cls.addClassCleanup(cls.installation.close)
        cls.workers = [cls.installation.conductor(f'conductor{number}')
                       for number in range(1, cls.conductors + 1)]
        cls.api = cls.installation.api()
        cls.client = processes.Client()

    @classmethod
    def backing(cls) -> dict[str, str]:
        """Return ``transport``, and ``database`` where it is special."""
        return {'transport': servers.shared_bus().url}

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self._tidy)
        self.addOnException(self._attach_logs)

    def _tidy(self) -> None:
        self.cloud.restore_hosts()
        self.cloud.clear()

    def _attach_logs(self, exc_info: Any) -> None:
        for process in self.installation.processes:
            lines = process.text().splitlines()[-60:]
            self.addDetail(
                f'log of {process.name}',
                testtools.content.text_content('\n'.join(lines)))

    # Nodes

    @classmethod
    def enrol_ipmi(cls, name: str) -> ipmisimlib.BMC:
        """Give a host a simulated BMC of its own."""
        bmc = ipmisimlib.create(
            cls.directory, f'bmc-{name}', ipmisimlib.free_port(),
            user=BMC_USER, password=BMC_PASSWORD)
        bmc.start()
        cls.addClassCleanup(bmc.remove)
        cls.client.enrol(name, {
            'control_type': 'SupermicroRackDevice', 'protocol_type': 'ipmi',
            'host': bmc.host, 'port_number': bmc.port, 'login': BMC_USER,
            'password': BMC_PASSWORD})
        return bmc

    @staticmethod
    def ipmitool(bmc: ipmisimlib.BMC) -> str:
        """Ask a BMC for its power by an independent program."""
        done = subprocess.run(
            ['ipmitool', '-I', 'lanplus', '-H', bmc.host, '-p',
             str(bmc.port), '-U', BMC_USER, '-E', 'power', 'status'],
            capture_output=True, text=True, timeout=60, check=True,
            env={'IPMI_PASSWORD': BMC_PASSWORD, 'PATH': '/usr/bin:/bin'})
        return done.stdout.strip()

    # Work

    def shutdown(self, host: str, **flags: bool) -> str:
        return self.client.start_task(
            f'/v1/hosts/{host}/actions/shutdown', flags)

    def evacuate(self, host: str, **flags: bool) -> str:
        return self.client.start_task(
            f'/v1/hosts/{host}/actions/evacuate', flags)

    def finish(self, task_id: str, status: str = 'SUCCESS',
               seconds: float = 180) -> dict[str, Any]:
        """Wait for the end of a task, which must have this status."""
        task = self.client.wait_for_task(task_id, seconds)
        if task['status'] != status:
            self.fail(f'task ended {task["status"]}: {task["result"]} '
                      f'{task["traceback"]}')
        return task

    def assert_moved_once(self, server_ids: list[str], source: str,
                          action: str = 'live-migration') -> None:
        """Check servers by Nova's own records."""
        servers = self.cloud.all_servers()
        for server_id in server_ids:
            server = servers[server_id]
            self.assertEqual('ACTIVE', server.status, server.name)
            self.assertNotEqual(source, self.cloud.host_of(server))
            self.assertEqual(
                1, len(self.cloud.actions(server_id, action)),
                f'{server.name}: asked {action} more than once')
            self.assertFalse(server.locked)
