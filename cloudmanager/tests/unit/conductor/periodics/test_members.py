# SPDX-License-Identifier: Apache-2.0
"""Each key has one owner, and few change hands."""

import collections
import datetime

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.conductor.periodics import members
from cloudmanager.db import models
from cloudmanager.db import services as db_services
from cloudmanager.tests import base

KEYS = range(3000)


class MembersTestCase(base.TestCase):

    def test_all_agree_on_the_owner(self):
        hosts = ['a', 'b', 'c']
        for key in KEYS:
            owners = [own for own in hosts
                      if members.Members(own, hosts[::-1]).owns(key)]
            self.assertEqual([members.Members('a', hosts).owner(key)],
                             owners)

    def test_shares_are_even(self):
        found = collections.Counter(
            map(members.Members('a', ['a', 'b', 'c']).owner, KEYS))
        self.assertEqual({'a', 'b', 'c'}, set(found))
        self.assertLess(max(found.values()) / min(found.values()), 1.2)

    def test_only_keys_of_the_lost_one_move(self):
        before = members.Members('a', ['a', 'b', 'c'])
        after = members.Members('a', ['a', 'b'])
        for key in KEYS:
            if before.owner(key) != 'c':
                self.assertEqual(before.owner(key), after.owner(key))

    def test_own_host_is_always_one(self):
        """A conductor whose sign of life was lost goes on alone."""
        self.assertTrue(members.Members('a', []).owns('x'))


@base.databases()
class AliveTestCase(base.DbTestCase):

    def test_lately_and_not_stopped(self):
        for host in ('one', 'two', 'three', 'four'):
            db_services.heartbeat(self.context, 'conductor', host,
                                  stopped=host == 'two')
        db_services.heartbeat(self.context, 'agent', 'five')
        self.execute(
            sa.update(models.Service)
            .where(models.Service.host == 'three')
            .values(heartbeat_at=clock.utcnow()
                    - datetime.timedelta(seconds=40)))
        found = members.Members.read(self.context, 'conductor', 'one', 30)
        self.assertEqual(['four', 'one'], found.hosts)
