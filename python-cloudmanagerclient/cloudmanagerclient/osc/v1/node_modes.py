# SPDX-License-Identifier: Apache-2.0
"""Commands for what the agent on a node does to it."""

import argparse
from typing import Any
from typing import ClassVar

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option


def planned(command: base.Common, plan: dict[str, Any]) -> base.Shown:
    """Show what an agent would do, a step on a line."""
    # Only --dry-run needs it.
    from cloudmanagerclient.osc import steps

    if steps.nothing(plan):
        command.tell('Nothing would be done.')
    return base.shown(plan)


class NodeAct(tasks.Start):
    """Start an action on a node, or say what it would do.

    :cvar method: method of the client
    :cvar action: name of the action in the API
    :cvar options: options of the action
    """

    method: ClassVar[str]
    action: ClassVar[str]
    options: ClassVar[tuple[Option, ...]] = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        base.add_target(parser, 'node')
        for option in self.options:
            option.add_value(parser)
        parser.add_argument('--dry-run', action='store_true',
                            help='Say what would be done, and touch nothing')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Return the body of the request."""
        return opts.values(parsed_args, self.options)

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        if not parsed_args.dry_run:
            return super().take_action(parsed_args)
        return planned(self, self.client.plan_node_action(
            parsed_args.target, self.action, **self.body(parsed_args)))

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return getattr(self.client, self.method)(
            parsed_args.target, **opts.values(parsed_args, self.options))


class EnableSNMP(NodeAct):
    """Switch the SNMP service of a node on"""

    method = 'enable_node_snmp'
    action = 'enable-snmp'


class DisableSNMP(NodeAct):
    """Switch the SNMP service of a node off"""

    method = 'disable_node_snmp'
    action = 'disable-snmp'


class EnableSSH(NodeAct):
    """Switch the SSH service of a node on"""

    method = 'enable_node_ssh'
    action = 'enable-ssh'


class DisableSSH(NodeAct):
    """Switch the SSH service of a node off"""

    method = 'disable_node_ssh'
    action = 'disable-ssh'
    options = (Option('force', '--force', 'do so though it is the last way '
                      'in', bool),)


class EnableNodeSafe(NodeAct):
    """Let a node fence itself when it is cut off"""

    method = 'enable_node_nodesafe'
    action = 'enable-nodesafe'


class DisableNodeSafe(NodeAct):
    """Let a node fence itself no more"""

    method = 'disable_node_nodesafe'
    action = 'disable-nodesafe'


class EnableDCC(NodeAct):
    """Let the agent configure the components of a node"""

    method = 'enable_node_dcc'
    action = 'enable-dcc'


class DisableDCC(NodeAct):
    """Let the agent leave the configuration of a node alone"""

    method = 'disable_node_dcc'
    action = 'disable-dcc'


class SetCPUMode(NodeAct):
    """Choose the processors that servers on a node see"""

    action = 'set-cpu-mode'
    options = (Option('cpu_model', '--model',
                      'model of the processors, for custom only'),)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            'mode', metavar='<mode>',
            choices=('host-passthrough', 'host-model', 'custom', 'default'),
            help='host-passthrough, host-model, custom, or default: what '
                 'Nova does by itself')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        mode = None if parsed_args.mode == 'default' else parsed_args.mode
        return {'cpu_emulation_mode': mode, **super().body(parsed_args)}

    def start(self, parsed_args: argparse.Namespace) -> Any:
        body = self.body(parsed_args)
        return self.client.set_node_cpu_mode(
            parsed_args.target, body['cpu_emulation_mode'],
            body.get('cpu_model'))


class SetLogRedirection(NodeAct):
    """Send the log of a node to another host"""

    action = 'setup-log-redirection'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument('hostname', metavar='<host>',
                            help='name or address of that host')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {'log_redirection_hostname': parsed_args.hostname}

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.redirect_node_log(parsed_args.target,
                                             parsed_args.hostname)


class UnsetLogRedirection(NodeAct):
    """Send the log of a node nowhere any more"""

    method = 'disable_node_log_redirection'
    action = 'disable-log-redirection'


class UpdateSystem(NodeAct):
    """Upgrade the packages of a node"""

    question = 'To upgrade the packages of'
    method = 'update_node_system'
    action = 'update-system'
    options = (Option('force', '--force', 'do so though the node is in use',
                      bool),)


class RepairLocks(NodeAct):
    """Release the locks that dead hosts hold, which a node needs"""

    question = 'To release locks that dead hosts hold, for'
    method = 'repair_node_locks'
    action = 'repair-locks'


class DiscoverTargets(base.Lister):
    """Look for iSCSI targets of a storage from a node"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        parser.add_argument('storage', metavar='<storage>',
                            help='node that is the storage: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        found = self.client.discover_node_nas(
            parsed_args.target, self.client.find_node(parsed_args.storage))
        return ('Portal', 'Target'), (
            (portal, name) for portal, names in found.items()
            for name in names)


class AttachTargets(NodeAct):
    """Log a node in to iSCSI targets"""

    action = 'attach-targets'
    options = (Option('vendor', '--vendor', 'vendor of the storage, for '
                      'multipath; with --product'),
               Option('product', '--product', 'model of the storage, for '
                      'multipath; with --vendor'))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument('--target', dest='targets', action='append',
                            required=True, metavar='<portal>=<name>',
                            help='Address of the portal and name of the '
                                 'target (repeat for several)')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        targets: dict[str, list[str]] = {}
        for text in parsed_args.targets:
            portal, separator, name = text.partition('=')
            if not separator:
                raise osc_exc.CommandError(
                    f'{text} is not <portal>=<name>.')
            targets.setdefault(portal, []).append(name)
        return {'targets': targets, **super().body(parsed_args)}

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.attach_node_targets(parsed_args.target,
                                               **self.body(parsed_args))


class AttachNode(tasks.Start):
    """Bind nodes to a virtual controller"""

    method = 'attach_nodes'
    action = 'attach'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('controller', metavar='<controller>',
                            help='server that is the controller: name or '
                                 'UUID')
        parser.add_argument('nodes', nargs='+', metavar='<node>',
                            help='name of a node')
        parser.add_argument('--dry-run', action='store_true',
                            help='Say what would be done, and touch nothing')

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        if not parsed_args.dry_run:
            return super().take_action(parsed_args)
        return planned(self, self.client.plan_nodes_action(
            self.action, self.id_of(names.server, parsed_args.controller),
            parsed_args.nodes))

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return getattr(self.client, self.method)(
            self.id_of(names.server, parsed_args.controller),
            parsed_args.nodes)


class DetachNode(AttachNode):
    """Release nodes from a virtual controller"""

    method = 'detach_nodes'
    action = 'detach'
