# SPDX-License-Identifier: Apache-2.0
"""What audits have gained, measured some time after their moves."""

import threading
from unittest import mock

from cloudmanager.common import exception
from cloudmanager.conductor.audits import measuring
from cloudmanager.conductor.audits import sources
from cloudmanager.conductor.periodics import measures
from cloudmanager.conductor.periodics import members
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.planning.drs import load
from cloudmanager.tests.unit.conductor.steps import test_audits


class MeasuresTestCase(test_audits.AuditCase):

    def policy(self):
        db_policies.put(self.context, test_audits.AGGREGATE, Mode.AUTOMATIC,
                        {'interval': 600}, None)

    def measure(self):
        measures.Measures(
            lambda: members.Members('one', []),
            measuring.Measuring(lambda: self.tools)).run(threading.Event())

    def used(self, own, **servers):
        """Let servers be measured, in CPUs; others are idle.

        :param own: what dst1 uses besides
        """
        hosts = {host: {'VCPU': more + sum(
            servers.get(key, 0.0) for key in self.nova.on(host))}
            for host, more in (('src', 0.0), ('dst1', own))}
        self.enterContext(mock.patch.object(
            sources, 'read', lambda *args: load.Use(hosts, {
                key: {'VCPU': servers.get(key, 0.0)}
                for host in hosts for key in self.nova.on(host)})))

    def apply_one(self, continuous=True):
        """Have an audit moved what it finds."""
        self.execute_audit(continuous=continuous, auto_apply=True)
        self.assertEqual('APPLIED', self.audit['status'])

    def test_as_predicted(self):
        self.policy()
        self.apply_one()
        self.measure()
        self.assertIsNone(self.audit['measured_at'])
        self.clock.sleep(1800)
        self.measure()
        audit = self.audit
        self.assertIsNotNone(audit['measured_at'])
        self.assertGreater(audit['real_gain'], 0.1)
        self.assertAlmostEqual(audit['predicted_gain'], audit['real_gain'],
                               3)
        for row in self.moves():
            self.assertGreater(row['real_gain'], 0)
            self.assertIsNone(row['unmeasured'])

    def test_once(self):
        """It is measured once, and anew if more of it is moved."""
        self.execute_audit()
        one, *_ = self.move_states()
        self.apply(servers=[one])
        self.clock.sleep(1800)
        self.measure()
        first = self.audit
        self.clock.sleep(60)
        self.measure()
        self.assertEqual(first['measured_at'], self.audit['measured_at'])
        self.apply()
        self.assertIsNone(self.audit['measured_at'])
        self.clock.sleep(1800)
        self.measure()
        self.assertGreater(self.audit['predicted_gain'],
                           first['predicted_gain'])

    def test_left(self):
        self.apply_one(continuous=False)
        gone, elsewhere, _ = self.move_states()
        self.nova.delete(gone)
        self.nova.set(elsewhere, host='dst2')
        self.clock.sleep(1800)
        self.measure()
        told = {row['server_id']: row['unmeasured'] for row in self.moves()}
        self.assertIn('left the aggregate', told[gone])
        self.assertIn('left the aggregate', told[elsewhere])

    def test_aggregate_gone(self):
        self.apply_one(continuous=False)
        self.nova.aggregate_list = []
        self.clock.sleep(1800)
        self.measure()
        self.assertIsNotNone(self.audit['measured_at'])
        self.assertIsNone(self.audit['real_gain'])

    def test_cloud_away(self):
        """It is tried again, but not for ever."""
        self.apply_one(continuous=False)
        self.clock.sleep(1800)
        away = exception.Unavailable(reason='away')
        with mock.patch.object(sources, 'read', side_effect=away):
            self.measure()
            self.assertIsNone(self.audit['measured_at'])
            self.clock.sleep(86400)
            self.measure()
        self.assertIsNotNone(self.audit['measured_at'])
        self.assertIn('away', self.moves()[0]['unmeasured'])

    def spoil(self, continuous=True):
        """Let an audit be applied that turns out to be harmful."""
        self.config(group='drs', use_weight=1.0, memory_weight=0.0)
        self.apply_one(continuous)
        # Only those that were moved are busy now, and their host itself.
        self.used(20.0, **dict.fromkeys(self.nova.on('dst1'), 8.0))
        self.clock.sleep(1800)
        self.measure()
        self.assertLess(self.audit['real_gain'], 0)

    def test_frozen(self):
        """An aggregate that gets worse is left alone, with an alarm."""
        self.policy()
        with mock.patch.object(measuring.LOG, 'error') as error:
            self.config(group='drs', freeze_after=1)
            self.spoil()
        row = db_policies.find(self.context, test_audits.AGGREGATE)
        self.assertIn('raised the standard deviation', row['frozen_reason'])
        self.assertIn('ALARM', error.call_args[0][0])
        # A new policy ends it, and what was measured before does not count.
        self.clock.sleep(1)
        self.policy()
        measuring.Measuring(lambda: self.tools)._judge(
            self.context, test_audits.AGGREGATE)
        row = db_policies.find(self.context, test_audits.AGGREGATE)
        self.assertIsNone(row['frozen_at'])

    def test_not_by_one(self):
        """One that turned out bad is no reason yet."""
        self.policy()
        self.spoil()
        row = db_policies.find(self.context, test_audits.AGGREGATE)
        self.assertIsNone(row['frozen_at'])

    def test_not_by_requests(self):
        """What operators apply does not freeze anything."""
        self.policy()
        self.config(group='drs', freeze_after=1)
        self.spoil(continuous=False)
        row = db_policies.find(self.context, test_audits.AGGREGATE)
        self.assertIsNone(row['frozen_at'])
