# SPDX-License-Identifier: Apache-2.0

import dataclasses
import datetime
from unittest import mock

from oslotest import base

from cloudmanager.common import exception
from cloudmanager.conductor.moves import migrations
from cloudmanager.tests import clocks

BEGUN = datetime.datetime(2031, 1, 2, 3, 0)


@dataclasses.dataclass(frozen=True)
class Migration:
    id: int
    status: str
    updated_at: datetime.datetime | None


def migration(key, seconds, status='running'):
    """Return a record that changed so many seconds after the begin."""
    return Migration(key, status, None if seconds is None
                     else BEGUN + datetime.timedelta(seconds=seconds))


class MoveRecordTestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.clock.now = 0.0
        self.nova = mock.Mock()
        self.record = migrations.MoveRecord(self.nova, 'cmp1', BEGUN)

    def look(self, at, *found):
        """Look at a time; return since when was asked, in seconds."""
        self.clock.now = at
        self.nova.migrations.return_value = list(found)
        self.found = {item.id: item.status
                      for item in self.record.migrations()}
        since = self.nova.migrations.call_args.kwargs['since']
        return (since - BEGUN).total_seconds()

    def test_only_changes(self):
        """What did not change since the newest record is known."""
        self.assertEqual(-10, self.look(5, migration(1, 4),
                                        migration(2, 3)))
        self.assertEqual(1, self.look(6, migration(2, 5, 'completed')))
        self.assertEqual({1: 'running', 2: 'completed'}, self.found)
        self.assertEqual(2, self.look(7, migration(3, None)))
        self.assertEqual({1: 'running', 2: 'completed', 3: 'running'},
                         self.found)
        self.assertEqual(2, self.look(8))

    def test_clocks(self):
        """It is Nova's clock that counts, whatever ours says."""
        self.look(5, migration(1, -8))
        self.assertEqual(-10, self.look(6))
        self.look(7, migration(1, 100, 'completed'))
        self.assertEqual(97, self.look(8))

    def test_whole_look(self):
        """Whatever was overlooked is seen by and by."""
        self.look(5, migration(1, 4))
        self.assertEqual(1, self.look(20))
        self.assertEqual(-10, self.look(36))
        self.assertEqual(1, self.look(37))

    def test_outage(self):
        """What changed during an outage is asked for after it."""
        self.look(5, migration(1, 4))
        self.nova.migrations.side_effect = exception.CloudUnreachable(
            service='Nova', request='list', reason='gone')
        self.assertRaises(exception.CloudUnreachable, self.look, 40)
        self.assertRaises(exception.CloudUnreachable, self.look, 41)
        self.nova.migrations.side_effect = None
        self.assertEqual(-10, self.look(42))
        self.assertEqual(1, self.look(43))

    def test_presence(self):
        self.nova.ids_on.return_value = ['vm1']
        self.assertTrue(self.record.is_present('vm1'))
        self.assertFalse(self.record.is_present('vm2'))
        self.nova.ids_on.assert_called_once_with('cmp1')
        self.nova.ids_on.return_value = ['vm2']
        self.clock.now = 16
        self.assertTrue(self.record.is_present('vm2'))
        self.assertFalse(self.record.is_present('vm1'))

    def test_locks(self):
        self.nova.ids_on.return_value = ['vm1']
        self.assertTrue(self.record.is_locked('vm1'))
        self.nova.ids_on.assert_called_once_with('cmp1', locked=True)

    def test_noted(self):
        """What was seen by a plan need not be read for 15 seconds."""
        self.record.note(['vm1', 'vm2'], ['vm2'], 0)
        self.clock.now = 14
        self.record.look()
        self.assertTrue(self.record.is_present('vm1'))
        self.assertEqual([False, True], [
            self.record.is_locked(name) for name in ('vm1', 'vm2')])
        self.nova.ids_on.assert_not_called()
        self.nova.ids_on.return_value = []
        self.clock.now = 16
        self.record.look()
        self.assertFalse(self.record.is_present('vm1'))

    def leave(self, at, over_at, soon=False):
        """Ask at a time whether ``vm1`` has left."""
        self.clock.now = at
        return self.record.has_left('vm1', over_at, soon)

    def test_leaving(self):
        """Those that leave soon after another are looked at together."""
        self.nova.changed_on.return_value = []
        self.assertTrue(self.leave(0, 0))
        self.assertIsNone(self.leave(1, 1))
        self.assertTrue(self.leave(4.5, 1))
        self.assertIsNone(self.leave(6, 5))
        self.assertTrue(self.leave(6, 5, soon=True))
        self.assertTrue(self.leave(6, 6))
        self.assertEqual(3, self.nova.changed_on.call_count)

    def test_not_left(self):
        self.nova.changed_on.return_value = ['vm1']
        self.assertIs(False, self.leave(3, 3))
