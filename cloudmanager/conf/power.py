# SPDX-License-Identifier: Apache-2.0
"""How nodes are switched on and off."""

from typing import Any

from oslo_config import cfg

power_group = cfg.OptGroup('power', title='Power control')

OPTS = [

    cfg.FloatOpt('call_deadline', default=20.0, min=0.5,
                 help='Seconds after which one request to a power device '
                      'is given up, whatever the device does.'),
    cfg.FloatOpt('confirm_timeout', default=60.0, min=1.0,
                 help='Seconds within which a device must confirm that an '
                      'output is on or off. Slow BMCs report the old state '
                      'for 45 seconds and more.'),
    cfg.FloatOpt('soft_timeout', default=120.0, min=1.0,
                 help='Seconds that the operating system of a node gets to '
                      'shut down by itself.'),
    cfg.FloatOpt('sweep_interval', default=60.0, min=0.0,
                 help='Seconds between two looks at the power state of a '
                      'node that nobody switches. Zero switches the sweep '
                      'off: then states are those of the last actions.'),
    cfg.IntOpt('sweep_workers', default=256, min=1,
               help='Power devices that one conductor reads at a time. '
                    'Those that have not answered for a second do not '
                    'count, up to four times as many.'),
    cfg.IntOpt('lost_after', default=3, min=1,
               help='Looks at a power device that have to fail in a row '
                    'until the state of its nodes is unknown and an alarm '
                    'is raised. From then on it is looked at less often.'),
    cfg.FloatOpt('retry_interval', default=5.0, min=0.1,
                 help='Seconds until a power device that did not answer is '
                      'looked at again; twice as many with each further '
                      'time.'),
    cfg.FloatOpt('retry_interval_max', default=600.0, min=1.0,
                 help='Most seconds between two looks at a power device '
                      'that does not answer.'),
    cfg.FloatOpt('on_spacing', default=0.5, min=0.0,
                 help='Seconds between the moments at which two nodes of '
                      'one rack are switched on, because of their inrush '
                      'current. Nodes without a rack count as being in one. '
                      'Zero switches it off, and on_limit too.'),
    cfg.IntOpt('on_limit', default=64, min=0,
               help='Nodes that may be on their way to being on at a time, '
                    'by all conductors and in all racks; zero is any '
                    'number.'),
    cfg.IntOpt('batch_workers', default=64, min=1,
               help='Nodes that one task switches at a time.'),
    cfg.FloatOpt('batch_timeout', default=55.0, min=1.0,
                 help='Seconds that a request to reset several nodes waits '
                      'for them. Must be less than the timeouts of clients '
                      'and proxies.'),
    cfg.FloatOpt('health_timeout', default=30.0, min=1.0,
                 help='Seconds that a request for the health of a node '
                      'waits for its devices.'),
    cfg.StrOpt('ca_file',
               help='File with the certificates, in PEM, of the CAs that '
                    'sign those of power devices with HTTPS. Those that the '
                    'system trusts when not set. The option "ca" of a '
                    'device comes before it.'),
    cfg.StrOpt('ssh_known_hosts',
               default='/etc/cloudmanager/ssh_known_hosts',
               help='File with the host keys of the devices that are '
                    'reached by SSH, in the format of known_hosts of '
                    'OpenSSH. The option "host_key" of a device comes '
                    'before it. A device whose key is in neither is '
                    'refused.'),
    cfg.StrOpt('fake_state_dir',
               help='Directory in which FakeDevice keeps the state of its '
                    'outputs, so that several processes see the same. In '
                    'memory when not set.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(power_group)
    conf.register_opts(OPTS, group=power_group)


def list_opts() -> list[tuple[str, list[Any]]]:
    return [('power', OPTS)]
