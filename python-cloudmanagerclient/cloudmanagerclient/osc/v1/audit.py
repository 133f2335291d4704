# SPDX-License-Identifier: Apache-2.0
"""Commands for audits of the load in host aggregates."""

import argparse
from typing import Any

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import confirm
from cloudmanagerclient.osc import tasks


def _add_aggregate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('aggregate', metavar='<aggregate>',
                        help='id of the aggregate in Nova')


def _add_audit(parser: argparse.ArgumentParser) -> None:
    _add_aggregate(parser)
    parser.add_argument('audit', metavar='<audit>', help='id of the audit')


class CreateAudit(base.ShowOne):
    """Look at how evenly the hosts of an aggregate are loaded

    Nothing is moved; "audit apply" carries out what was found.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_aggregate(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.create_audit(
            parsed_args.aggregate)))


class BalanceAggregate(base.ShowOne):
    """Even out the load of the hosts of an aggregate: audit, and carry out"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_aggregate(parser)
        confirm.add_yes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        if not parsed_args.yes:
            confirm.ask('To move servers within aggregate',
                        [parsed_args.aggregate])
        return base.shown(base.fields_of(self.client.create_audit(
            parsed_args.aggregate, auto_apply=True)))


class ShowAudit(base.ShowOne):
    """Show an audit of an aggregate"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_audit(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.get_audit(
            parsed_args.aggregate, parsed_args.audit)))


class ApplyAudit(tasks.Start):
    """Carry out what an audit found"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_audit(parser)

    def start(self, parsed_args: argparse.Namespace) -> Any:
        return self.client.apply_audit(parsed_args.aggregate,
                                       parsed_args.audit)
