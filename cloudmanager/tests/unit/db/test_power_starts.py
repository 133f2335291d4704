# SPDX-License-Identifier: Apache-2.0
"""Nodes are switched on one after the other."""

import datetime

import fixtures
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_starts
from cloudmanager.tests import base


class StartsCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.now = datetime.datetime(2026, 1, 1, 12)
        self.useFixture(fixtures.MockPatchObject(
            clock, 'utcnow', lambda: self.now))
        self.nodes = [db_nodes.create_node(self.context, {
            'name': f'n{number}'})['id'] for number in range(4)]

    def later(self, seconds):
        self.now += datetime.timedelta(seconds=seconds)

    def enter(self, *nodes, rack='1', spacing=2.0):
        for node in nodes:
            power_starts.enter(self.context, node, rack, spacing, 60)

    def waits(self, limit=0):
        return [power_starts.wait(self.context, node, limit)
                for node in self.nodes]


@base.databases()
class StartsTestCase(StartsCase):

    def test_one_after_the_other(self):
        self.enter(*self.nodes)
        self.assertEqual([0, 2, 4, 6], self.waits())
        self.later(3)
        self.assertEqual([0, 0, 1, 3], self.waits())

    def test_racks_are_apart(self):
        self.enter(*self.nodes[:2])
        self.enter(*self.nodes[2:], rack='2')
        self.assertEqual([0, 2, 0, 2], self.waits())

    def test_limit(self):
        """So many at a time, in the order in which they came."""
        self.enter(*self.nodes)
        self.later(10)
        self.assertEqual([0, 0, 1, 1], self.waits(2))
        power_starts.leave(self.context, self.nodes[0])
        self.assertEqual([0, 0, 0, 1], self.waits(2))

    def test_limit_over_racks(self):
        self.enter(self.nodes[0])
        self.enter(self.nodes[1], rack='2')
        self.assertEqual([0, 1.0], self.waits(1)[:2])

    def test_who_died_holds_nobody_up(self):
        self.enter(*self.nodes)
        self.later(59)
        power_starts.keep(self.context, self.nodes[1], 60)
        self.later(10)
        self.assertEqual([0, 0, 1, 1], self.waits(1))
        power_starts.leave(self.context, self.nodes[1])
        self.enter(self.nodes[3])
        self.assertEqual([self.nodes[3]], [row.node_id for row in (
            self.execute(sa.select(models.PowerStart.node_id)))])

    def test_begun_again(self):
        self.enter(self.nodes[0], self.nodes[0])
        self.assertEqual(0, self.waits()[0])

    def test_with_its_node_it_goes(self):
        self.enter(self.nodes[0])
        db_nodes.delete_node(self.context, self.nodes[0])
        self.assertEqual([], self.execute(sa.select(models.PowerStart)))


@base.databases()
class TogetherTestCase(StartsCase):

    def test_no_two_have_the_same_moment(self):
        nodes = self.nodes + [db_nodes.create_node(self.context, {
            'name': f'm{number}'})['id'] for number in range(4)]
        found = base.Together(8, lambda number: self.enter(nodes[number]))
        self.assertEqual([], found.raised)
        moments = sorted(row.moment for row in self.execute(
            sa.select(models.PowerStart.moment)))
        self.assertEqual([2000] * 7, [
            second - first for first, second in zip(
                moments, moments[1:], strict=False)])
