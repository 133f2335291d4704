# SPDX-License-Identifier: Apache-2.0
"""Audits of aggregates over HTTP."""

import datetime

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import audits as db_audits
from cloudmanager.db import models
from cloudmanager.db import table
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

SERVER = '0a5b4c11-83f1-4d7a-9a3b-5e0f6c1d2b7e'
MOVE = {'server_id': SERVER, 'server_name': 'db1', 'source': 'cmp1',
        'destination': 'cmp2', 'action': 'live-migrate', 'stage': 0,
        'reason': 'CPU of cmp1 from 75% to 62%', 'gain': 0.1,
        'seconds': 81.9, 'size_mb': 8192, 'group_id': None,
        'state': 'PLANNED'}
PATH = '/v1/aggregates/7/actions'


class AuditsCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.config(group='drs', audit_wait=0.0)

    def audit(self, status='DONE', aggregate_id=7, **values):
        """Insert an audit with one move; return its id."""
        audit_id = table.create(self.context, models.Audit, {
            'aggregate_id': aggregate_id, 'status': status, **values})
        self.execute(sa.insert(models.AuditMove).values(
            audit_id=audit_id, **MOVE))
        return audit_id

    def run_audit(self, body=None, status=200):
        return self.call('POST', f'{PATH}/execute-audit', body or {}, status)


@tests_base.databases()
class ExecuteTestCase(AuditsCase):

    def test_answer(self):
        answer = self.run_audit()
        audit = answer.json['audit']
        self.assertEqual({'id', 'status'}, set(audit))
        self.assertEqual('PENDING', audit['status'])
        (task_id,) = self.conductor.posted
        task = db_tasks.get_task(self.context, task_id)
        self.assertEqual(('aggregate.audit', {
            'aggregate_id': 7, 'auto_apply': False}),
            (task['name'], task['params']))
        self.assertEqual(task_id, self.get(
            f'/v1/audits/{audit["id"]}')['audit']['task_id'])
        self.assertEqual([('audit', '7', {})], self.conductor.checked)

    def test_waits(self):
        """What is made in time is in the answer."""
        self.config(group='drs', audit_wait=5.0)
        post = self.conductor.run_task

        def run_task(context, task_id):
            post(context, task_id)
            audit = db_audits.ensure(context, 7, task_id)
            self.execute(sa.update(models.Audit).where(
                models.Audit.id == audit['id']).values(status='DONE'))

        self.conductor.run_task = run_task
        self.assertEqual('DONE', self.run_audit().json['audit']['status'])

    def test_equal(self):
        """A double request finds the audit of the first one."""
        first, second = self.run_audit(), self.run_audit()
        self.assertEqual(first.json, second.json)
        self.assertEqual(1, len(self.conductor.posted))

    def test_other(self):
        self.run_audit()
        answer = self.run_audit({'auto_apply': True}, 409)
        self.assertEqual('cloudmanager.task.conflict',
                         answer.json['errors'][0]['code'])

    def test_unknown(self):
        self.conductor.check_error = exception.AggregateNotFound(aggregate=7)
        self.run_audit(status=404)
        self.assertEqual([], self.get('/v1/audits')['audits'])


@tests_base.databases()
class ApplyTestCase(AuditsCase):

    def apply(self, body, status=202):
        return self.call('POST', f'{PATH}/apply-audit', body, status)

    def test_begins(self):
        audit_id = self.audit()
        answer = self.apply({'audit_id': audit_id, 'servers': [SERVER]})
        task = db_tasks.get_task(self.context, answer.headers[
            'Location'].removeprefix('/v1/tasks/'))
        self.assertEqual(('aggregate.apply', {
            'aggregate_id': 7, 'audit_id': audit_id, 'servers': [SERVER],
            'force': False}), (task['name'], task['params']))
        self.assertEqual(b'', answer.body)

    def test_text_id(self):
        self.apply({'audit_id': str(self.audit())})

    def test_equal(self):
        """A double request is not judged by what the first has done."""
        body = {'audit_id': self.audit()}
        first = self.apply(body)
        self.conductor.check_error = exception.AuditNotApplicable(
            audit=1, reason='its status is APPLYING')
        self.assertEqual(first.headers['Location'],
                         self.apply(body).headers['Location'])

    def test_stale(self):
        """DS14: what has changed is told."""
        self.conductor.check_error = exception.AuditStale(
            audit=1, changes='host cmp2 is disabled')
        answer = self.apply({'audit_id': self.audit()}, 409)
        error = answer.json['errors'][0]
        self.assertEqual('cloudmanager.audit.stale', error['code'])
        self.assertIn('host cmp2 is disabled', error['detail'])

    def test_of_another_aggregate(self):
        self.apply({'audit_id': self.audit(aggregate_id=8)}, 404)

    def test_bad(self):
        audit_id = self.audit()
        for body in ({}, {'audit_id': None}, {'audit_id': 'x'},
                     {'audit_id': audit_id, 'servers': []},
                     {'audit_id': audit_id, 'servers': ['x']},
                     {'audit_id': audit_id, 'more': 1}):
            self.apply(body, 400)


@tests_base.databases()
class ShowTestCase(AuditsCase):

    def ids(self, query=''):
        return [found['id'] for found in
                self.get(f'/v1/audits{query}')['audits']]

    def test_list(self):
        first = self.audit(created_at=datetime.datetime(2026, 1, 1))
        second = self.audit('FAILED', aggregate_id=8, task_id='t')
        self.assertEqual([second, first], self.ids())
        for query, found in (
                ('?aggregate_id=8', second), ('?status=DONE', first),
                ('?status=in:APPLIED,FAILED', second), ('?task_id=t', second),
                (f'?id={first}', first),
                ('?created_at=lt:2026-02-01T00:00:00', first)):
            self.assertEqual([found], self.ids(query), query)
        self.assertEqual([second], self.ids('?limit=1'))
        self.assertEqual([first], self.ids('?sort=id:asc&limit=1'))
        self.assertEqual({'status': 'DONE', 'id': first}, self.get(
            f'/v1/audits?id={first}&fields=id,status')['audits'][0])

    def test_show(self):
        audit_id = self.audit(
            before={'means': {}}, hot={'cmp1': 'why'}, warnings=['none'],
            conclusion='1 move', picture={'servers': {}}, fingerprint='f')
        audit = self.get(f'/v1/audits/{audit_id}')['audit']
        self.assertNotIn('picture', audit)
        self.assertEqual(({'means': {}}, {'cmp1': 'why'}, ['none'], 'f'),
                         tuple(audit[key] for key in (
                             'before', 'hot', 'warnings', 'fingerprint')))
        (move,) = audit['moves']
        self.assertEqual({key: MOVE[key] for key in move if key in MOVE},
                         {key: move[key] for key in move if key in MOVE})
        self.assertEqual(('PLANNED', None), (move['state'], move['error']))

    def test_missing(self):
        for key in ('99', 'x', '99999999999999999999'):
            self.call('GET', f'/v1/audits/{key}', status=404)

    def test_purge(self):
        """Old ones go, unless they are being applied."""
        old = datetime.datetime(2020, 1, 1)
        self.audit(created_at=old)
        applying = self.audit('APPLYING', created_at=old)
        new = self.audit()
        self.assertEqual(1, db_audits.purge(self.context, 30))
        self.assertEqual([new, applying], self.ids())
