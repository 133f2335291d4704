# SPDX-License-Identifier: Apache-2.0
"""Commands for classes, types, images and availability storages."""

import argparse
from collections.abc import Iterable
import pathlib
from typing import Any
from typing import ClassVar

from osc_lib import exceptions as osc_exc

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc.options import Option

_NAME = Option('name', '--name', 'name', metavar='<name>')
_ID = Option('id', '--id', 'id', metavar='<id>')
_TYPES = Option('node_types', '--type', 'name of a type (repeat for several)',
                metavar='<name>', multiple=True)


class ListNodeClass(base.List):
    """List classes of nodes"""

    method = 'node_classes'
    columns = ('id', 'name', 'is_default')
    long_columns = ('node_types',)
    filters = (_ID, _NAME)


class CountNodeClass(base.Count):
    """Count classes of nodes"""

    method = 'count_node_classes'
    filters = (_ID, _NAME)


class ShowNodeClass(base.Show):
    """Show a class of nodes"""

    noun = 'class'
    find = 'find_node_class'

    def found(self, name_or_id: str) -> Any:
        return self.client.get_node_class(super().found(name_or_id))


class CreateNodeClass(base.Create):
    """Create a class of nodes"""

    method = 'create_node_class'
    noun = 'class'
    options = (_TYPES,)


class SetNodeClass(base.Set):
    """Change a class of nodes

    Types that are given take the place of those that there are.
    """

    noun = 'class'
    find = 'find_node_class'
    method = 'update_node_class'
    options = (_NAME, _TYPES)


class DeleteNodeClass(base.Delete):
    """Delete classes of nodes"""

    noun = 'class'
    find = 'find_node_class'
    method = 'delete_node_class'


class _OfClass(base.Common):

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node_class', metavar='<class>',
                            help='class: name or id')
        return parser

    def class_of(self, parsed_args: argparse.Namespace) -> Any:
        """Return the class that is meant."""
        return self.client.find_node_class(parsed_args.node_class)


class ListNodeType(_OfClass, base.List):
    """List the types of a class of nodes"""

    paged = False
    columns = ('id', 'name')

    def listed(self, parsed_args: argparse.Namespace,
               query: dict[str, Any]) -> Iterable[Any]:
        return self.client.node_types(self.class_of(parsed_args))


class CreateNodeType(_OfClass, base.ShowOne):
    """Create a type of a class of nodes"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>',
                            help='Name of the new type')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(base.fields_of(self.client.create_node_type(
            self.class_of(parsed_args), name=parsed_args.name)))


class _OneType(_OfClass):

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('type', metavar='<type>',
                            help='type: name or id')
        return parser

    def type_of(self, parsed_args: argparse.Namespace,
                node_class: Any) -> Any:
        """Return the type that is meant."""
        wanted = parsed_args.type
        types = list(self.client.node_types(node_class))
        for field in ('id', 'name'):
            for found in types:
                if str(getattr(found, field)) == wanted:
                    return found
        raise osc_exc.CommandError(
            f'Class {parsed_args.node_class} has no type {wanted}.\nSee what '
            f'there is: openstack cloudmanager node type list '
            f'{parsed_args.node_class}')


class SetNodeType(_OneType, base.Command):
    """Change a type of a class of nodes"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', required=True, metavar='<name>',
                            help='New name')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        node_class = self.class_of(parsed_args)
        self.client.update_node_type(
            node_class, self.type_of(parsed_args, node_class),
            name=parsed_args.name)


class DeleteNodeType(_OneType, base.Command):
    """Delete a type of a class of nodes"""

    question = 'To delete type'
    asked = 'type'

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        node_class = self.class_of(parsed_args)
        self.client.delete_node_type(
            node_class, self.type_of(parsed_args, node_class))


_IMAGE_FILTERS = (
    _ID, Option('image_name', '--name', 'name', metavar='<name>'),
    Option('created_at', '--created-at', 'time of creation',
           metavar='<time>'))


class ListNodeImage(base.List):
    """List images that nodes boot over the network"""

    method = 'node_images'
    columns = ('id', 'image_name', 'created_at')
    filters = _IMAGE_FILTERS

    def listed(self, parsed_args: argparse.Namespace,
               query: dict[str, Any]) -> Iterable[Any]:
        # The contents are not shown, so they are not asked for.
        return self.client.node_images(fields=','.join(self.columns), **query)


class CountNodeImage(base.Count):
    """Count images"""

    method = 'count_node_images'
    filters = _IMAGE_FILTERS


class ShowNodeImage(base.Show):
    """Show an image that nodes boot"""

    noun = 'image'
    find = 'find_node_image'

    def found(self, name_or_id: str) -> Any:
        return self.client.get_node_image(super().found(name_or_id))


class CreateNodeImage(base.ShowOne):
    """Create an image that nodes boot from a file"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>',
                            help='Name of the new image')
        parser.add_argument('--file', required=True, metavar='<file>',
                            help='File with its content')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        try:
            data = pathlib.Path(parsed_args.file).read_text('utf-8')
        except OSError as exc:
            raise osc_exc.CommandError(
                f'{parsed_args.file} cannot be read: '
                f'{exc.strerror}.') from exc
        except UnicodeDecodeError as exc:
            raise osc_exc.CommandError(
                f'{parsed_args.file} is not text in UTF-8.') from exc
        return base.shown(base.fields_of(self.client.create_node_image(
            image_name=parsed_args.name, file_data=data)))


class DeleteNodeImage(base.Delete):
    """Delete images"""

    noun = 'image'
    find = 'find_node_image'
    method = 'delete_node_image'


class AssignNodeImage(base.Command):
    """Let a node boot another image"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        parser.add_argument('image', metavar='<image>',
                            help='image: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.assign_node_image(
            parsed_args.target,
            self.client.find_node_image(parsed_args.image))


_PATHS = (Option('compute_path', '--compute-path',
                 'its path on compute hosts', metavar='<path>'),
          Option('controller_path', '--controller-path',
                 'its path on controllers', metavar='<path>'))


class ListStorage(base.List):
    """List availability storages"""

    method = 'storages'
    columns = ('id', 'name', 'compute_path', 'controller_path')
    long_columns = ('nodes',)
    filters = (_ID, _NAME)


class CountStorage(base.Count):
    """Count availability storages"""

    method = 'count_storages'
    filters = (_ID, _NAME)


class ShowStorage(base.Show):
    """Show an availability storage"""

    noun = 'storage'
    find = 'find_storage'

    def found(self, name_or_id: str) -> Any:
        return self.client.get_storage(super().found(name_or_id))


class CreateStorage(base.Create):
    """Create an availability storage"""

    method = 'create_storage'
    noun = 'storage'
    options = _PATHS
    required = ('compute_path', 'controller_path')


class SetStorage(base.Set):
    """Change an availability storage"""

    noun = 'storage'
    find = 'find_storage'
    method = 'update_storage'
    options = (_NAME, *_PATHS)


class DeleteStorage(base.Delete):
    """Delete availability storages"""

    noun = 'storage'
    find = 'find_storage'
    method = 'delete_storage'


class _StorageNodes(base.Command):

    method: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'storage')
        parser.add_argument('nodes', nargs='+', metavar='<node>',
                            help='node: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        getattr(self.client, self.method)(
            self.client.find_storage(parsed_args.target),
            [self.node_id(name) for name in parsed_args.nodes])


class AddStorageNode(_StorageNodes):
    """Assign an availability storage to nodes, besides those that have it"""

    method = 'add_storage_nodes'


class SetStorageNode(_StorageNodes):
    """Assign an availability storage to nodes, and to no others"""

    method = 'set_storage_nodes'


class RemoveStorageNode(base.Command):
    """Take an availability storage from a node"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'storage')
        parser.add_argument('node', metavar='<node>',
                            help='node: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.remove_storage_node(
            self.client.find_storage(parsed_args.target),
            self.node_id(parsed_args.node))


class _NodeStorages(base.Command):

    method: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        base.add_target(parser, 'node')
        parser.add_argument('storages', nargs='+', metavar='<storage>',
                            help='availability storage: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        getattr(self.client, self.method)(parsed_args.target, [
            self.client.find_storage(name) for name in parsed_args.storages])


class AddNodeStorage(_NodeStorages):
    """Assign availability storages to a node, besides those it has"""

    method = 'add_node_storages'


class SetNodeStorage(_NodeStorages):
    """Assign availability storages to a node instead of those it has"""

    method = 'set_node_storages'


class RemoveNodeStorage(_NodeStorages):
    """Take availability storages from a node"""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for name in parsed_args.storages:
            self.client.remove_node_storage(parsed_args.target,
                                            self.client.find_storage(name))
