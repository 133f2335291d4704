# SPDX-License-Identifier: Apache-2.0
"""The cloud that is managed; credentials are keystoneauth options."""


from keystoneauth1 import loading
from oslo_config import cfg

cloud_group = cfg.OptGroup('cloud', title='Cloud')

# Of keystoneauth's adapter options those that mean the same for all the
# services of a cloud; the others are of one service.
_ADAPTER_OPTS = ('region-name', 'valid-interfaces')

OPTS = [
    cfg.IntOpt('retries', default=7, min=0,
               help='How often a request that may be repeated is retried '
                    'after a lost connection, 429 or 5xx.'),
    cfg.FloatOpt('retry_delay', default=0.5, min=0,
                 help='Seconds before the first retry. The delay doubles '
                      'each time, with some random variation, up to '
                      'retry_max_delay. The defaults survive an outage of '
                      '25 seconds.'),
    cfg.FloatOpt('retry_max_delay', default=10.0, min=0,
                 help='Longest delay between retries, in seconds.'),
    cfg.FloatOpt('retry_total', default=120.0, min=0,
                 help='Seconds after the first attempt beyond which a '
                      'request is no longer retried, even if retries are '
                      'left.'),
    cfg.FloatOpt('awaited_retry_total', default=5.0, min=0,
                 help='The same for what a client waits for: lists of '
                      'volumes, or the checks before a task begins. The '
                      'client is told early that the cloud is out of '
                      'reach.'),
    cfg.FloatOpt('outage_timeout', default=600.0, min=0,
                 help='Seconds that a step of a task waits for an '
                      'unreachable cloud before the task fails.'),
]


def _adapter_opts() -> list[cfg.Opt]:
    found = {option.name: option for option in
             loading.get_adapter_conf_options(include_deprecated=False)}
    return [found[name] for name in _ADAPTER_OPTS]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(cloud_group)
    conf.register_opts(OPTS + _adapter_opts(), group=cloud_group)
    loading.register_auth_conf_options(conf, 'cloud')
    loading.register_session_conf_options(conf, 'cloud')
    conf.set_default('timeout', 60, group='cloud')
    conf.set_default('valid_interfaces', ['internal', 'public'],
                     group='cloud')


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('cloud', OPTS + _adapter_opts()
             + loading.get_auth_common_conf_options()
             + loading.get_session_conf_options()
             + loading.get_auth_plugin_conf_options('password'))]
