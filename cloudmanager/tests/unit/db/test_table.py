# SPDX-License-Identifier: Apache-2.0
"""Single rows: what is sent, and which errors it ends with."""

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import table
from cloudmanager.tests import base

IMAGE = models.NodeImage
MISSING = exception.NodeImageNotFound(image='wanted')


def _remove(context, nodes):
    with table.unused(context, 'Node image 1', nodes):
        table.delete(context, IMAGE, 1, MISSING)


@base.databases()
class TableTestCase(base.DbTestCase):

    def do(self, function, *args, **kwargs):
        """Call a function in a transaction; count its statements."""
        with self.statements() as sent:
            found = api.writer(function)(self.context, *args, **kwargs)
        self.sent = len(sent)
        return found

    def names(self):
        return {row.id: row.name for row in self.execute(
            sa.select(IMAGE.id, IMAGE.name))}

    def missing(self, function, *args):
        self.assertIs(MISSING, self.assertRaises(
            exception.NodeImageNotFound, self.do, function, *args, MISSING))

    def test_a_life(self):
        key = self.do(table.insert, IMAGE, {'name': 'a'})
        self.assertEqual('a', self.names()[key])
        for function in (table.require, table.lock):
            self.do(function, IMAGE, key, MISSING)
            self.assertEqual(1, self.sent)
        self.assertEqual(
            {'id': key, 'name': 'a'},
            self.do(table.get, sa.select(IMAGE.id, IMAGE.name)
                    .where(IMAGE.id == key), MISSING))
        self.assertEqual(1, self.sent)
        self.do(table.update, IMAGE, key, {'name': 'b'})
        self.assertEqual({1: 'default', key: 'b'}, self.names())
        self.do(table.delete, IMAGE, key, MISSING)
        self.assertEqual(1, self.sent)
        self.assertEqual({1: 'default'}, self.names())

    def test_update_with_nothing(self):
        self.do(table.update, IMAGE, 1, {})
        self.assertEqual(0, self.sent)

    def test_update_tells_the_time(self):
        self.do(table.update, IMAGE, 1, {'name': 'other'})
        ((updated_at,),) = self.execute(sa.select(IMAGE.updated_at))
        self.assertIsNotNone(updated_at)

    def test_missing(self):
        for function in (table.require, table.lock, table.delete):
            self.missing(function, IMAGE, 10 ** 6)
        self.missing(table.get, sa.select(IMAGE.id).where(IMAGE.id < 0))

    def test_unique(self):
        with self.assertRaisesRegex(
                exception.NameTaken,
                'The image_name default is in use already'), \
                table.unique('image_name', 'default'):
            table.create(self.context, IMAGE, {'name': 'default'})

    def test_used(self):
        """By a node that is found, or by one that has come in between."""
        node_id = table.create(self.context, models.Node, {
            'node_class_id': 1, 'node_type_id': 1, 'image_id': 1})
        for nodes, by in ((sa.select(models.Node.id), f'node {node_id}'),
                          (sa.select(models.Node.id).where(sa.false()),
                           'a node')):
            error = self.assertRaises(exception.InUse, self.do, _remove, nodes)
            self.assertEqual(
                str(exception.InUse(what='Node image 1', by=by)), str(error))
        self.assertEqual({1: 'default'}, self.names())

    def test_unused(self):
        self.do(_remove, sa.select(models.Node.id))
        self.assertEqual({}, self.names())
