# SPDX-License-Identifier: Apache-2.0
"""How hosts are emptied and evacuated."""

from typing import Any

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
                    'before the next step of the ladder.'),
    cfg.FloatOpt('retry_delay', default=5.0, min=0,
                 help='Seconds before a failed move of a server is repeated, '
                      'a little more or less at random. They double with '
                      'every failure.'),
    cfg.FloatOpt('retry_delay_max', default=60.0, min=0,
                 help='Longest time before a failed move is repeated, in '
                      'seconds.'),
    cfg.IntOpt('place_timeout', default=300, min=0,
               help='Seconds that a server waits for a host to go to while '
                    'no other host is up and enabled. Nova is not asked '
                    'meanwhile, and no attempt is counted.'),
    cfg.ListOpt('deny_evacuate', default=[],
                help='Hosts that are never evacuated.'),
    cfg.ListOpt('never_evacuate', default=[],
                item_type=types.String(regex=_RULE),
                help='Rules that name servers which are never rebuilt, such '
                     'as those that a service owns and replaces by itself: '
                     'project:<id>, flavor:<name>, image:<id>, tag:<tag>, '
                     'metadata:<key>, metadata:<key>=<value>. They are '
                     'migrated like others. A host on which one of them '
                     'cannot be migrated is not fenced in a shutdown.'),
    cfg.BoolOpt('allow_cold_migration', default=True,
                help='Whether servers may be migrated cold. Off where '
                     'compute hosts cannot copy disks to each other (no '
                     'shared keys): then stopped servers are not tried, '
                     'and plans say so.'),
    cfg.ListOpt('shared_storage', default=[],
                help='Where the disks of servers that are no volumes can be '
                     'reached from more hosts than the server\'s own: names '
                     'of host aggregates, the hosts of each of which share '
                     'one storage (Ceph RBD, a shared file system), or '
                     '"all". Hosts that share a DISK_GB provider in '
                     'Placement need not be named. A server on any other '
                     'host is rebuilt from its image when it is evacuated '
                     'and loses its data, so it is not, unless the request '
                     'says allow_data_loss.'),
    cfg.IntOpt('max_moves', default=8, min=1,
               help='Servers that one task moves at a time.'),
    cfg.IntOpt('max_moves_per_destination', default=4, min=1,
               help='Servers that one task moves to one host at a time.'),
    cfg.FloatOpt('poll_interval', default=0.3, min=0.05,
                 help='Shortest time between two looks at all moves in '
                      'flight, in seconds. One request looks at all of '
                      'them.'),
    cfg.FloatOpt('poll_interval_max', default=5.0, min=0.05,
                 help='Longest time between two looks, for moves that take '
                      'minutes.'),
    cfg.IntOpt('move_timeout', default=300, min=1,
               help='Seconds that a move may take whatever its size.'),
    cfg.IntOpt('move_timeout_per_gib', default=60, min=0,
               help='Seconds added for each GiB of the server\'s memory.'),
    cfg.IntOpt('stall_timeout', default=120, min=10,
               help='Seconds after which a live migration that has not less '
                    'left to copy than before counts as one that does not '
                    'get on.'),
    cfg.StrOpt('slow_migration', default='abort',
               choices=[
                   ('wait', 'let it go on'),
                   ('abort', 'abort it; the server stays where it is, and '
                             'the next step of its ladder follows'),
                   ('force-complete',
                    'let Nova finish it: by post-copy where [libvirt] '
                    'live_migration_permit_post_copy is set, else by '
                    'pausing the server until all is copied')],
               help='What becomes of a live migration that does not get '
                    'on.'),
    cfg.StrOpt('slow_migration_key', default='slow_migration',
               help='Metadata key of a server that has its own value of '
                    'slow_migration. Servers of a task that names one are '
                    'not asked.'),
    cfg.IntOpt('settle_timeout', default=60, min=1,
               help='Seconds to wait for a server that is in the middle of '
                    'another operation.'),
    cfg.IntOpt('heartbeat_silence', default=15, min=1,
               help='Seconds without a heartbeat of nova-compute after '
                    'which an administrator\'s word that a host is off is '
                    'believed. Longer than Nova\'s report_interval.'),
    cfg.FloatOpt('adopt_grace', default=5.0, min=0,
                 help='Seconds within which a request sent by a conductor '
                      'that died is still expected to appear in Nova.'),
    cfg.BoolOpt('lock_servers', default=True,
                help='Whether servers are locked while they are '
                     'evacuated.'),
    cfg.IntOpt('max_unavailable', default=2, min=1,
               help='Compute hosts that may be out of use at a time during '
                    'a restart of several, whoever took them out of use: '
                    'disabled, down and reserved ones are included. '
                    'Requests can ask for more or less.'),
    cfg.IntOpt('restart_timeout', default=1200, min=1,
               help='Seconds that a restarted host gets until its services '
                    'are well.'),
    cfg.FloatOpt('gate_interval', default=2.0, min=0.1,
                 help='Seconds between looks at a host that restarts, and '
                      'at the hosts of a restart of several.'),
    cfg.IntOpt('open_migration_timeout', default=3600, min=1,
               help='Seconds that a decommission waits for open migrations '
                    'of the host when it is told to wait.'),
    cfg.StrOpt('priority_key', default='recovery_priority',
               help='Metadata key of a server with its priority, 0 (never) '
                    'to 10 (first).'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(host_tasks_group)
    conf.register_opts(OPTS, group=host_tasks_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('host_tasks', OPTS)]
