# SPDX-License-Identifier: Apache-2.0
"""Samples of loads, on every database."""

from cloudmanager.common import clock
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.db import agents
from cloudmanager.db import load_samples
from cloudmanager.tests import agent_reports
from cloudmanager.tests import base

GUEST = '17b15142-1123-409b-a645-64c739f7f506'


@base.databases()
class LoadSamplesTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        secrets.create_key()
        self.keys = {host: signing.new_key() for host in ('cmp1', 'CMP1')}
        for host, key in self.keys.items():
            agents.enrol(self.context, host, key)

    def record(self, at, host='cmp1', cpus=1.5):
        return agent_reports.record(
            self.context, host, self.keys[host].id, at, {
                'load': {'cpus': cpus, 'io_pressure': None},
                'guests': {GUEST: {'cpus': 0.5}}, 'reasons': {'x': 'y'}})

    def test_window_and_latest(self):
        for at in (10.0, 20.5, 30.0):
            self.assertTrue(self.record(at, cpus=at))
        self.record(20.0, 'CMP1')
        found = load_samples.window(self.context, ['cmp1', 'x'], 20.5, 30)
        self.assertEqual(['cmp1'], list(found))
        self.assertEqual([20.5, 30.0], [one.at for one in found['cmp1']])
        self.assertEqual(load_samples.Sample(
            20.5, {'cpus': 20.5, 'io_pressure': None},
            {GUEST: {'cpus': 0.5}}, {'x': 'y'}), found['cmp1'][0])
        latest = load_samples.latest(self.context, ['cmp1', 'CMP1', 'x'])
        self.assertEqual({'cmp1': 30.0, 'CMP1': 20.0},
                         {host: one.at for host, one in latest.items()})

    def test_older_report(self):
        """The sample of a report that was overtaken is not kept either."""
        self.record(10.0)
        self.assertFalse(self.record(10.0))
        self.assertFalse(self.record(5.0))
        self.assertEqual(1, len(load_samples.window(
            self.context, ['cmp1'], 0, 100)['cmp1']))

    def test_revoked(self):
        self.record(10.0)
        agents.revoke(self.context, 'cmp1')
        self.assertEqual({}, load_samples.latest(self.context, ['cmp1']))

    def test_purge(self):
        now = clock.timestamp()
        for age in (500, 400, 300, 90):
            self.record(now - age)
        self.assertEqual(2, load_samples.purge(self.context, 100, batch=2))
        self.assertEqual(1, load_samples.purge(self.context, 100, batch=2))
        self.assertEqual(0, load_samples.purge(self.context, 100, batch=2))
        found = load_samples.window(self.context, ['cmp1'], 0, now)['cmp1']
        self.assertEqual([90], [round(now - one.at) for one in found])
