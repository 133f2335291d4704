# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-conductor: carries out tasks."""

import sys

from oslo_config import cfg
from oslo_service import service as oslo_service

from cloudmanager.common import setup
from cloudmanager.conductor import service
from cloudmanager.db import api as db_api


def main() -> None:
    """Run a conductor until SIGTERM; SIGHUP reads mutable options."""
    setup.prepare(sys.argv[1:])
    db_api.configure()
    launcher = oslo_service.ProcessLauncher(
        cfg.CONF, restart_method='mutate', no_fork=True)
    launcher.launch_service(service.ConductorService())
    launcher.wait()


if __name__ == '__main__':
    main()
