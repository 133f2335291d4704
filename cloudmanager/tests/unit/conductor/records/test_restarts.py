# SPDX-License-Identifier: Apache-2.0
"""Items of rolling restarts that other versions have begun."""

import testtools

from cloudmanager.conductor.records.restarts import HostItem
from cloudmanager.domain.task_states import ItemState
from cloudmanager.tests.unit.conductor.records import test_moves


class HostItemTestCase(testtools.TestCase):

    def test_old(self):
        item = HostItem.from_row(test_moves.row(task='t1'))
        self.assertEqual(('t1', ItemState.RUNNING), (item.task, item.state))
        self.assertEqual({'task': 't1'}, item.to_row()['memory'])

    def test_put_back(self):
        """The row is as that of a host that was never begun."""
        item = HostItem.from_row(test_moves.row(task='t1'))
        item.task = None
        self.assertEqual({}, item.to_row()['memory'])
        self.assertIsNone(HostItem.from_row(
            {**test_moves.row(), 'memory': None}).task)
