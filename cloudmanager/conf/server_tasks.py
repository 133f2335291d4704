# SPDX-License-Identifier: Apache-2.0
"""How single servers are balanced, repaired and cloned."""


from oslo_config import cfg

server_tasks_group = cfg.OptGroup('server_tasks', title='Server tasks')

OPTS = [

    cfg.IntOpt('action_timeout', default=600, min=1,
               help='Seconds that one request to Nova about a server, such '
                    'as a reboot or an unshelve, may take before the task '
                    'fails.'),
    cfg.IntOpt('stale_after', default=1800, min=1,
               help='Seconds without activity in Nova\'s records after '
                    'which the task state of a server counts as stuck, and '
                    'a resize that waits for confirmation as forgotten. '
                    'Must be longer than the upload of the largest image '
                    'takes.'),
    cfg.IntOpt('idle_after', default=60, min=1,
               help='Seconds without activity after which the task state of '
                    'a server counts as stuck if no host has an unfinished '
                    'action for it. Where a reset could leave disks or '
                    'images behind, stale_after applies instead.'),
    cfg.FloatOpt('balance_gain', default=0.01, min=0, max=1,
                 help='Share of its capacity by which another host, with '
                      'the server on it, must be less loaded than the '
                      'present host before a balance moves the server.'),
    cfg.IntOpt('max_clones', default=4, min=1,
               help='Clones of one task that are made at the same time.'),
    cfg.IntOpt('clone_timeout', default=3600, min=1,
               help='Seconds that each part of a clone may take: the image '
                    'of its root disk, a snapshot, the copy of its volumes, '
                    'its start.'),
    cfg.FloatOpt('create_grace', default=20.0, min=0,
                 help='Seconds during which a server, volume, snapshot or '
                      'image that a conductor requested before it died may '
                      'still appear. Must be longer than Nova and Cinder '
                      'take to answer such a request.'),
    cfg.IntOpt('clear_timeout', default=300, min=1,
               help='Seconds after which parts of a failed clone, or images '
                    'and snapshots made for clones, that cannot be removed '
                    'are left behind and named in the result.'),
    cfg.IntOpt('balance_tries', default=3, min=1,
               help='Hosts that are tried in turn when a server is balanced '
                    'and Nova refuses the best one.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(server_tasks_group)
    conf.register_opts(OPTS, group=server_tasks_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('server_tasks', OPTS)]
