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
