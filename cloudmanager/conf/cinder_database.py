# SPDX-License-Identifier: Apache-2.0
"""Cinder's database."""


from oslo_config import cfg

cinder_database_group = cfg.OptGroup('cinder_database',
                                     title='Cinder\'s database')

OPTS: list[cfg.Opt] = [

    cfg.StrOpt('connection', secret=True,
               help='Connection to Cinder\'s database. Cinder\'s API cannot '
                    'remove a service. With this option, decommissioning a '
                    'host removes its services from the database, as '
                    'cinder-manage does; without it, they are only '
                    'disabled.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(cinder_database_group)
    conf.register_opts(OPTS, group=cinder_database_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('cinder_database', OPTS)]
