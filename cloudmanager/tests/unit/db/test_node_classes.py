# SPDX-License-Identifier: Apache-2.0
"""Node classes: types that nodes have, protected classes, races."""

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.db import node_classes
from cloudmanager.db import nodes
from cloudmanager.domain import conditions
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base

UNKNOWN = 10 ** 6


class ClassesCase(base.DbTestCase):

    def create(self, name='new', *types):
        return node_classes.create_class(self.context, name, list(types))

    def update(self, row, **values):
        return node_classes.update_class(self.context, row['id'], **values)

    def node(self, **values):
        return nodes.create_node(self.context, values)

    def type_of(self, node):
        """Return the name of a node's type, as it is now."""
        return nodes.get_node(self.context, node['id'])['node_type']['name']

    @staticmethod
    def names(row):
        return [kind['name'] for kind in row['types']]

    @staticmethod
    def ids(row):
        return {kind['name']: kind['id'] for kind in row['types']}

    def stored(self, row):
        """Return the names of a class's types, past the code."""
        return [found[0] for found in self.execute(
            sa.select(models.NodeType.name)
            .where(models.NodeType.node_class_id == row['id'])
            .order_by(models.NodeType.id))]


@base.databases()
class ClassesTestCase(ClassesCase):

    def test_types_keep_their_order(self):
        row = self.create('new', 'b', 'a', '')
        self.assertEqual(['b', 'a', ''], self.names(row))
        self.assertFalse(row['is_default'])
        self.assertEqual(row, node_classes.get_class(self.context,
                                                     row['id']))

    def test_a_class_has_a_type(self):
        """Without names there is the nameless type, and a node fits in."""
        row = self.create()
        self.assertEqual([''], self.names(row))
        node = self.node(node_class_id=row['id'])
        self.assertEqual(('new', ''), (
            node['node_class']['name'], self.type_of(node)))

    def test_node_gets_the_first_type(self):
        row = self.create('new', 'b', 'a')
        self.assertEqual('b', self.type_of(
            self.node(node_class_id=row['id'])))

    def test_name_is_unique(self):
        self.create()
        for action in (self.create, lambda: self.update(
                self.create('other'), name='new')):
            error = self.assertRaises(exception.NameTaken, action)
            self.assertIn('new', str(error))

    def test_names_differ_by_case(self):
        self.create('new', 'a', 'A')
        self.create('New')

    def test_types_are_replaced(self):
        """Types that stay keep their ids, so their nodes keep them."""
        row = self.create('new', 'a', 'b', 'c')
        node = self.node(node_type_id=self.ids(row)['b'])
        changed = self.update(row, type_names=['d', 'b'])
        self.assertEqual(['b', 'd'], self.names(changed))
        self.assertEqual(self.ids(row)['b'], self.ids(changed)['b'])
        self.assertEqual('b', self.type_of(node))
        self.assertEqual(['a', 'b'], self.names(
            self.create('other', 'a', 'b')))

    def test_replaced_by_nothing(self):
        row = self.create('new', 'a', '')
        self.assertEqual([''], self.names(self.update(row, type_names=[])))

    def test_types_in_use_stay(self):
        """Nothing is changed when one of the types cannot go."""
        row = self.create('new', 'a', 'b', 'c')
        node = self.node(node_type_id=self.ids(row)['b'])
        error = self.assertRaises(
            exception.InUse, self.update, row, name='renamed',
            type_names=['c', 'd'])
        self.assertIn(f'node {node["id"]}', str(error))
        self.assertEqual(row['name'], node_classes.get_class(
            self.context, row['id'])['name'])
        self.assertEqual(['a', 'b', 'c'], self.stored(row))

    def test_rename(self):
        row = self.create('new', 'a')
        changed = self.update(row, name='renamed')
        self.assertEqual(('renamed', ['a']),
                         (changed['name'], self.names(changed)))
        self.assertEqual(changed, self.update(changed, name='renamed'))
        self.assertEqual(changed, self.update(changed))

    def test_hypervisor(self):
        """The service knows compute hosts by it."""
        row = node_classes.get_class(self.context, 1)
        self.assertRaises(exception.Conflict, self.update, row, name='x')
        self.update(row, name=conditions.HYPERVISOR)
        self.execute(sa.update(models.NodeClass)
                     .where(models.NodeClass.id == 1)
                     .values(is_default=False))
        self.assertRaises(exception.Conflict, node_classes.delete_class,
                          self.context, 1)

    def test_default_class(self):
        """New nodes get it, so there is always one."""
        self.execute(sa.update(models.NodeClass).values(
            is_default=models.NodeClass.id == 4))
        error = self.assertRaises(exception.Conflict,
                                  node_classes.delete_class, self.context,
                                  4)
        self.assertIn('Server', str(error))

    def test_delete(self):
        row = self.create('new', 'a', 'b')
        node = self.node(node_class_id=row['id'])
        error = self.assertRaises(exception.InUse,
                                  node_classes.delete_class, self.context,
                                  row['id'])
        self.assertIn(f'node {node["id"]}', str(error))
        nodes.delete_node(self.context, node['id'])
        node_classes.delete_class(self.context, row['id'])
        self.assertEqual([], self.stored(row))
        self.assertRaises(exception.NodeClassNotFound,
                          node_classes.get_class, self.context, row['id'])

    def test_unknown(self):
        for function, args in (
                (node_classes.get_class, ()), (node_classes.update_class, ()),
                (node_classes.delete_class, ()),
                (node_classes.create_type, ('a',)),
                (node_classes.get_type, (1,)),
                (node_classes.rename_type, (1, 'a')),
                (node_classes.delete_type, (1,))):
            self.assertRaises(exception.NodeClassNotFound, function,
                              self.context, UNKNOWN, *args)

    def test_statements_of_a_list(self):
        """DB3: 600 classes with their types are two statements."""
        self.execute(sa.insert(models.NodeClass), [
            {'name': f'c{number}', 'is_default': False}
            for number in range(600)])
        ids = [row[0] for row in self.execute(
            sa.select(models.NodeClass.id)
            .where(models.NodeClass.name.like('c%'))
            .order_by(models.NodeClass.id))]
        self.execute(sa.insert(models.NodeType), [
            {'node_class_id': class_id, 'name': f't{number}'}
            for number, class_id in enumerate(ids)])
        for limit, first in ((7, 4), (None, 4), (600, 4)):
            with self.statements() as sent:
                found = node_classes.list_classes(
                    self.context, common_query.Query(limit=limit))
            self.assertEqual(2, len([s for s in sent if 'SELECT' in s]))
            self.assertEqual(['t0'], self.names(found[first]))
            self.assertEqual(limit or 604, len(found))
        found = node_classes.list_classes(self.context, common_query.Query(
            filters=(common_query.Filter('name', 'neq', 'c1'),)))
        self.assertNotIn(['t1'], [self.names(row) for row in found])


@base.databases()
class TypesTestCase(ClassesCase):

    def test_add_rename_delete(self):
        row = self.create('new', 'a')
        added = node_classes.create_type(self.context, row['id'], 'b')
        node = self.node(node_type_id=added['id'])
        self.assertEqual(
            {'id': added['id'], 'name': 'c'}, node_classes.rename_type(
                self.context, row['id'], added['id'], 'c'))
        self.assertEqual('c', self.type_of(node))
        error = self.assertRaises(
            exception.InUse, node_classes.delete_type, self.context,
            row['id'], added['id'])
        self.assertIn(f'node {node["id"]}', str(error))
        nodes.delete_node(self.context, node['id'])
        node_classes.delete_type(self.context, row['id'], added['id'])
        self.assertEqual(['a'], self.stored(row))

    def test_name_is_unique_in_its_class(self):
        row = self.create('new', 'a', 'b')
        self.assertRaises(exception.NameTaken, node_classes.create_type,
                          self.context, row['id'], 'a')
        self.assertRaises(exception.NameTaken, node_classes.rename_type,
                          self.context, row['id'], self.ids(row)['b'], 'a')
        node_classes.create_type(self.context, 2, 'a')

    def test_last_one_stays(self):
        row = self.create('new', 'a')
        self.assertRaises(exception.Conflict, node_classes.delete_type,
                          self.context, row['id'], self.ids(row)['a'])
        self.assertEqual(['a'], self.stored(row))

    def test_of_another_class(self):
        """A type is only found below its own class."""
        row = self.create('new', 'a')
        for type_id in (UNKNOWN, 9):
            for function, args in ((node_classes.get_type, ()),
                                   (node_classes.rename_type, ('x',)),
                                   (node_classes.delete_type, ())):
                self.assertRaises(exception.NodeTypeNotFound, function,
                                  self.context, row['id'], type_id, *args)


@base.databases()
class RacedTestCase(ClassesCase):
    """Whatever comes together, a class and its nodes agree."""

    def test_one_of_a_name(self):
        calls = base.Together(8, lambda number: self.create('same'))
        self.assertEqual(1, len([row for row in calls.results if row]))
        self.assertEqual({exception.NameTaken},
                         {type(error) for error in calls.raised})

    def test_last_types(self):
        """Of four types that are all deleted at once one stays."""
        row = self.create('new', *'abcd')
        ids = list(self.ids(row).values())
        calls = base.Together(4, lambda number: node_classes.delete_type(
            self.context, row['id'], ids[number]))
        self.assertEqual([exception.Conflict],
                         [type(error) for error in calls.raised])
        self.assertEqual(1, len(self.stored(row)))

    def test_replaced_at_once(self):
        """The types are those of one request, never a mixture."""
        row = self.create('new', 'a')
        sets = [[f'{number}-{kind}' for kind in range(3)]
                for number in range(6)]
        calls = base.Together(6, lambda number: self.update(
            row, type_names=sets[number]))
        self.assertEqual([], calls.raised)
        self.assertIn(self.stored(row), sets)

    def test_type_and_node(self):
        """A type goes, or a node gets it, never both."""
        row = self.create('new', 'a', 'b')
        type_id = self.ids(row)['b']

        def act(number):
            if number % 2:
                return node_classes.delete_type(self.context, row['id'],
                                                type_id)
            return self.node(node_type_id=type_id)

        calls = base.Together(6, act)

        self.assertLessEqual(
            {type(error) for error in calls.raised},
            {exception.InUse, exception.NodeTypeNotFound,
             exception.Invalid})
        made = [found for found in calls.results if found]
        self.assertEqual(['a', 'b'] if made else ['a'], self.stored(row))

    def test_class_and_node(self):
        row = self.create('new')
        node = self.node()

        def act(number):
            if number == 0:
                return node_classes.delete_class(self.context, row['id'])
            if number == 1:
                return nodes.update_node(self.context, node['id'],
                                         {'node_class_id': row['id']})
            return self.node(node_class_id=row['id'])

        calls = base.Together(4, act)

        self.assertLessEqual({type(error) for error in calls.raised},
                             {exception.InUse, exception.Invalid})
        left = self.execute(sa.select(models.NodeClass.id)
                            .where(models.NodeClass.id == row['id']))
        inside = self.execute(
            sa.select(models.Node.id)
            .where(models.Node.node_class_id == row['id']))
        self.assertEqual(bool(left), bool(inside))
        self.assertEqual(bool(left), bool(self.stored(row)))
