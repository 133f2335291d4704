# SPDX-License-Identifier: Apache-2.0
"""Options of the process."""


from oslo_config import cfg

OPTS = [

    cfg.HostAddressOpt('host',
                       sample_default='controller1',
                       help='Name of this machine on the message bus and as '
                            'owner of tasks. If unset, the host name of the '
                            'machine.'),
    cfg.StrOpt('state_path',
               default='/var/lib/cloudmanager',
               help='Directory for what the service keeps on disk.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTS)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('DEFAULT', OPTS)]
