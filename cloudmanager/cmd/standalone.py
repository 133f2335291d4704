# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-standalone: API and conductor in one process.

SQLite in the state directory, the message bus in memory unless transport_url
is configured. It upgrades its database and makes its encryption key at the
start.
"""

import argparse
import os
import pathlib
import sys

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.api import app
from cloudmanager.api import server
from cloudmanager.cmd import runner
from cloudmanager.common import memory_bus
from cloudmanager.common import rpc
from cloudmanager.common import secrets
from cloudmanager.common import setup
from cloudmanager.conductor import service
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import api as db_api
from cloudmanager.db import migration

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


def _arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog='cloudmanager-standalone', description=__doc__,
        epilog='Other options are those of the other programs, such as '
               '--config-file and --debug. The cloud comes from [cloud] of '
               'the configuration, OS_CLOUD, or OS_* variables.')
    parser.add_argument('--state-dir', type=pathlib.Path, required=True)
    parser.add_argument('--listen', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=9362)
    parser.add_argument('--auth', default='http_basic',
                        choices=('noauth', 'http_basic', 'keystone'))
    return parser.parse_known_args(argv)


def _configure(chosen: argparse.Namespace, rest: list[str]) -> None:
    state = chosen.state_dir.absolute()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(word.startswith('--config-') for word in rest):
        own = state / 'cloudmanager.conf'
        setup.prepare(rest, files=[str(own)] if own.exists() else [])
    else:
        setup.prepare(rest)
    CONF.set_override('state_path', str(state))
    CONF.set_override('auth_strategy', chosen.auth, group='api')
    # Agents on nodes need a broker; nobody else does.
    rpc.init(rpc.configured_url() or memory_bus.URL)
    CONF.set_override('connection', f'sqlite:///{state}/cloudmanager.sqlite',
                      group='database')
    db_api.configure()


def _upgrade() -> None:
    migration.upgrade()
    persistence.upgrade()
    if not os.path.isdir(CONF.secrets.key_repository):
        secrets.create_key()


@runner.program
def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    chosen, rest = _arguments(sys.argv[1:])
    _configure(chosen, rest)
    _upgrade()
    httpd = server.Server(app.build(), chosen.listen, chosen.port)
    LOG.info('cloudmanager-standalone answers on http://%s:%s.',
             chosen.listen, chosen.port)
    runner.run(service.Conductor(), httpd)


if __name__ == '__main__':
    sys.exit(main())
