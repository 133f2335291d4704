# SPDX-License-Identifier: Apache-2.0
"""Commands for compute hosts."""

import argparse
from typing import Any
from typing import ClassVar

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option

_LOSS = Option('allow_data_loss', '--allow-data-loss',
               'servers whose disks no other host can reach may be rebuilt '
               'without their data', bool)
_MOVES = Option('max_moves', '--max-moves', 'most moves at a time', int,
                '<count>')
_EVACUATE = Option('allow_evacuate', '--allow-evacuate',
                   'what is left may be rebuilt elsewhere after the host was '
                   'cut off', bool)
_OFF = Option('allow_off_vm', '--allow-off-vm',
              'what cannot be moved live may be moved cold', bool)
_SLOW = Option('slow_migration', '--slow-migration',
               'what becomes of live migrations that do not get on',
               choices=('wait', 'abort', 'force-complete'))
_FORCE = Option('force', '--force',
                'do so though the service would not by itself', bool)
_ITEMS = ('Server', 'Action', 'Source', 'Destination', 'State', 'Error')


class HostAct(base.Lister):
    """Start an action on hosts.

    With a dry run the result is a row for each server, and what would be
    done to it; with waiting, a row for each server and what was done;
    otherwise a row for the task.
    """

    action: ClassVar[str]
    plan: ClassVar[str]
    asked = 'host'
    #: What a plan comes to that does not work out.
    infeasible: ClassVar[str] = 'the hosts would not end up empty'
    options: ClassVar[tuple[Option, ...]]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        self.add_hosts(parser)
        for option in self.options:
            option.add_value(parser)
        parser.add_argument(
            '--dry-run', action='store_true',
            help='Say what would be done to each server, and touch nothing; '
                 f'the exit code is 1 if {self.infeasible}')
        parser.add_argument('--long', action='store_true',
                            help='List more of the plan')
        tasks.add_wait(parser)
        return parser

    def add_hosts(self, parser: argparse.ArgumentParser) -> None:
        """Add the argument that names the host."""
        parser.add_argument('host', metavar='<host>',
                            help='name of the host, in full')

    def target(self, parsed_args: argparse.Namespace) -> Any:
        """Return what is passed to the methods."""
        return parsed_args.host

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        target = self.target(parsed_args)
        values = opts.values(parsed_args, self.options)
        if parsed_args.dry_run:
            return self.planned(
                getattr(self.client, self.plan)(target, **values),
                parsed_args.long)
        task = getattr(self.client, self.action)(target, **values)
        if parsed_args.wait:
            return self._waited(task.id)
        found = self.client.get_task(task.id)
        self.tell(f'Follow it: openstack cloudmanager task show --follow '
                  f'{found.id}')
        return (('Task', 'Action', 'Host', 'Status'),
                [(found.id, found.name, found.host, found.status)])

    def planned(self, plan: Any, long: bool) -> base.Listed:
        """Show a plan."""
        # Only --dry-run needs it.
        from cloudmanagerclient.osc import plans

        for line in plans.summary(plan):
            self.tell(line)
        self.exit_code = 0 if plan.feasible else 1
        columns = plans.COLUMNS + (plans.LONG_COLUMNS if long else ())
        return columns, plans.rows(plan, long)

    def _waited(self, task_id: str) -> base.Listed:
        # Only --wait needs it.
        from cloudmanagerclient.osc import follow

        task, self.exit_code = follow.follow(self.client, task_id)
        return _ITEMS, (
            (item.get('name') or item['id'], item.get('action'),
             item.get('source'), item.get('destination'), item['state'],
             item.get('error')) for item in task.items_ or ())


class ShutdownHost(HostAct):
    """Move all servers off a living host, and switch it off"""

    action = 'shutdown_host'
    plan = 'plan_host_shutdown'
    question = 'To empty and switch off'
    options = (_OFF, _EVACUATE, _LOSS, _SLOW, _MOVES, _FORCE)


class EvacuateHost(HostAct):
    """Rebuild the servers of a dead host elsewhere"""

    action = 'evacuate_host'
    plan = 'plan_host_evacuation'
    question = 'To rebuild elsewhere the servers of'
    options = (Option('fenced', '--fenced', 'the host is known to be off',
                      bool), _LOSS, _MOVES, _FORCE)


class DecommissionHost(HostAct):
    """Move all servers off a host, and take it out of the cloud"""

    action = 'decommission_host'
    plan = 'plan_host_decommission'
    question = 'To take out of the cloud'
    options = (
        Option('allow_live_migrate', '--allow-live-migrate',
               'servers may be moved live', bool),
        Option('allow_migrate', '--allow-migrate',
               'what cannot be moved live may be moved cold', bool),
        _EVACUATE, _LOSS, _SLOW, _MOVES,
        Option('wait', '--wait-for-operations',
               'wait for operations of servers to end', bool), _FORCE)


class RestartHost(HostAct):
    """Empty hosts, restart them and enable them again"""

    action = 'restart_hosts'
    plan = 'plan_hosts_restart'
    question = 'To empty and restart'
    asked = 'hosts'
    options = (
        _OFF, _EVACUATE, _LOSS, _SLOW, _MOVES,
        Option('in_sequence', '--in-sequence', 'one host after the other',
               bool),
        Option('max_unavailable', '--max-unavailable',
               'most hosts out of use at a time', int, '<count>'),
        Option('settle_seconds', '--settle',
               'how long a host has to be well before the next is begun',
               int, '<seconds>'),
        Option('max_failures', '--max-failures',
               'hosts that may fail before no more are begun', int,
               '<count>'),
        Option('return_servers', '--return-servers',
               'bring servers back to the host where they were', bool),
        _FORCE)

    def add_hosts(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('hosts', nargs='+', metavar='<host>',
                            help='name of a host, in full')

    def target(self, parsed_args: argparse.Namespace) -> Any:
        return parsed_args.hosts
