# SPDX-License-Identifier: Apache-2.0
"""How single servers are balanced, repaired and cloned."""

from typing import Any

from oslo_config import cfg

server_tasks_group = cfg.OptGroup('server_tasks', title='Server tasks')

OPTS = [

    cfg.IntOpt('action_timeout', default=600, min=1,
               help='Seconds that one request to Nova about a server, such '
                    'as a reboot or an unshelve, may take before the task '
                    'gives up on it.'),
    cfg.IntOpt('stale_after', default=1800, min=1,
               help='Seconds without a sign of work in Nova\'s records after '
                    'which the task of a server counts as stuck, and a '
                    'resize that waits for confirmation as forgotten. '
                    'Longer than the upload of the largest image takes.'),
    cfg.IntOpt('idle_after', default=60, min=1,
               help='Seconds without a sign of work after which the task of '
                    'a server counts as stuck already, if no host has begun '
                    'and not ended anything with it. Where a reset could '
                    'leave disks or images behind, stale_after counts.'),
    cfg.FloatOpt('balance_gain', default=0.01, min=0, max=1,
                 help='Share of its capacity by which a host must be less '
                      'loaded with the server than its present host, for a '
                      'balance to move it.'),
    cfg.IntOpt('max_clones', default=4, min=1,
               help='Clones of one task that are made at a time.'),
    cfg.IntOpt('clone_timeout', default=3600, min=1,
               help='Seconds that each part of a clone may take: the image '
                    'of its root disk, a snapshot, the copy of its volumes, '
                    'its start.'),
    cfg.FloatOpt('create_grace', default=20.0, min=0,
                 help='Seconds within which a server, volume, snapshot or '
                      'image that a conductor asked for before it died is '
                      'still expected to appear. Longer than Nova and '
                      'Cinder take to answer such a request.'),
    cfg.IntOpt('clear_timeout', default=300, min=1,
               help='Seconds after which what cannot be removed of a clone '
                    'that failed, or of what clones were made of, is left '
                    'behind and named.'),
    cfg.IntOpt('balance_tries', default=3, min=1,
               help='Hosts that are tried one after the other when a server '
                    'is balanced and Nova does not let it go to the best '
                    'one.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(server_tasks_group)
    conf.register_opts(OPTS, group=server_tasks_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('server_tasks', OPTS)]
