# SPDX-License-Identifier: Apache-2.0
"""How long tasks are remembered."""


from oslo_config import cfg

tasks_group = cfg.OptGroup('tasks', title='Tasks')

OPTS: list[cfg.Opt] = [

    cfg.IntOpt('retention_days', default=30, min=1,
               help='Days for which tasks are kept after they have ended.'),
    cfg.IntOpt('purge_interval', default=3600, min=60,
               help='Seconds between removals of old tasks.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(tasks_group)
    conf.register_opts(OPTS, group=tasks_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('tasks', OPTS)]
