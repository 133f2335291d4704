# SPDX-License-Identifier: Apache-2.0
"""Keystone's domains."""


from oslo_config import cfg

identity_group = cfg.OptGroup('identity', title='Identity')

OPTS = [

    cfg.ListOpt('keystone_config_files',
                default=['/etc/keystone/keystone.conf'],
                help='Configuration files of Keystone on the machines of '
                     'the conductors. Later files override earlier ones. '
                     'They say whether the configuration of domains is kept '
                     'in files or in Keystone\'s database, and where the '
                     'files are.'),
    cfg.BoolOpt('totp_allowed', default=False,
                help='Whether one-time passwords may be sent to the users of '
                     'domains, as clients are told.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(identity_group)
    conf.register_opts(OPTS, group=identity_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('identity', OPTS)]
