# SPDX-License-Identifier: Apache-2.0
"""How nodes are switched on and off."""


from oslo_config import cfg

power_group = cfg.OptGroup('power', title='Power control')

OPTS = [

    cfg.FloatOpt('call_deadline', default=20.0, min=0.5,
                 help='Seconds after which a request to a power device is '
                      'abandoned, whatever the device does.'),
    cfg.FloatOpt('confirm_timeout', default=60.0, min=1.0,
                 help='Seconds within which a device must confirm that an '
                      'output is on or off. Slow BMCs report the old state '
                      'for 45 seconds and more.'),
    cfg.FloatOpt('soft_timeout', default=120.0, min=1.0,
                 help='Seconds that the operating system of a node has to '
                      'shut down by itself.'),
    cfg.FloatOpt('sweep_interval', default=60.0, min=0.0,
                 help='Seconds between readings of the power state of a '
                      'node while no action changes it. Zero disables the '
                      'readings; states are then those that the last '
                      'actions left.'),
    cfg.IntOpt('sweep_workers', default=256, min=1,
               help='Power devices that one conductor reads at the same '
                    'time. A device that has not answered for a second no '
                    'longer counts; there may be up to four times as many '
                    'of those.'),
    cfg.IntOpt('lost_after', default=3, min=1,
               help='Readings of a power device that must fail in a row '
                    'before the state of its nodes becomes unknown and an '
                    'alarm is raised. From then on the device is read less '
                    'often.'),
    cfg.FloatOpt('retry_interval', default=5.0, min=0.1,
                 help='Seconds before a power device that did not answer is '
                      'read again. The delay doubles with each further '
                      'failure.'),
    cfg.FloatOpt('retry_interval_max', default=600.0, min=1.0,
                 help='Longest delay between readings of a power device '
                      'that does not answer, in seconds.'),
    cfg.FloatOpt('on_spacing', default=0.5, min=0.0,
                 help='Seconds between switching on two nodes of the same '
                      'rack, to limit their inrush current. Nodes without a '
                      'rack are treated as one rack. Zero disables this '
                      'delay and on_limit.'),
    cfg.IntOpt('on_limit', default=64, min=0,
               help='Nodes that may be in the process of being switched on '
                    'at the same time, across all conductors and racks. '
                    'Zero means no limit.'),
    cfg.IntOpt('batch_workers', default=64, min=1,
               help='Nodes that one task switches at the same time.'),
    cfg.FloatOpt('batch_timeout', default=55.0, min=1.0,
                 help='Seconds that a request to reset several nodes waits '
                      'for them. Must be less than the timeouts of clients '
                      'and proxies.'),
    cfg.FloatOpt('health_timeout', default=30.0, min=1.0,
                 help='Seconds that a request for the health of a node '
                      'waits for its devices.'),
    cfg.StrOpt('ca_file',
               help='PEM file with the certificates of the CAs that are '
                    'trusted for power devices with HTTPS. If unset, the '
                    'CAs of the system are trusted. The option "ca" of a '
                    'device takes precedence.'),
    cfg.StrOpt('ssh_known_hosts',
               default='/etc/cloudmanager/ssh_known_hosts',
               help='File with the host keys of devices that are reached by '
                    'SSH, in OpenSSH\'s known_hosts format. The option '
                    '"host_key" of a device takes precedence. A device '
                    'whose key is in neither is refused.'),
    cfg.StrOpt('fake_state_dir',
               help='Directory where FakeDevice keeps the state of its '
                    'outputs, so that several processes share it. If unset, '
                    'each process keeps it in memory.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(power_group)
    conf.register_opts(OPTS, group=power_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('power', OPTS)]
