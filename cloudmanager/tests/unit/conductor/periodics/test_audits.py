# SPDX-License-Identifier: Apache-2.0
"""Audits that begin by themselves: each of them once."""

import datetime
import threading

from cloudmanager.common import clock
from cloudmanager.conductor.periodics import audits
from cloudmanager.conductor.periodics import members
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import query as common_query
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.tests import base
from cloudmanager.tests import clocks

HOUR = datetime.timedelta(hours=1)


@base.databases()
class AuditsTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.posted = []

    def policy(self, aggregate_id=7, mode=Mode.AUTOMATIC, **document):
        document = {'interval': 3600, **document}
        return db_policies.put(self.context, aggregate_id, mode, document,
                               clock.utcnow())

    def run_on(self, own='one', hosts=('one',)):
        """Do a round on a conductor."""
        audits.Audits(lambda: members.Members(own, list(hosts)),
                      self.posted.append).run(threading.Event())

    def tasks(self):
        return db_tasks.list_tasks(self.context, common_query.Query())

    def end(self):
        """End all tasks, as their flows would."""
        for task in self.tasks():
            token = db_tasks.set_post_token(self.context, task['id'], None,
                                            0)
            claimed = token and db_tasks.claim(self.context, task['id'],
                                               token, 'somebody')
            if claimed:
                db_tasks.finish(self.context, task['id'],
                                claimed['generation'], 'SUCCESS')

    def due(self):
        return db_policies.find(self.context, 7)['next_audit_at']

    def test_begins(self):
        self.policy()
        first = clock.utcnow()
        self.run_on()
        (task,) = self.tasks()
        self.assertEqual(
            ('aggregate.audit', {'aggregate_id': 7, 'continuous': True,
                                 'auto_apply': True}, [task['id']]),
            (task['name'], task['params'], self.posted))
        self.assertEqual(first + HOUR, self.due())
        self.run_on()
        self.assertEqual(1, len(self.tasks()))
        self.end()
        self.clock.sleep(3600)
        self.run_on()
        self.assertEqual(2, len(self.tasks()))

    def test_recommends(self):
        self.policy(mode=Mode.RECOMMEND)
        self.run_on()
        self.assertFalse(self.tasks()[0]['params']['auto_apply'])

    def test_off(self):
        self.policy(mode=Mode.OFF)
        self.run_on()
        self.assertEqual([], self.tasks())

    def test_two_conductors(self):
        """Both take an aggregate for theirs, and one audit is made."""
        self.policy()
        seen = db_policies.active(self.context)
        self.run_on('one')
        self.end()
        # The other one has read the policy before.
        late = audits.Audits(lambda: members.Members('two', []),
                             self.posted.append)
        for row in seen:
            late._look(self.context, row)
        self.assertEqual(1, len(self.tasks()))
        self.assertEqual(1, len(self.posted))

    def test_killed_in_the_middle(self):
        """A conductor dies before it has written when the next one is."""
        row = self.policy()
        dying = audits.Audits(lambda: members.Members('one', []),
                              self.posted.append)
        dying._begin(self.context, 7, audits.Policy.from_row(row),
                     row['next_audit_at'])
        self.end()
        self.run_on('two')
        self.assertEqual(1, len(self.tasks()))
        self.assertEqual(row['next_audit_at'] + HOUR, self.due())

    def test_shared_out(self):
        """Each aggregate is one conductor's."""
        for aggregate_id in range(20):
            self.policy(aggregate_id)
        hosts = ('one', 'two')
        for own in hosts:
            before = len(self.posted)
            self.run_on(own, hosts)
            self.assertLess(2, len(self.posted) - before)
        self.assertEqual(20, len(set(self.posted)))

    def test_quiet_hours(self):
        self.policy(quiet_hours=[{
            'days': ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
            'start': '00:00', 'end': '00:00'}])
        due = self.due()
        self.run_on()
        self.assertEqual([], self.tasks())
        self.assertEqual(due + HOUR, self.due())

    def test_another_in_the_way(self):
        """One that is due while another acts on the aggregate is left out."""
        db_tasks.create_task(self.context, 'aggregate.apply',
                             targets=['aggregate:7'], params={})
        self.policy()
        self.run_on()
        self.assertEqual([], self.posted)
        self.assertLess(clock.utcnow(), self.due())

    def test_clock_forward(self):
        """What was missed is not made up for."""
        first = self.policy()['next_audit_at']
        self.clock.sleep(86400 * 3 + 60)
        self.run_on()
        self.end()
        self.run_on()
        self.assertEqual(1, len(self.tasks()))
        self.assertEqual(first + 73 * HOUR, self.due())

    def test_clock_back(self):
        """An aggregate does not wait until the old time comes again."""
        for document in ({}, {'interval': None, 'cron': '0 * * * *'}):
            self.policy(**document)
            late = clock.utcnow() + datetime.timedelta(days=300)
            db_policies.advance(self.context, 7, self.due(), late)
            self.run_on()
            self.assertEqual([], self.tasks())
            self.assertLess(clock.utcnow(), self.due())
            self.assertLessEqual(self.due(), clock.utcnow() + HOUR)

    def test_same_hour_twice(self):
        """A cron audit of an hour that comes again is not made again."""
        self.policy(interval=None, cron='0 * * * *')
        due = self.due()
        self.run_on()
        self.end()
        db_policies.advance(self.context, 7, self.due(), due)
        self.run_on()
        self.assertEqual(1, len(self.tasks()))
