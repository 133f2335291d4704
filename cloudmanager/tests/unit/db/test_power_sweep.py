# SPDX-License-Identifier: Apache-2.0
"""What is due, and how the fleet is."""

import datetime

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls
from cloudmanager.db import power_events
from cloudmanager.db import power_sweep
from cloudmanager.db import services
from cloudmanager.tests import base
from cloudmanager.tests.unit.db import test_power_controls


class SweepCase(test_power_controls.ControlsCase):

    def used(self, number, **values):
        """Create a control that feeds a node; return its id."""
        control = self.control(number)
        self.assign(self.node(name=f'n{number}'), control)
        # The time at which it was assigned is no reason to look.
        self.set(control, **{'retry_at': None, **values})
        return control

    def set(self, control, **values):
        self.execute(sa.update(models.PowerControl).where(
            models.PowerControl.id == control).values(**values))

    @staticmethod
    def ago(seconds):
        return clock.utcnow() - datetime.timedelta(seconds=seconds)

    def due(self, interval=60):
        return [item.id for item in power_sweep.due(self.context, interval)]


@base.databases()
class DueTestCase(SweepCase):

    def test_order(self):
        """The living before the dead, of them the oldest first."""
        self.control(9)
        fresh = self.used(1, last_success_at=self.ago(10))
        old = self.used(2, last_success_at=self.ago(100))
        older = self.used(3, last_success_at=self.ago(200))
        never = self.used(4)
        dead = self.used(5, failures=4, retry_at=self.ago(1),
                         last_success_at=self.ago(900))
        given_up = self.used(6, failures=4, retry_at=self.ago(-100))
        self.assertEqual([never, older, old, dead], self.due())
        self.assertEqual([never, older, old, fresh, dead], self.due(5))
        self.assertNotIn(given_up, self.due(0))

    def test_what_was_assigned_is_due(self):
        control = self.used(1, last_success_at=self.ago(1))
        self.assertEqual([], self.due())
        self.assign(self.node(name='other'), control, '2')
        self.assertEqual([control], self.due())

    def test_other_output(self):
        """What is known of the old one says nothing of the new one."""
        control = self.used(1, last_success_at=self.ago(1))
        node = db_nodes.find_by_name(self.context, 'n1')['id']
        self.execute(sa.update(models.NodePowerControl).values(
            power_state='power_on', is_initialized=True))
        power_controls.update_assignment(self.context, node, control,
                                         {'power_control_port': '3'})
        self.assertEqual([control], self.due())
        (link,) = power_controls.get_control(self.context,
                                             control)['outputs']
        self.assertEqual((False, None), (link['is_initialized'],
                                         link['power_state']))

    def test_other_access(self):
        """A password that was put right is tried at once."""
        control = self.used(1, failures=9, last_error='x',
                            retry_at=self.ago(-500))
        self.execute(sa.update(models.NodePowerControl).values(
            is_initialized=True))
        power_controls.update_control(self.context, control,
                                      {'title': 'mine'})
        self.assertEqual([], self.due())
        row = power_controls.update_control(self.context, control,
                                            {'password': 'cipher'})
        self.assertEqual([control], self.due())
        self.assertEqual((0, None, False), (
            row['failures'], row['last_error'],
            row['outputs'][0]['is_initialized']))

    def test_unassigned(self):
        """A node that nobody can read is in no state."""
        left, right = self.used(1), self.control(2)
        node = db_nodes.find_by_name(self.context, 'n1')['id']
        self.assign(node, right)
        self.execute(sa.update(models.Node).values(
            power_state='power_on', power_state_at=self.ago(1),
            power_state_reason='x'))
        self.set(right, retry_at=None, last_success_at=self.ago(1))
        power_controls.unassign(self.context, node, left)
        self.assertEqual([right], self.due())
        self.assertEqual('power_on', db_nodes.get_node(
            self.context, node)['power_state'])
        power_controls.unassign(self.context, node, right)
        row = db_nodes.get_node(self.context, node)
        self.assertEqual((None, None, None), tuple(
            row[name] for name in ('power_state', 'power_state_at',
                                   'power_state_reason')))

    def test_devices(self):
        one, two = self.used(1), self.used(2)
        self.set(one, password='cipher')
        self.assign(self.node(name='other'), one, '2')
        found = {row['id']: row for row in power_sweep.devices(
            self.context, [one, two])}
        self.assertEqual((['1', '2'], 'cipher', ['1'], None), (
            found[one]['outputs'], found[one]['password'],
            found[two]['outputs'], found[two]['password']))


@base.databases()
class SummaryTestCase(SweepCase):

    def test_nothing(self):
        found = power_sweep.controls_summary(self.context, 3)
        self.assertEqual((0, 0, None), (found['total'], found['in_use'],
                                        found['oldest_reading_at']))
        self.assertEqual({0}, set(power_sweep.nodes_summary(
            self.context).values()))

    def test_controls(self):
        self.control(9)
        oldest = self.ago(100).replace(microsecond=0)
        self.used(1, last_success_at=oldest)
        self.used(2, last_success_at=self.ago(10))
        self.used(3, failures=1, last_success_at=self.ago(500))
        self.used(4, failures=3)
        self.used(5)
        self.assertEqual({
            'total': 6, 'in_use': 5, 'answering': 2, 'failing': 1,
            'unreachable': 1, 'never_checked': 1,
            'oldest_reading_at': oldest},
            power_sweep.controls_summary(self.context, 3))

    def test_nodes(self):
        self.node(name='bare')
        for number, values in enumerate((
                {'power_state': 'power_on'},
                {'power_state': 'power_on', 'power_state_reason': 'x'},
                {'power_state': 'power_off'},
                {'power_state': 'power_off', 'power_state_reason': 'x'},
                {'power_state_reason': 'x'},
                {'power_state_at': self.ago(1)}, {}), 1):
            self.used(number)
            if values:
                self.execute(sa.update(models.Node).where(
                    models.Node.name == f'n{number}').values(**values))
        self.assertEqual({
            'on': 1, 'degraded': 1, 'off': 2, 'error': 2,
            'never-checked': 1, 'no-config': 1},
            power_sweep.nodes_summary(self.context))


@base.databases()
class EventsTestCase(SweepCase):

    def test_purge(self):
        self.execute(sa.insert(models.PowerEvent), [
            {'kind': 'x', 'created_at': self.ago(days * 86400)}
            for days in (1, 29, 31, 40)])
        self.assertEqual(1, power_events.purge(self.context, 30, batch=1))
        self.assertEqual(1, power_events.purge(self.context, 30))
        self.assertEqual(0, power_events.purge(self.context, 30))
        self.assertEqual(2, len(self.execute(
            sa.select(models.PowerEvent.id))))


@base.databases()
class ReportTestCase(SweepCase):

    def test_report(self):
        services.report(self.context, 'b', 'h', 'power', {'a': 1})
        services.heartbeat(self.context, 'b', 'h')
        services.report(self.context, 'b', 'h', 'power', {'a': 1})
        services.report(self.context, 'b', 'h', 'other', {'b': 2})
        services.report(self.context, 'b', 'h', 'power', {'a': 3})
        services.heartbeat(self.context, 'b', 'h')
        services.heartbeat(self.context, 'other', 'h')
        (row,) = services.list_services(self.context, 'b')
        self.assertEqual(('h', {'power': {'a': 3}, 'other': {'b': 2}}),
                         (row['host'], row['report']))
