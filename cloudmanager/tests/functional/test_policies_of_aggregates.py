# SPDX-License-Identifier: Apache-2.0
"""Policies of aggregates over HTTP."""

import datetime

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.domain.audit_policies import Policy
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

PATH = '/v1/aggregates/7/policy'
NIGHT = {'days': ['sat', 'sun'], 'start': '22:00', 'end': '04:00'}
EMPTY = {
    'aggregate_id': 7, 'mode': 'off', 'interval': None, 'cron': None,
    'time_zone': 'UTC', 'maintenance_windows': [], 'quiet_hours': [],
    'threshold': None, 'minimum_gain': None, 'source_floor': None,
    'max_load': None, 'max_moves': None, 'max_moves_per_day': None,
    'next_audit_at': None, 'frozen_at': None, 'frozen_reason': None,
    'updated_at': None}


@tests_base.databases()
class PolicyTestCase(base.ApiTestCase):

    def put(self, status=200, **values):
        return self.call('PUT', PATH, {'policy': values}, status)

    def stored(self):
        return Policy.from_row(db_policies.find(self.context, 7))

    def test_none(self):
        self.assertEqual({'policy': EMPTY}, self.get(PATH))

    def test_no_aggregate(self):
        """One that Nova does not know has no policy, and gets none."""
        self.conductor.check_error = exception.AggregateNotFound(aggregate=7)
        self.call('GET', PATH, status=404)
        self.put(404, mode='off')
        self.assertIsNone(db_policies.find(self.context, 7))
        for path in ('x', '99999999999999999999'):
            self.call('GET', f'/v1/aggregates/{path}/policy', status=404)

    def test_set(self):
        before = clock.utcnow().replace(microsecond=0)
        policy = self.put(
            mode='automatic', interval=600, time_zone='UTC',
            maintenance_windows=[NIGHT],
            quiet_hours=[{'start': '12:00', 'end': '13:00'}],
            threshold=0.1, max_moves=5, max_moves_per_day=20).json['policy']
        self.assertLessEqual(before, datetime.datetime.fromisoformat(
            policy.pop('next_audit_at')))
        self.assertIsNotNone(policy.pop('updated_at'))
        every_day = {'days': ['mon', 'tue', 'wed', 'thu', 'fri', 'sat',
                              'sun'], 'start': '12:00', 'end': '13:00'}
        self.assertEqual({
            key: value for key, value in {
                **EMPTY, 'mode': 'automatic', 'interval': 600,
                'maintenance_windows': [NIGHT], 'quiet_hours': [every_day],
                'threshold': 0.1, 'max_moves': 5, 'max_moves_per_day': 20,
            }.items() if key not in ('next_audit_at', 'updated_at')}, policy)
        # The conductors are no part of what is read.
        self.conductor.check_error = exception.Unavailable(reason='away')
        self.assertEqual('automatic', self.get(PATH)['policy']['mode'])
        self.assertEqual({'threshold': 0.1, 'max_moves': 5},
                         self.stored().limits)

    def test_replaced(self):
        """What a PUT does not name is as without a policy."""
        self.put(mode='automatic', interval=600, threshold=0.1)
        policy = self.put(mode='recommend', cron=' 0  3 * * 1-5').json[
            'policy']
        self.assertEqual((None, None, '0 3 * * 1-5'), tuple(
            policy[name] for name in ('threshold', 'interval', 'cron')))
        due = datetime.datetime.fromisoformat(policy['next_audit_at'])
        self.assertEqual((3, 0, True), (due.hour, due.minute,
                                        due > clock.utcnow()))
        policy = self.put(mode='off').json['policy']
        self.assertIsNone(policy['next_audit_at'])
        self.assertEqual([], db_policies.active(self.context))

    def test_thaws(self):
        self.put(mode='automatic', interval=600)
        self.assertTrue(db_policies.freeze(self.context, 7, 'it got worse'))
        self.assertFalse(db_policies.freeze(self.context, 7, 'again'))
        policy = self.get(PATH)['policy']
        self.assertEqual('it got worse', policy['frozen_reason'])
        self.assertIsNotNone(policy['frozen_at'])
        self.assertTrue(self.stored().frozen)
        policy = self.put(mode='automatic', interval=600).json['policy']
        self.assertEqual((None, None), (policy['frozen_at'],
                                        policy['frozen_reason']))

    def test_bad(self):
        """What is wrong is named, and nothing is stored."""
        for values, name in (
                ({}, 'mode'), ({'mode': None}, 'mode'),
                ({'mode': 'on'}, 'mode'),
                ({'mode': 'recommend'}, 'interval'),
                ({'mode': 'off', 'interval': 60, 'cron': '0 3 * * *'},
                 'cron'),
                ({'mode': 'off', 'interval': 59}, 'interval'),
                ({'mode': 'off', 'interval': True}, 'interval'),
                ({'mode': 'off', 'interval': 10 ** 9}, 'interval'),
                ({'mode': 'off', 'cron': '0 0 30 2 *'}, 'cron'),
                ({'mode': 'off', 'cron': '* * * * * *'}, 'cron'),
                ({'mode': 'off', 'cron': '*' * 300}, 'cron'),
                ({'mode': 'off', 'time_zone': 'Europe/Berlin'}, 'time_zone'),
                ({'mode': 'off', 'threshold': 1.1}, 'threshold'),
                ({'mode': 'off', 'threshold': -0.1}, 'threshold'),
                ({'mode': 'off', 'max_load': '1'}, 'max_load'),
                ({'mode': 'off', 'max_moves': -1}, 'max_moves'),
                ({'mode': 'off', 'quiet_hours': None}, 'quiet_hours'),
                ({'mode': 'off', 'quiet_hours': ['night']}, 'quiet_hours'),
                ({'mode': 'off', 'quiet_hours': [{'start': '01:00'}]}, 'end'),
                ({'mode': 'off', 'quiet_hours': [
                    {'start': '1:00', 'end': '02:00'}]}, 'start'),
                ({'mode': 'off', 'quiet_hours': [
                    {'start': '01:00', 'end': '24:00'}]}, 'end'),
                ({'mode': 'off', 'quiet_hours': [{**NIGHT, 'days': []}]},
                 'days'),
                ({'mode': 'off', 'quiet_hours': [
                    {**NIGHT, 'days': ['Monday']}]}, 'days'),
                ({'mode': 'off', 'quiet_hours': [{**NIGHT, 'zone': 'CET'}]},
                 'quiet_hours'),
                ({'mode': 'off', 'quiet_hours': [NIGHT] * 51},
                 'quiet_hours'),
                ({'mode': 'off', 'frozen_at': None}, 'frozen_at'),
                ({'mode': 'off', 'more': 1}, 'more')):
            answer = self.put(400, **values)
            self.assertIn(name, answer.json['errors'][0]['detail'], values)
        self.assertIsNone(db_policies.find(self.context, 7))

    def test_advanced_once(self):
        """Of two that set when the next audit is due, one succeeds."""
        self.put(mode=Mode.RECOMMEND, interval=600)
        due = db_policies.find(self.context, 7)['next_audit_at']
        later = due + datetime.timedelta(minutes=10)
        self.assertTrue(db_policies.advance(self.context, 7, due, later))
        self.assertFalse(db_policies.advance(self.context, 7, due, later))


class BacktestTestCase(base.ApiTestCase):

    def backtest(self, body=None, status=200):
        return self.call('POST', '/v1/aggregates/7/actions/backtest',
                         body or {}, status)

    def test_answer(self):
        found = self.backtest({'threshold': 0.1}).json['backtest']
        self.assertEqual({'rounds', 'unknown', 'unreached', 'deviation',
                          'present', 'asked'}, set(found))
        self.assertEqual([('backtest', '7', {
            'hours': 24, 'interval': 3600, 'threshold': 0.1})],
            self.conductor.checked)
        self.assertEqual([], self.conductor.posted)

    def test_bad(self):
        for body in ({'hours': 0}, {'hours': 721}, {'interval': 59},
                     {'hours': 24, 'interval': 60}, {'threshold': 2},
                     {'max_moves': -1}, {'mode': 'off'}):
            self.backtest(body, 400)

    def test_nothing_known(self):
        self.conductor.check_error = exception.NothingMeasured(
            aggregate=7, hours=24, source='none')
        answer = self.backtest(status=409)
        self.assertEqual('cloudmanager.audit.nothing_measured',
                         answer.json['errors'][0]['code'])
