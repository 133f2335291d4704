# SPDX-License-Identifier: Apache-2.0
"""How the load of host aggregates is balanced."""

from typing import Any

from oslo_config import cfg

drs_group = cfg.OptGroup('drs', title='Balance of host aggregates')

OPTS = [

    cfg.FloatOpt('audit_wait', default=10.0, min=0, max=60,
                 help='Seconds that a request to execute an audit waits for '
                      'its end, so that the answer of a small cloud has it.'),
    cfg.StrOpt('source', default='none',
               help='Where it is known from how much of hosts and servers is '
                    'used. `none`: loads are what Placement has allocated. '
                    '`agent`: what agents have reported in the last '
                    'window. `prometheus`: see [prometheus]. Other sources '
                    'are '
                    'plugins of the namespace cloudmanager.drs.sources.'),
    cfg.FloatOpt('window', default=3600.0, min=60,
                 help='Seconds that are looked back to see what is used.'),
    cfg.FloatOpt('half_life', default=600.0, min=1,
                 help='Seconds after which a measurement counts half in the '
                      'average.'),
    cfg.FloatOpt('max_age', default=300.0, min=1,
                 help='Seconds after which a measurement is too old: what '
                      'was measured last before that is not known.'),
    cfg.FloatOpt('max_pressure', default=0.2, min=0, max=1,
                 help='Hosts on which something has to wait for CPU, memory '
                      'or disks for more than this fraction of the time get '
                      'no servers, where that is measured. 1: never mind.'),
    cfg.IntOpt('rounds', default=1, min=1, max=100,
               help='In how many audits in a row, this one included, a host '
                    'must have been above the mean before it loses '
                    'servers.'),
    cfg.FloatOpt('round_gap', default=7200.0, min=1,
                 help='Seconds between two audits of an aggregate that count '
                      'as in a row, at most.'),
    cfg.FloatOpt('threshold', default=0.05, min=0, max=1,
                 help='Standard deviation of the loads of hosts up to which '
                      'a resource counts as balanced. Loads are fractions of '
                      'what a host has.'),
    cfg.FloatOpt('cpu_weight', default=1.0, min=0,
                 help='How much the load of CPUs counts. 0: not at all.'),
    cfg.FloatOpt('memory_weight', default=1.0, min=0,
                 help='How much the load of memory counts.'),
    cfg.FloatOpt('disk_weight', default=0.0, min=0,
                 help='How much the load of local disks counts. Leave it at '
                      '0 where hosts share their storage.'),
    cfg.FloatOpt('use_weight', default=0.7, min=0, max=1,
                 help='Share of what is used in a load, where that is '
                      'measured; the rest is what is allocated.'),
    cfg.FloatOpt('max_load', default=0.9, min=0.01, max=1,
                 help='No host is filled above this fraction, neither by '
                      'allocation nor by use.'),
    cfg.FloatOpt('source_floor', default=0.2, min=0, max=1,
                 help='Hosts whose loads are all below this fraction lose no '
                      'servers.'),
    cfg.FloatOpt('minimum_gain', default=0.01, min=0, max=1,
                 help='By how much a move must lessen the difference between '
                      'the loads of its two hosts.'),
    cfg.IntOpt('max_moves', default=50, min=0,
               help='Servers that one audit moves at most. 0: audits only '
                    'tell how the loads are.'),
    cfg.FloatOpt('network_speed', default=100.0, min=0.1,
                 help='MiB a second that a migration copies. What it takes '
                      'of memory and time is held against its gain.'),
    cfg.FloatOpt('migration_load', default=0.1, min=0, max=1,
                 help='Load that a migration puts on its hosts while it '
                      'runs.'),
    cfg.FloatOpt('horizon', default=3600.0, min=1,
                 help='Seconds for which the gain of a move is thought to '
                      'last. What it is worth in that time must exceed what '
                      'the migration costs.'),
    cfg.ListOpt('never_move', default=['metadata:balance=never'],
                help='Rules about servers that audits leave where they are: '
                     'project:<id>, flavor:<name>, image:<id>, tag:<tag>, '
                     'metadata:<key> or metadata:<key>=<value>.'),
    cfg.FloatOpt('cooldown', default=1800.0, min=0,
                 help='Seconds for which a server is left alone after it was '
                      'moved, by whomever. They double with each move within '
                      'cooldown_max. 0: no pause.'),
    cfg.FloatOpt('cooldown_max', default=86400.0, min=1,
                 help='Seconds of the longest such pause.'),
    cfg.FloatOpt('policy_interval', default=5.0, min=0.1, max=3600,
                 help='Seconds from one look to the next whether an audit is '
                      'due by the policy of an aggregate.'),
    cfg.FloatOpt('measure_after', default=1800.0, min=0,
                 help='Seconds after the moves of an audit at which it is '
                      'measured what they have gained. Averages of what is '
                      'used should have followed by then.'),
    cfg.IntOpt('freeze_after', default=3, min=1,
               help='When so many audits in a row that nobody asked for have '
                    'made the balance of an aggregate worse in all, no '
                    'servers of it are moved by themselves any more until '
                    'its policy is set anew.'),
    cfg.IntOpt('foreign_moves', default=3, min=1,
               help='When somebody else has moved so many servers within an '
                    'aggregate since its last audit, at least in the last '
                    'hour, its next audit only recommends: two that balance '
                    'would undo what the other does.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(drs_group)
    conf.register_opts(OPTS, group=drs_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('drs', OPTS)]
