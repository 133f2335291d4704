# SPDX-License-Identifier: Apache-2.0
"""Reports of agents that are gathered, and stored together."""

import fixtures
from oslo_db import exception as db_exc

from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.conductor.agents import reports
from cloudmanager.db import agents
from cloudmanager.db import load_samples
from cloudmanager.domain import load_reports
from cloudmanager.tests import base
from cloudmanager.tests import clocks

BODY = {'version': '1', 'interface': '1.0', 'operations': {},
        'capabilities': {}, 'modes': {}, 'refused': {}, 'types': []}
LOAD = {'host': dict.fromkeys(load_reports.HOST, 1.0), 'guests': {},
        'reasons': {}}


class ReportsTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        secrets.create_key()
        self.keys = {host: signing.new_key() for host in ('cmp1', 'cmp2')}
        for host, key in self.keys.items():
            agents.enrol(self.context, host, key)
        self.reports = reports.Reports(None)

    def sign(self, generation, host='cmp1', load=None):
        return signing.sign(
            self.keys[host], signing.Kind.REPORT, host, signing.CONTROL,
            {**BODY, 'generation': generation, 'load': load})

    def take(self, *envelopes):
        for envelope in envelopes:
            self.reports.take(envelope)

    def generations(self):
        return {row['host']: row['generation']
                for row in agents.list_agents(self.context)}

    def test_newest_of_an_agent(self):
        """The newest is stored, with the load of one before it."""
        older, newer = self.sign(1, load=LOAD), self.sign(2)
        for envelopes in ((older, newer), (newer, older)):
            self.reports = reports.Reports(None)
            self.take(*envelopes)
            self.reports.store(self.context)
        self.assertEqual({'cmp1': 2, 'cmp2': None}, self.generations())
        self.assertEqual(1, len(load_samples.latest(self.context,
                                                    ['cmp1'])))
        # The second time, all of it had been stored.
        self.assertEqual(1, self.reports.refused['replayed'])

    def test_hostile(self):
        """Whoever has the key of an agent signs what he likes."""
        given = [{name: value} for name, values in {
            'version': (None, 7, ['x']), 'interface': (None, 7, {}),
            'operations': (None, 'x', ['x'], {'x': 1}, {'x': {}}),
            'capabilities': (None, 'x', ['x'], {'x': ['x']}, {'x': {}}),
            'types': ('x', 7, {}, [7], [None]),
            'refused': (None, 'x', ['x'], {'x': 'x'}, {'x': -1}),
            'generation': (None, True, 1.5, -1, 2 ** 31, 2 ** 80),
            'modes': (None, 'x', ['x'], *({'snmp': state} for state in (
                'x', ['x'], 7, None, {'reason': 7}, {'checked_at': ['x']},
                {'actual': ['x']}, {'actual': {'mode': {}}}))),
            'facts': (None, 'x', ['x'], *({name: value} for name in (
                'guests', 'storages') for value in (
                    'x', ['x'], {'x': 1}, [{}], [{'id': {}}])),
                {'reasons': ['x']}, {'reasons': {'guests': 7}}),
        }.items() for value in values]
        for number, more in enumerate(given, 1):
            self.take(signing.sign(
                self.keys['cmp1'], signing.Kind.REPORT, 'cmp1',
                signing.CONTROL, {**BODY, 'generation': 1, **more}))
            self.reports.store(self.context)
            self.assertEqual(number, self.reports.refused['malformed'], more)
        self.reports.store(self.context)
        self.assertIsNone(self.generations()['cmp1'])

    def test_texts(self):
        """What a report tells can be printed and stored."""
        bad = '\x1b[2J\nroot\x00 \udc80'
        self.take(signing.sign(
            self.keys['cmp1'], signing.Kind.REPORT, 'cmp1', signing.CONTROL,
            {**BODY, 'version': bad, 'generation': 1, 'facts': {
                'guests': [{'id': bad, 'name': bad, 'state': bad}],
                'storages': [], 'reasons': {bad: bad}}}))
        self.reports.store(self.context)
        (found, _) = agents.list_agents(self.context)
        good = ' [2J root   '
        self.assertEqual(
            (good, [{'id': good, 'name': good, 'state': 'unknown'}],
             {'storages': [], 'reasons': {good: good}}),
            (found['version'], found['guests'], found['facts']))

    def test_clock_set_back(self):
        """Clocks that were wrong for a while make nobody silent for long."""
        with clocks.set_wrong(86400):
            self.take(self.sign(1, load=LOAD))
            self.reports.store(self.context)
        self.take(self.sign(2, load=LOAD))
        self.reports.store(self.context)
        self.assertEqual({'cmp1': 2, 'cmp2': None}, self.generations())
        self.assertEqual(2, len(load_samples.window(
            self.context, ['cmp1'], 0, 1e12)['cmp1']))

    def failing(self, error, *, when):
        record = agents.record

        def store(context, batch):
            if when(batch):
                raise error
            return record(context, batch)

        return fixtures.MonkeyPatch('cloudmanager.db.agents.record', store)

    def test_error_in_one(self):
        """Others are stored nevertheless."""
        with self.failing(ValueError('no'), when=lambda batch: any(
                one.values['generation'] == 7 for one in batch)):
            self.take(self.sign(7), self.sign(3, 'cmp2'))
            self.reports.store(self.context)
        self.assertEqual({'cmp1': None, 'cmp2': 3}, self.generations())

    def test_database_away(self):
        """What cannot be stored is dropped; the next report can."""
        with self.failing(db_exc.DBConnectionError(), when=bool):
            self.take(self.sign(1), self.sign(1, 'cmp2'))
            self.reports.store(self.context)
        self.take(self.sign(2))
        self.reports.store(self.context)
        self.assertEqual({'cmp1': 2, 'cmp2': None}, self.generations())

    def test_stop(self):
        """What was taken before the end is stored."""
        self.reports.start()
        self.take(self.sign(5))
        self.reports.stop()
        self.assertEqual(5, self.generations()['cmp1'])

    def test_malformed(self):
        """What is no message at all is refused as it comes."""
        self.take('x', None, [], {'body': 'x'}, {
            **self.sign(1), 'time': float('nan'), 'body': 7})
        self.assertEqual(5, self.reports.refused['malformed'])

    def test_unreadable_keys(self):
        """They keep no other agent from being heard."""
        find = reports.known.KnownAgents.find

        def failing(known, host):
            if host == 'cmp1':
                raise exception.SecretUnreadable()
            return find(known, host)

        with fixtures.MonkeyPatch('cloudmanager.conductor.agents.known.'
                                  'KnownAgents.find', failing):
            self.take(self.sign(1), self.sign(2, 'cmp2'))
            self.reports.store(self.context)
        self.assertEqual({'cmp1': None, 'cmp2': 2}, self.generations())

    def test_database_away_while_checking(self):
        """It is asked once, not for each report."""
        asked = []

        def find(known, host):
            asked.append(host)
            raise db_exc.DBConnectionError()

        with fixtures.MonkeyPatch('cloudmanager.conductor.agents.known.'
                                  'KnownAgents.find', find):
            self.take(self.sign(1), self.sign(1, 'cmp2'))
            self.reports.store(self.context)
        self.assertEqual(['cmp1'], asked)
        self.take(self.sign(2))
        self.reports.store(self.context)
        self.assertEqual({'cmp1': 2, 'cmp2': None}, self.generations())

    def test_until_quiet(self):
        for now, seconds in ((7.0, 0.5), (7.25, 0.25), (7.5, 0.0),
                             (7.75, 0.75)):
            self.assertEqual(seconds, reports.until_quiet(now))
