# SPDX-License-Identifier: Apache-2.0
"""Commands for the policies of aggregates."""

import argparse
import re
from typing import Any

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc.options import Option
from cloudmanagerclient.osc.v1 import audit

_WINDOW = re.compile(r'(?:(?P<days>[a-z,]+)/)?'
                     r'(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)')


def window(text: str) -> dict[str, Any]:
    """Read hours of days from the command line."""
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f'not of the form [DAY,...]/HH:MM-HH:MM: {text}')
    made: dict[str, Any] = {'start': found['start'], 'end': found['end']}
    if found['days']:
        made['days'] = found['days'].split(',')
    return made


OPTIONS = (
    Option('interval', '--interval', 'seconds from one audit to the next',
           int, '<seconds>'),
    Option('cron', '--cron', 'when audits are made, in UTC, in place of the '
           'interval', metavar='<expression>'),
    Option('maintenance_windows', '--maintenance-window', 'when servers are '
           'moved by themselves, such as sat,sun/22:00-04:00 in UTC; repeat '
           'it for several (default: always)', window, '<window>',
           multiple=True),
    Option('quiet_hours', '--quiet-hours', 'when nothing is audited and '
           'moved by itself, such as mon/08:00-12:00 in UTC; repeat it for '
           'several', window, '<window>', multiple=True),
    Option('threshold', '--threshold', 'standard deviation of the loads up '
           'to which they count as balanced', float, '<fraction>'),
    Option('minimum_gain', '--minimum-gain', 'by how much a move has to '
           'lessen the difference of two hosts', float, '<fraction>'),
    Option('source_floor', '--source-floor', 'hosts below this load lose no '
           'servers', float, '<fraction>'),
    Option('max_load', '--max-load', 'no host is filled above this load',
           float, '<fraction>'),
    Option('max_moves', '--max-moves', 'servers that one audit moves at most',
           int, '<number>'),
    Option('max_moves_per_day', '--max-moves-per-day', 'servers that are '
           'moved by themselves within 24 hours at most', int, '<number>'))


class ShowPolicy(base.ShowOne):
    """Show when an aggregate is audited by itself, and by what limits"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        audit.add_aggregate(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return _shown(self.client.get_aggregate_policy(
            audit.aggregate_of(self, parsed_args)))


class SetPolicy(base.ShowOne):
    """Set when an aggregate is audited by itself, and by what limits

    What is not given is as in an aggregate without a policy. An aggregate
    that was frozen because its moves made the balance worse is frozen no
    more.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        audit.add_aggregate(parser)
        parser.add_argument(
            '--mode', required=True, choices=('off', 'recommend',
                                              'automatic'),
            help='off: nothing is done by itself; recommend: audits are '
                 'made; automatic: their moves are made, too')
        for option in OPTIONS:
            option.add_value(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        given = {option.field: getattr(parsed_args, option.dest)
                 for option in OPTIONS}
        return _shown(self.client.set_aggregate_policy(
            audit.aggregate_of(self, parsed_args), parsed_args.mode,
            **{name: value for name, value in given.items()
               if value is not None}))


_LIMITS = ('threshold', 'minimum_gain', 'source_floor', 'max_load',
           'max_moves')
BACKTEST = (
    Option('hours', '--hours', 'hours to look back (default: 24)', int,
           '<hours>'),
    Option('interval', '--interval', 'seconds from one audit to the next '
           '(default: 3600)', int, '<seconds>'),
    *(option for option in OPTIONS if option.field in _LIMITS))


class Backtest(base.ShowOne):
    """Try limits of audits on loads that were measured before

    Nothing is moved. Limits that are not given are those of now.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        audit.add_aggregate(parser)
        for option in BACKTEST:
            option.add_value(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        given = {option.field: getattr(parsed_args, option.dest)
                 for option in BACKTEST}
        return base.shown(self.client.backtest_aggregate(
            audit.aggregate_of(self, parsed_args), **{
                name: value for name, value in given.items()
                if value is not None}))


def _shown(policy: Any) -> base.Shown:
    fields = base.fields_of(policy)
    fields.pop('id', None)
    return base.shown(fields)
