# SPDX-License-Identifier: Apache-2.0
"""How the load of host aggregates is balanced."""

from typing import Any

from oslo_config import cfg

drs_group = cfg.OptGroup('drs', title='Balance of host aggregates')

OPTS = [

    cfg.FloatOpt('audit_wait', default=10.0, min=0, max=60,
                 help='Seconds that a request to execute an audit waits for '
                      'the audit to end. Audits of small clouds end within '
                      'that time, and the answer then contains the result.'),
    cfg.StrOpt('source', default='none',
               help='Source of the measured use of hosts and servers. '
                    '`none`: nothing is measured, and loads are what '
                    'Placement has allocated. `agent`: the reports of agents '
                    'within the last window. `prometheus`: see [prometheus]. '
                    'Other sources are plugins of the namespace '
                    'cloudmanager.drs.sources.'),
    cfg.FloatOpt('window', default=3600.0, min=60,
                 help='Length of the time before an audit from which '
                      'measurements are averaged, in seconds.'),
    cfg.FloatOpt('half_life', default=600.0, min=1,
                 help='Age in seconds at which a measurement has half of the '
                      'weight of a new one in the average.'),
    cfg.FloatOpt('max_age', default=300.0, min=1,
                 help='Age in seconds of the last measurement of a host or '
                      'server above which its use counts as unknown.'),
    cfg.FloatOpt('max_pressure', default=0.2, min=0, max=1,
                 help='Largest fraction of the time that tasks on a host may '
                      'wait for CPU, memory or disks (pressure stall '
                      'information). A host above it receives no servers. '
                      'Hosts without this measurement are not affected. 1 '
                      'disables the check.'),
    cfg.IntOpt('rounds', default=1, min=1, max=100,
               help='Number of successive audits, the present one included, '
                    'in which a host must be loaded above the mean before '
                    'servers are moved off it.'),
    cfg.FloatOpt('round_gap', default=7200.0, min=1,
                 help='Longest time in seconds between two audits of an '
                      'aggregate that count as successive.'),
    cfg.FloatOpt('threshold', default=0.05, min=0, max=1,
                 help='Standard deviation of the loads of hosts below which '
                      'a resource counts as balanced. A load is a fraction '
                      'of the capacity of a host.'),
    cfg.FloatOpt('cpu_weight', default=1.0, min=0,
                 help='Weight of the load of CPUs. 0 ignores them.'),
    cfg.FloatOpt('memory_weight', default=1.0, min=0,
                 help='Weight of the load of memory. 0 ignores it.'),
    cfg.FloatOpt('disk_weight', default=0.0, min=0,
                 help='Weight of the load of local disks. Leave it at 0 '
                      'where hosts share their storage.'),
    cfg.FloatOpt('use_weight', default=0.7, min=0, max=1,
                 help='Weight of measured use in the load of a host; the '
                      'rest is the weight of allocations. Where nothing is '
                      'measured, allocations alone count.'),
    cfg.FloatOpt('max_load', default=0.9, min=0.01, max=1,
                 help='Audits move no server to a host whose allocation or '
                      'use would exceed this fraction of its capacity.'),
    cfg.FloatOpt('source_floor', default=0.2, min=0, max=1,
                 help='Audits move no servers off a host whose loads are all '
                      'below this fraction.'),
    cfg.FloatOpt('minimum_gain', default=0.01, min=0, max=1,
                 help='Least amount by which a move must reduce the '
                      'difference between the loads of its two hosts.'),
    cfg.IntOpt('max_moves', default=50, min=0,
               help='Largest number of servers that one audit moves. With 0, '
                    'audits only report loads.'),
    cfg.FloatOpt('network_speed', default=100.0, min=0.1,
                 help='Speed at which a migration copies memory, in MiB a '
                      'second. The cost of a migration is estimated from it '
                      'and compared with its gain.'),
    cfg.FloatOpt('migration_load', default=0.1, min=0, max=1,
                 help='Load that a migration adds to both hosts while it '
                      'runs, as a fraction of their capacity.'),
    cfg.FloatOpt('horizon', default=3600.0, min=1,
                 help='Time in seconds for which the gain of a move is '
                      'expected to last. A move is made only if its gain '
                      'over this time exceeds its cost.'),
    cfg.ListOpt('never_move', default=['metadata:balance=never'],
                help='Rules for servers that audits never move: '
                     'project:<id>, flavor:<name>, image:<id>, tag:<tag>, '
                     'metadata:<key> or metadata:<key>=<value>.'),
    cfg.FloatOpt('cooldown', default=1800.0, min=0,
                 help='Seconds for which audits do not move a server again '
                      'after anybody has moved it. The time doubles with '
                      'each further move within cooldown_max. 0 disables it.'),
    cfg.FloatOpt('cooldown_max', default=86400.0, min=1,
                 help='Longest cooldown of a server, in seconds.'),
    cfg.FloatOpt('policy_interval', default=5.0, min=0.1, max=3600,
                 help='Seconds between checks whether the policy of an '
                      'aggregate requires an audit.'),
    cfg.FloatOpt('backtest_time', default=30.0, min=1,
                 help='Seconds after which a backtest replays no further '
                      'audit and answers what it has found so far. It must '
                      'be less than [api] rpc_timeout, since the audit under '
                      'way is ended first.'),
    cfg.FloatOpt('measure_after', default=1800.0, min=0,
                 help='Seconds between the end of the moves of an audit and '
                      'the measurement of their gain. Averages of use need '
                      'this time to follow the moves.'),
    cfg.IntOpt('freeze_after', default=3, min=1,
               help='Number of successive automatic audits that together '
                    'have made the balance of an aggregate worse, after '
                    'which no servers of the aggregate are moved '
                    'automatically until its policy is set again.'),
    cfg.IntOpt('foreign_moves', default=3, min=1,
               help='Number of servers moved by others within an aggregate '
                    'since its last audit, or within the last hour if that '
                    'is longer, from which on the next automatic audit only '
                    'recommends moves. Otherwise two balancers would undo '
                    "each other's moves."),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(drs_group)
    conf.register_opts(OPTS, group=drs_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('drs', OPTS)]
