# SPDX-License-Identifier: Apache-2.0
"""Commands for audits of the load in host aggregates."""

import argparse
from collections.abc import Iterator
from typing import Any

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import tasks
from cloudmanagerclient.osc.options import Option


def add_aggregate(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names an aggregate."""
    parser.add_argument('aggregate', metavar='<aggregate>',
                        help='aggregate of Nova: name or id')


def aggregate_of(command: base.Common,
                 parsed_args: argparse.Namespace) -> str:
    """Return the id of the aggregate that was named."""
    return str(command.id_of(names.aggregate, parsed_args.aggregate))


def _add_audit(parser: argparse.ArgumentParser) -> None:
    add_aggregate(parser)
    _add_id(parser)


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('audit', metavar='<audit>', help='id of the audit')


def _status(audit: Any) -> base.Shown:
    """Show what is known of an audit that was not fetched as a whole."""
    return base.shown({'id': audit.id, 'status': audit.status})


class CreateAudit(base.ShowOne):
    """Look at how evenly the hosts of an aggregate are loaded

    Nothing is moved; "audit apply" carries out what was found.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_aggregate(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return _status(self.client.create_audit(
            aggregate_of(self, parsed_args)))


class BalanceAggregate(base.ShowOne):
    """Even out the load of the hosts of an aggregate: audit, and carry out"""

    question = 'To move servers within aggregate'
    asked = 'aggregate'

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_aggregate(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return _status(self.client.create_audit(
            aggregate_of(self, parsed_args), auto_apply=True))


class ListAudit(base.List):
    """List audits of all aggregates, the newest first"""

    method = 'audits'
    columns = ('id', 'aggregate_id', 'status', 'created_at', 'conclusion')
    long_columns = ('continuous', 'predicted_gain', 'real_gain',
                    'finished_at', 'task_id', 'apply_task_id', 'source')
    filters = (
        Option('id', '--id', 'id', metavar='<id>'),
        Option('aggregate_id', '--aggregate', 'aggregate of Nova: name or id',
               find=names.aggregate),
        Option('status', '--status', 'PENDING, ONGOING, DONE, FAILED, '
               'APPLYING, APPLIED or STALE'),
        Option('task_id', '--task', 'task that made it', metavar='<id>'),
        Option('apply_task_id', '--apply-task', 'task that applied it last',
               metavar='<id>'),
        Option('created_at', '--created-at', 'when it was asked for',
               metavar='<time>'),
        Option('continuous', '--continuous', 'whether the policy of the '
               'aggregate asked for it', bool))


class ShowAudit(base.ShowOne):
    """Show an audit with its moves and their reasons

    How loaded each host was, and will be after the moves, or is after those
    that were made, comes before the result, on the error output.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_id(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        audit = self.client.get_audit(parsed_args.audit)
        for line in loads(audit.before, audit.reached or audit.after):
            self.tell(line)
        return base.shown(base.fields_of(audit))


def loads(before: dict[str, Any] | None,
          after: dict[str, Any] | None) -> Iterator[str]:
    """Return the load of each host at two moments, in lines with bars.

    :param before: what the audit saw
    :param after: what comes of its moves
    """
    # Only audit show needs it.
    from cloudmanagerclient.osc import pictures

    then = (after or {}).get('hosts') or {}
    for host, used in sorted(((before or {}).get('hosts') or {}).items()):
        for kind, fraction in sorted(used.items()):
            yield pictures.change(host, kind, fraction, then.get(
                host, used).get(kind, fraction))


class ShowAuditStatus(base.ShowOne):
    """Show how far an audit of an aggregate is"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_audit(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return _status(self.client.get_audit_status(
            aggregate_of(self, parsed_args), parsed_args.audit))


class ApplyAudit(tasks.Start):
    """Carry out what an audit found"""

    question = 'To move the servers of audit'
    asked = 'audit'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_audit(parser)
        parser.add_argument(
            '--server', dest='servers', action='append', metavar='<server>',
            help='Server to move now: name or UUID; repeat it for several '
                 '(default: all of the audit)')
        parser.add_argument(
            '--force', action='store_true', default=None,
            help='Apply it although the cloud has changed, if all moves '
                 'still fit')

    def start(self, parsed_args: argparse.Namespace) -> Any:
        servers = parsed_args.servers and [
            self.id_of(names.server, name) for name in parsed_args.servers]
        return self.client.apply_audit(
            aggregate_of(self, parsed_args), parsed_args.audit,
            servers=servers, force=parsed_args.force)
