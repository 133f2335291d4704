# SPDX-License-Identifier: Apache-2.0
"""Nova's databases."""


from oslo_config import cfg

nova_database_group = cfg.OptGroup('nova_database',
                                   title='Nova\'s databases')

OPTS: list[cfg.Opt] = [

    cfg.StrOpt('connection', secret=True,
               help='Connection to Nova\'s API database, as in [api_database] '
                    'of Nova. The databases of the cells are found there. '
                    'Only conductors need it, for the system metadata of '
                    'servers, which Nova\'s API does not show.'),
    cfg.StrOpt('cell_connection', secret=True,
               help='The value of [database] connection in Nova\'s '
                    'configuration. It fills connections of cells that are '
                    'templates, such as '
                    '{scheme}://{username}:{password}@10.0.0.5/nova. If '
                    'unset, connection is used.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(nova_database_group)
    conf.register_opts(OPTS, group=nova_database_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('nova_database', OPTS)]
