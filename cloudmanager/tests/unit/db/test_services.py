# SPDX-License-Identifier: Apache-2.0
"""Signs of life of our own processes."""

import sqlalchemy as sa

from cloudmanager.db import models
from cloudmanager.db import services
from cloudmanager.tests import base


@base.databases()
class HeartbeatTestCase(base.DbTestCase):

    def rows(self):
        return self.execute(sa.select(
            models.Service.binary, models.Service.host,
            models.Service.heartbeat_at, models.Service.stopped))

    def beat(self, **kwargs):
        services.heartbeat(self.context, 'conductor', 'one', **kwargs)

    def test_one_row_a_process(self):
        self.beat()
        (first,) = self.rows()
        self.beat()
        (second,) = self.rows()
        self.assertGreater(second.heartbeat_at, first.heartbeat_at)
        self.assertFalse(second.stopped)

    def test_stopped(self):
        """CC5: a process that ended in order is known to be gone."""
        self.beat()
        self.beat(stopped=True)
        self.assertEqual([True], [row.stopped for row in self.rows()])
        self.beat()
        self.assertEqual([False], [row.stopped for row in self.rows()])

    def test_first_beats_raced(self):
        """Eight that insert the first row at once all succeed."""
        calls = base.Together(8, lambda number: self.beat())
        self.assertEqual([], calls.raised)
        self.assertEqual(1, len(self.rows()))
