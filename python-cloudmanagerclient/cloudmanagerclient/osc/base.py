# SPDX-License-Identifier: Apache-2.0
"""What all commands have in common."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import sys
from typing import Any
from typing import ClassVar
from typing import TYPE_CHECKING

from cliff import columns as cliff_columns
from osc_lib import exceptions as osc_exc
from osc_lib.cli import format_columns
from osc_lib.command import command

from cloudmanagerclient.osc import confirm
from cloudmanagerclient.osc import formats
from cloudmanagerclient.osc import lines
from cloudmanagerclient.osc import names
from cloudmanagerclient.osc import options as opts
from cloudmanagerclient.osc import plugin

if TYPE_CHECKING:
    from cloudmanagerclient.sdk.v1 import _proxy

Shown = tuple[Sequence[str], Sequence[Any]]
Listed = tuple[Sequence[str], Iterable[Sequence[Any]]]
_CAPITALS = {'id': 'ID', 'cpu': 'CPU', 'ram': 'RAM', 'mb': 'MB', 'gb': 'GB',
             'hdd': 'HDD', 'ip': 'IP', 'mac': 'MAC', 'dtc': 'DTC', 'q': 'Q',
             'vg': 'VG', 'uuid': 'UUID', 'pv': 'PV', 'lv': 'LV'}


class Common(command.Command):
    """A command of CloudManager.

    :ivar exit_code: what the program ends with when nothing is raised
    :cvar question: what is asked before something that is hard to take back,
        as the beginning of a sentence; empty if nothing is asked
    :cvar asked: argument that has to be typed again as the answer
    """

    exit_code = 0
    question: ClassVar[str] = ''
    asked: ClassVar[str] = 'target'

    @property
    def manager(self) -> Any:
        """The clients of all services."""
        return self.app.client_manager

    @property
    def client(self) -> '_proxy.Proxy':
        """The operations of the service."""
        # The attribute comes with the plugin.
        found: _proxy.Proxy = getattr(self.manager, plugin.API_NAME)
        return found

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        if self.question:
            confirm.add_yes(parser)
        return parser

    def get_epilog(self) -> str:
        """Return what stands at the end of the help.

        cliff reads the metadata of all that is installed to say the same,
        which takes longer than the rest of the start.
        """
        return 'This command is provided by the python-cloudmanagerclient ' \
               'plugin.'

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; errors are told with what to do next."""
        # Costly to import, and the help of a command does without.
        from cloudmanagerclient.osc import errors

        if self.needs_confirmation(parsed_args):
            found = getattr(parsed_args, self.asked)
            confirm.ask(self.question,
                        [found] if isinstance(found, str) else found)
        try:
            code = super().run(parsed_args)
        except errors.EXPECTED as exc:
            raise errors.explained(exc) from exc
        return code or self.exit_code

    def needs_confirmation(self, parsed_args: argparse.Namespace) -> bool:
        """Return whether the user is asked before it is done."""
        return bool(self.question) and not (
            parsed_args.yes or getattr(parsed_args, 'dry_run', False))

    def id_of(self, find: opts.Finder, name_or_id: str) -> Any:
        """Return the id of what is named.

        :param find: one of :mod:`names`
        """
        return find(self.manager, name_or_id, {})[0]

    def node_id(self, name_or_id: str) -> int:
        """Return the id of a node.

        :param name_or_id: its name or id
        """
        return int(self.id_of(names.node, name_or_id))

    def tell(self, text: str) -> None:
        """Say something that is not the result."""
        print(text, file=sys.stderr)


class Command(Common):
    """A command without a result."""


class ShowOne(Common, command.ShowOne):
    """A command whose result is one object."""

    def produce_output(self, parsed_args: argparse.Namespace,
                       column_names: Sequence[str],
                       data: Sequence[Any]) -> int:
        self.formatter = formats.Telling(self.formatter,
                                         parsed_args.formatter)
        return super().produce_output(parsed_args, column_names, data)


class Lister(Common, command.Lister):
    """A command whose result is a list."""

    def produce_output(self, parsed_args: argparse.Namespace,
                       column_names: Sequence[str],
                       data: Iterable[Sequence[Any]]) -> int:
        self.formatter = formats.Telling(self.formatter,
                                         parsed_args.formatter)
        return super().produce_output(parsed_args, column_names, data)


class ValuesColumn(cliff_columns.FormattableColumn[list[Any]]):
    """A list of texts or numbers."""

    def human_readable(self) -> str:
        return ', '.join(map(str, self._value))

    def machine_readable(self) -> list[Any]:
        return self._value


def heading(field: str) -> str:
    """Return the heading of a column."""
    return ' '.join(_CAPITALS.get(word, word.capitalize())
                    for word in field.split('_'))


def cell(value: Any) -> Any:
    """Return a value so that tables and machine formats show it well."""
    if isinstance(value, cliff_columns.FormattableColumn):
        return value
    if isinstance(value, dict):
        return format_columns.DictColumn(value)
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            return format_columns.ListDictColumn(value)
        return ValuesColumn(value)
    return value


def fields_of(resource: Any) -> dict[str, Any]:
    """Return the fields of an object, by their names in the API."""
    found: dict[str, Any] = resource.to_dict(
        computed=False, original_names=True)
    for name in ('location', 'id', 'name'):
        if found.get(name, '') is None:
            del found[name]
    # What it is comes first.
    return {**{name: found[name] for name in ('id', 'name', 'title')
               if name in found}, **found}


def shown(fields: dict[str, Any]) -> Shown:
    """Return fields as the result of a command that shows one object."""
    return tuple(fields), tuple(
        lines.LinesColumn(value) if isinstance(value, dict | list)
        else value for value in fields.values())


class Show(ShowOne):
    """Show an object.

    :cvar noun: what it is, for the help
    :cvar find: method of the client that finds it by its name or id
    """

    noun: ClassVar[str]
    find: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_target(parser, self.noun)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        return shown(self.fields(parsed_args))

    def fields(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Return what is shown."""
        return fields_of(self.found(parsed_args.target))

    def found(self, name_or_id: str) -> Any:
        """Return the object of a name or id."""
        return getattr(self.client, self.find)(name_or_id,
                                               ignore_missing=False)


class Create(ShowOne):
    """Create an object.

    :cvar method: method of the client
    :cvar noun: what it is, for the help
    :cvar name_field: field of its name
    :cvar options: options for its fields
    :cvar required: fields that have to be given
    """

    method: ClassVar[str]
    noun: ClassVar[str]
    name_field: ClassVar[str] = 'name'
    options: ClassVar[tuple[opts.Option, ...]] = ()
    required: ClassVar[tuple[str, ...]] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>',
                            help=f'Name of the new {self.noun}')
        for option in self.options:
            option.add_value(parser, option.field in self.required)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        made = getattr(self.client, self.method)(**self.values(parsed_args))
        return shown(self.fields(made))

    def fields(self, made: Any) -> dict[str, Any]:
        """Return what is shown of the new object."""
        return fields_of(made)

    def values(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Return the fields of the new object."""
        return {self.name_field: parsed_args.name, **opts.found_values(
            self.manager, parsed_args, self.options)}


class Set(Command):
    """Change an object.

    :cvar noun: what it is, for the help
    :cvar find: method of the client that finds it
    :cvar method: method of the client that changes it
    :cvar options: options for its fields
    """

    noun: ClassVar[str]
    find: ClassVar[str]
    method: ClassVar[str]
    options: ClassVar[tuple[opts.Option, ...]] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_target(parser, self.noun)
        for option in self.options:
            option.add_value(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        values = self.values(parsed_args)
        if not values:
            raise osc_exc.CommandError(
                'Nothing to change: give at least one option.')
        target = getattr(self.client, self.find)(parsed_args.target,
                                                 ignore_missing=False)
        getattr(self.client, self.method)(target, **values)

    def values(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Return the fields to change."""
        return opts.found_values(self.manager, parsed_args, self.options)


class Unset(Set):
    """Take values of an object away."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = command.Command.get_parser(self, prog_name)
        add_target(parser, self.noun)
        for option in self.options:
            option.add_unset(parser)
        return parser

    def values(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return dict.fromkeys(opts.values(parsed_args, self.options))


class Delete(Command):
    """Delete objects.

    :cvar noun: what they are, for the help
    :cvar find: method of the client that finds one
    :cvar method: method of the client that deletes it
    """

    question = 'To delete'
    asked = 'targets'
    noun: ClassVar[str]
    find: ClassVar[str]
    method: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('targets', nargs='+', metavar=f'<{self.noun}>',
                            help=f'{self.noun.replace("-", " ")} to '
                                 'delete: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        # Costly to import, and the help of a command does without.
        from cloudmanagerclient.osc import errors

        wrong = 0
        for target in parsed_args.targets:
            try:
                found = getattr(self.client, self.find)(
                    target, ignore_missing=False)
                getattr(self.client, self.method)(found)
            except errors.EXPECTED as exc:
                wrong += 1
                self.log.error('%s %s: %s', self.noun, target,
                               errors.explained(exc))
        if wrong:
            raise osc_exc.CommandError(
                f'{wrong} of {len(parsed_args.targets)} were not deleted.')


class List(Lister):
    """List objects.

    :cvar method: method of the client
    :cvar columns: fields of the columns
    :cvar long_columns: fields that ``--long`` adds
    :cvar filters: options that choose objects
    :cvar paged: whether the list has pages and an order
    """

    method: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    long_columns: ClassVar[tuple[str, ...]] = ()
    filters: ClassVar[tuple[opts.Option, ...]] = ()
    paged: ClassVar[bool] = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_filters(parser, self.filters)
        if self.long_columns:
            parser.add_argument('--long', action='store_true',
                                help='List more fields')
        if self.paged:
            parser.add_argument('--sort', metavar='<field>[:<asc|desc>]',
                                help='Fields to sort by, with commas '
                                     'between them')
            parser.add_argument('--limit', type=opts.positive,
                                metavar='<count>',
                                help='Most objects to list (default: all)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Listed:
        chosen = self.columns
        if getattr(parsed_args, 'long', False):
            chosen += self.long_columns
        query = opts.found_query(self.manager, parsed_args, self.filters)
        if self.paged:
            query |= opts.given({'sort': _sorted_by(parsed_args.sort),
                                 'max_items': parsed_args.limit})
        found = self.listed(parsed_args, query)
        rows = (self.row(fields_of(each), chosen) for each in found)
        return tuple(map(heading, chosen)), rows

    def listed(self, parsed_args: argparse.Namespace,
               query: dict[str, Any]) -> Iterable[Any]:
        """Return the objects."""
        found: Iterable[Any] = getattr(self.client, self.method)(**query)
        return found

    def row(self, fields: dict[str, Any],
            chosen: Sequence[str]) -> tuple[Any, ...]:
        """Return the cells of an object.

        :param chosen: fields of the columns
        """
        return tuple(cell(fields.get(field)) for field in chosen)


def _sorted_by(text: str | None) -> str | None:
    """Return an order with the headings of columns as names of fields."""
    return text and text.lower().replace(' ', '_')


class Count(ShowOne):
    """Count objects.

    :cvar method: method of the client
    :cvar filters: options that choose objects
    """

    method: ClassVar[str]
    filters: ClassVar[tuple[opts.Option, ...]] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_filters(parser, self.filters)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        query = opts.found_query(self.manager, parsed_args, self.filters)
        return ('count',), (getattr(self.client, self.method)(**query),)


def add_target(parser: argparse.ArgumentParser, noun: str) -> None:
    """Add the argument that names an object."""
    parser.add_argument('target', metavar=f'<{noun}>',
                        help=f'{noun.replace("-", " ")}: name or id')


def add_filters(parser: argparse.ArgumentParser,
                options: Sequence[opts.Option]) -> None:
    """Add the options that choose objects."""
    if not options:
        return
    group = parser.add_argument_group(
        'filters', 'A value may begin with an operator: neq:, gt:, gte:, '
                   'lt:, lte:, in:<a>,<b>, nin:<a>,<b>, like:<a%>, '
                   'ilike:<a%>; null and not:null ask for absence and '
                   'presence. eq: takes the rest as it is.')
    for option in options:
        option.add_filter(group)
