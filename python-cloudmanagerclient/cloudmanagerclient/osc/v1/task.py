# SPDX-License-Identifier: Apache-2.0
"""Commands for tasks."""

import argparse
from typing import Any

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc.options import Option
from cloudmanagerclient.osc.v1 import host


class ListTask(base.List):
    """List tasks, the newest first"""

    method = 'tasks'
    columns = ('id', 'name', 'status', 'host', 'created_at', 'finished_at',
               'result')
    long_columns = ('server_id', 'parent_id', 'progress', 'user_name')
    filters = (
        Option('name', '--name', 'what it does', metavar='<name>'),
        Option('status', '--status',
               'PENDING, STARTED, RETRY, SUCCESS, FAILURE or REVOKED'),
        Option('host', '--host', 'host that it acts on'),
        Option('server_id', '--server', 'server that it acts on: name or '
               'UUID', find=names.server),
        Option('node_id', '--node', 'node that it acts on: name or id',
               find=names.node),
        Option('parent_id', '--parent', 'task that it is a part of',
               metavar='<id>'),
        Option('id', '--id', 'id', metavar='<id>'),
        Option('created_at', '--created-at', 'when it was asked for',
               metavar='<time>'),
        Option('started_at', '--started-at', 'when it began',
               metavar='<time>'),
        Option('finished_at', '--finished-at', 'when it ended',
               metavar='<time>'))


class ShowTask(base.ShowOne):
    """Show a task, with what becomes of each server"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('task', metavar='<task>', help='id of the task')
        parser.add_argument(
            '--follow', action='store_true',
            help='Show how it gets on until it ends; the exit code is 0 if '
                 'it succeeded, 1 if it failed, 3 if it was cancelled')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        if parsed_args.follow:
            # Only --follow needs it.
            from cloudmanagerclient.osc import follow

            task, self.exit_code = follow.follow(self.client,
                                                 parsed_args.task)
        else:
            task = self.client.get_task(parsed_args.task)
        return base.shown(base.fields_of(task))


class CancelTask(base.Command):
    """Ask tasks to begin nothing more"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('tasks', nargs='+', metavar='<task>',
                            help='id of a task')
        parser.add_argument(
            '--running', choices=('finish', 'abort'),
            help='What becomes of the moves under way: they finish '
                 '(default), or live migrations are aborted')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        # Costly to import, and the help of a command does without.
        from cloudmanagerclient.osc import errors

        wrong = 0
        for task in parsed_args.tasks:
            try:
                self.client.cancel_task(task, running=parsed_args.running)
            except errors.EXPECTED as exc:
                if len(parsed_args.tasks) == 1:
                    raise
                # The others are to stop all the same.
                wrong += 1
                self.log.error('task %s: %s', task, errors.explained(exc))
        if wrong:
            raise osc_exc.CommandError(
                f'{wrong} of {len(parsed_args.tasks)} were not cancelled.')


class UndoTask(host.HostAct):
    """Bring back the servers that a task has moved

    Servers that have moved since, were deleted, or whose former hosts cannot
    take them are left where they are, and named.
    """

    action = 'undo_task'
    plan = 'plan_undo'
    question = 'To bring back the servers of task'
    asked = 'task'
    infeasible = 'no server would come back'
    options = ()

    def add_hosts(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('task', metavar='<task>', help='id of the task')

    def target(self, parsed_args: argparse.Namespace) -> Any:
        return parsed_args.task

    def planned(self, plan: Any, long: bool) -> base.Listed:
        # Only --dry-run needs it.
        from cloudmanagerclient.osc import plans

        back, left = plan['moves'], plan['left']
        self.tell(f'{len(back)} would come back, {len(left)} would stay.')
        self.exit_code = 0 if back else 1
        columns = plans.BACK + (plans.LONG_BACK if long else ())
        return columns, plans.ways_back(back, left, long)
