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
    cfg.IntOpt('failed_logins', default=10, min=1,
               help='Wrong passwords in a minute that are looked at from one '
                    'address, and for one user, with http_basic. More are '
                    'answered with 429 and Retry-After. When a user is tried '
                    'too often, each address has one try in a minute left; '
                    'clients that have logged in before do not wait.'),
    cfg.HostAddressOpt('host_ip',
                       default='127.0.0.1',
                       help='Address that cloudmanager-api listens on.'),
    cfg.PortOpt('port', default=9362,
                help='Port that it listens on.'),
    cfg.IntOpt('max_limit', default=1000, min=1,
               help='Most entries in one page of a list.'),
    cfg.IntOpt('max_body_bytes', default=1048576, min=1024,
               help='Largest request body, in bytes.'),
    cfg.IntOpt('max_header_bytes', default=65536, min=4096,
               help='Largest header of a request with its first line, in '
                    'bytes. This and the next two options are for '
                    'cloudmanager-standalone and cloudmanager-api; other '
                    'servers have their own.'),
    cfg.FloatOpt('request_timeout', default=30, min=0.1,
                 help='Seconds that a client may take to send one request '
                      'with its body; then its connection is closed.'),
    cfg.IntOpt('max_connections', default=500, min=8,
               help='Most open connections. When one more comes, the client '
                    'that keeps the service waiting longest is '
                    'disconnected.'),
    cfg.IntOpt('max_waiting_requests', default=16, min=1,
               help='Most requests in one process that wait at the same time '
                    'for a conductor or for devices. More are answered with '
                    '503 and Retry-After. The server needs more threads than '
                    'this, or others have to wait too.'),
    cfg.IntOpt('rpc_timeout', default=60, min=1,
               help='Seconds to wait for an answer of a conductor.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(api_group)
    conf.register_opts(OPTS, group=api_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('api', OPTS)]
