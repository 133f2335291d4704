# SPDX-License-Identifier: Apache-2.0
"""What Nova's records say of a move."""

import datetime
import types

import testtools

from cloudmanager.clients import nova_records
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.moves.verdicts import Verdict
from cloudmanager.planning.terms import Action

NOW = datetime.datetime(2031, 1, 1)


def migration(number=1, server='vm1', kind='live-migration',
              status='running'):
    return nova_records.Migration(id=number, server_id=server, type=kind,
                                  status=status, source='src',
                                  destination='dst')


def action(name, seconds, message=None):
    return nova_records.Action(
        'req', name, NOW + datetime.timedelta(seconds=seconds), message)


def server(task=None, host='dst', status='ACTIVE'):
    return types.SimpleNamespace(task_state=task, host=host, status=status)


class ObserveTestCase(testtools.TestCase):

    def test_latest(self):
        """Of this server, by this action, newer than a certain one."""
        found = [migration(5), migration(7), migration(9, 'vm2'),
                 migration(8, kind='evacuation')]
        for after, expected in ((0, 7), (6, 7), (7, None)):
            made = verdicts.latest(found, 'vm1', Action.LIVE, after)
            self.assertEqual(expected, made and made.id)
        self.assertIsNone(verdicts.latest(found, 'vm1', Action.OFFLOAD, 0))

    def test_verdicts(self):
        """DR3 DR23: what is over, by Nova's word of each kind of move."""
        table = {
            Action.LIVE: {'completed': Verdict.FINISHED},
            Action.COLD: {'finished': Verdict.CONFIRM,
                          'confirming': Verdict.RUNNING,
                          'confirmed': Verdict.FINISHED,
                          'reverted': Verdict.FAILED},
            Action.EVACUATE: {'done': Verdict.FINISHED,
                              'completed': Verdict.FINISHED}}
        for name, statuses in table.items():
            for status, expected in {
                    'accepted': Verdict.RUNNING, 'queued': Verdict.RUNNING,
                    'pre-migrating': Verdict.RUNNING,
                    'post-migrating': Verdict.RUNNING,
                    'error': Verdict.FAILED, 'failed': Verdict.FAILED,
                    'cancelled': Verdict.FAILED, 'of the future':
                    Verdict.RUNNING, **statuses}.items():
                found = verdicts.by_migration(name,
                                              migration(status=status))
                self.assertEqual(expected, found.verdict, (name, status))

    def test_asked(self):
        found = [action('live-migration', 10), action('migrate', 30)]
        for since, expected in ((0, True), (10, True), (11, False)):
            self.assertEqual(expected, verdicts.asked(
                found, Action.LIVE,
                NOW + datetime.timedelta(seconds=since)))

    def test_newer(self):
        found = [nova_records.Action(name, 'migrate', NOW, None)
                 for name in 'cba']
        for known, expected in (('a', 'cb'), ('c', ''), (None, 'cba'),
                                ('long ago', 'cba')):
            self.assertEqual(list(expected), [
                item.request_id for item in verdicts.newer(found, known)])

    def test_action_failed(self):
        """Only the newest one counts."""
        found = [action('evacuate', 20), action('evacuate', 10, 'Error')]
        self.assertFalse(verdicts.action_failed(found, Action.EVACUATE, NOW))
        self.assertTrue(verdicts.action_failed(found[1:], Action.EVACUATE,
                                               NOW))
        self.assertFalse(verdicts.action_failed([], Action.EVACUATE, NOW))

    def test_left(self):
        for found, left, arrived, through in (
                (server(), True, True, True),
                (server('migrating'), False, False, False),
                (server(host='src'), False, False, False),
                (server(host=None, status='SHELVED_OFFLOADED'), True, False,
                 True),
                (server(status='ERROR'), True, True, False),
                (server(status='VERIFY_RESIZE'), True, True, False)):
            self.assertEqual(
                (left, arrived, through),
                (verdicts.left(found, 'src'), verdicts.arrived(found, 'src'),
                 verdicts.moved_away(found, 'src')), found)
