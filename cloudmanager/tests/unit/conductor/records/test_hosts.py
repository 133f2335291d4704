# SPDX-License-Identifier: Apache-2.0
"""Tasks of hosts that were begun by older and newer versions."""

import datetime

from cloudmanager.conductor.records.hosts import HostMemory
from cloudmanager.conductor.records.hosts import Proof
from cloudmanager.conductor.records.power import PowerMemory
from cloudmanager.tests.unit.conductor import fakes_case

NOON = datetime.datetime(2026, 11, 28, 12)
#: As it is stored since the first version.
STORED = {
    'was_enabled': True, 'reason_before': 'maintenance', 'silent_for': 1.5,
    'fence_begun': True, 'fenced': 'power', 'forced_down': True,
    'no_return': True, 'switched_off': True, 'aggregates': ['ssd'],
    'providers': ['p1'], 'agents': ['a1', 'a2'],
    'heartbeat_before': '2026-11-28T12:00:00',
    'awaited_since': '2026-11-28T12:00:01.500000'}


class HostMemoryTestCase(fakes_case.ConductorCase):

    def test_old(self):
        memory = HostMemory.from_json(STORED)
        self.assertEqual(STORED, memory.to_json())
        self.assertIs(Proof.POWER, memory.fenced)
        self.assertEqual(datetime.datetime(2026, 11, 28, 12, 0, 1, 500000),
                         memory.awaited_since)

    def test_nothing_yet(self):
        """Nobody has looked: that is not the same as a host that is off."""
        memory = HostMemory.from_json({'reason_before': None})
        self.assertIsNone(memory.was_enabled)
        self.assertIsNone(memory.aggregates)
        self.assertFalse(memory.fenced or memory.no_return)

    def test_kept(self):
        """Only what has changed is written, beside what others remember."""
        run = self.run_of()
        power = run.recall(PowerMemory)
        power.done['switching off'] = NOON
        run.keep(power)
        memory = run.recall(HostMemory)
        memory.was_enabled, memory.fenced = False, Proof.ADMINISTRATOR
        run.keep(memory)
        power.done['off'] = NOON
        run.keep(power)
        run.keep(memory)
        self.assertEqual(
            {'done': dict.fromkeys(('switching off', 'off'),
                                   NOON.isoformat()), 'was_enabled': False,
             'fenced': 'administrator'}, self.row()['memory'])

    def test_taken_back(self):
        """What is known no more is no more known to a successor either."""
        run = self.run_of()
        memory = run.recall(HostMemory)
        memory.no_return, memory.agents = True, ['a1']
        run.keep(memory)
        memory.no_return, memory.agents = False, None
        run.keep(memory)
        self.assertEqual(HostMemory(),
                         HostMemory.from_json(self.row()['memory']))

    def test_one_record(self):
        """Who changes it and who reads it later have the same."""
        run = self.run_of()
        self.assertIs(run.recall(HostMemory), run.recall(HostMemory))

    def test_no_change_no_write(self):
        run = self.mortal()
        run.keep(run.recall(HostMemory))
        self.assertEqual(0, run.writes)

    def test_whose_work(self):
        """What a task is about is not changed by who works on it."""
        run = self.run_of()
        for name in ('host', 'server_id', 'task_id', 'params', 'name',
                     'generation', 'created_at', 'user_id', 'user_name',
                     'context'):
            self.assertRaises(AttributeError, setattr, run, name, 'other')
        self.assertEqual('src', run.host)
