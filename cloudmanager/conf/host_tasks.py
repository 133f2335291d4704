# SPDX-License-Identifier: Apache-2.0
"""How hosts are emptied and evacuated."""


from oslo_config import cfg
from oslo_config import types

host_tasks_group = cfg.OptGroup('host_tasks', title='Host tasks')

_RULE = r'^(project|flavor|image|tag|metadata):\S.*$'

OPTS = [

    cfg.BoolOpt('allow_evacuate_host', default=True,
                help='Whether hosts may be evacuated at all.'),
    cfg.IntOpt('evacuation_retries', default=2, min=0,
               help='How often a failed evacuation of a server is '
                    'repeated.'),
    cfg.IntOpt('migration_retries', default=1, min=0,
               help='How often a failed migration of a server is repeated '
                    'before the next kind of move is tried.'),
    cfg.FloatOpt('retry_delay', default=5.0, min=0,
                 help='Seconds before a failed move of a server is '
                      'repeated, with some random variation. The delay '
                      'doubles with every failure.'),
    cfg.FloatOpt('retry_delay_max', default=60.0, min=0,
                 help='Longest delay before a failed move is repeated, in '
                      'seconds.'),
    cfg.IntOpt('place_timeout', default=300, min=0,
               help='Seconds that a server waits for a host to go to while '
                    'no other host is up and enabled. Nova is not asked '
                    'meanwhile, and no attempt is counted.'),
    cfg.ListOpt('deny_evacuate', default=[],
                help='Hosts that are never evacuated.'),
    cfg.ListOpt('never_evacuate', default=[],
                item_type=types.String(regex=_RULE),
                help='Rules for servers that are never rebuilt, such as '
                     'those that another service owns and replaces by '
                     'itself: project:<id>, flavor:<name>, image:<id>, '
                     'tag:<tag>, metadata:<key>, metadata:<key>=<value>. '
                     'They are migrated like other servers. If one of them '
                     'cannot be migrated, a shutdown does not fence its '
                     'host.'),
    cfg.BoolOpt('allow_cold_migration', default=True,
                help='Whether servers may be migrated cold. Set it to false '
                     'where compute hosts cannot copy disks to each other '
                     'because they share no keys: stopped servers are then '
                     'not tried, and plans say so.'),
    cfg.ListOpt('shared_storage', default=[],
                help='Names of host aggregates whose hosts share one '
                     'storage for the disks of servers that are not volumes '
                     '(Ceph RBD, a shared file system), or "all". Hosts '
                     'that share a DISK_GB provider in Placement need not '
                     'be named. A server on any other host would be rebuilt '
                     'from its image and lose its data, so it is evacuated '
                     'only if the request says allow_data_loss.'),
    cfg.IntOpt('max_moves', default=8, min=1,
               help='Servers that one task moves at the same time.'),
    cfg.IntOpt('max_moves_per_destination', default=4, min=1,
               help='Servers that one task moves to the same host at the '
                    'same time.'),
    cfg.FloatOpt('poll_interval', default=0.3, min=0.05,
                 help='Shortest time between two polls of the moves in '
                      'progress, in seconds. One request covers all of '
                      'them.'),
    cfg.FloatOpt('poll_interval_max', default=5.0, min=0.05,
                 help='Longest time between two polls, for moves that take '
                      'minutes.'),
    cfg.IntOpt('move_timeout', default=300, min=1,
               help='Seconds that a move may take regardless of the size of '
                    'the server.'),
    cfg.IntOpt('move_timeout_per_gib', default=60, min=0,
               help='Seconds added for each GiB of the server\'s memory.'),
    cfg.IntOpt('stall_timeout', default=120, min=10,
               help='Seconds after which a live migration counts as stalled '
                    'if the amount left to copy has not gone down.'),
    cfg.StrOpt('slow_migration', default='abort',
               choices=[
                   ('wait', 'let it continue'),
                   ('abort', 'abort it; the server stays where it is, and '
                             'the next kind of move is tried'),
                   ('force-complete',
                    'let Nova finish it: by post-copy where [libvirt] '
                    'live_migration_permit_post_copy is set, else by '
                    'pausing the server until all is copied')],
               help='What happens to a live migration that has stalled.'),
    cfg.StrOpt('slow_migration_key', default='slow_migration',
               help='Metadata key with which a server sets its own value of '
                    'slow_migration. It is ignored if the request for the '
                    'task gives one.'),
    cfg.StrOpt('budget_key', default='max_moves_per_day',
               help='Metadata key by which a server says how often it may be '
                    'moved within 24 hours, and property of a project in '
                    'Keystone that says how often all its servers may be. '
                    'Emptying and restarting hosts, audits and their undoing '
                    'keep to it; `force` and evacuations do not, and say so.'),
    cfg.StrOpt('project_budget_tag', default='cloudmanager',
               help='Tag of the projects in Keystone that may have such a '
                    'property. Empty: projects have no budgets, and Keystone '
                    'is not asked.'),
    cfg.IntOpt('settle_timeout', default=60, min=1,
               help='Seconds to wait for a server that is in the middle of '
                    'another operation.'),
    cfg.IntOpt('heartbeat_silence', default=15, min=1,
               help='Seconds without a heartbeat from nova-compute after '
                    'which an administrator\'s statement that a host is off '
                    'is accepted. Must be longer than Nova\'s '
                    'report_interval.'),
    cfg.FloatOpt('adopt_grace', default=5.0, min=0,
                 help='Seconds during which a request that a conductor sent '
                      'before it died may still appear in Nova.'),
    cfg.BoolOpt('lock_servers', default=True,
                help='Whether servers are locked while they are '
                     'evacuated.'),
    cfg.IntOpt('max_unavailable', default=2, min=1,
               help='Compute hosts that may be out of use at the same time '
                    'while several are restarted. Hosts that are disabled, '
                    'down or reserved for another reason count as well. A '
                    'request can give another number.'),
    cfg.IntOpt('restart_timeout', default=1200, min=1,
               help='Seconds within which the services of a restarted host '
                    'must be healthy.'),
    cfg.FloatOpt('gate_interval', default=2.0, min=0.1,
                 help='Seconds between checks of a host that restarts, and '
                      'of the hosts of a restart of several.'),
    cfg.IntOpt('open_migration_timeout', default=3600, min=1,
               help='Seconds that a decommission waits for open migrations '
                    'of the host if the request asks it to wait.'),
    cfg.StrOpt('priority_key', default='recovery_priority',
               help='Metadata key of a server with its priority, 0 (never) '
                    'to 10 (first).'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(host_tasks_group)
    conf.register_opts(OPTS, group=host_tasks_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('host_tasks', OPTS)]
