# SPDX-License-Identifier: Apache-2.0
"""Commands for volumes of Cinder on LVM."""

import argparse
from typing import Any
from typing import ClassVar

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option

_BACKEND = Option('volume_backend_name', '--backend', 'name of the backend')
# Fields of a plan, and what they are shown as.
_PLANNED = {'lv_name': 'logical_volume', 'vg_name': 'volume_group',
            'host': 'host', 'size': 'size', 'copies_before': 'copies_now',
            'copies': 'copies_then', 'source_pv': 'source',
            'dest_pv': 'destination'}
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
                            help='volume: name or UUID')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.get_volume(
            self.id_of(names.volume, parsed_args.volume))))


class _VolumeAct(tasks.Start):
    """An action on a volume, which may be planned only.

    :cvar action: its name in the API
    """

    action: ClassVar[str]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('volume', metavar='<volume>',
                            help='volume: name or UUID')
        parser.add_argument('--dry-run', action='store_true',
                            help='Say what would be done, and touch nothing')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Return the body of the request."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        if not parsed_args.dry_run:
            return super().take_action(parsed_args)
        # Only --dry-run needs it.
        from cloudmanagerclient.osc import steps

        plan = self.client.plan_volume_action(
            self.volume(parsed_args), self.action, **self.body(parsed_args))
        if not plan['command']:
            self.tell('Nothing would be done.')
        found = {title: plan[name] for name, title in _PLANNED.items()
                 if name in plan}
        found['command'] = steps.CommandColumn(plan['command'])
        return base.shown(found)

    def volume(self, parsed_args: argparse.Namespace) -> str:
        """Return the UUID of the volume."""
        return str(self.id_of(names.volume, parsed_args.volume))


class MirrorVolume(_VolumeAct):
    """Change how often the data of a volume are mirrored"""

    action = 'mirror'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument('count', metavar='<count>', type=int,
                            help='copies besides the data; 0 ends mirroring')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {'mirror_count': parsed_args.count}

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.mirror_volume(self.volume(parsed_args),
                                         parsed_args.count)


class MigrateVolume(_VolumeAct):
    """Move the data of a volume to another physical volume"""

    action = 'pv-migrate'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument('--source', required=True, metavar='<path>',
                            help='Physical volume that they leave')
        parser.add_argument('--destination', metavar='<path>',
                            help='Physical volume that they go to (default: '
                                 'any of the group)')

    def body(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        found = {'source_pv': parsed_args.source}
        if parsed_args.destination is not None:
            found['dest_pv'] = parsed_args.destination
        return found

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.migrate_volume(
            self.volume(parsed_args), parsed_args.source,
            parsed_args.destination)


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
