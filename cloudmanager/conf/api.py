# SPDX-License-Identifier: Apache-2.0
"""Options of the REST API."""

from typing import Any

from oslo_config import cfg

api_group = cfg.OptGroup('api', title='REST API')

OPTS = [

    cfg.StrOpt('auth_strategy',
               default='keystone',
               choices=('keystone', 'noauth', 'http_basic'),
               help='How callers are authenticated. noauth makes everybody '
                    'an administrator and is for tests.'),
    cfg.StrOpt('http_basic_auth_user_file',
               default='$state_path/htpasswd',
               help='File of user:bcrypt-hash lines for http_basic.'),
    cfg.HostAddressOpt('host_ip',
                       default='127.0.0.1',
                       help='Address that cloudmanager-api listens on.'),
    cfg.PortOpt('port', default=9362,
                help='Port that it listens on.'),
    cfg.IntOpt('max_limit', default=1000, min=1,
               help='Most entries in one page of a list.'),
    cfg.IntOpt('max_body_bytes', default=1048576, min=1024,
               help='Largest request body, in bytes.'),
    cfg.IntOpt('rpc_timeout', default=60, min=1,
               help='Seconds to wait for an answer of a conductor.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(api_group)
    conf.register_opts(OPTS, group=api_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('api', OPTS)]
