# SPDX-License-Identifier: Apache-2.0
"""Racks as a picture in the terminal."""

import argparse
from collections.abc import Iterator
import sys
from typing import Any

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc.options import Option

_PLACE = (Option('dtc_number', '--dtc', 'number of the data centre',
                 metavar='<number>'),
          Option('row_number', '--row', 'number of the row of racks',
                 metavar='<number>'))
_WIDTH = 56
# Sign and colour of power and of what is wrong.
_POWER = {'on': ('●', 'green'), 'degraded': ('◐', 'yellow'),
          'off': ('○', 'dim'), 'error': ('!', 'red'),
          'never-checked': ('?', 'dim'), 'no-config': ('-', 'dim')}
_COLOURS = {'enabled': 'green', 'disabled': 'yellow', 'alarm': 'bold red',
            'reserved': 'cyan', 'out of service': 'dim'}
_FIELDS = ('id,name,title,dtc_number,row_number,rack_number,unit_number,'
           'power_status,condition')
Segment = tuple[str, str]


class ShowRack(base.Command):
    """Show racks: units, nodes, power and condition

    Power: ● on, ◐ not all feeds are on, ○ off, ! could not be read, ? not
    read yet, - no power control. Nodes without a unit come last.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('rack', nargs='?', metavar='<rack>',
                            help='number of the rack (default: all racks)')
        for option in _PLACE:
            option.add_filter(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        query = opts.values(parsed_args, _PLACE)
        query['rack_number'] = parsed_args.rack or 'not:null'
        racks: dict[tuple[int, ...], list[Any]] = {}
        for node in self.client.nodes(fields=_FIELDS, **query):
            place = tuple(-1 if number is None else number for number in (
                node.dtc_number, node.row_number, node.rack_number))
            racks.setdefault(place, []).append(node)
        if not racks:
            raise osc_exc.CommandError(
                'No node is in such a rack.\nSay where a node is: openstack '
                'cloudmanager node set --rack <number> --unit <number> '
                '<node>')
        lines = [line for place in sorted(racks)
                 for line in picture(place, racks[place])]
        self._print(lines)

    def _print(self, lines: list[list[Segment]]) -> None:
        if not sys.stdout.isatty():
            for line in lines:
                self.app.stdout.write(
                    ''.join(text for text, _ in line) + '\n')
            return
        # Costly to import, and most commands do without.
        from rich import console
        from rich import text

        terminal = console.Console()
        for line in lines:
            terminal.print(text.Text.assemble(*line), soft_wrap=True)


def picture(place: tuple[int, ...],
            nodes: list[Any]) -> Iterator[list[Segment]]:
    """Return the lines of a rack, each as texts with their styles.

    :param place: numbers of data centre, row and rack; -1 is none
    :param nodes: what is in it
    """
    title = ', '.join(f'{name} {number}' for name, number in zip(
        ('data centre', 'row', 'rack'), place, strict=True) if number >= 0)
    yield [(title, 'bold')]
    yield [('┌────┬' + '─' * _WIDTH + '┐', '')]
    by_unit: dict[int, list[Any]] = {}
    for node in nodes:
        by_unit.setdefault(node.unit_number or 0, []).append(node)
    units = [unit for unit in by_unit if unit > 0]
    for unit in range(max(units, default=0), min(units, default=1) - 1, -1):
        yield from _unit(str(unit), by_unit.get(unit, []))
    for unit in sorted(unit for unit in by_unit if unit <= 0):
        yield from _unit('', by_unit[unit])
    yield [('└────┴' + '─' * _WIDTH + '┘', '')]


def _unit(label: str, nodes: list[Any]) -> Iterator[list[Segment]]:
    if not nodes:
        yield [(f'│ {label:>2} │' + ' ' * _WIDTH + '│', 'dim')]
    for node in sorted(nodes, key=lambda node: node.name or ''):
        yield [(f'│ {label:>2} │ ', ''), *_node(node), ('│', '')]
        label = ''


def _node(node: Any) -> list[Segment]:
    sign, colour = _POWER.get(node.power_status, ('?', 'dim'))
    condition = names.CONDITIONS.get(node.condition, str(node.condition))
    name = node.name or node.title or f'node {node.id}'
    space = _WIDTH - 4 - len(condition) - 1
    if len(name) > space:
        name = name[:space - 1] + '…'
    return [(sign, colour), (f' {name:<{space}} ', ''),
            (condition, _COLOURS.get(condition, '')), (' ', '')]
