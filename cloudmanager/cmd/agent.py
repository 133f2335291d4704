# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-agent: does on its node what needs privileges."""

import socket
import sys

from oslo_config import cfg

from cloudmanager.agent import privileged
from cloudmanager.agent import service
from cloudmanager.cmd import runner
from cloudmanager.common import setup

CONF = cfg.CONF


@runner.program
def main() -> None:
    """Run an agent until SIGTERM; SIGHUP reads mutable options."""
    setup.prepare(sys.argv[1:])
    # Before there are threads, and while this process still is root.
    privileged.start()
    runner.run(service.AgentService(CONF.host or socket.gethostname()))


if __name__ == '__main__':
    sys.exit(main())
