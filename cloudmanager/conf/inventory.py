# SPDX-License-Identifier: Apache-2.0
"""What the inventory takes over from the cloud."""

from typing import Any

from oslo_config import cfg

inventory_group = cfg.OptGroup('inventory', title='Inventory')

OPTS = [

    cfg.BoolOpt('auto_enroll', default=True,
                help='Whether hypervisors of Nova that no node stands for '
                     'become nodes by themselves.'),
    cfg.IntOpt('sync_interval', default=60, min=0,
               help='Seconds between comparisons of the nodes with Nova. '
                    'One conductor does it for all. 0 for never.'),
    cfg.FloatOpt('cache_seconds', default=10.0, min=0,
                 help='Seconds for which what was read from Nova and '
                      'Placement is answered without a new look at them. '
                      'After that it is answered once more while it is read '
                      'anew.'),
    cfg.FloatOpt('stale_seconds', default=300.0, min=0,
                 help='Seconds after which what was read is not answered '
                      'any more, even when Nova or Placement cannot be '
                      'reached.'),
    cfg.FloatOpt('read_timeout', default=3.0, min=0,
                 help='Seconds that a request waits for what was never '
                      'read, or not lately. Then it is answered without, '
                      'with a warning.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(inventory_group)
    conf.register_opts(OPTS, group=inventory_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('inventory', OPTS)]
