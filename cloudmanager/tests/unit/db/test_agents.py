# SPDX-License-Identifier: Apache-2.0
"""Agents and the desired state of nodes, on every database."""

from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.db import agents
from cloudmanager.db import node_settings
from cloudmanager.db import nodes
from cloudmanager.tests import agent_reports
from cloudmanager.tests import base

UNKNOWN = 10 ** 6
Outcome = agents.Outcome


@base.databases()
class AgentsTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        secrets.create_key()
        self.key, self.new = signing.new_key(), signing.new_key()

    def enrol(self, key=None):
        return agents.enrol(self.context, 'cmp1', key or self.key)

    def record(self, sent_at, key=None, **values):
        return agent_reports.record(self.context, 'cmp1',
                                    (key or self.key).id, sent_at, **values)

    @property
    def agent(self):
        return agents.find(self.context, 'cmp1')

    def test_enrol(self):
        self.assertIsNone(self.agent)
        self.assertTrue(self.enrol())
        self.assertEqual(self.key.id, self.agent['key_id'])
        self.assertEqual(self.key.secret.hex(),
                         secrets.decrypt(self.agent['key']))
        self.assertNotIn(self.key.secret.hex(), str(self.agent))
        self.assertIsNone(agents.find(self.context, 'CMP1'))
        self.assertEqual(['cmp1'], [row['host'] for row in
                                    agents.list_agents(self.context)])

    def test_rotate(self):
        self.enrol()
        self.assertFalse(self.enrol(signing.new_key()))
        self.assertFalse(self.enrol(self.new))
        self.assertEqual((self.key.id, self.new.id), (
            self.agent['key_id'], self.agent['next_key_id']))
        agents.switch_key(self.context, 'cmp1', 'another')
        self.assertEqual(self.key.id, self.agent['key_id'])
        agents.switch_key(self.context, 'cmp1', self.new.id)
        self.assertEqual((self.new.id, None, None), (
            self.agent['key_id'], self.agent['next_key_id'],
            self.agent['next_key']))
        self.assertEqual(self.new.secret.hex(),
                         secrets.decrypt(self.agent['key']))

    def test_record(self):
        """A newer report is stored, an older one is not."""
        self.assertFalse(self.record(1.0))
        self.enrol()
        report = agent_reports.report(self.context, 'cmp1', self.key.id,
                                      10.25, generation=3)
        self.assertEqual([Outcome.KEPT],
                         agents.record(self.context, [report]))
        for sent_at in (10.25, 9.0):
            self.assertFalse(self.record(sent_at, generation=2))
        self.assertEqual((3, '1', 10.25), (
            self.agent['generation'], self.agent['version'],
            self.agent['reported_at']))
        self.assertTrue(self.record(10.5))
        self.assertFalse(self.record(11.0, self.new))
        self.enrol(self.new)
        self.assertTrue(self.record(11.0, self.new))

    def test_nothing_new(self):
        """What is as before is not written again."""
        self.enrol()
        self.record(1.0, digest='a', generation=3)
        self.record(2.0, digest='a', generation=99, checked_at='then')
        self.assertEqual((3, 2.0, 'then'), (
            self.agent['generation'], self.agent['reported_at'],
            self.agent['checked_at']))
        self.record(3.0, digest='b', generation=4)
        self.assertEqual((4, 'b', None), (
            self.agent['generation'], self.agent['digest'],
            self.agent['checked_at']))

    def test_statements(self):
        """Many reports without news need as many statements as one."""
        hosts = [f'n{number}' for number in range(24)]
        for host in hosts:
            agents.enrol(self.context, host, self.key)

        def reports(sent_at):
            return [agent_reports.report(
                self.context, host, self.key.id, sent_at + number,
                {'load': {}, 'guests': {}, 'reasons': {}})
                for number, host in enumerate(hosts)]

        agents.record(self.context, reports(1.0))
        later = reports(1000.5)
        with self.statements() as found:
            outcomes = agents.record(self.context, later)
        self.assertEqual({Outcome.KEPT}, set(outcomes))
        self.assertEqual(3, len(found), found)
        self.assertEqual(
            {host: 1000.5 + number for number, host in enumerate(hosts)},
            {row['host']: row['reported_at']
             for row in agents.list_agents(self.context)})

    def test_several(self):
        """Each of several is decided by itself."""
        self.enrol()
        agents.enrol(self.context, 'cmp2', self.new)
        self.record(5.0)
        new, old, late, unknown = (
            agent_reports.report(self.context, 'cmp2', self.new.id, 1.0),
            agent_reports.report(self.context, 'cmp1', self.key.id, 5.0),
            agent_reports.report(self.context, 'cmp1', self.key.id, 4.0),
            agent_reports.report(self.context, 'x', self.key.id, 5.0))
        self.assertEqual(
            [Outcome.KEPT, Outcome.REPEATED, Outcome.UNKNOWN],
            agents.record(self.context, [new, old, unknown]))
        self.assertEqual([Outcome.LATE], agents.record(self.context, [late]))
        self.assertEqual(
            [('cmp1', self.key.id), ('cmp2', self.new.id)],
            [(row['host'], row['key_id'])
             for row in agents.list_contacts(self.context)])
        self.assertEqual([], agents.list_contacts(self.context, 'CMP1'))

    def test_wished(self):
        """The desired state of the node is read along, by one statement."""
        self.enrol()
        self.assertIsNone(self.agent['wished'])
        node = nodes.create_node(self.context, {'name': 'cmp1'})
        self.assertIsNone(self.agent['wished'])
        node_settings.change(self.context, node['id'], {'snmp': True})
        with self.statements() as found:
            self.assertEqual(1, self.agent['wished'])
        self.assertEqual(1, len(found), found)

    def test_same_report_at_once(self):
        self.enrol()
        found = base.Together(6, lambda _: self.record(5.0))
        self.assertEqual([], found.raised)
        self.assertEqual(1, sum(found.results))

    def test_revoke(self):
        self.assertRaises(exception.AgentNotFound, agents.revoke,
                          self.context, 'cmp1')
        self.enrol()
        agents.revoke(self.context, 'cmp1')
        self.assertIsNone(self.agent)
        self.assertFalse(self.record(1.0))

    def test_reencrypt(self):
        self.enrol()
        self.enrol(self.new)
        secrets.create_key()
        self.assertEqual(1, agents.reencrypt(self.context))
        secrets.prune_keys(keep=1)
        self.assertEqual(
            [self.key.secret.hex(), self.new.secret.hex()],
            [secrets.decrypt(self.agent[name])
             for name in ('key', 'next_key')])

    def test_reencrypt_without_the_key(self):
        """What no key opens is left, and does not stop the rest."""
        self.enrol()
        secrets.create_key()
        secrets.prune_keys(keep=1)
        agents.enrol(self.context, 'cmp2', self.new)
        self.assertEqual(1, agents.reencrypt(self.context))


@base.databases()
class SettingsTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.node_id = nodes.create_node(self.context,
                                         {'name': 'cmp1'})['id']

    def change(self, **changes):
        return node_settings.change(self.context, self.node_id, changes)

    def test_change(self):
        self.assertEqual({'generation': 0, 'settings': {}},
                         node_settings.get(self.context, self.node_id))
        self.assertIsNone(node_settings.of_host(self.context, 'cmp1'))
        self.assertEqual({'generation': 1, 'settings': {'snmp': True}},
                         self.change(snmp=True))
        self.assertEqual({'generation': 2, 'settings': {
            'snmp': True, 'log_redirection': None}},
            self.change(log_redirection=None))
        # The same again is no change.
        found = self.change(snmp=True)
        self.assertEqual(2, found['generation'])
        self.assertEqual(found, node_settings.get(self.context,
                                                  self.node_id))
        self.assertEqual(found, node_settings.of_host(self.context, 'cmp1'))

    def test_unknown_node(self):
        self.assertRaises(exception.NodeNotFound, node_settings.change,
                          self.context, UNKNOWN, {'snmp': True})

    def test_goes_with_the_node(self):
        self.change(snmp=True)
        nodes.delete_node(self.context, self.node_id)
        self.assertEqual(0, node_settings.get(self.context,
                                              self.node_id)['generation'])

    def test_agent_has_a_later_one(self):
        """From an earlier node of this name, or from before a restore."""
        secrets.create_key()
        key = signing.new_key()
        agents.enrol(self.context, 'cmp1', key)
        agent_reports.record(self.context, 'cmp1', key.id, 1.0, generation=7)
        self.assertEqual(8, self.change(snmp=True)['generation'])
        self.assertEqual(9, self.change(ssh=True)['generation'])

    def test_at_once(self):
        """No change is lost, and no two have the same generation."""
        modes = ('snmp', 'ssh', 'nodesafe', 'dcc')
        found = base.Together(
            4, lambda number: self.change(**{modes[number]: True}))
        self.assertEqual([], found.raised)
        self.assertEqual([1, 2, 3, 4], sorted(
            row['generation'] for row in found.results))
        self.assertEqual(dict.fromkeys(modes, True), node_settings.get(
            self.context, self.node_id)['settings'])
