# SPDX-License-Identifier: Apache-2.0
"""Commands for the power of nodes."""

import argparse
from collections.abc import Iterable
from typing import Any
from typing import ClassVar

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option

_HOW = (Option('type', '--type', 'soft asks the operating system only, hard '
               'cuts the power at once; by default the power is cut if the '
               'operating system does not obey', choices=('soft', 'hard')),
        Option('soft_timeout', '--soft-timeout',
               'seconds that the operating system gets', int, '<seconds>'))


class PowerOnNode(tasks.Start):
    """Switch nodes on"""

    one: ClassVar[str] = 'power_on_node'
    many: ClassVar[str] = 'power_on_nodes'
    asked = 'nodes'
    options: ClassVar[tuple[Option, ...]] = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('nodes', nargs='+', metavar='<node>',
                            help='node: name or id')
        for option in self.options:
            option.add_value(parser)

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        if len(parsed_args.nodes) == 1:
            return super().take_action(parsed_args)
        return self._several(parsed_args)

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return getattr(self.client, self.one)(
            parsed_args.nodes[0], **opts.values(parsed_args, self.options))

    def _several(self, parsed_args: argparse.Namespace) -> base.Shown:
        ids = [self.node_id(name) for name in parsed_args.nodes]
        found = getattr(self.client, self.many)(
            ids, **opts.values(parsed_args, self.options))
        if found.get('failed'):
            self.exit_code = 1
        if found.get('task_id') and parsed_args.wait:
            code = self.exit_code
            task = self.watched(found['task_id'], True)
            found['status'], found['result'] = task.status, task.result
            self.exit_code = self.exit_code or code
        return base.shown(found)


class PowerOffNode(PowerOnNode):
    """Switch nodes off"""

    one = 'power_off_node'
    many = 'power_off_nodes'
    question = 'To switch off'
    options = _HOW


class ResetNode(PowerOnNode):
    """Switch nodes off and on

    With several nodes the command waits for them as long as a request may.
    """

    one = 'reset_node'
    many = 'reset_nodes'
    question = 'To reset'
    options = _HOW


class ListPowerAction(base.List):
    """List the power actions on a node"""

    method = 'node_power_actions'
    columns = ('id', 'action', 'start_time', 'duration', 'user_name',
               'result', 'error')
    long_columns = ('power_control_id', 'power_control_port', 'task_id')
    filters = (
        Option('action', '--action', 'what was done', metavar='<action>'),
        Option('id', '--id', 'id', metavar='<id>'),
        Option('start_time', '--start-time', 'when it began',
               metavar='<time>'),
        Option('user_name', '--user', 'name of the user who asked for it'),
        Option('power_control_id', '--power-control',
               'power control: title or id', find=names.power_control),
        Option('result', '--result',
               'success, failure, cancelled or running'),
        Option('task_id', '--task', 'id of the task that did it'))

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        return parser

    def listed(self, parsed_args: argparse.Namespace,
               query: dict[str, Any]) -> Iterable[Any]:
        return self.client.node_power_actions(parsed_args.target, **query)


class ShowPowerAction(base.ShowOne):
    """Show a power action on a node"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        parser.add_argument('action', metavar='<power-action>', type=int,
                            help='id of the power action')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.get_node_power_action(
            parsed_args.target, parsed_args.action)))


class ShowNodeHealth(base.Show):
    """Show what the sensors of a node say"""

    noun = 'node'

    def fields(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return base.fields_of(self.client.get_node_health(parsed_args.target))


class ListNodePowerControl(base.List):
    """List the power controls of a node"""

    paged = False
    columns = ('power_control_id', 'power_control_title',
               'power_control_port', 'is_default', 'is_initialized',
               'control_type')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        return parser

    def listed(self, parsed_args: argparse.Namespace,
               query: dict[str, Any]) -> Iterable[Any]:
        return self.client.node_power_controls(parsed_args.target)


class _OnePowerControl(base.Common):

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        parser.add_argument('control', metavar='<power-control>',
                            help='power control: title or id')
        return parser

    def control(self, parsed_args: argparse.Namespace) -> Any:
        """Return the power control that is meant."""
        return self.client.find_power_control(parsed_args.control)


def _add_default(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--default', default=None,
                        action=argparse.BooleanOptionalAction,
                        help='It is the one that is used first')


class ShowNodePowerControl(_OnePowerControl, base.ShowOne):
    """Show a power control of a node"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.get_node_power_control(
            parsed_args.target, self.control(parsed_args))))


class AddNodePowerControl(_OnePowerControl, base.ShowOne):
    """Assign an output of a power control to a node"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('output', metavar='<output>',
                            help='Output of the power control')
        _add_default(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.add_node_power_control(
            parsed_args.target, self.control(parsed_args),
            parsed_args.output, is_default=parsed_args.default)))


class SetNodePowerControl(_OnePowerControl, base.Command):
    """Change a power control of a node"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--output', metavar='<output>',
                            help='Output of the power control')
        _add_default(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        if parsed_args.output is None and parsed_args.default is None:
            raise osc_exc.CommandError(
                'Nothing to change: give at least one option.')
        self.client.update_node_power_control(
            parsed_args.target, self.control(parsed_args),
            port=parsed_args.output, is_default=parsed_args.default)


class RemoveNodePowerControl(_OnePowerControl, base.Command):
    """Take a power control from a node"""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.remove_node_power_control(parsed_args.target,
                                              self.control(parsed_args))
