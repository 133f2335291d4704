# SPDX-License-Identifier: Apache-2.0
"""Items of moves that were begun by older and newer versions."""

import dataclasses
import datetime

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.records.moves import Policy
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

NOON = datetime.datetime(2026, 11, 28, 12)
TEXT = NOON.isoformat()
#: As it is stored since attempts have records of their own.
ATTEMPT = {
    'phase': 'follow', 'asked_at': TEXT, 'refused_since': TEXT,
    'lock_taken': False, 'intervened': 'force-complete',
    'intervened_at': TEXT, 'checked_at': TEXT, 'last': 3, 'least': 2,
    'least_at': TEXT, 'peak': 9}
PLANNED = {
    'ladder': ['live-migrate', 'cold-migrate'], 'status': 'ACTIVE',
    'wait': False, 'half': False, 'group_id': 'g1', 'size_mb': 512,
    'force': False, 'blockers': 'x', 'slow': 'wait', 'locked': False,
    'reset_state': 'error', 'lock': True, 'disks': ['root disk'],
    'storage': ['aggregate a'], 'chosen_for': 'live-migrate'}
LATER = {
    'tries': {'live-migrate': 1}, 'again_at': TEXT, 'replans': 1,
    'refused': ['dst1'], 'known_request': 'req-1', 'after_migration': 7,
    'waiting_since': TEXT, 'place_since': TEXT, 'in_error': 'it runs',
    'deleted_again': TEXT, 'deleting': True, 'fixed': True, 'task': 't1',
    'why': 'less load', 'stage': 2, 'per_day': 3, 'project_id': 'p1',
    'over_budget': True, 'overridden': 'by force'}


def row(**memory):
    return {
        'id': 1, 'task_id': 't', 'kind': 'server', 'object_id': 'vm1',
        'name': 'one', 'state': 'RUNNING', 'action': 'live-migrate',
        'source': 'src', 'destination': 'dst1', 'priority': 5, 'attempts': 1,
        'error': None, 'memory': memory, 'created_at': NOON,
        'updated_at': None}


class RowTestCase(fakes_case.ConductorCase):

    def test_read(self):
        item = MoveItem.from_row(row(**PLANNED, **LATER, attempt=ATTEMPT))
        self.assertEqual(
            (ItemKind.SERVER, ItemState.RUNNING, Action.LIVE, 'src', NOON),
            (item.kind, item.state, item.under_way, item.source,
             item.created_at))
        self.assertEqual([Action.LIVE, Action.COLD], item.ladder)
        self.assertEqual({Action.LIVE: 1}, item.tries)
        self.assertEqual((Phase.FOLLOW, NOON, Policy.FORCE),
                         (item.attempt.phase, item.attempt.asked_at,
                          item.attempt.intervened))
        self.assertEqual({}, item.unknown)
        self.assertTrue(item.is_planned)

    def test_every_field_is_stored(self):
        """None is forgotten, in these rows or when they are written."""
        whole = row(**PLANNED, **LATER, attempt=ATTEMPT)
        self.assertEqual(set(stored.kinds(Attempt)), set(ATTEMPT))
        self.assertEqual(
            set(stored.kinds(MoveItem)),
            {*whole, *whole['memory']} - {'memory', 'task_id', 'updated_at'})
        made = MoveItem.from_row(whole).to_row()
        for name in ('id', 'task_id', 'updated_at'):
            del whole[name]
        self.assertEqual(whole, made)

    def test_flat(self):
        """Before attempts had records their values were beside others."""
        item = MoveItem.from_row(row(**PLANNED, **ATTEMPT))
        self.assertEqual(Attempt.from_json(ATTEMPT), item.attempt)
        self.assertEqual(ATTEMPT, item.to_row()['memory']['attempt'])
        self.assertEqual(set(), ATTEMPT.keys() & item.to_row()['memory'])

    def test_never_planned(self):
        """The row of a server that something else is done with."""
        item = MoveItem.from_row({**row(step='hard-reboot'),
                                  'action': 'hard-reboot'})
        self.assertFalse(item.is_planned)
        self.assertIsNone(item.next_action)
        self.assertRaises(ValueError, lambda: item.under_way)

    def test_of_a_newer_version(self):
        """What it has written is there when it goes on with the work."""
        newer = {'attempt': {**ATTEMPT, 'speed': 3}, **PLANNED, 'why_not': 1}
        item = MoveItem.from_row(row(**newer))
        item.state = ItemState.DONE
        memory = item.to_row()['memory']
        self.assertEqual((1, 3), (memory['why_not'],
                                  memory['attempt']['speed']))


class LeakTestCase(fakes_case.ConductorCase):
    """What one try learnt does not decide on the next."""

    #: Of an attempt that has just begun; Nova may have accepted it already.
    OWN = {'phase', 'asked_at', 'lock_taken'}

    def test_retry(self):
        """Whatever is known of a try is not known of the next one (FD1)."""
        self.config(group='host_tasks', migration_retries=1)
        self.nova.add('vm1')
        self.nova.script['live_migrate', 'vm1'] = [fakes.STUCK]
        self.nova.slow['vm1'] = 30
        run = self.run_of()
        self.plan(run)
        first, second = [], []

        def learn_and_fail():
            item = self.move()
            first.append(item.attempt.asked_at)
            for name, value in Attempt.from_json(ATTEMPT).__dict__.items():
                if name not in (*self.OWN, stored.UNKNOWN):
                    setattr(item.attempt, name, value)
            item.attempt.unknown['speed'] = 3
            self.rewrite(item.id, memory=item.to_row()['memory'])
            run.stopping.set()
            self.nova._broken('live_migrate', self.nova.records[-1],
                              self.nova.log[-1], 'It broke.')

        self.clock.at(20, learn_and_fail)
        self.assertRaises(engine_run.HandOver, self.drive, run)
        self.assertEqual('RUNNING', self.states()['vm1'])
        self.clock.at(25, lambda: second.append(self.move()))
        self.drive(self.run_of())
        item = second[0]
        self.assertEqual((ItemState.RUNNING, 2), (item.state, item.attempts))
        self.assertGreater(item.attempt.asked_at, first[0])
        fresh = Attempt()
        for field in dataclasses.fields(Attempt):
            if field.name not in self.OWN:
                self.assertEqual(getattr(fresh, field.name),
                                 getattr(item.attempt, field.name),
                                 field.name)
