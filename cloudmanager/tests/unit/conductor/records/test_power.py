# SPDX-License-Identifier: Apache-2.0
"""Switching that other versions have begun."""

import datetime

from cloudmanager.conductor.power import nodes
from cloudmanager.conductor.records.power import NodeItem
from cloudmanager.conductor.records.power import PowerMemory
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor.records import test_moves

NOON = datetime.datetime(2026, 11, 28, 12)
#: As it is stored since the first version.
STORED = {'done': {'switching off': NOON.isoformat()}}


class PowerTestCase(fakes_case.ConductorCase):

    def test_old(self):
        for record in (PowerMemory.from_json(STORED),
                       NodeItem.from_row(test_moves.row(**STORED))):
            self.assertEqual({'switching off': NOON}, record.done)
        self.assertEqual(STORED, PowerMemory.from_json(STORED).to_json())
        self.assertEqual(STORED, NodeItem.from_row(
            test_moves.row(**STORED)).to_row()['memory'])
        self.assertEqual({}, NodeItem.from_row(
            {**test_moves.row(), 'memory': None}).done)

    def test_journal(self):
        """A successor knows what was noted, and since when."""
        journal = nodes.task_journal(self.run_of())
        journal.note('off')
        journal.note('asked to reset')
        journal.forget('asked to reset', 'unknown')
        self.clock.sleep(7)
        successor = nodes.task_journal(self.run_of())
        self.assertAlmostEqual(7, successor.age('off'), places=3)
        self.assertIsNone(successor.age('asked to reset'))
        self.assertFalse(successor.has('unknown'))

    def test_forget_nothing(self):
        run = self.mortal()
        nodes.task_journal(run).forget('off')
        self.assertEqual(0, run.writes)
