# SPDX-License-Identifier: Apache-2.0
"""Lists of what is in no database."""

from cloudmanager.api.filters import memory
from cloudmanager.domain.query import Filter
from cloudmanager.domain.query import OPERATORS
from cloudmanager.domain.query import Query
from cloudmanager.tests import base

ROWS = [{'id': str(number), 'name': name} for number, name in enumerate(
    ('one', 'One', 'two', '50%', 'a_b', None))]


class SelectTestCase(base.TestCase):

    def ids(self, *filters, **page):
        return ''.join(row['id'] for row in memory.select(ROWS, Query(
            filters=tuple(Filter('name', *some) for some in filters),
            **page)))

    def test_filters(self):
        for operator, value, expected in (
                ('eq', 'one', '0'), ('neq', 'one', '12345'),
                ('in', ('one', 'two'), '02'), ('nin', ('one',), '12345'),
                ('like', 'o%', '0'), ('like', '%o%', '02'),
                ('like', '__o', '2'), ('ilike', 'O%', '01'),
                ('like', '50\\%', '3'), ('like', 'a\\_b', '4'),
                ('like', 'a\\b', ''), ('like', '.*', ''),
                ('gt', 'one', '2'), ('gte', 'one', '02'), ('lt', 'O', '3'),
                ('lte', 'One', '13'), ('null', None, '5'),
                ('notnull', None, '01234')):
            self.assertEqual(expected, self.ids((operator, value)),
                             (operator, value))

    def test_all_operators(self):
        self.assertEqual(set(OPERATORS), set(memory._CONDITIONS))

    def test_all_must_be_met(self):
        self.assertEqual('2', self.ids(('like', '%o%'), ('neq', 'one')))

    def test_pages(self):
        self.assertEqual('23', self.ids(offset=2, limit=2))
        self.assertEqual('34', self.ids(marker='2', limit=2))
        self.assertEqual('4', self.ids(marker='2', offset=1, limit=1))
        self.assertEqual('', self.ids(marker='gone'))
        self.assertEqual('', self.ids(limit=0))
