# SPDX-License-Identifier: Apache-2.0
"""Commands for power controls.

Secrets are never given on the command line, where other users of the machine
see them: they are asked for, read from a file, or taken from the environment.
"""

import argparse
from collections.abc import Iterable
import getpass
import os
import pathlib
import sys
from typing import Any

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option

_TITLE = Option('title', '--title', 'title', metavar='<title>')
_KIND = (Option('control_type', '--type',
                'type, see "power control type list"', metavar='<type>'),
         Option('protocol_type', '--protocol',
                'protocol, see "power control protocol list"',
                metavar='<protocol>'))
_REACHED = (Option('host', '--host', 'name or address', metavar='<host>'),
            Option('port_number', '--port', 'TCP or UDP port', int,
                   '<port>'))
_LOGIN = (Option('login', '--login', 'login', metavar='<login>'),
          Option('options', '--options', 'JSON object of options of its type',
                 opts.json_object, '<json>'))
# Secrets, and what openstacksdk calls the title besides.
_HIDDEN = ('password', 'ssh_key', 'name')
FILTERS = (
    Option('id', '--id', 'id', metavar='<id>'), _TITLE, *_KIND, *_REACHED,
    Option('failures', '--failures', 'number of tries in a row that failed',
           metavar='<count>'),
    Option('time_created', '--created-at', 'time of creation',
           metavar='<time>'))


class ListPowerControl(base.List):
    """List power controls"""

    method = 'power_controls'
    columns = ('id', 'title', 'control_type', 'host', 'port_number',
               'failures')
    long_columns = ('protocol_type', 'login', 'coils_count',
                    'used_coils_count', 'last_success_at', 'last_error_at',
                    'last_error')
    filters = FILTERS


class CountPowerControl(base.Count):
    """Count power controls"""

    method = 'count_power_controls'
    filters = FILTERS


class ShowPowerControl(base.Show):
    """Show a power control"""

    noun = 'power-control'
    find = 'find_power_control'

    def fields(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        found = base.fields_of(self.client.get_power_control(
            self.found(parsed_args.target)))
        return {name: value for name, value in found.items()
                if name not in _HIDDEN}


class CreatePowerControl(base.ShowOne):
    """Create a power control

    A password is asked for, read from a file, or taken from the environment.
    """

    options = (_TITLE, *_KIND, *_REACHED, *_LOGIN)
    required = ('control_type', 'host', 'port_number')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        for option in self.options:
            option.add_value(parser, option.field in self.required)
        _add_secrets(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        values = opts.values(parsed_args, self.options)
        if 'protocol_type' not in values:
            values['protocol_type'] = self._protocol(values['control_type'])
        made = base.fields_of(self.client.create_power_control(
            **values, **_secrets(parsed_args)))
        return base.shown({name: value for name, value in made.items()
                           if name not in _HIDDEN})

    def _protocol(self, control_type: str) -> str:
        for name, protocol, *_ in self.client.power_control_types():
            if name == control_type:
                return protocol
        raise osc_exc.CommandError(
            f'There is no type {control_type}.\nSee what there is: openstack '
            f'cloudmanager power control type list')


class SetPowerControl(base.Set):
    """Change a power control

    A password is asked for, read from a file, or taken from the environment.
    """

    noun = 'power-control'
    find = 'find_power_control'
    method = 'update_power_control'
    options = (_TITLE, *_KIND, *_REACHED, *_LOGIN)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_secrets(parser)
        return parser

    def values(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {**super().values(parsed_args), **_secrets(parsed_args)}


class UnsetPowerControl(base.Unset):
    """Take values of a power control away"""

    noun = 'power-control'
    find = 'find_power_control'
    method = 'update_power_control'
    options = (*_LOGIN, Option('password', '--password', 'password'),
               Option('ssh_key', '--ssh-key', 'private key'))


class DeletePowerControl(base.Delete):
    """Delete power controls"""

    noun = 'power-control'
    find = 'find_power_control'
    method = 'delete_power_control'


class ListPowerControlType(base.Lister):
    """List the types of power controls"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        return ('Type', 'Protocol'), [
            tuple(found[:2]) for found in self.client.power_control_types()]


class ListPowerControlProtocol(base.Lister):
    """List the protocols of power controls"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        return ('Protocol',), [
            (name,) for name in self.client.power_control_protocols()]


class ListPowerControlNode(base.List):
    """List the nodes that a power control feeds"""

    paged = False
    columns = ('id', 'name', 'power_status')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'power-control')
        return parser

    def listed(self, parsed_args: argparse.Namespace,
               query: dict[str, Any]) -> Iterable[Any]:
        return self.client.power_control_nodes(
            self.client.find_power_control(parsed_args.target))


class PowerOnOutput(tasks.Start):
    """Switch an output of a power control on"""

    method = 'power_on_output'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        base.add_target(parser, 'power-control')
        parser.add_argument('output', metavar='<output>',
                            help='output of the power control')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return getattr(self.client, self.method)(
            self.client.find_power_control(parsed_args.target),
            parsed_args.output)


class PowerOffOutput(PowerOnOutput):
    """Switch an output of a power control off"""

    question = 'To switch off an output of'
    method = 'power_off_output'


class ShowPowerHealth(base.ShowOne):
    """Show how well the power of all nodes is known"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        found = base.fields_of(self.client.get_fleet_health())
        return base.shown({name: found[name] for name in (
            'power_controls', 'nodes', 'conductors')})


class ListPowerEvent(base.List):
    """List changes of what is known of the power of nodes"""

    method = 'power_events'
    columns = ('id', 'created_at', 'kind', 'node_id', 'power_control_id',
               'detail')
    filters = (
        Option('id', '--id', 'id', metavar='<id>'),
        Option('kind', '--kind', 'what happened'),
        Option('node_id', '--node', 'node: name or id', find=names.node),
        Option('power_control_id', '--power-control',
               'power control: title or id', find=names.power_control),
        Option('created_at', '--created-at', 'when it happened',
               metavar='<time>'))


def _add_secrets(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--password-prompt', action='store_true',
                       help='Ask for the password')
    group.add_argument('--password-file', metavar='<file>',
                       help='File with the password in its first line; - is '
                            'the standard input')
    group.add_argument('--password-env', metavar='<variable>',
                       help='Variable of the environment with the password')
    parser.add_argument('--ssh-key-file', metavar='<file>',
                        help='File with the private key, for SshDevice only')


def _secrets(parsed_args: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if parsed_args.password_prompt:
        found['password'] = getpass.getpass('Password of the power control: ')
    elif parsed_args.password_file:
        lines = _read(parsed_args.password_file).splitlines()
        if not lines:
            raise osc_exc.CommandError(
                f'{parsed_args.password_file} is empty.')
        found['password'] = lines[0]
    elif parsed_args.password_env:
        if parsed_args.password_env not in os.environ:
            raise osc_exc.CommandError(
                f'The environment has no {parsed_args.password_env}.')
        found['password'] = os.environ[parsed_args.password_env]
    if parsed_args.ssh_key_file:
        found['ssh_key'] = _read(parsed_args.ssh_key_file)
    return found


def _read(path: str) -> str:
    if path == '-':
        return sys.stdin.read()
    try:
        return pathlib.Path(path).read_text('utf-8')
    except OSError as exc:
        raise osc_exc.CommandError(
            f'{path} cannot be read: {exc.strerror}.') from exc
    except UnicodeDecodeError as exc:
        raise osc_exc.CommandError(f'{path} is not text in UTF-8.') from exc
