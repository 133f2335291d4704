# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-conductor: carries out tasks."""

import sys

from cloudmanager.cmd import runner
from cloudmanager.common import secrets
from cloudmanager.common import setup
from cloudmanager.conductor import service
from cloudmanager.db import api as db_api


@runner.program
def main() -> None:
    """Run a conductor until SIGTERM; SIGHUP reads mutable options."""
    setup.prepare(sys.argv[1:])
    secrets.check()
    db_api.configure()
    runner.run(service.Conductor())


if __name__ == '__main__':
    sys.exit(main())
