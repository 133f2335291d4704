# SPDX-License-Identifier: Apache-2.0
"""Prometheus as the source of what hosts and servers use."""

from keystoneauth1 import loading
from oslo_config import cfg

prometheus_group = cfg.OptGroup(
    'prometheus', title='Prometheus',
    help='Where [drs] source is prometheus. Queries are PromQL. In them '
         '<hosts> is a regular expression of the hosts that are asked '
         'for, <rate> the option of this name, and <label> that of '
         'host_label. '
         'Each query about hosts gives one series a host, with <label>; '
         'those about servers have server_label. Units are those of '
         'Prometheus: busy CPUs, bytes, and seconds a second.')

_HOSTS = '{<label>=~"<hosts>"}'
_BUSY = 'sum by (instance, <label>) (rate(node_cpu_seconds_total'
_NAMES = '* on (instance, domain) group_left (uuid) libvirt_domain_info_meta'


def _pressure(name: str) -> str:
    return (f'max by (instance, <label>) (rate(node_pressure_{name}'
            f'_seconds_total{_HOSTS}[<rate>]))')


OPTS = [
    cfg.URIOpt('url', schemes=['http', 'https'],
               help='Where the HTTP API of Prometheus is, without /api/v1.'),
    cfg.IntOpt('max_answer', default=256, min=1,
               help='Longest answer to a query, in MiB.'),
    cfg.FloatOpt('step', default=60.0, min=1,
                 help='Seconds between two samples.'),
    cfg.StrOpt('rate', default='5m',
               help='Over how long rates are taken; at least four times the '
                    'interval in which Prometheus reads exporters.'),
    cfg.StrOpt('host_label', default='instance',
               help='Label that says which host a series is of: the name of '
                    'the host in Nova, whole or without its domain, with a '
                    'port or without.'),
    cfg.StrOpt('server_label', default='uuid',
               help='Label with the id of the server that a series is of.'),
    cfg.StrOpt('host_time',
               default='max by (instance, <label>) (timestamp('
                       f'node_memory_MemTotal_bytes{_HOSTS}))',
               help='When a host was measured last, in seconds since 1970. '
                    'Without it rates of a host that has fallen silent look '
                    'new for a while.'),
    cfg.StrOpt('host_cpu',
               default=f'{_BUSY}{{<label>=~"<hosts>",'
                       'mode!~"idle|iowait|steal"}[<rate>]))',
               help='CPUs of hosts that are busy.'),
    cfg.StrOpt('host_memory',
               default='max by (instance, <label>) ('
                       f'node_memory_MemTotal_bytes{_HOSTS} - '
                       f'node_memory_MemAvailable_bytes{_HOSTS})',
               help='Memory of hosts that is used, in bytes.'),
    cfg.StrOpt('host_disk', default='',
               help='Disk space of hosts that is used, in bytes. It is '
                    'needed where disk_weight of [drs] is not 0.'),
    cfg.StrOpt('host_cpu_pressure', default=_pressure('cpu_waiting'),
               help='Fraction of the time in which something waits for CPU. '
                    'Each of these may be empty: then it is not known.'),
    cfg.StrOpt('host_memory_pressure', default=_pressure('memory_waiting'),
               help='The same of memory.'),
    cfg.StrOpt('host_io_pressure', default='',
               help='The same of disks.'),
    cfg.StrOpt('server_cpu',
               default='sum by (uuid) (rate('
                       'libvirt_domain_info_cpu_time_seconds_total[<rate>]) '
                       f'{_NAMES})',
               help='CPUs that servers keep busy.'),
    cfg.StrOpt('server_memory',
               default='max by (uuid) (libvirt_domain_memory_stats_rss_bytes '
                       f'{_NAMES})',
               help='Memory that servers take of their hosts, in bytes.'),
    cfg.StrOpt('server_dirty', default='',
               help='Bytes of memory that servers write in a second.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(prometheus_group)
    conf.register_opts(OPTS, group=prometheus_group)
    loading.register_auth_conf_options(conf, 'prometheus')
    loading.register_session_conf_options(conf, 'prometheus')
    conf.set_default('timeout', 30, group='prometheus')


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    return [(prometheus_group, OPTS
             + loading.get_auth_common_conf_options()
             + loading.get_session_conf_options()
             + loading.get_auth_plugin_conf_options('http_basic'))]
