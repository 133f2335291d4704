# SPDX-License-Identifier: Apache-2.0
"""Commands for nodes."""

import argparse
from collections.abc import Sequence
from typing import Any

from cliff import columns as cliff_columns
from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc.options import Option

_FIELDS = (
    Option('title', '--title', 'title'),
    Option('description', '--description', 'description'),
    Option('dtc_number', '--dtc', 'number of the data centre', int,
           '<number>'),
    Option('row_number', '--row', 'number of the row of racks', int,
           '<number>'),
    Option('rack_number', '--rack', 'number of the rack', int, '<number>'),
    Option('unit_number', '--unit', 'number of the place in the rack', int,
           '<number>'),
    Option('cpu_amount', '--cpus', 'number of processors', int, '<number>'),
    Option('ram_mb', '--ram', 'memory in MB', int, '<mb>'),
    Option('hdd_gb', '--disk', 'disk space in GB', int, '<gb>'),
    Option('ip_addresses', '--ip-address',
           'IP address (repeat for several)', metavar='<address>',
           multiple=True),
    Option('mac_address', '--mac-address', 'MAC address',
           metavar='<address>'),
    Option('inventory_code', '--inventory-code', 'inventory number',
           metavar='<code>'),
    Option('owner', '--owner', 'name of the user who owns the node',
           metavar='<user>'),
    Option('hypervisor_id', '--hypervisor-id',
           'UUID of the hypervisor in Nova', metavar='<uuid>'),
    Option('controller_id', '--controller-id',
           'UUID of the virtual controller that the node is bound to',
           metavar='<uuid>'),
    Option('controller_type', '--controller-type',
           'type of the virtual controller', metavar='<type>'))
_FLAGS = (
    Option('is_reserved', '--reserved', 'the node is a reserve', bool),
    Option('is_controller', '--controller', 'the node is a controller', bool),
    Option('active', '--active', 'the node is active', bool))
_IDS = (
    Option('node_class_id', '--class', 'class: name or id',
           find=names.node_class),
    Option('node_type_id', '--type', 'type, one of the class: name or id',
           find=names.node_type),
    Option('image_id', '--image', 'image: name or id', find=names.image))
_STATES = (
    Option('condition', '--condition',
           'enabled, disabled, alarm, reserved or out-of-service; or its '
           'number in the API', find=names.condition),
    Option('power_state', '--power-state', 'power_on or power_off',
           metavar='<state>'))
_METADATA = Option('metadata', '--metadata',
                   'JSON object of what is known of the node besides',
                   opts.json_object, '<json>')
FILTERS = (
    Option('name', '--name', 'name', metavar='<name>'),
    Option('id', '--id', 'id', metavar='<id>'),
    *_FIELDS, *_FLAGS, *_IDS, *_STATES,
    Option('power_status', '--power-status',
           'on, degraded, off, error, never-checked or no-config',
           metavar='<status>'),
    Option('created_at', '--created-at', 'time of creation',
           metavar='<time>'),
    Option('q', '--search', 'text that is looked for anywhere in names, '
           'titles, inventory codes and addresses', metavar='<text>'))
_FORCE = ('Do it though it is unlikely to be right, such as an address that '
          'another node has')


class ListNode(base.List):
    """List nodes"""

    method = 'nodes'
    columns = ('id', 'name', 'node_class', 'condition', 'power_status',
               'rack_number', 'unit_number', 'ip_addresses')
    long_columns = ('title', 'row_number', 'dtc_number', 'mac_address',
                    'cpu_amount', 'ram_mb', 'hdd_gb', 'is_reserved',
                    'hypervisor_id', 'condition_reason',
                    'power_state_reason')
    filters = FILTERS

    def row(self, fields: dict[str, Any],
            chosen: Sequence[str]) -> tuple[Any, ...]:
        fields = _for_users(fields)
        fields['node_class'] = (fields.get('node_class') or {}).get('name')
        return super().row(fields, chosen)


def _for_users(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a node as users see them.

    Its condition is a word, as in options. Ids of class, type and image are
    of requests only: an answer has the objects themselves.
    """
    found = {name: value for name, value in fields.items()
             if name not in ('node_class_id', 'node_type_id', 'image_id')}
    number = fields.get('condition', -1)
    return found | {'condition': names.CONDITIONS.get(number, number)}


class CountNode(base.Count):
    """Count nodes"""

    method = 'count_nodes'
    filters = FILTERS


class GuestsColumn(cliff_columns.FormattableColumn[list[dict[str, Any]]]):
    """Guests of a node, each on a line."""

    def human_readable(self) -> str:
        return '\n'.join(f'{guest["id"]} {guest["state"]} ({guest["name"]})'
                         for guest in self._value)

    def machine_readable(self) -> list[dict[str, Any]]:
        return self._value


class ShowNode(base.Show):
    """Show a node"""

    noun = 'node'

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--hypervisor', action='store_true',
                            help='Ask Nova for the hypervisor too')
        parser.add_argument('--hardware', action='store_true',
                            help='Ask the agent on the node for its hardware '
                                 'too')
        return parser

    def fields(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        fields = _for_users(base.fields_of(self.client.get_node(
            parsed_args.target, **opts.given({
                'with_os_object': parsed_args.hypervisor or None,
                'with_hwinfo': parsed_args.hardware or None}))))
        # A node may have very many, so they have a row of their own.
        agent = dict(fields.get('agent') or {})
        if 'guests' in agent:
            guests = agent.pop('guests')
            fields['guests'] = (None if guests is None
                                else GuestsColumn(guests))
            fields['agent'] = agent
        return fields


class CreateNode(base.Create):
    """Create a node"""

    method = 'create_node'
    noun = 'node'
    options = (*_FIELDS, *_FLAGS, *_IDS, *_STATES, _METADATA)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--force', action='store_true', help=_FORCE)
        return parser

    def values(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {**super().values(parsed_args),
                'force': parsed_args.force or None}

    def fields(self, made: Any) -> dict[str, Any]:
        return _for_users(super().fields(made))


class SetNode(base.Set):
    """Change a node"""

    noun = 'node'
    method = 'update_node'
    options = (Option('name', '--name', 'new name'),
               *_FIELDS, *_FLAGS, *_IDS, *_STATES, _METADATA)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--force', action='store_true', help=_FORCE)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        change(self, parsed_args, force=parsed_args.force or None)


class UnsetNode(base.Unset):
    """Take values of a node away"""

    noun = 'node'
    method = 'update_node'
    options = (*_FIELDS, _METADATA)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        change(self, parsed_args)


def change(command: base.Set, parsed_args: argparse.Namespace,
           **more: Any) -> None:
    """Change a node, which the service finds by name or id itself."""
    values = command.values(parsed_args)
    if not values:
        raise osc_exc.CommandError(
            'Nothing to change: give at least one option.')
    command.client.update_node(parsed_args.target, **values, **more)


class DeleteNode(base.Delete):
    """Delete nodes"""

    noun = 'node'
    find = 'find_node'
    method = 'delete_node'


class ReserveNode(base.Command):
    """Make a node a reserve, which takes the place of one that fails"""

    reserved = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.reserve_node(parsed_args.target, self.reserved)


class UnreserveNode(ReserveNode):
    """Make a node no reserve any more"""

    reserved = False
