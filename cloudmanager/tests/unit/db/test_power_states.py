# SPDX-License-Identifier: Apache-2.0
"""What is concluded from looks at devices."""

import datetime

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import conditions
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls
from cloudmanager.db import power_events
from cloudmanager.db import power_outcomes
from cloudmanager.db import power_states
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base
from cloudmanager.tests.unit.db import test_power_controls

ON, OFF, UNKNOWN = 'power_on', 'power_off', 'unknown'
LOST_AFTER = 3


class StatesCase(test_power_controls.ControlsCase):

    def setUp(self):
        super().setUp()
        self.now = clock.utcnow().replace(microsecond=0)

    def later(self, seconds=60):
        self.now += datetime.timedelta(seconds=seconds)
        return self.now

    def fed(self, number, controls, port='1'):
        """Create a node with a feed of each control; return its id."""
        node = self.node(name=f'node{number}')
        for control in controls:
            self.assign(node, control, port)
        return node

    def see(self, control, error=None, failures=0, at=None, by_request=False,
            **states):
        """Record one look; outputs are named p1, p2."""
        return power_states.record(self.context, [power_states.Visit(
            control, at or self.later(),
            {name[1:]: state for name, state in states.items()},
            error=error, failures=failures, by_request=by_request)],
            LOST_AFTER)

    def state(self, node):
        row = db_nodes.get_node(self.context, node)
        return tuple(row[name] for name in (
            'power_state', 'power_state_at', 'power_state_reason'))

    def events(self):
        return [(row['kind'], row['power_control_id'] or row['node_id'],
                 row['detail']) for row in power_events.list_events(
                     self.context, common_query.Query())]


@base.databases()
class RecordTestCase(StatesCase):

    def test_first_look(self):
        control = self.control()
        node = self.fed(1, [control])
        self.assertEqual((None, None, None), self.state(node))
        (change,) = self.see(control, p1=ON)
        self.assertEqual((node, 'node1', None, ON, False), (
            change.node_id, change.name, change.before, change.after,
            change.by_itself))
        self.assertEqual((ON, self.now, None), self.state(node))
        (link,) = power_controls.list_assignments(self.context, node)
        self.assertTrue(link['is_initialized'])
        row = power_controls.get_control(self.context, control)
        self.assertEqual((self.now, 0, None), (
            row['last_success_at'], row['failures'], row['last_error']))
        self.assertIsNone(row['updated_at'])
        self.assertEqual([], self.events())

    def test_pw13_the_same_again_is_younger(self):
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=ON)
        self.assertEqual([], self.see(control, p1=ON))
        self.assertEqual((ON, self.now, None), self.state(node))
        (output,) = power_controls.get_control(self.context,
                                               control)['outputs']
        self.assertEqual(ON, output['power_state'])

    def test_failures_below_the_limit_change_nothing(self):
        """A packet that was lost is no alarm; the age tells."""
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=ON)
        then = self.now
        for failures in (1, 2):
            self.assertEqual([], self.see(control, 'silent', failures))
        self.assertEqual((ON, then, None), self.state(node))
        row = power_controls.get_control(self.context, control)
        self.assertEqual((2, 'silent', self.now, then), tuple(
            row[name] for name in ('failures', 'last_error',
                                   'last_error_at', 'last_success_at')))
        self.assertEqual([], self.events())

    def test_what_is_wrong_though_it_answers(self):
        """It is told until the next look, and is no failure (FP2, FP7)."""
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=ON)
        for state, expected, reason in ((ON, ON, None),
                                        (UNKNOWN, None, 'refused')):
            self.now += datetime.timedelta(seconds=60)
            power_states.record(self.context, [power_states.Visit(
                control, self.now, {'1': state}, note='refused')], 3)
            found, _, why = self.state(node)
            self.assertEqual((expected, reason), (found, why))
            row = power_controls.get_control(self.context, control)
            self.assertEqual((0, 'refused', self.now, self.now), tuple(
                row[name] for name in ('failures', 'last_error',
                                       'last_error_at', 'last_success_at')))
        self.see(control, p1=ON)
        row = power_controls.get_control(self.context, control)
        self.assertIsNone(row['last_error'])
        self.assertEqual([], self.events())

    def test_pw12_unknown_with_its_reason(self):
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=OFF)
        then = self.now
        (change,) = self.see(control, 'Unspecified error', 3)
        self.assertEqual((OFF, None, False), (change.before, change.after,
                                              change.by_itself))
        self.assertEqual((None, then, 'Unspecified error'),
                         self.state(node))
        self.assertEqual([('unreachable', control, 'Unspecified error')],
                         self.events())

    def test_pw12_a_device_that_does_not_know(self):
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=OFF)
        then = self.now
        self.see(control, p1=UNKNOWN)
        state, at, reason = self.state(node)
        self.assertEqual((None, then), (state, at))
        self.assertIn('output 1', reason)
        self.see(control, p1=OFF)
        self.assertEqual((OFF, self.now, None), self.state(node))

    def test_pw10_back_after_an_outage(self):
        """last_error is cleared, its time and the events stay."""
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=ON)
        self.see(control, 'silent', 3)
        failed_at = self.now
        self.see(control, 'still silent', 4)
        failed_again = self.now
        self.see(control, p1=ON)
        self.assertEqual((ON, self.now, None), self.state(node))
        row = power_controls.get_control(self.context, control)
        self.assertEqual((0, None, failed_again, self.now, None), tuple(
            row[name] for name in (
                'failures', 'last_error', 'last_error_at',
                'last_success_at', 'retry_at')))
        self.assertLess(failed_at, failed_again)
        self.assertEqual([('unreachable', control, 'silent'),
                          ('recovered', control, 'still silent')],
                         self.events())

    def test_never_read(self):
        """A device that failed from the start is an error, not off."""
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, 'no route', 1)
        self.assertEqual((None, None, None), self.state(node))
        self.see(control, 'no route', 3)
        self.assertEqual((None, None, 'no route'), self.state(node))

    def test_never_read_since_it_is_busy(self):
        """It does not fail, but there is nothing else to tell (FP3)."""
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, 'busy', 0)
        self.assertEqual((None, None, 'busy'), self.state(node))
        self.see(control, p1=ON)
        then = self.now
        self.assertEqual((ON, then, None), self.state(node))
        self.see(control, 'busy', 0)
        self.assertEqual((ON, then, None), self.state(node))

    def test_an_older_look_that_comes_in_late(self):
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, p1=OFF)
        then = self.now
        self.see(control, p1=ON, at=then - datetime.timedelta(seconds=9))
        self.assertEqual((OFF, then, None), self.state(node))

    def test_what_is_not_there_any_more(self):
        control = self.control()
        self.see(control, p1=ON)
        power_controls.delete_control(self.context, control)
        self.assertEqual([], self.see(control, p1=ON))
        self.assertEqual([], self.see(control, 'gone', 5))

    def test_a_long_reason(self):
        control = self.control()
        node = self.fed(1, [control])
        self.see(control, 'é' * 1000, 3)
        self.assertEqual(255, len(self.state(node)[2]))

    def test_ages_of_a_batch(self):
        """Nobody is told to be younger than he is."""
        controls = [self.control(number) for number in range(3)]
        nodes = [self.fed(number, [control])
                 for number, control in enumerate(controls)]
        for _ in range(2):
            begun = self.later()
            power_states.record(self.context, [power_states.Visit(
                control, self.later(1), {'1': ON})
                for control in controls], LOST_AFTER)
        for node in nodes:
            _, at, _ = self.state(node)
            self.assertEqual(begun + datetime.timedelta(seconds=1), at)


@base.databases()
class FeedsTestCase(StatesCase):
    """PW17: nodes with two supplies on two devices."""

    def setUp(self):
        super().setUp()
        self.left, self.right = self.control(1), self.control(2)
        self.both = self.fed(1, [self.left, self.right])

    def test_degraded(self):
        self.see(self.left, p1=ON)
        self.see(self.right, p1=ON)
        self.assertEqual((ON, None), self.state(self.both)[::2])
        (change,) = self.see(self.left, p1=OFF)
        self.assertEqual((ON, ON, False), (change.before, change.after,
                                           change.by_itself))
        self.assertEqual((ON, '1 of 2 feeds are off'),
                         self.state(self.both)[::2])
        (change,) = self.see(self.right, p1=OFF)
        self.assertTrue(change.by_itself)
        self.assertEqual(OFF, self.state(self.both)[0])

    def test_one_feed_that_is_unknown(self):
        self.see(self.left, p1=OFF)
        self.assertIsNone(self.state(self.both)[0])
        self.see(self.right, 'silent', 3)
        self.assertEqual((None, 'silent'), self.state(self.both)[::2])
        self.see(self.left, p1=ON)
        self.assertEqual((ON, 'silent'), self.state(self.both)[::2])
        self.see(self.right, p1=ON)
        self.assertEqual((ON, None), self.state(self.both)[::2])

    def test_as_old_as_its_oldest_feed(self):
        self.see(self.left, p1=ON)
        then = self.now
        self.see(self.right, p1=ON)
        self.assertEqual(then, self.state(self.both)[1])

    def test_outputs_of_one_device(self):
        """One look at a strip is about all that hangs on it."""
        strip = self.control(3)
        nodes = [self.node() for _ in range(3)]
        for number, node in enumerate(nodes, 1):
            self.assign(node, strip, str(number))
        changes = self.see(strip, p1=ON, p2=OFF)
        self.assertEqual([(nodes[0], ON), (nodes[1], OFF)],
                         [(change.node_id, change.after)
                          for change in changes])
        self.assertIsNone(self.state(nodes[2])[0])
        self.assertEqual({'1': ON, '2': OFF, '3': None}, {
            output['power_control_port']: output['power_state']
            for output in power_controls.get_control(
                self.context, strip)['outputs']})


@base.databases()
class ByItselfTestCase(StatesCase):
    """Whether somebody had asked for the power to come or go."""

    def setUp(self):
        super().setUp()
        self.bmc = self.control()
        self.fed_id = self.fed(1, [self.bmc])
        self.see(self.bmc, p1=ON)

    def turn(self, state=OFF):
        (change,) = self.see(self.bmc, p1=state)
        return change.by_itself

    def test_lost(self):
        self.assertTrue(self.turn())
        reason = self.state(self.fed_id)[2]
        self.assertIn('nobody had asked', reason)
        # It stays so until somebody does something about it.
        self.see(self.bmc, p1=OFF)
        self.assertEqual(reason, self.state(self.fed_id)[2])
        self.assertEqual([('power-lost', self.fed_id, None)], self.events())

    def test_acknowledged_by_an_action(self):
        self.turn()
        self.see(self.bmc, p1=OFF, by_request=True)
        self.assertEqual((OFF, None), self.state(self.fed_id)[::2])

    def test_asked_for(self):
        power_outcomes.keep(self.context, None, {},
                            off_wanted={self.fed_id: True})
        self.assertFalse(self.turn(OFF))
        self.assertEqual([], self.events())

    def test_switched_on_by_somebody_else(self):
        """After it the request to be off is void."""
        power_outcomes.keep(self.context, None, {},
                            off_wanted={self.fed_id: True})
        self.turn(OFF)
        self.assertTrue(self.turn(ON))
        conditions.refresh(self.context, [self.fed_id])
        self.assertTrue(self.turn(OFF))
        self.assertEqual(['power-found', 'power-lost'],
                         [kind for kind, _, _ in self.events()])

    def test_a_task_acts_on_it(self):
        for target in (f'node:{self.fed_id}', 'host:node1', 'host:nova1'):
            task, _ = db_tasks.create_task(
                self.context, 'host.restart', params={}, targets=[target])
            self.execute(sa.update(models.Node).values(
                compute_host='nova1'))
            self.assertFalse(self.turn(OFF), target)
            self.assertFalse(self.turn(ON), target)
            db_tasks.finish(self.context, task['id'], 0, db_tasks.SUCCESS)

    def test_a_task_of_another_node(self):
        self.execute(sa.insert(models.Node), [
            {'id': self.fed_id * 10, 'node_class_id': 1, 'node_type_id': 1,
             'image_id': 1}])
        db_tasks.create_task(
            self.context, 'node.power', params={},
            targets=[f'node:{self.fed_id}0', 'host:node10'])
        self.assertTrue(self.turn())

    def test_off_from_the_start(self):
        other = self.control(2)
        self.fed(2, [other])
        (change,) = self.see(other, p1=OFF)
        self.assertFalse(change.by_itself)


@base.databases()
class StatementsTestCase(StatesCase):

    def setUp(self):
        super().setUp()
        count = 1000
        self.execute(sa.insert(models.Node), [
            {'id': number, 'name': f'n{number}', 'node_class_id': 1,
             'node_type_id': 3, 'image_id': 1}
            for number in range(1, count + 1)])
        self.execute(sa.insert(models.PowerControl), [
            {'id': number, 'title': 'x', 'control_type': 'FakeDevice',
             'protocol_type': 'fake', 'host': f'h{number}',
             'port_number': 1} for number in range(1, count + 1)])
        self.execute(sa.insert(models.NodePowerControl), [
            {'node_id': number, 'power_control_id': number,
             'power_control_port': '1'} for number in range(1, count + 1)])
        self.ids = range(1, count + 1)

    def record(self, state=ON):
        at = self.later()
        with self.statements() as found:
            changes = power_states.record(self.context, [
                power_states.Visit(key, at, {'1': state})
                for key in self.ids], LOST_AFTER)
        return len([each for each in found
                    if each.split()[0] in ('SELECT', 'UPDATE', 'INSERT')
                    ]), changes

    def test_bounded(self):
        """However many devices, a few statements keep them."""
        count, changes = self.record()
        self.assertEqual(1000, len(changes))
        self.assertLessEqual(count, 7)
        count, changes = self.record()
        self.assertEqual([], changes)
        self.assertLessEqual(count, 7)
        count, changes = self.record(OFF)
        self.assertEqual(1000, len(changes))
        self.assertLessEqual(count, 11)


@base.databases('mysql', 'postgresql', sqlite=False)
class TogetherTestCase(StatesCase):

    def test_two_looks_at_two_feeds(self):
        """Neither concludes from what the other has changed meanwhile."""
        left, right = self.control(1), self.control(2)
        nodes = [self.node(name=f'n{number}') for number in range(8)]
        for number, node in enumerate(nodes, 1):
            self.assign(node, left, str(number))
            self.assign(node, right, str(number))
        outputs = [str(number) for number in range(1, 9)]
        for state in (ON, OFF) * 5:
            at = self.later()
            found = base.Together(2, lambda number, at=at, state=state:
                                  power_states.record(self.context, [
                                      power_states.Visit(
                                          (left, right)[number], at,
                                          dict.fromkeys(outputs, state))],
                                      LOST_AFTER))
            self.assertEqual([], found.raised)
            self.assertEqual({(state, at)}, {
                self.state(node)[:2] for node in nodes})
