# SPDX-License-Identifier: Apache-2.0
import testtools

from cloudmanager.power import states

ON, OFF, UNKNOWN = states.POWER_ON, states.POWER_OFF, states.UNKNOWN


class StateOfNodeTestCase(testtools.TestCase):
    """PW17: a node is off only when all of its feeds are."""

    def test_any_feed_that_is_on_keeps_it_on(self):
        for found in ([ON], [OFF, ON], [UNKNOWN, ON], [OFF, UNKNOWN, ON]):
            self.assertEqual(ON, states.of_node(found))

    def test_off_when_all_are(self):
        self.assertEqual(OFF, states.of_node([OFF]))
        self.assertEqual(OFF, states.of_node([OFF, OFF]))

    def test_unknown_is_never_off(self):
        for found in ([UNKNOWN], [OFF, UNKNOWN], [UNKNOWN, UNKNOWN],
                      ['nonsense'], [None, OFF]):
            self.assertEqual(UNKNOWN, states.of_node(found))

    def test_a_node_without_feeds_is_unknown(self):
        self.assertEqual(UNKNOWN, states.of_node([]))

    def test_takes_any_iterable(self):
        self.assertEqual(OFF, states.of_node(iter([OFF, OFF])))
