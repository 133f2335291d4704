# SPDX-License-Identifier: Apache-2.0
"""Options of the REST API."""


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
               help='Wrong passwords per minute that are checked from one '
                    'address, and for one user, with http_basic. Further '
                    'attempts get 429 and Retry-After. For a user who is '
                    'under attack each address still has one attempt per '
                    'minute, and clients that have logged in before do not '
                    'wait.'),
    cfg.HostAddressOpt('host_ip',
                       default='127.0.0.1',
                       help='Address on which cloudmanager-api listens.'),
    cfg.PortOpt('port', default=9362,
                help='Port on which cloudmanager-api listens.'),
    cfg.IntOpt('max_limit', default=1000, min=1,
               help='Largest number of entries on one page of a list.'),
    cfg.IntOpt('max_body_bytes', default=1048576, min=1024,
               help='Largest request body, in bytes.'),
    cfg.IntOpt('max_header_bytes', default=65536, min=4096,
               help='Largest request line and headers together, in bytes. '
                    'This and the next two options apply to '
                    'cloudmanager-standalone and cloudmanager-api; other '
                    'servers have their own.'),
    cfg.FloatOpt('request_timeout', default=30, min=0.1,
                 help='Seconds within which a client must send a request '
                      'with its body. Otherwise its connection is closed.'),
    cfg.IntOpt('max_connections', default=500, min=8,
               help='Largest number of open connections. When one more '
                    'arrives, the client that has kept the service waiting '
                    'longest is disconnected.'),
    cfg.IntOpt('max_waiting_requests', default=16, min=1,
               help='Requests in one process that may wait for a conductor '
                    'or for devices at the same time. Further ones get 503 '
                    'and Retry-After. The server needs more threads than '
                    'this, so that other requests are still served.'),
    cfg.IntOpt('rpc_timeout', default=60, min=1,
               help='Seconds to wait for an answer from a conductor.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(api_group)
    conf.register_opts(OPTS, group=api_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('api', OPTS)]
