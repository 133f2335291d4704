# SPDX-License-Identifier: Apache-2.0
"""What a user would do: openstack commands that are shown with their output.

What only prepares the scene is done by the SDK.
"""

from collections.abc import Mapping
import os
from pathlib import Path
import shlex
import subprocess
import sys

import openstack

from cloudmanagerclient import sdk
from cloudmanagerclient.sdk.v1 import _proxy
from quickstartlib.console import note
from quickstartlib.console import QuickstartError

PROGRAM = Path(sys.executable).parent / 'openstack'


class Session:
    """A user of the service.

    :param credentials: the ``OS_*`` variables of the user
    """

    def __init__(self, credentials: Mapping[str, str]) -> None:
        self._env = {name: value for name, value in os.environ.items()
                     if not name.startswith('OS_')} | dict(credentials)
        os.environ.update(credentials)
        self.conn = openstack.connect(load_yaml_config=False)
        sdk.add_service(self.conn)

    @property
    def client(self) -> _proxy.Proxy:
        """The operations of the service."""
        return sdk.proxy(self.conn)

    def show(self, line: str) -> str:
        """Run a command, show it and what it says, and return that.

        :param line: what follows ``openstack cloudmanager``
        :raises QuickstartError: it fails
        """
        note(f'$ openstack cloudmanager {line}')
        process = subprocess.Popen(
            [str(PROGRAM), 'cloudmanager', *shlex.split(line)], text=True,
            env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        assert process.stdout is not None
        lines = []
        for text in process.stdout:
            lines.append(text)
            note(text.rstrip())
        if process.wait():
            raise QuickstartError(
                f'openstack cloudmanager {line}: exit code '
                f'{process.returncode}')
        return ''.join(lines)

    def enrol(self, name: str, **control: object) -> int:
        """Give a node a power control; return the id of the node.

        The compute hosts of a cloud become nodes by themselves, at any
        moment.
        """
        found = self.client.create_power_control(**control)
        try:
            node = self.client.create_node(name=name)
        except openstack.exceptions.ConflictException:
            node = self.client.get_node(name)
        self.client.add_node_power_control(node, found, '1')
        return int(node.id)
