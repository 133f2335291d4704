# SPDX-License-Identifier: Apache-2.0
"""Filters, order and pages give the same on every database."""

import functools
import itertools
import random

import fixtures
import sqlalchemy as sa

from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import nodes
from cloudmanager.db import query as db_query
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base

Filter = common_query.Filter
Query = common_query.Query


_IDS = sa.select(models.Node.id)


@api.reader
def _fetch(context, query):
    return db_query.fetch(context, _IDS, models.Node, query)


class NodesCase(base.DbTestCase):

    def insert(self, rows):
        self.execute(sa.insert(models.Node), [
            {'node_class_id': 1, 'node_type_id': 3, 'image_id': 1, **row}
            for row in rows])

    def names(self, *filters, **kwargs):
        return [node['name'] for node in nodes.list_nodes(
            self.context, Query(filters=filters, **kwargs))]


@base.databases()
class OperatorsTestCase(NodesCase):

    def setUp(self):
        super().setUp()
        self.insert({'name': name, 'ram_mb': ram, 'title': title,
                     'is_reserved': name == 'a'} for name, ram, title in (
            ('a', 1, 'Rack'), ('b', 2, 'rack 2'), ('c', 3, None),
            ('d', None, '100% full')))

    def check(self, expected, column, operator, value=None):
        condition = Filter(column, operator, value)
        self.assertEqual(list(expected), self.names(condition))
        self.assertEqual(len(expected), nodes.count_nodes(
            self.context, Query(filters=(condition,))))

    def test_every_operator(self):
        cases = {'eq': (2, 'b'), 'neq': (2, 'acd'), 'gt': (2, 'c'),
                 'gte': (2, 'bc'), 'lt': (2, 'a'), 'lte': (2, 'ab'),
                 'in': ((1, 3), 'ac'), 'nin': ((1, 3), 'bd'),
                 'null': (None, 'd'), 'notnull': (None, 'abc')}
        for operator, (value, expected) in cases.items():
            self.check(expected, 'ram_mb', operator, value)
        self.assertEqual({'like', 'ilike'},
                         set(common_query.OPERATORS) - set(cases))

    def test_like_knows_case(self):
        self.check('b', 'title', 'like', 'rack%')
        self.check('a', 'title', 'like', 'R_ck')
        self.check('', 'title', 'like', 'RACK%')

    def test_ilike_does_not(self):
        self.check('ab', 'title', 'ilike', 'RACK%')
        self.check('d', 'title', 'ilike', '%FULL')

    def test_equality_knows_case(self):
        self.check('a', 'title', 'eq', 'Rack')
        self.check('', 'title', 'eq', 'RACK')
        self.check('', 'title', 'in', ('RACK', 'rack'))

    def test_values_are_no_sql(self):
        self.check('', 'title', 'eq', "' OR 1=1 --")
        self.check('abcd', 'title', 'neq', "' OR 1=1 --")

    def test_booleans(self):
        self.check('a', 'is_reserved', 'eq', True)
        self.check('bcd', 'is_reserved', 'neq', True)

    def test_filters_add_up(self):
        self.assertEqual(['b'], self.names(
            Filter('ram_mb', 'gte', 2), Filter('title', 'notnull')))

    def test_nulls_have_one_place(self):
        """Missing values come last upwards and first downwards."""
        self.assertEqual(list('abcd'), self.names(
            sort=(('ram_mb', 'asc'),)))
        self.assertEqual(list('dcba'), self.names(
            sort=(('ram_mb', 'desc'),)))

    def test_offset(self):
        self.assertEqual(['c'], self.names(limit=1, offset=2))
        self.assertEqual(['c', 'd'], self.names(offset=2))

    def test_marker_and_filter(self):
        first = self.execute(sa.select(models.Node.id).where(
            models.Node.name == 'a'))[0][0]
        self.assertEqual(['c'], self.names(
            Filter('ram_mb', 'neq', 2), marker=first, limit=1))

    def test_marker_that_is_gone(self):
        self.assertEqual([], self.names(marker=10 ** 6))


@base.databases()
class PagesTestCase(NodesCase):
    """DB1: pages by marker are the list, whatever it is sorted by."""

    COLUMNS = ('id', 'name', 'title', 'ram_mb', 'rack_number',
               'is_reserved')

    def _fill(self, rand):
        self.insert({'name': f'n{number}',
                     'title': rand.choice((None, '', 'a', 'B', 'b')),
                     'ram_mb': rand.choice((None, None, 1, 2)),
                     'rack_number': rand.choice((None, 1)),
                     'is_reserved': rand.random() < 0.5}
                    for number in rand.sample(range(100), 29))

    def _pages(self, sort, limit):
        marker = None
        while True:
            page = self.ids(Query(sort=sort, limit=limit, marker=marker))
            if not page:
                return
            self.assertLessEqual(len(page), limit)
            yield from page
            marker = page[-1]

    def ids(self, query):
        return [row['id'] for row in _fetch(self.context, query)]

    def _sorts(self, rand):
        for count in (0, 1, 2, 3):
            for _ in range(4):
                yield tuple((name, rand.choice(('asc', 'desc')))
                            for name in rand.sample(self.COLUMNS, count))

    def test_complete_without_duplicates(self):
        seed = random.SystemRandom().randrange(10 ** 6)
        rand = random.Random(seed)
        self._fill(rand)
        for sort in self._sorts(rand):
            limit = rand.choice((3, 7, 29, 40))
            self.assertEqual(
                self.ids(Query(sort=sort)), list(self._pages(sort, limit)),
                f'seed {seed}, sort {sort}, limit {limit}')

    def test_order_is_as_said(self):
        """The whole list is sorted by what Python would sort it by."""
        rand = random.Random(7)
        self._fill(rand)
        rows = {row.id: row for row in self.execute(
            sa.select(models.Node.__table__))}

        def compare(sort, one, other):
            for name, direction in (*sort, ('id', 'asc')):
                a, b = ((value is None, value or 0) for value in (
                    getattr(rows[one], name), getattr(rows[other], name)))
                if a != b:
                    return (-1 if a < b else 1) * (
                        1 if direction == 'asc' else -1)
            return 0

        for columns in itertools.permutations(('ram_mb', 'is_reserved')):
            for directions in itertools.product(('asc', 'desc'), repeat=2):
                sort = tuple(zip(columns, directions, strict=True))
                self.assertEqual(
                    sorted(rows, key=functools.cmp_to_key(
                        functools.partial(compare, sort))),
                    self.ids(Query(sort=sort)), sort)


class PreparedTestCase(NodesCase):
    """Statements are made once for all queries of a shape."""

    def setUp(self):
        super().setUp()
        self.insert({'name': f'n{number}', 'ram_mb': number}
                    for number in range(10))

    def prepared(self, **kwargs):
        query = Query(**kwargs)
        return db_query._prepared(_IDS, models.Node, db_query._shape(query),
                                  True)

    def test_values_are_not_part_of_it(self):
        def made(value, limit, marker):
            return self.prepared(filters=(
                Filter('ram_mb', 'gt', value),
                Filter('name', 'in', ('a',) * value)),
                limit=limit, marker=marker, sort=(('name', 'asc'),))

        self.assertIs(made(1, 2, 3), made(4, 5, 6))
        self.assertIsNot(made(1, 2, 3), made(1, 2, None))

    def test_each_query_gets_its_own(self):
        for value in (3, 8, 3):
            self.assertEqual(
                [f'n{number}' for number in range(10) if number > value],
                self.names(Filter('ram_mb', 'gt', value)))
        for values in ((1, 2), (9,), (1, 2, 3, 4)):
            self.assertEqual([f'n{number}' for number in values],
                             self.names(Filter('ram_mb', 'in', values)))


@base.databases()
class AttachTestCase(NodesCase):
    """What belongs to rows, whatever the ids are."""

    LINKS = sa.select(models.NodePowerControl.node_id,
                      models.NodePowerControl.power_control_port)

    def setUp(self):
        super().setUp()
        self.insert({'id': node_id, 'name': f'n{node_id}'}
                    for node_id in (1, 2, 3, 5000, 9000))
        self.execute(sa.insert(models.PowerControl), [
            {'id': 1, 'title': '', 'control_type': 'x', 'host': 'h',
             'protocol_type': 'x', 'port_number': 1}])
        self.execute(sa.insert(models.NodePowerControl), [
            {'node_id': node_id, 'power_control_id': 1,
             'power_control_port': str(node_id)} for node_id in (1, 3, 9000)])

    def attached(self, *ids):
        @api.reader
        def read(context):
            owners = [{'id': node_id} for node_id in ids]
            db_query.attach(context, owners, 'links', self.LINKS,
                            models.NodePowerControl.node_id)
            return owners
        with self.statements() as sent:
            found = read(self.context)
        self.assertEqual(1 if ids else 0, len(sent))
        return {owner['id']: owner['links'] for owner in found}, sent

    def link(self, node_id):
        return [{'power_control_port': str(node_id)}]

    def test_close_together(self):
        """They are read as a range; what is between is left aside."""
        found, sent = self.attached(1, 2)
        self.assertEqual({1: self.link(1), 2: []}, found)
        self.assertIn('BETWEEN', sent[0])
        self.assertEqual({2: []}, self.attached(2)[0])

    def test_far_apart(self):
        found, sent = self.attached(1, 9000)
        self.assertEqual({1: self.link(1), 9000: self.link(9000)}, found)
        self.assertIn(' IN ', sent[0])

    def test_too_many_for_a_list(self):
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.query.MAX_IN', 1))
        found, sent = self.attached(1, 9000)
        self.assertEqual({1: self.link(1), 9000: self.link(9000)}, found)
        self.assertIn('BETWEEN', sent[0])

    def test_none(self):
        self.assertEqual({}, self.attached()[0])
