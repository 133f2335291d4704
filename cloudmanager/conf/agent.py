# SPDX-License-Identifier: Apache-2.0
"""Options of the agents on nodes, and of how conductors speak to them."""


from oslo_config import cfg
from oslo_config import types

agent_group = cfg.OptGroup('agent', title='Agent')

_TYPES = ('compute', 'storage', 'control')

OPTS = [

    cfg.ListOpt('types', default=['compute'],
                item_type=types.String(choices=_TYPES),
                help='Roles of the node: compute, storage, control. Read by '
                     'the agent.'),
    cfg.StrOpt('key_file', default='/etc/cloudmanager/agent.key',
               help='File with the key that the agent shares with the '
                    'conductors. cloudmanager-manage agent enrol prints its '
                    'content. The agent does not start if others than the '
                    'owner and the group of the file can read it, or if '
                    'the group can change it.'),
    cfg.StrOpt('user', default='',
               help='User that an agent started as root changes to once its '
                    'privileged helpers run. If empty, the agent keeps '
                    'running as root.'),
    cfg.StrOpt('jobs_path', default='/var/lib/cloudmanager-agent-jobs',
               help='Directory for the output and the result of upgrades. '
                    'The agent creates it so that only root can use it.'),
    cfg.StrOpt('privileged', default='privsep',
               choices=[('privsep', 'helper processes with few capabilities '
                                    'do it, by oslo.privsep'),
                        ('none', 'the agent does it itself')],
               help='How the agent performs privileged operations.'),
    cfg.FloatOpt('heartbeat_interval', default=30.0, min=0.2,
                 help='Seconds between two reports of an agent.'),
    cfg.FloatOpt('heartbeat_timeout', default=100.0, min=1.0,
                 help='Seconds without a report after which an agent counts '
                      'as out of reach.'),
    cfg.FloatOpt('load_interval', default=60.0, min=0.2,
                 help='Seconds over which the load of a node and its guests '
                      'is averaged for a report. Conductors drop samples '
                      'that arrive more often.'),
    cfg.FloatOpt('load_retention', default=21600.0, min=60.0,
                 help='Seconds for which conductors keep samples of loads.'),
    cfg.StrOpt('libvirt_uri', default='qemu:///system',
               help='URI of libvirt on the node. The agent uses its '
                    'read-only socket. Leave it empty on nodes without '
                    'guests.'),
    cfg.StrOpt('instances_path', default='/var/lib/nova/instances',
               help='Directory of the disks of guests. The use of its file '
                    'system is reported as the disk load of the node, unless '
                    'the file system is a network share.'),
    cfg.FloatOpt('state_interval', default=10.0, min=0.5,
                 help='Longest time in seconds between two readings of the '
                      'states of guests, and between two writes of them to '
                      'availability storages. Events of libvirt cause '
                      'further ones.'),
    cfg.FloatOpt('storage_timeout', default=10.0, min=0.5,
                 help='Seconds after which the agent gives up a write to an '
                      'availability storage. It does not write there again '
                      'until that write has ended.'),
    cfg.BoolOpt('storage_must_be_mounted', default=True,
                help='Whether the agent writes to an availability storage '
                     'only if it is not on the root file system, that is, if '
                     'something is mounted there.'),
    cfg.FloatOpt('reconcile_interval', default=60.0, min=0.2,
                 help='Seconds between comparisons of a node with its '
                      'desired state.'),
    cfg.FloatOpt('rpc_timeout', default=20.0, min=0.5,
                 help='Seconds that a conductor waits for an answer of an '
                      'agent.'),
    cfg.FloatOpt('outage_timeout', default=120.0, min=1.0,
                 help='Seconds for which a task waits for an agent that is '
                      'out of reach.'),
    cfg.FloatOpt('upgrade_timeout', default=7200.0, min=10.0,
                 help='Seconds after which a task no longer waits for the '
                      'end of an upgrade of packages.'),
    cfg.FloatOpt('message_window', default=60.0, min=1.0,
                 help='Seconds by which the clocks of a node and of a '
                      'conductor may differ, together with the time that a '
                      'message takes. Messages with times that are further '
                      'away are refused.'),
    cfg.FloatOpt('command_timeout', default=15.0, min=0.5,
                 help='Seconds after which a program that the agent runs is '
                      'ended, unless it is known to take longer.'),
    cfg.StrOpt('snmp_unit', default='snmpd.service',
               help='Unit of systemd that is the SNMP agent of the node.'),
    cfg.StrOpt('ssh_unit', default='ssh.service',
               help='Unit of systemd that is the SSH server of the node.'),
    cfg.StrOpt('nova_unit', default='nova-compute.service',
               help='Unit of systemd that is nova-compute; it is restarted '
                    'when its configuration changes.'),
    cfg.StrOpt('rsyslog_unit', default='rsyslog.service',
               help='Unit of systemd that is rsyslog; it is restarted when '
                    'its configuration changes.'),
    cfg.StrOpt('nova_drop_in',
               default='/etc/nova/nova-compute.conf.d/90-cloudmanager.conf',
               help='File for options of nova-compute. nova-compute must '
                    'read the files of its directory.'),
    cfg.StrOpt('controllers_path', default='/etc/cloudmanager/controllers',
               help='Directory with a file of options of nova-compute for '
                    'each virtual controller that the node may be bound to, '
                    'named by its id, with .conf at the end.'),
    cfg.StrOpt('controller_drop_in',
               default='/etc/nova/nova-compute.conf.d/95-controller.conf',
               help='Link to those of the controller that the node is bound '
                    'to. nova-compute must read the files of its '
                    'directory.'),
    cfg.StrOpt('rsyslog_drop_in',
               default='/etc/rsyslog.d/90-cloudmanager.conf',
               help='File for the redirection of logs by rsyslog.'),
    cfg.StrOpt('lvmlockd_drop_in',
               default='/run/systemd/system/lvmlockd.service.d/'
                       '90-cloudmanager.conf',
               help='File for options of the unit of lvmlockd, which is to '
                    'take over locks that it has left behind.'),
    cfg.StrOpt('lvmlockd_adopt_file', default='/run/lvm/cloudmanager.adopt',
               help='File for these locks. It must be in the file system of '
                    '/run/lvm.'),
    cfg.PortOpt('log_port', default=514,
                help='Port of the host that logs are redirected to.'),
    cfg.StrOpt('log_protocol', default='tcp', choices=('tcp', 'udp'),
               help='Protocol by which logs are redirected.'),
    cfg.StrOpt('cpu_map', default='/usr/share/libvirt/cpu_map',
               help='Directory in which libvirt keeps the models of '
                    'processors that it knows; read where virsh cannot '
                    'tell.'),
    cfg.StrOpt('reboot_required_file', default='/run/reboot-required',
               help='File whose presence says that the node must be '
                    'restarted after an update.'),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(agent_group)
    conf.register_opts(OPTS, group=agent_group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    return [('agent', OPTS)]
