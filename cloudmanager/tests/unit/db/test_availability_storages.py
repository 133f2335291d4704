# SPDX-License-Identifier: Apache-2.0
"""Availability storages, and assignments from both sides."""

import fixtures
import sqlalchemy as sa

from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.db import availability_storages as storages
from cloudmanager.db import models
from cloudmanager.db import nodes
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base

UNKNOWN = 10 ** 6


class StoragesCase(base.DbTestCase):

    def create(self, name='new', **values):
        return storages.create_storage(self.context, {
            'name': name, 'compute_path': '/mnt/a',
            'controller_path': '/mnt/b/', **values})['id']

    def node(self, **values):
        return nodes.create_node(self.context, values)['id']

    def pairs(self):
        """Return what is assigned to what, past the code."""
        link = models.NodeAvailabilityStorage
        return {tuple(row) for row in self.execute(
            sa.select(link.availability_storage_id, link.node_id))}


@base.databases()
class StoragesTestCase(StoragesCase):

    def test_name_is_unique(self):
        self.create()
        other = self.create('other')
        for function, args in ((self.create, ()),
                               (storages.update_storage,
                                (self.context, other, {'name': 'new'}))):
            error = self.assertRaises(exception.NameTaken, function, *args)
            self.assertEqual('The name new is in use already.', str(error))

    def test_update(self):
        storage = self.create()
        changed = storages.update_storage(self.context, storage,
                                          {'compute_path': '/x'})
        self.assertEqual(('new', '/x', '/mnt/b/', []), tuple(
            changed[key] for key in ('name', 'compute_path',
                                     'controller_path', 'nodes')))
        self.assertEqual(changed, storages.update_storage(
            self.context, storage, {}))

    def test_delete_in_use(self):
        storage, node = self.create(), self.node()
        storages.assign_nodes(self.context, storage, [node])
        error = self.assertRaises(
            exception.InUse, storages.delete_storage, self.context, storage)
        self.assertIn(f'node {node}', str(error))
        storages.unassign_node(self.context, storage, node)
        storages.delete_storage(self.context, storage)
        self.assertRaises(exception.AvailabilityStorageNotFound,
                          storages.get_storage, self.context, storage)

    def test_unknown(self):
        for function, args in (
                (storages.get_storage, ()), (storages.delete_storage, ()),
                (storages.update_storage, ({'name': 'x'},)),
                (storages.assign_nodes, ([],)),
                (storages.unassign_node, (1,))):
            self.assertRaises(exception.AvailabilityStorageNotFound,
                              function, self.context, UNKNOWN, *args)
        for function, args in ((storages.assign_storages, ([],)),
                               (storages.unassign_storage, (1,))):
            self.assertRaises(exception.NodeNotFound, function,
                              self.context, UNKNOWN, *args)

    def test_long_paths(self):
        path = '/ü' * 512
        self.assertEqual(path, storages.get_storage(
            self.context, self.create(compute_path=path))['compute_path'])

    def test_statements_of_a_list(self):
        """DB3: 600 storages with their nodes are two statements."""
        node = self.node(name='mnode1')
        self.execute(sa.insert(models.AvailabilityStorage), [
            {'name': f's{number}', 'compute_path': '/a',
             'controller_path': '/b'} for number in range(600)])
        ids = [row[0] for row in self.execute(
            sa.select(models.AvailabilityStorage.id)
            .order_by(models.AvailabilityStorage.id))]
        self.execute(sa.insert(models.NodeAvailabilityStorage), [
            {'node_id': node, 'availability_storage_id': storage_id}
            for storage_id in ids])
        for limit in (7, None):
            with self.statements() as sent:
                found = storages.list_storages(
                    self.context, common_query.Query(limit=limit))
            self.assertEqual(2, len([s for s in sent if 'SELECT' in s]))
            self.assertEqual([[{'id': node, 'name': 'mnode1'}]]
                             * (limit or 600),
                             [storage['nodes'] for storage in found])
        found = storages.list_storages(self.context, common_query.Query(
            filters=(common_query.Filter('name', 'neq', 's1'),)))
        self.assertEqual(599, len(found))


@base.databases()
class AssignmentsTestCase(StoragesCase):

    def setUp(self):
        super().setUp()
        self.storages = [self.create(name) for name in 'abc']
        self.nodes = [self.node(name=name) for name in 'xyz']

    def wanted(self, *pairs):
        self.assertEqual({(self.storages[one], self.nodes[other])
                          for one, other in pairs}, self.pairs())

    def nodes_of(self, number, *positions, **kwargs):
        storages.assign_nodes(
            self.context, self.storages[number],
            [self.nodes[position] for position in positions], **kwargs)

    def storages_of(self, number, *positions, **kwargs):
        storages.assign_storages(
            self.context, self.nodes[number],
            [self.storages[position] for position in positions], **kwargs)

    def test_added_from_both_sides(self):
        self.nodes_of(0, 0, 1)
        self.storages_of(2, 0, 1)
        self.nodes_of(0, 1, 2, 1)
        self.nodes_of(1)
        self.wanted((0, 0), (0, 1), (0, 2), (1, 2))

    def test_replaced_from_both_sides(self):
        self.nodes_of(0, 0, 1)
        self.nodes_of(1, 0)
        self.nodes_of(0, 1, 2, replace=True)
        self.wanted((0, 1), (0, 2), (1, 0))
        self.storages_of(0, 0, 2, 0, replace=True)
        self.wanted((0, 0), (0, 1), (0, 2), (2, 0))
        self.storages_of(0, replace=True)
        self.wanted((0, 1), (0, 2))
        self.nodes_of(0, replace=True)
        self.wanted()

    def test_removed_from_both_sides(self):
        self.nodes_of(0, 0, 1, 2)
        storages.unassign_node(self.context, self.storages[0],
                               self.nodes[1])
        storages.unassign_storage(self.context, self.nodes[2],
                                  self.storages[0])
        self.wanted((0, 0))
        for function, args in (
                (storages.unassign_node, (self.storages[0], self.nodes[1])),
                (storages.unassign_storage, (self.nodes[1],
                                             self.storages[0])),
                (storages.unassign_node, (self.storages[0], UNKNOWN)),
                (storages.unassign_storage, (self.nodes[0], UNKNOWN))):
            self.assertRaises(exception.StorageNotAssigned, function,
                              self.context, *args)

    def test_unknown_ids(self):
        """They are named, and nothing is changed."""
        self.nodes_of(0, 0)
        for replace in (False, True):
            error = self.assertRaises(
                exception.Invalid, storages.assign_nodes, self.context,
                self.storages[0], [self.nodes[1], UNKNOWN, UNKNOWN + 1],
                replace)
            self.assertEqual(
                f'Field nodes: there is no {UNKNOWN}, {UNKNOWN + 1}.',
                str(error))
            error = self.assertRaises(
                exception.Invalid, storages.assign_storages, self.context,
                self.nodes[0], [*range(UNKNOWN, UNKNOWN + 30)], replace)
            self.assertIn(f'availability_storages: there is no {UNKNOWN}, ',
                          str(error))
            self.assertIn('and 10 more.', str(error))
        self.wanted((0, 0))

    def test_many(self):
        """More than go into one statement, on every database."""
        self.execute(sa.insert(models.Node), [
            {'name': f'n{number}', 'node_class_id': 1, 'node_type_id': 3,
             'image_id': 1} for number in range(1200)])
        ids = [row[0] for row in self.execute(
            sa.select(models.Node.id).where(models.Node.name.like('n%')))]
        for wanted in (ids, ids[600:], ids[:600], []):
            storages.assign_nodes(self.context, self.storages[0], wanted,
                                  replace=True)
            self.assertEqual({(self.storages[0], node_id)
                              for node_id in wanted}, self.pairs())

    def test_shown_in_nodes(self):
        self.nodes_of(0, 0, 1)
        self.nodes_of(1, 0)
        first, second = ({
            'id': self.storages[number], 'name': name,
            'compute_path': '/mnt/a', 'controller_path': '/mnt/b/'}
            for number, name in enumerate('ab'))
        found = nodes.list_nodes(self.context, common_query.Query())
        self.assertEqual([[first, second], [first], []],
                         [node['availability_storages'] for node in found])
        alone = nodes.get_node(self.context, self.nodes[0])
        self.assertEqual({**found[0], 'agent': None, 'settings': None}, alone)

    def test_deleted_node(self):
        """Its assignments go with it."""
        self.nodes_of(0, 0, 1)
        nodes.delete_node(self.context, self.nodes[0])
        self.wanted((0, 1))
        self.assertEqual(
            [{'id': self.nodes[1], 'name': 'y'}],
            storages.get_storage(self.context, self.storages[0])['nodes'])


@base.databases()
class RacedTestCase(StoragesCase):

    def test_replaced_at_once(self):
        """The nodes are those of one request, never a mixture."""
        storage = self.create()
        everyone = [self.node() for _ in range(6)]
        sets = [everyone[number:] + everyone[:number][:2]
                for number in range(6)]
        calls = base.Together(6, lambda number: storages.assign_nodes(
            self.context, storage, sets[number], replace=True))
        self.assertEqual([], calls.raised)
        self.assertIn({node for _, node in self.pairs()},
                      [set(one) for one in sets])

    def test_both_sides_at_once(self):
        """The same assignment from both sides is one."""
        chosen = [self.create(name) for name in 'abc']
        everyone = [self.node() for _ in range(3)]

        def act(number):
            side, number = divmod(number, 3)
            if side:
                storages.assign_nodes(self.context, chosen[number],
                                      everyone)
            else:
                storages.assign_storages(self.context, everyone[number],
                                         chosen)

        calls = base.Together(6, act)

        self.assertEqual([], calls.raised)
        self.assertEqual(9, len(self.pairs()))

    def test_deleted_meanwhile(self):
        """Either the assignment is there or what it needs is gone."""
        storage, node = self.create(), self.node()
        acts = (
            lambda: storages.delete_storage(self.context, storage),
            lambda: nodes.delete_node(self.context, node),
            lambda: storages.assign_nodes(self.context, storage, [node]),
            lambda: storages.assign_storages(self.context, node, [storage]))

        calls = base.Together(4, lambda number: acts[number]())

        self.assertLessEqual(
            {type(error) for error in calls.raised},
            {exception.InUse, exception.Invalid, exception.NodeNotFound,
             exception.AvailabilityStorageNotFound})
        self.assertEqual(set(), self.pairs())


@base.databases('postgresql', sqlite=False)
class BusyTestCase(StoragesCase):
    """On the others whoever comes second waits, or sees a deadlock."""

    def test_each_of_the_others_comes_first(self):
        """However often that happens, the request is carried out."""
        chosen, node = [self.create(name) for name in 'abcdef'], self.node()
        faster, check = iter(chosen), storages._check

        def meanwhile(context, side, ids):
            check(context, side, ids)
            storage = (next(faster, None) if side is storages._OF_NODE
                       else None)
            if storage is not None:
                storages.assign_nodes(cm_context.admin_context(), storage,
                                      [node])

        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.availability_storages._check', meanwhile))

        storages.assign_storages(self.context, node, chosen)

        self.assertEqual({(storage, node) for storage in chosen},
                         self.pairs())
