# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-api: the API in a server for development.

In production run cloudmanager.wsgi.api:application in uwsgi.
"""

import sys

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.api import app
from cloudmanager.api import server
from cloudmanager.cmd import runner
from cloudmanager.common import setup
from cloudmanager.db import api as db_api

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


@runner.program
def main() -> None:
    """Serve until SIGTERM."""
    setup.prepare(sys.argv[1:])
    db_api.configure()
    httpd = server.Server(app.build(), CONF.api.host_ip, CONF.api.port)
    LOG.info('cloudmanager-api listens on %s, port %s.', CONF.api.host_ip,
             CONF.api.port)
    runner.run(httpd)


if __name__ == '__main__':
    sys.exit(main())
