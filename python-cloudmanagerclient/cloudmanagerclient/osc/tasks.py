# SPDX-License-Identifier: Apache-2.0
"""Commands that start a task."""

import argparse
from typing import Any
from typing import ClassVar

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import options as opts

#: Fields of a task that are shown of one that was just started.
_STARTED = ('id', 'name', 'status', 'host', 'server_id', 'created_at',
            'started_at', 'finished_at', 'result')


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add the option that waits for the task."""
    parser.add_argument(
        '--wait', action='store_true',
        help='Wait for the task to end; the exit code is 0 if it succeeded, '
             '1 if it failed, 3 if it was cancelled')


class Start(base.ShowOne):
    """Start a task, and show it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        self.add_arguments(parser)
        add_wait(parser)
        return parser

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes besides."""

    def start(self, parsed_args: argparse.Namespace) -> Any:
        """Start the task."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        task = self.watched(self.start(parsed_args).id, parsed_args.wait)
        fields = base.fields_of(task)
        return base.shown({name: fields.get(name) for name in _STARTED})

    def watched(self, task_id: str, wait: bool) -> Any:
        """Return a task, with ``wait`` as it ended."""
        if not wait:
            return self.client.get_task(task_id)
        # Only --wait needs it.
        from cloudmanagerclient.osc import follow

        task, self.exit_code = follow.follow(self.client, task_id)
        return task


class Act(Start):
    """Start an action on one object.

    :cvar method: method of the client
    :cvar noun: what the object is, for the help
    :cvar options: options of the action
    :cvar required: fields of options that have to be given
    """

    method: ClassVar[str]
    noun: ClassVar[str]
    options: ClassVar[tuple[opts.Option, ...]] = ()
    required: ClassVar[tuple[str, ...]] = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        base.add_target(parser, self.noun)
        for option in self.options:
            option.add_value(parser, option.field in self.required)

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return getattr(self.client, self.method)(
            self.target(parsed_args.target),
            **opts.values(parsed_args, self.options))

    def target(self, name_or_id: str) -> Any:
        """Return what is passed to the method for the object."""
        return name_or_id
