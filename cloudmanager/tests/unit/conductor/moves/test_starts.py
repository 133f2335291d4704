# SPDX-License-Identifier: Apache-2.0
"""A move is written down, asked for once, and known to Nova or not."""

import types

from cloudmanager.common import clock
from cloudmanager.conductor.moves import starts
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor.moves import moves_case

LIVE = 'live_migrate'


class AskingCase(moves_case.MoveCase):

    def setUp(self):
        super().setUp()
        self.starter = starts.MoveStarter(
            self.task, self.tools, moves_case.SOURCE, self.calls, self.record,
            self.ends)


class BeginTestCase(AskingCase):

    def test_written_first(self):
        item = self.item(action=Action.OFFLOAD, attempts=2)
        item.ladder = [Action.LIVE, Action.COLD]
        item.again_at = clock.utcnow()
        before = []
        self.nova.live_migrate = lambda *args: before.extend(self.task.saved)
        self.clock.sleep(7)
        self.starter.begin(item)
        (row,) = before
        self.assertEqual(
            ('RUNNING', 'live-migrate', 3, 'ask', clock.utcnow().isoformat()),
            (row['state'], row['action'], row['attempts'],
             row['memory']['attempt']['phase'],
             row['memory']['attempt']['asked_at']))
        self.assertNotIn('again_at', row['memory'])
        self.assertEqual(
            ('follow', False), (self.last()['memory']['attempt']['phase'],
                                self.last()['memory']['attempt']
                                ['lock_taken']))

    def reads(self, **values):
        """Begin a move; how often was its server read before?"""
        self.nova.reads.clear()
        item = self.item(**{'attempts': 0, **values})
        self.starter.begin(item)
        return self.nova.reads['server']

    def test_server_that_is_known(self):
        """Nova is not asked for what it said a moment ago."""
        self.assertEqual(0, self.reads())
        self.assertEqual(1, self.reads(attempts=1))
        self.record.present = False
        self.assertEqual(1, self.reads())
        self.record.present, self.record.away = True, True
        self.assertEqual(1, self.reads())

    def test_lock_of_an_evacuation(self):
        """A lock that its owner put on it meanwhile is seen."""
        self.nova.die('src')
        self.nova.computes['src'].forced_down = True
        evacuation = {'action': Action.EVACUATE, 'lock': True}
        for before, now, reads in ((False, False, 0), (True, True, 0),
                                   (False, True, 1), (True, False, 1)):
            self.record.locked = now
            self.assertEqual(reads, self.reads(locked=before, **evacuation))
        self.assertEqual(0, self.reads(action=Action.EVACUATE, locked=True))

    def test_lock_is_known(self):
        self.nova.die('src')
        self.nova.computes['src'].forced_down = True
        item = self.item(action=Action.EVACUATE, lock=True, attempts=0)
        self.starter.begin(item)
        self.assertIs(True, item.attempt.lock_taken)
        self.assertEqual('cloudmanager task t1',
                         self.nova.vms['vm1'].locked_reason)


class AnswerTestCase(AskingCase):

    def answer(self, outcome, item=None):
        self.nova.script[LIVE, 'vm1'] = [outcome]
        item = item or self.item(attempts=0)
        self.starter.begin(item)
        return item

    def test_refused(self):
        item = self.answer(fakes.REFUSED)
        ((name, reason),) = self.ends.calls
        self.assertEqual('failed', name)
        self.assertIn('not now', reason)
        self.assertEqual(Phase.ASK, item.attempt.phase)

    def test_gone(self):
        self.nova.delete('vm1')
        self.answer(None)
        self.ended('failed')

    def test_unanswered(self):
        """Nova may have got it: its records tell."""
        item = self.answer(fakes.LOST)
        self.ended()
        self.assertEqual(Phase.ASK, item.attempt.phase)

    def test_refused_for_a_moment(self):
        """It is asked again until the settle timeout, then it has failed."""
        passing = fakes.refusal(LIVE, 'host is unavailable at this time')
        item = self.answer(passing)
        begin = clock.utcnow()
        self.assertEqual(begin, item.attempt.refused_since)
        self.assertEqual(begin.isoformat(), self.last()['memory']['attempt']
                         ['refused_since'])
        for seconds, failed in ((30, 0), (28, 0), (12, 1)):
            self.clock.sleep(seconds)
            self.nova.script[LIVE, 'vm1'] = [passing]
            item.attempt.phase = Phase.ASK
            self.starter.adopt(item)
            self.assertEqual(failed, len(self.ends.calls), seconds)
            self.assertEqual(begin, item.attempt.refused_since)


class AdoptTestCase(AskingCase):

    def adopt(self, age=11.0):
        item = self.item(phase=Phase.ASK, age=age)
        self.starter.adopt(item)
        return item

    def check_followed(self, item):
        self.assertEqual((Phase.FOLLOW, None), (item.attempt.phase,
                                                item.attempt.lock_taken))
        self.assertEqual('follow', self.last()['memory']['attempt']['phase'])
        self.assertEqual([], self.nova.sent)
        self.ended()

    def test_record(self):
        self.record.migration = self.migration('running')
        self.check_followed(self.adopt(age=0.5))

    def test_action(self):
        self.ends.asked = [types.SimpleNamespace(
            action='live-migration', start_time=clock.utcnow())]
        self.check_followed(self.adopt())

    def test_too_early_to_tell(self):
        item = self.adopt(age=9)
        self.assertEqual(([], []), (self.task.saved, self.nova.sent))
        self.assertEqual(Phase.ASK, item.attempt.phase)
        self.ended()

    def test_gone(self):
        self.nova.delete('vm1')
        self.adopt()
        self.ended('gone')
        self.assertEqual([], self.nova.sent)

    def test_elsewhere(self):
        self.nova.set('vm1', host='dst2')
        self.adopt()
        ((name, server),) = self.ends.calls
        self.assertEqual(('elsewhere', 'dst2'), (name, server.host))
        self.assertEqual([], self.nova.sent)

    def test_never_came(self):
        """It is asked for again, after another look at the server."""
        item = self.adopt()
        self.assertEqual(clock.utcnow(), item.attempt.asked_at)
        first, second = (row['memory']['attempt'] for row in self.task.saved)
        self.assertEqual(('ask', clock.utcnow().isoformat(), 'follow'),
                         (first['phase'], first['asked_at'],
                          second['phase']))
        self.assertEqual([(LIVE, 'vm1')], self.nova.sent)
        self.assertEqual(2, self.nova.reads['server'])
