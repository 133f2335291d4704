# SPDX-License-Identifier: Apache-2.0
"""LVM block storage."""

from typing import Any

from oslo_config import cfg

volumes_group = cfg.OptGroup('volumes', title='Logical volumes')

OPTS = [

    cfg.StrOpt('name_template', default='volume-%s', regex='^[^%]*%s[^%]*$',
               help='Names of the logical volumes of Cinder\'s volumes, with '
                    '%s for the id; volume_name_template of Cinder.'),
    cfg.FloatOpt('report_timeout', default=10.0, min=0.5,
                 help='Seconds that an agent may take to tell of its volume '
                      'groups, before a list leaves them out. Less than '
                      '[api] rpc_timeout.'),
    cfg.FloatOpt('poll_interval', default=3.0, min=0.1,
                 help='Seconds between two looks at a mirror or a move that '
                      'is under way.'),
    cfg.IntOpt('agent_timeout', default=1800, min=1,
               help='Seconds without an answer of the agent after which a '
                    'task on a volume gives up. Longer than its node takes '
                    'to restart.'),
    cfg.IntOpt('stalled_timeout', default=3600, min=1,
               help='Seconds without progress after which a task on a volume '
                    'gives up.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(volumes_group)
    conf.register_opts(OPTS, group=volumes_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('volumes', OPTS)]
