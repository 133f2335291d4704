# SPDX-License-Identifier: Apache-2.0
"""What a tempest.conf may say of CloudManager."""

from oslo_config import cfg

SERVICE_OPTION = cfg.BoolOpt(
    'cloudmanager', default=True,
    help='Whether CloudManager is in the cloud.')

GROUP = cfg.OptGroup('cloudmanager', title='CloudManager')
OPTIONS = [
    cfg.StrOpt(
        'catalog_type', default='cloudmanager',
        help='Type of the service in the catalog.'),
    cfg.StrOpt(
        'region', default='',
        help='Region of its endpoint; that of [identity] if empty.'),
    cfg.StrOpt(
        'endpoint_type', default='publicURL',
        choices=('public', 'admin', 'internal',
                 'publicURL', 'adminURL', 'internalURL'),
        help='Which of its endpoints is used.'),
    cfg.IntOpt(
        'build_timeout', default=300,
        help='Seconds that a task may take.'),
    cfg.IntOpt(
        'build_interval', default=1,
        help='Seconds between two looks at a task.'),
    cfg.StrOpt(
        'reader_role', default='cloudmanager_reader',
        help='Role in Keystone that may see everything and change nothing.'),
    cfg.ListOpt(
        'hosts', default=[],
        help='Compute hosts that the scenarios may empty, restart and switch '
             'off, at least two. Each must be a node with a power control. '
             'They are brought into use first, and in the end. Without them '
             'the scenarios with hosts are skipped.'),
    cfg.StrOpt(
        'service_user', default='cloudmanager',
        help='User that the service has in Keystone. It is given a role on '
             'the project whose servers it clones.'),
    cfg.StrOpt(
        'service_role', default='member',
        help='That role.'),
]

FEATURES_GROUP = cfg.OptGroup(
    'cloudmanager-feature-enabled',
    title='What CloudManager is configured for')
FEATURES = [
    cfg.BoolOpt(
        'system_metadata', default=False,
        help='Whether it is connected to the databases of Nova.'),
    cfg.BoolOpt(
        'clone', default=True,
        help='Whether servers are cloned.'),
]
