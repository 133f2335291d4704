# SPDX-License-Identifier: Apache-2.0
"""Power actions whose conductor is killed at every crossing."""

from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.tests.unit.conductor import walks

ON, OFF = 'power_on', 'power_off'


class PowerWalkTestCase(walks.WalkCase):
    """Whatever the kill, the node ends as asked, and nothing is sent twice.

    The one exception is a reset that may or may not have been sent: nobody
    can know, so it is not sent again, and the task says so.
    """

    def setUp(self):
        super().setUp()
        self.config(group='power', soft_timeout=30)

    def node(self, *outputs):
        self.fed = self.add_power(outputs=outputs)

    def begin(self, action, **params):
        return self.create('node.power', host=None, node_id=self.fed['id'],
                           action=action, **params)

    def check_states(self, state, most):
        def check(where):
            self.assertEqual({state}, set(self.power_states(self.fed)),
                             where)
            for what in set(self.driver.asked):
                self.assertLessEqual(self.driver.asked.count(what), most,
                                     where)
        return check

    def assert_complete(self, kills):
        self.assertGreater(kills[walks.DEVICE], 0)
        self.assertEqual(kills[walks.DEVICE], kills[walks.OBEYED])
        self.assertEqual(0, kills[walks.REQUEST])

    def switched_off(self, *outputs):
        for output in outputs:
            self.driver.power_off(self.feeds(self.fed)[0].device, output)
        self.driver.asked.clear()
        self.driver.sent = 0

    def test_off(self):
        self.node('1')
        self.assert_complete(self.walk(
            lambda: None, lambda: self.begin('power-off', type='hard'),
            self.check_states(OFF, 1)))

    def test_off_with_two_feeds(self):
        self.node('1', '2')
        self.assert_complete(self.walk(
            lambda: None, lambda: self.begin('power-off', type='hard'),
            self.check_states(OFF, 2)))

    def test_off_softly(self):
        self.node('1')
        kills = self.walk(lambda: None, lambda: self.begin('power-off'),
                          self.check_states(OFF, 1))
        self.assert_complete(kills)
        self.assertGreater(kills[walks.WRITE], 0)

    def test_on(self):
        self.node('1')
        self.assert_complete(self.walk(
            lambda: self.switched_off('1'), lambda: self.begin('power-on'),
            self.check_states(ON, 1)))

    def test_reset(self):
        self.node('1')

        def check(where):
            row = self.row()
            resets = self.driver.asked.count('reset')
            self.assertLessEqual(resets, 1, where)
            if row['status'] == 'SUCCESS':
                self.assertEqual(1, resets, where)
            else:
                self.assertIn('It is not known', row['result'], where)
            ends.append(row['status'])
            self.check_states(ON, 1)(where)

        ends = []
        kills = self.walk(lambda: None, lambda: self.begin('reset'), check,
                          status=None)
        self.assert_complete(kills)
        self.assertIn('SUCCESS', ends)
        self.assertLess(ends.count('FAILURE'), 4)

    def test_reset_of_two_feeds(self):
        self.node('1', '2')
        self.assert_complete(self.walk(
            lambda: None, lambda: self.begin('reset'),
            self.check_states(ON, 2)))

    def test_output(self):
        self.node('1')
        (link,) = db_power_controls.list_assignments(self.context,
                                                     self.fed['id'])
        self.assert_complete(self.walk(
            lambda: None, lambda: self.create(
                'output.power', host=None, action='power-off', output='1',
                power_control_id=link['power_control_id']),
            self.check_states(OFF, 1)))

    def test_nodes(self):
        self.node('1', '2')
        self.assert_complete(self.walk(
            lambda: None, lambda: self.create(
                'nodes.reset', host=None, node_ids=[self.fed['id']]),
            self.check_states(ON, 2)))

    def test_nodes_off(self):
        self.node('1', '2')
        self.assert_complete(self.walk(
            lambda: None, lambda: self.create(
                'nodes.power', host=None, node_ids=[self.fed['id']],
                action='power-off'),
            self.check_states(OFF, 2)))
