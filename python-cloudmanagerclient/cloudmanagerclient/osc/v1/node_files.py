# SPDX-License-Identifier: Apache-2.0
"""Nodes from and to files: JSON lines, or CSV with a header."""

import argparse
import csv
import json
import pathlib
import sys
from typing import Any
from typing import TextIO

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc.v1 import node

# What an import takes and another installation can use. What the service
# finds out by itself is not among it.
EXPORTED = (
    'name', 'title', 'description', 'dtc_number', 'row_number',
    'rack_number', 'unit_number', 'cpu_amount', 'ram_mb', 'hdd_gb',
    'ip_addresses', 'mac_address', 'inventory_code', 'owner', 'is_reserved',
    'is_controller', 'node_class_id', 'node_type_id', 'metadata')
_TYPES = {'csv': 'text/csv', 'jsonl': 'application/x-ndjson'}


class ImportNode(base.Lister):
    """Create many nodes from a file, or none if one is wrong

    The file has a node in each line: a JSON object, or CSV with a header. The
    names of fields and columns are those of "node show". Everything that is
    wrong is told, with the number of its line.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='<file>',
                            help='File to read; - is the standard input')
        parser.add_argument(
            '--file-type', choices=sorted(_TYPES),
            help='What the file is (default: csv if its name ends so, jsonl '
                 'otherwise)')
        parser.add_argument('--dry-run', action='store_true',
                            help='Say what is wrong, and create nothing')
        parser.add_argument('--force', action='store_true',
                            help='Create them though some are unlikely to be '
                                 'right')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        kind = parsed_args.file_type or (
            'csv' if parsed_args.file.lower().endswith('.csv') else 'jsonl')
        made = self.client.import_nodes(
            _read(parsed_args.file), content_type=_TYPES[kind],
            force=parsed_args.force or None,
            dry_run=parsed_args.dry_run or None)
        return ('ID', 'Name'), ((each['id'], each['name']) for each in made)


class ExportNode(base.Command):
    """Write nodes to a file that "node import" reads

    Power controls and their secrets are not written.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--file-type', choices=sorted(_TYPES),
                            default='jsonl', help='What to write (default: '
                                                  'jsonl)')
        parser.add_argument('--file', metavar='<file>',
                            help='File to write (default: the standard '
                                 'output)')
        base.add_filters(parser, node.FILTERS)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        query = opts.found_query(self.manager, parsed_args, node.FILTERS)
        rows = (self._row(found) for found in self.client.nodes(**query))
        write = _write_csv if parsed_args.file_type == 'csv' else _write_lines
        if parsed_args.file is None:
            write(rows, self.app.stdout)
            return
        try:
            with open(parsed_args.file, 'w', encoding='utf-8',
                      newline='') as stream:
                write(rows, stream)
        except OSError as exc:
            raise osc_exc.CommandError(
                f'{parsed_args.file} cannot be written: '
                f'{exc.strerror}.') from exc

    @staticmethod
    def _row(found: Any) -> dict[str, Any]:
        fields = base.fields_of(found)
        for name in ('class', 'type'):
            fields[f'node_{name}_id'] = (
                fields.get(f'node_{name}') or {}).get('id')
        return {name: fields[name] for name in EXPORTED
                if fields.get(name) not in (None, [], {})}


def _read(path: str) -> bytes:
    if path == '-':
        return sys.stdin.buffer.read()
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as exc:
        raise osc_exc.CommandError(
            f'{path} cannot be read: {exc.strerror}.') from exc


def _write_lines(rows: Any, stream: TextIO) -> None:
    for row in rows:
        stream.write(json.dumps(row) + '\n')


def _write_csv(rows: Any, stream: TextIO) -> None:
    writer = csv.DictWriter(stream, EXPORTED, lineterminator='\n')
    writer.writeheader()
    for row in rows:
        writer.writerow({
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in row.items()})
