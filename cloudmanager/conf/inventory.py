# SPDX-License-Identifier: Apache-2.0
"""What the inventory takes over from the cloud."""


from oslo_config import cfg

inventory_group = cfg.OptGroup('inventory', title='Inventory')

OPTS = [

    cfg.BoolOpt('auto_enroll', default=True,
                help='Whether a node is created automatically for each '
                     'hypervisor of Nova that has none.'),
    cfg.IntOpt('sync_interval', default=60, min=0,
               help='Seconds between comparisons of the nodes with Nova. '
                    'One conductor does this for all. Zero disables them.'),
    cfg.FloatOpt('cache_seconds', default=10.0, min=0,
                 help='Seconds for which data from Nova and Placement is '
                      'answered without reading it again. After that it is '
                      'answered once more while it is refreshed.'),
    cfg.FloatOpt('stale_seconds', default=300.0, min=0,
                 help='Seconds after which data from Nova or Placement is '
                      'no longer answered, even if the service cannot be '
                      'reached.'),
    cfg.FloatOpt('read_timeout', default=3.0, min=0,
                 help='Seconds that a request waits for data that has not '
                      'been read yet, or not lately. After that it is '
                      'answered without the data, with a warning.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(inventory_group)
    conf.register_opts(OPTS, group=inventory_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('inventory', OPTS)]
