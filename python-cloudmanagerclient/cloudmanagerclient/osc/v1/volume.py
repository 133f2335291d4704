# SPDX-License-Identifier: Apache-2.0
"""Commands for volumes of Cinder on LVM."""

import argparse
from typing import Any

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option

_BACKEND = Option('volume_backend_name', '--backend', 'name of the backend')
_HOST = Option('host', '--host', 'host of the backend')


class ListVolume(base.List):
    """List volumes with their logical volumes"""

    method = 'volumes'
    columns = ('volume_id', 'volume_backend_name', 'host', 'thin_enabled')
    long_columns = ('logical_volume',)
    filters = (_BACKEND, _HOST)
    paged = False


class ShowVolume(base.ShowOne):
    """Show a volume with its logical volume and its locks"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('volume', metavar='<volume>',
                            help='volume: UUID')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.get_volume(
            parsed_args.volume)))


class MirrorVolume(tasks.Start):
    """Change how often the data of a volume are mirrored"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('volume', metavar='<volume>',
                            help='volume: UUID')
        parser.add_argument('count', metavar='<count>', type=int,
                            help='copies besides the data; 0 ends mirroring')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.mirror_volume(parsed_args.volume,
                                         parsed_args.count)


class MigrateVolume(tasks.Start):
    """Move the data of a volume to another physical volume"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('volume', metavar='<volume>',
                            help='volume: UUID')
        parser.add_argument('--source', required=True, metavar='<path>',
                            help='Physical volume that they leave')
        parser.add_argument('--destination', metavar='<path>',
                            help='Physical volume that they go to (default: '
                                 'any of the group)')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.migrate_volume(
            parsed_args.volume, parsed_args.source, parsed_args.destination)


class ListVolumeBackend(base.List):
    """List the volume groups of the backends of Cinder"""

    method = 'volume_backends'
    columns = ('volume_backend_name', 'host', 'vg_name', 'protocol',
               'free_size', 'total_size')
    long_columns = ('physical_volumes', 'logical_volumes')
    filters = (_BACKEND, _HOST,
               Option('vg_name', '--volume-group', 'name of the volume '
                      'group'))
    paged = False
