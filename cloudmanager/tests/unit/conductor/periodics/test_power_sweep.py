# SPDX-License-Identifier: Apache-2.0
"""The sweep reads all that is due, whatever some devices do."""

import threading
import time

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.conductor.periodics import members
from cloudmanager.conductor.periodics import power_sweep
from cloudmanager.db import models
from cloudmanager.db import power_states as db_power_states
from cloudmanager.power import base as power_base
from cloudmanager.power import exceptions as power_exc
from cloudmanager.power import registry
from cloudmanager.tests import base

ON, OFF = 'power_on', 'power_off'


class Rack(power_base.PowerDriver):
    """Devices that live or are dead, by host.

    :ivar dead: hosts that say nothing
    :ivar patience: seconds after which their silence is an error
    :ivar delay: seconds that an answer of the others takes
    """

    def __init__(self):
        self.dead = set()
        self.patience = 0.3
        self.delay = 0.0
        self.state_of = {}
        self.asked = []
        self.inside = self.most = 0
        self._lock = threading.Lock()
        self.over = threading.Event()

    def state(self, device, output):
        with self._lock:
            self.asked.append((device.host, output))
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            dead = device.host in self.dead
            self.over.wait(self.patience if dead else self.delay)
        finally:
            with self._lock:
                self.inside -= 1
        if dead:
            raise power_exc.PowerUnreachable(device=device)
        return self.state_of.get((device.host, output), ON)

    def power_on(self, device, output):
        raise AssertionError

    power_off = power_on

    def times(self, host):
        return sum(name == host for name, _ in self.asked)


class SweepCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(
            format='%(levelname)s %(message)s'))
        self.rack = Rack()
        self.addCleanup(self.rack.over.set)
        self.useFixture(fixtures.MockPatchObject(
            registry, 'get', lambda device: self.rack))
        self.useFixture(fixtures.MockPatchObject(
            power_sweep, 'LOOK_SECONDS', 0.05))
        self.config(group='power', sweep_interval=60.0, retry_interval=0.2,
                    retry_interval_max=60.0)
        self.living = members.Members('me', [])
        self.reports, self.changes = [], []

    def enrol(self, count, first=1):
        """Create nodes, each with a device that is named after it."""
        numbers = range(first, first + count)
        self.execute(sa.insert(models.Node), [
            {'id': number, 'name': f'n{number}', 'node_class_id': 1,
             'node_type_id': 3, 'image_id': 1} for number in numbers])
        self.execute(sa.insert(models.PowerControl), [
            {'id': number, 'title': 'x', 'control_type': 'FakeDevice',
             'protocol_type': 'fake', 'host': f'h{number}',
             'port_number': 1} for number in numbers])
        self.execute(sa.insert(models.NodePowerControl), [
            {'node_id': number, 'power_control_id': number,
             'power_control_port': '1'} for number in numbers])
        return numbers

    def start(self):
        self.sweeper = power_sweep.Sweeper(
            lambda: self.living, self.reports.append, self.changes.extend)
        self.stopping = threading.Event()
        thread = threading.Thread(target=self.sweeper.run,
                                  args=(self.stopping,), daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self.stopping.set)
        return time.monotonic()

    def known(self):
        return {row.id: row.power_state for row in self.execute(
            sa.select(models.Node.id, models.Node.power_state))
            if row.power_state}

    def control(self, number):
        return self.execute(sa.select(models.PowerControl.__table__).where(
            models.PowerControl.id == number))[0]

    def wait_for(self, condition, seconds=20):
        base.wait_for(condition, seconds)


@base.databases()
class SweepTestCase(SweepCase):

    def test_all_are_read(self):
        self.enrol(300)
        self.rack.state_of['h7', '1'] = OFF
        self.start()
        self.wait_for(lambda: len(self.known()) == 300)
        self.assertEqual({7}, {key for key, state in self.known().items()
                               if state == OFF})
        self.assertEqual(300, len(self.rack.asked))
        self.assertEqual(300, len(self.changes))

    def test_pw1_the_dead_hold_nobody_up(self):
        """More are dead than there are places; all others are read."""
        self.config(group='power', sweep_workers=20)
        self.rack.patience = 6.0
        self.rack.dead = {f'h{number}' for number in self.enrol(60)}
        begun = self.start()
        self.wait_for(lambda: len(self.rack.asked) >= 20)
        self.enrol(100, first=1001)
        self.wait_for(lambda: len(self.known()) == 100)
        self.assertLess(time.monotonic() - begun, 6.0)

    def test_pw1_suspects_have_places_of_their_own(self):
        """What was dead before takes no place of those that live."""
        self.config(group='power', sweep_workers=8)
        dead = self.enrol(40)
        self.execute(sa.update(models.PowerControl).values(
            failures=5, retry_at=sa.func.now()))
        self.rack.patience = 3.0
        self.rack.dead = {f'h{number}' for number in dead}
        self.start()
        self.wait_for(lambda: self.rack.asked)
        time.sleep(0.5)
        self.assertEqual(2, self.rack.most)

    def test_places(self):
        self.config(group='power', sweep_workers=5)
        self.rack.delay = 0.1
        self.enrol(30)
        self.start()
        self.wait_for(lambda: len(self.known()) == 30)
        self.assertLessEqual(self.rack.most, 5)

    def test_pw10_silence_and_recovery(self):
        """Asked soon, then rarely; back by itself, with its history."""
        self.config(group='power', sweep_interval=1.0)
        self.enrol(1)
        self.start()
        self.wait_for(lambda: self.known())
        self.rack.patience = 0.05
        self.rack.dead = {'h1'}
        self.wait_for(lambda: not self.known())
        row = self.control(1)
        self.assertEqual(3, row.failures)
        self.assertIn('cannot be reached', row.last_error)
        self.assertIsNotNone(row.retry_at)
        self.rack.dead = set()
        self.wait_for(lambda: self.known())
        row = self.control(1)
        self.assertEqual((0, None, None), (row.failures, row.last_error,
                                           row.retry_at))
        self.assertIsNotNone(row.last_error_at)
        self.assertEqual(['unreachable', 'recovered'], [
            event.kind for event in self.execute(
                sa.select(models.PowerEvent.kind)
                .order_by(models.PowerEvent.id))])
        self.assertIn('WARNING Power of node n1: power_on, now unknown.',
                      self.logger.output)

    def test_only_ours(self):
        """Two conductors share; when one goes the other does all."""
        self.enrol(100)
        self.living = members.Members('me', ['other'])
        mine = {number for number in range(1, 101)
                if self.living.owns(number)}
        self.start()
        self.wait_for(lambda: len(self.known()) == len(mine))
        self.assertEqual(mine, set(self.known()))
        self.assertTrue(20 < len(mine) < 80)
        self.living = members.Members('me', [])
        self.wait_for(lambda: len(self.known()) == 100)

    def test_a_strip_is_visited_once(self):
        self.enrol(3)
        self.execute(sa.update(models.NodePowerControl).values(
            power_control_id=1, power_control_port=sa.cast(
                models.NodePowerControl.node_id, sa.String(64))))
        self.rack.state_of['h1', '2'] = OFF
        self.start()
        self.wait_for(lambda: len(self.known()) == 3)
        self.assertEqual([('h1', '1'), ('h1', '2'), ('h1', '3')],
                         self.rack.asked)
        self.assertEqual({1: ON, 2: OFF, 3: ON}, self.known())

    def test_what_feeds_nobody_is_not_read(self):
        self.enrol(2)
        self.execute(sa.delete(models.NodePowerControl).where(
            models.NodePowerControl.node_id == 1))
        self.start()
        self.wait_for(lambda: self.known())
        time.sleep(0.3)
        self.assertEqual([('h2', '1')], self.rack.asked)

    def test_at_its_interval(self):
        self.config(group='power', sweep_interval=0.5)
        self.enrol(1)
        begun = self.start()
        self.wait_for(lambda: self.rack.times('h1') >= 4)
        self.assertGreater(time.monotonic() - begun, 1.4)

    def test_switched_off(self):
        self.config(group='power', sweep_interval=0.0)
        self.enrol(1)
        self.start()
        time.sleep(0.3)
        self.assertEqual([], self.rack.asked)

    def test_a_database_that_was_away(self):
        """What was read meanwhile is not lost."""
        self.enrol(1)
        original, failing = db_power_states.record, [1, 1]

        def record(*args):
            if failing:
                failing.pop()
                raise db_exc.DBConnectionError
            return original(*args)

        self.useFixture(fixtures.MockPatchObject(
            db_power_states, 'record', record))
        sweeper = power_sweep.Sweeper(lambda: self.living)
        for _ in range(2):
            self.assertRaises(db_exc.DBConnectionError, sweeper.run,
                              threading.Event())
        stopping = threading.Event()
        thread = threading.Thread(target=sweeper.run, args=(stopping,))
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(stopping.set)
        self.wait_for(lambda: self.known())
        self.assertEqual(1, self.rack.times('h1'))

    def test_report(self):
        self.config(group='power', sweep_interval=1.0)
        self.enrol(3)
        self.rack.delay = 0.02
        self.rack.dead = {'h3'}
        self.start()
        self.wait_for(lambda: self.reports)
        report = self.reports[0]
        self.assertGreaterEqual(report['visits'], 3)
        self.assertGreaterEqual(report['failed'], 1)
        self.assertGreaterEqual(report['changed'], 2)
        self.assertGreater(report['mean_seconds'], 0)
        self.assertIn('Power sweep:', self.logger.output)


class LostTestCase(SweepCase):

    def test_power_that_nobody_took(self):
        self.config(group='power', sweep_interval=0.5)
        self.enrol(1)
        self.start()
        self.wait_for(lambda: self.known())
        self.rack.state_of['h1', '1'] = OFF
        self.wait_for(lambda: self.known() == {1: OFF})
        self.assertTrue(self.changes[-1].by_itself)
        self.assertIn('WARNING Power of node n1: power_on, now power_off. '
                      'It lost its power', self.logger.output)

    def test_a_driver_that_hangs(self):
        """It is given up and asked again; what it says late is dropped."""
        self.useFixture(fixtures.MockPatchObject(
            power_sweep, 'HANG_SECONDS', 0.5))
        self.config(group='power', sweep_interval=1.0)
        self.rack.dead = {'h1'}
        self.rack.patience = 5.0
        self.enrol(1)
        self.start()
        self.wait_for(lambda: self.rack.times('h1') >= 3)
        row = self.control(1)
        self.assertGreaterEqual(row.failures, 2)
        self.assertEqual('Its driver hangs.', row.last_error)
        self.assertIn('ERROR The driver of power control 1 hangs.',
                      self.logger.output)

    def test_without_keys(self):
        """Devices that have no secret are read all the same."""
        self.enrol(2)
        self.execute(sa.update(models.PowerControl).where(
            models.PowerControl.id == 2).values(password='cipher'))
        self.start()
        self.wait_for(lambda: self.known() and self.control(2).failures)
        self.assertEqual({1: ON}, self.known())
        self.assertIn('No encryption key', self.control(2).last_error)
