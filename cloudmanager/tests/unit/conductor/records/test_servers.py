# SPDX-License-Identifier: Apache-2.0
"""Items of actions on single servers that other versions have begun."""

import datetime

import testtools

from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.records.servers import Asked
from cloudmanager.conductor.records.servers import ServerItem
from cloudmanager.planning.remedies import Step
from cloudmanager.planning.remedies import Tried
from cloudmanager.tests.unit.conductor.records import test_moves

NOON = datetime.datetime(2026, 11, 28, 12)
#: As it is stored since the first version.
STORED = {
    'step': 'start', 'waiting_since': NOON.isoformat(),
    'asked': {'phase': 'ask', 'at': NOON.isoformat(), 'known': 'req-1'},
    'history': [{'step': 'reset-state', 'error': 'refused'}],
    'diagnosis': 'it is off'}


class ServerItemTestCase(testtools.TestCase):

    def read(self, **memory):
        return ServerItem.from_row(test_moves.row(**memory))

    def test_old(self):
        item = self.read(**STORED)
        self.assertEqual(
            (Step.START, NOON, 'it is off'),
            (item.step, item.waiting_since, item.diagnosis))
        self.assertEqual(Asked(phase=Phase.ASK, at=NOON, known='req-1'),
                         item.asked)
        self.assertEqual([Tried(Step.RESET, 'refused')], item.history)
        self.assertEqual(STORED, item.to_row()['memory'])
        self.assertEqual(set(STORED), set(stored.kinds(ServerItem))
                         - set(stored.kinds(MoveItem)) | {'waiting_since'})

    def test_between_steps(self):
        """Older versions have nothing for what is over."""
        item = self.read(**{**STORED, 'step': None, 'asked': None,
                            'waiting_since': None})
        self.assertEqual((None, None, None),
                         (item.step, item.asked, item.waiting_since))

    def test_untouched(self):
        """Who comes first may have the server; see ``find_mover``."""
        self.assertTrue(self.read().is_untouched)
        made = self.read().to_row()['memory']
        self.assertTrue(self.read(**made).is_untouched)
        for name in STORED:
            if name not in ('diagnosis', 'asked'):
                self.assertFalse(self.read(**{name: STORED[name]})
                                 .is_untouched, name)
        self.assertFalse(self.read(**test_moves.PLANNED).is_untouched)

    def test_moved_as_well(self):
        """A row has two sides, and neither writes what is the other's."""
        memory = {**STORED, **test_moves.PLANNED,
                  'attempt': test_moves.ATTEMPT}
        server = self.read(**memory)
        server.step = None
        between = server.to_row()['memory']
        self.assertEqual({**memory, 'step': 1}, {**between, 'step': 1})
        move = MoveItem.from_row(test_moves.row(**between))
        self.assertTrue(move.is_planned)
        move.replans = 1
        after = move.to_row()['memory']
        self.assertEqual({name: after[name] for name in between}, between)
        self.assertEqual([Tried(Step.RESET, 'refused')],
                         self.read(**after).history)
