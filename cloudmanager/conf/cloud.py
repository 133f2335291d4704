# SPDX-License-Identifier: Apache-2.0
"""The cloud that is managed; credentials are keystoneauth options."""

from typing import Any

from oslo_config import cfg

cloud_group = cfg.OptGroup('cloud', title='Cloud')

OPTS = [

    cfg.StrOpt('region_name',
               help='Region of the endpoints.'),
    cfg.StrOpt('interface', default='internal',
               choices=('public', 'internal', 'admin'),
               help='Interface of the endpoints.'),
    cfg.IntOpt('timeout', default=60, min=1,
               help='Seconds after which a request to the cloud is given '
                    'up.'),
    cfg.IntOpt('retries', default=5, min=0,
               help='How often a request that may be repeated is repeated '
                    'after a lost connection, 429 or 5xx.'),
    cfg.FloatOpt('retry_delay', default=0.5, min=0,
                 help='Seconds before the first repetition; doubles each '
                      'time, with jitter, up to retry_max_delay.'),
    cfg.FloatOpt('retry_max_delay', default=10.0, min=0,
                 help='Longest pause between repetitions, in seconds.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(cloud_group)
    conf.register_opts(OPTS, group=cloud_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('cloud', OPTS)]
