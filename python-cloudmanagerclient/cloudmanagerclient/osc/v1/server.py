# SPDX-License-Identifier: Apache-2.0
"""Commands for servers."""

import argparse
from typing import Any

from osc_lib.cli import parseractions

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option

_FENCED = (Option('fenced', '--fenced', 'its host is known to be off', bool),
           Option('allow_data_loss', '--allow-data-loss',
                  'it may be rebuilt without its data', bool))


class ServerAct(tasks.Act):
    """Start an action on a server."""

    noun = 'server'

    def target(self, name_or_id: str) -> Any:
        return self.id_of(names.server, name_or_id)


class BalanceServer(ServerAct):
    """Move a server to a host with less load"""

    method = 'balance_server'


class RecoverServer(ServerAct):
    """Reset the state of a server, and bring it back"""

    question = 'To reset and reboot, or rebuild elsewhere,'
    method = 'recover_server'
    options = _FENCED


class RepairServer(ServerAct):
    """Find out what is wrong with a server, and do the mildest that helps"""

    question = 'To repair, if need be by a reboot or a rebuild elsewhere,'
    method = 'repair_server'
    options = _FENCED


class ResetServer(ServerAct):
    """Reset the state of a server to active"""

    question = 'To reset the state of'
    method = 'reset_server'
    options = (Option('reboot', '--reboot', 'reboot it too, hard', bool),)


class WakeUpServer(ServerAct):
    """Bring a server to run, whatever it does now"""

    method = 'wake_up_server'


class CloneServer(ServerAct):
    """Clone a server with its volumes"""

    method = 'clone_server'
    options = (Option('count', '--count', 'number of clones (default: 1)',
                      int, '<count>'),
               Option('name', '--name', 'name of the clones; of several it '
                      'has {number} in it'))


class _Metadata(base.Common):

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('server', metavar='<server>',
                            help='server: name or UUID')
        return parser

    def server(self, parsed_args: argparse.Namespace) -> str:
        """Return the UUID of the server."""
        return str(self.id_of(names.server, parsed_args.server))


class ShowSystemMetadata(_Metadata, base.ShowOne):
    """Show the system metadata that Nova has of a server"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(self.client.get_server_system_metadata(
            self.server(parsed_args)))


class SetSystemMetadata(_Metadata, base.Command):
    """Set keys of the system metadata of a server"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--property', dest='properties', required=True,
                            action=parseractions.KeyValueAction,
                            metavar='<key=value>',
                            help='Key to set (repeat for several)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.set_server_system_metadata(
            self.server(parsed_args), parsed_args.properties)


class UnsetSystemMetadata(_Metadata, base.Command):
    """Delete keys of the system metadata of a server"""

    question = 'To delete system metadata of'
    asked = 'server'

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--property', dest='properties', required=True,
                            action='append', metavar='<key>',
                            help='Key to delete (repeat for several)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        server = self.server(parsed_args)
        for key in parsed_args.properties:
            self.client.delete_server_system_metadata(server, key)
