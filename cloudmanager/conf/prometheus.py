# SPDX-License-Identifier: Apache-2.0
"""Prometheus as the source of what hosts and servers use."""

from keystoneauth1 import loading
from oslo_config import cfg

prometheus_group = cfg.OptGroup(
    'prometheus', title='Prometheus',
    help='Read where [drs] source is prometheus. Queries are PromQL, in which '
         '<hosts> stands for a regular expression of the hosts in question, '
         '<rate> for option rate and <label> for host_label. A query about '
         'hosts must return one series for each host, with <label>; one '
         'about servers one for each server, with server_label. Units are '
         'those of Prometheus: busy CPUs, bytes, seconds per second.')

_HOSTS = '{<label>=~"<hosts>"}'
_BUSY = 'sum by (instance, <label>) (rate(node_cpu_seconds_total'
_NAMES = '* on (instance, domain) group_left (uuid) libvirt_domain_info_meta'


def _pressure(name: str) -> str:
    return (f'max by (instance, <label>) (rate(node_pressure_{name}'
            f'_seconds_total{_HOSTS}[<rate>]))')


OPTS = [
    cfg.URIOpt('url', schemes=['http', 'https'],
               help='URL of the HTTP API of Prometheus, without /api/v1.'),
    cfg.IntOpt('max_answer', default=256, min=1,
               help='Longest answer to a query, in MiB.'),
    cfg.FloatOpt('step', default=60.0, min=1,
                 help='Seconds between two samples.'),
    cfg.StrOpt('rate', default='5m',
               help='Range over which rates are computed. It must be at '
                    'least four times the scrape interval of Prometheus.'),
    cfg.StrOpt('host_label', default='instance',
               help='Label that names the host of a series: by its name in '
                    'Nova, with or without its domain, with or without a '
                    'port.'),
    cfg.StrOpt('server_label', default='uuid',
               help='Label with the id of the server of a series.'),
    cfg.StrOpt('host_time',
               default='max by (instance, <label>) (timestamp('
                       f'node_memory_MemTotal_bytes{_HOSTS}))',
               help='Time of the last measurement of a host, in seconds '
                    'since 1970. Without it, rates of a host that no longer '
                    'reports look current for a while.'),
    cfg.StrOpt('host_cpu',
               default=f'{_BUSY}{{<label>=~"<hosts>",'
                       'mode!~"idle|iowait|steal"}[<rate>]))',
               help='Number of busy CPUs of hosts.'),
    cfg.StrOpt('host_memory',
               default='max by (instance, <label>) ('
                       f'node_memory_MemTotal_bytes{_HOSTS} - '
                       f'node_memory_MemAvailable_bytes{_HOSTS})',
               help='Memory in use on hosts, in bytes.'),
    cfg.StrOpt('host_disk', default='',
               help='Disk space in use on hosts, in bytes. Needed if [drs] '
                    'disk_weight is not 0.'),
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
