# SPDX-License-Identifier: Apache-2.0
"""Commands for what the agent on a node does to it."""

import argparse
from typing import Any

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import confirm
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option


class NodeAct(tasks.Act):
    """Start an action on a node."""

    noun = 'node'


class EnableSNMP(NodeAct):
    """Switch the SNMP service of a node on"""

    method = 'enable_node_snmp'


class DisableSNMP(NodeAct):
    """Switch the SNMP service of a node off"""

    method = 'disable_node_snmp'


class EnableSSH(NodeAct):
    """Switch the SSH service of a node on"""

    method = 'enable_node_ssh'


class DisableSSH(NodeAct):
    """Switch the SSH service of a node off"""

    method = 'disable_node_ssh'
    options = (Option('force', '--force', 'do so though it is the last way '
                      'in', bool),)


class EnableNodeSafe(NodeAct):
    """Let a node fence itself when it is cut off"""

    method = 'enable_node_nodesafe'


class DisableNodeSafe(NodeAct):
    """Let a node fence itself no more"""

    method = 'disable_node_nodesafe'


class EnableDCC(NodeAct):
    """Let the agent configure the components of a node"""

    method = 'enable_node_dcc'


class DisableDCC(NodeAct):
    """Let the agent leave the configuration of a node alone"""

    method = 'disable_node_dcc'


class SetCPUMode(tasks.Start):
    """Choose the processors that servers on a node see"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        base.add_target(parser, 'node')
        parser.add_argument(
            'mode', metavar='<mode>',
            choices=('host-passthrough', 'host-model', 'custom', 'default'),
            help='host-passthrough, host-model, custom, or default: what '
                 'Nova does by itself')
        parser.add_argument('--model', metavar='<model>',
                            help='Model of the processors, for custom only')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        mode = None if parsed_args.mode == 'default' else parsed_args.mode
        return self.client.set_node_cpu_mode(parsed_args.target, mode,
                                             parsed_args.model)


class SetLogRedirection(tasks.Start):
    """Send the log of a node to another host"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        base.add_target(parser, 'node')
        parser.add_argument('hostname', metavar='<host>',
                            help='name or address of that host')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.redirect_node_log(parsed_args.target,
                                             parsed_args.hostname)


class UnsetLogRedirection(NodeAct):
    """Send the log of a node nowhere any more"""

    method = 'disable_node_log_redirection'


class UpdateSystem(NodeAct):
    """Upgrade the packages of a node"""

    method = 'update_node_system'
    options = (Option('force', '--force', 'do so though the node is in use',
                      bool),)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        confirm.add_yes(parser)

    def start(self, parsed_args: argparse.Namespace) -> Any:
        if not parsed_args.yes:
            confirm.ask('To upgrade the packages of', [parsed_args.target])
        return super().start(parsed_args)


class RepairLocks(NodeAct):
    """Release the locks of volumes that dead owners left on a node"""

    method = 'repair_node_locks'


class DiscoverTargets(base.Lister):
    """Look for iSCSI targets of a storage from a node"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        parser.add_argument('storage', metavar='<storage>',
                            help='availability storage: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        found = self.client.discover_node_nas(
            parsed_args.target, self.client.find_storage(parsed_args.storage))
        return ('Portal', 'Target'), (
            (portal, name) for portal, names in found.items()
            for name in names)


class AttachTargets(tasks.Start):
    """Log a node in to iSCSI targets"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        base.add_target(parser, 'node')
        parser.add_argument('--target', dest='targets', action='append',
                            required=True, metavar='<portal>=<name>',
                            help='Address of the portal and name of the '
                                 'target (repeat for several)')
        parser.add_argument('--vendor', metavar='<vendor>',
                            help='Vendor of the storage')
        parser.add_argument('--product', metavar='<product>',
                            help='Product name of the storage')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        targets: dict[str, list[str]] = {}
        for text in parsed_args.targets:
            portal, separator, name = text.partition('=')
            if not separator:
                raise osc_exc.CommandError(
                    f'{text} is not <portal>=<name>.')
            targets.setdefault(portal, []).append(name)
        return self.client.attach_node_targets(
            parsed_args.target, targets, vendor=parsed_args.vendor,
            product=parsed_args.product)


class AttachNode(tasks.Start):
    """Bind nodes to a virtual controller"""

    method = 'attach_nodes'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('controller', metavar='<controller>',
                            help='UUID of the server that is the controller')
        parser.add_argument('nodes', nargs='+', metavar='<node>',
                            help='name of a node')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return getattr(self.client, self.method)(parsed_args.controller,
                                                 parsed_args.nodes)


class DetachNode(AttachNode):
    """Release nodes from a virtual controller"""

    method = 'detach_nodes'
