# SPDX-License-Identifier: Apache-2.0
"""Encryption of passwords and keys at rest."""


from oslo_config import cfg

secrets_group = cfg.OptGroup('secrets', title='Secrets')

OPTS: list[cfg.Opt] = [

    cfg.StrOpt('key_repository', default='$state_path/keys',
               help='Directory of the encryption keys. All processes need '
                    'the same keys.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(secrets_group)
    conf.register_opts(OPTS, group=secrets_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('secrets', OPTS)]
