# SPDX-License-Identifier: Apache-2.0
"""Options of the conductor and its engine."""


from oslo_config import cfg

conductor_group = cfg.OptGroup('conductor', title='Conductor')

OPTS = [

    cfg.IntOpt('workers', default=64, min=1,
               help='Tasks that one conductor runs at the same time. They '
                    'spend most of their time waiting for devices and for '
                    'Nova.'),
    cfg.StrOpt('jobboard', default='sql',
               choices=('sql', 'redis', 'etcd', 'zookeeper'),
               help='Where conductors find and claim work.'),
    cfg.MultiStrOpt('jobboard_options', default=[],
                    help='Options of the jobboard as TaskFlow names them, '
                         'one a line, such as host:10.0.0.5 and port:6379 '
                         'for redis.'),
    cfg.FloatOpt('lease', default=5.0, min=1.0,
                 help='Seconds after which the task of a conductor that no '
                      'longer answers is taken over.'),
    cfg.FloatOpt('heartbeat_interval', default=10.0, min=0.5,
                 help='Seconds between the heartbeats that a conductor '
                      'writes to the database. After three missed '
                      'heartbeats others take over what belongs to it, such '
                      'as the power controls that it reads. Its tasks are '
                      'taken over when their lease expires.'),
    cfg.FloatOpt('poll_interval', default=1.0, min=0.05,
                 help='Seconds between polls of the jobboard.'),
    cfg.FloatOpt('sweep_interval', default=3.0, min=0.1,
                 help='Seconds between searches for tasks that no conductor '
                      'was notified of.'),
    cfg.IntOpt('graceful_timeout', default=30, min=0,
               help='Seconds after SIGTERM within which running steps must '
                    'reach a point from which another conductor can '
                    'continue.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(conductor_group)
    conf.register_opts(OPTS, group=conductor_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('conductor', OPTS)]
