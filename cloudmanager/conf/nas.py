# SPDX-License-Identifier: Apache-2.0
"""Targets of storages, which agents attach to their nodes by iSCSI."""

from oslo_config import cfg
from oslo_config import types

nas_group = cfg.OptGroup('nas', title='Targets of storages')

#: Who a node is. They are of all portals, or of one if they are in a group
#: of its own, such as [nas:10.0.0.5].
CREDENTIALS = [
    cfg.StrOpt('chap_username', default='',
               help='User name with which the node authenticates to storages '
                    '(CHAP). If empty, it does not authenticate. A group for '
                    'one portal, such as [nas:10.0.0.5], can hold other '
                    'credentials. Read by the agent.'),
    cfg.StrOpt('chap_password', default='', secret=True,
               help='Password that belongs to chap_username.'),
    cfg.StrOpt('chap_username_in', default='',
               help='User name with which storages authenticate to the node '
                    '(mutual CHAP). If empty, they do not have to.'),
    cfg.StrOpt('chap_password_in', default='', secret=True,
               help='Password that belongs to chap_username_in.'),
    cfg.BoolOpt('chap_discovery', default=False,
                help='Whether the same credentials are used for the '
                     'discovery of targets.'),
]

OPTS = [
    *CREDENTIALS,
    cfg.StrOpt('target_prefix', default='iqn.2010-10.org.openstack:',
               regex='^((iqn|eui|naa)[.][A-Za-z0-9.:_+-]{1,200})?$',
               help='Prefix of the names of targets that requests and '
                    'answers leave out; target_prefix of Cinder. Read by '
                    'agents.'),
    cfg.FloatOpt('discovery_timeout', default=12.0, min=1.0,
                 help='Seconds that an agent waits for the answer of a '
                      'portal during discovery. Must be less than [agent] '
                      'rpc_timeout.'),
    cfg.IntOpt('login_retries', default=3, min=1, max=20,
               help='Number of attempts to log in to a target. Each may take '
                    'up to 15 seconds.'),
    cfg.FloatOpt('device_timeout', default=15.0, min=1.0,
                 help='Seconds within which the disks of a target must '
                      'appear on the node. Otherwise the agent logs out '
                      'again.'),
    cfg.IntOpt('parallel_logins', default=4, min=1, max=64,
               help='Number of targets that a node logs in to at the same '
                    'time.'),
    cfg.StrOpt('startup', default='automatic',
               choices=[('automatic', 'open-iscsi logs in'),
                        ('onboot', 'the initial RAM disk does'),
                        ('manual', 'nobody does')],
               help='What logs in to attached targets when the node starts.'),
    cfg.ListOpt('iscsi_directories', default=['/etc/iscsi', '/var/lib/iscsi'],
                item_type=types.String(regex='^/[^,]+$'),
                help='Directories in which open-iscsi may keep its records. '
                     'They depend on the distribution.'),
    cfg.StrOpt('multipath_drop_in',
               default='/etc/multipath/conf.d/90-cloudmanager.conf',
               help='File in which the agent configures multipath for the '
                    'storages whose vendor and product a request names.'),
    cfg.Opt('multipath_settings',
            type=types.Dict(types.String(regex='^[A-Za-z0-9_ .+-]+$')),
            default={'path_grouping_policy': 'group_by_prio',
                     'failback': 'immediate', 'no_path_retry': '12'},
            help='Settings of multipath for those storages.'),
    cfg.FloatOpt('poll_interval', default=1.0, min=0.1,
                 help='Seconds between checks of targets that are being '
                      'attached.'),
    cfg.IntOpt('attach_timeout', default=600, min=1,
               help='Seconds that a task waits for the attachment of up to '
                    'eight targets, which are attached at the same time.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(nas_group)
    conf.register_opts(OPTS, group=nas_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('nas', OPTS)]


def credentials(conf: cfg.ConfigOpts, host: str) -> dict[str, str]:
    """Return the credentials for a portal, by the names of the options.

    Those of its own group hold as a whole, if there is that group.

    :param host: address of the portal
    """
    group = f'nas:{host}'
    if group in conf.list_all_sections():
        conf.register_opts(CREDENTIALS, group=group)
    else:
        group = 'nas'
    return {option.dest: conf[group][option.dest] for option in CREDENTIALS}
