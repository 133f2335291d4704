# SPDX-License-Identifier: Apache-2.0
"""Tasks of clones that other versions have begun."""

import datetime

from cloudmanager.clients import neutron
from cloudmanager.clients import nova_copies
from cloudmanager.conductor.clones import creations
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.records.clones import CloneMemory
from cloudmanager.conductor.records.clones import Creation
from cloudmanager.conductor.records.clones import Facts
from cloudmanager.conductor.records.clones import Phase
from cloudmanager.conductor.records.clones import Volume
from cloudmanager.conductor.records.item import Item
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor.records import test_moves

NOON = datetime.datetime(2026, 11, 28, 12)
TEXT = NOON.isoformat()
#: As it is stored since the first version, which reads what it may lack.
FACTS = {
    'name': 'web', 'project': 'p1', 'description': None, 'image': False,
    'volumes': [{'id': 'v1', 'name': 'root', 'size_gb': 10,
                 'description': 'about it', 'device': 'vda', 'root': True,
                 'delete': False, 'tag': None}],
    'ports': [{'id': 'port', 'network_id': 'n1', 'mac': 'fa:16:3e:0:0:1',
               'vnic_type': 'normal', 'security': True,
               'security_groups': ['web', 'ssh']}],
    'key': {'name': 'mine-t', 'type': 'ssh', 'public_key': 'ssh-rsa AAAA'},
    'keyless': False}
MEMORY = {
    'clone': FACTS, 'left': 'snapshot s1',
    'shared': {'v1': {'at': TEXT, 'id': 's1', 'gone': True},
               'image': {'at': TEXT, 'id': None}}}
ITEM = {'number': 2, 'phase': 'boot', 'since': TEXT,
        'lines': {'server': {'at': TEXT, 'id': 'vm2'}}}


class MemoryTestCase(fakes_case.ConductorCase):

    def test_old(self):
        memory = CloneMemory.from_json(MEMORY)
        facts = memory.facts
        self.assertEqual([Volume(
            id='v1', name='root', size_gb=10, description='about it',
            device='vda', root=True, delete=False)], facts.volumes)
        self.assertEqual([neutron.Port(
            'port', 'n1', 'fa:16:3e:0:0:1', 'normal', True,
            ('web', 'ssh'))], facts.ports)
        self.assertEqual(nova_copies.KeyPair('mine-t', 'ssh', 'ssh-rsa AAAA'),
                         facts.key)
        self.assertEqual(Creation(at=NOON, id='s1', gone=True),
                         memory.shared['v1'])
        self.assertEqual(('snapshot s1', {}), (memory.left, memory.unknown))

    def test_every_fact_is_stored(self):
        """An older version looks up each of them, whether known or not."""
        without = {**FACTS, 'key': None}
        for facts in (FACTS, without):
            made = CloneMemory.from_json({'clone': facts}).to_json()
            self.assertEqual(facts, made['clone'])
        self.assertEqual(set(FACTS), set(stored.kinds(Facts)))
        self.assertEqual(set(FACTS['volumes'][0]), set(stored.kinds(Volume)))

    def test_nothing_planned(self):
        memory = CloneMemory.from_json({})
        self.assertIsNone(memory.clone)
        self.assertRaises(ValueError, lambda: memory.facts)

    def test_facts_are_left_alone(self):
        """Only what has changed is written."""
        memory = CloneMemory.from_json(MEMORY)
        memory.shared['image'].id = 'i1'
        self.assertEqual({'shared': {
            'v1': {'at': TEXT, 'id': 's1', 'gone': True},
            'image': {'at': TEXT, 'id': 'i1', 'gone': False}}},
            memory.changes(MEMORY))


class ItemTestCase(fakes_case.ConductorCase):

    def read(self, **memory):
        return CloneItem.from_row(test_moves.row(**memory))

    def test_old(self):
        item = self.read(**ITEM)
        self.assertEqual((2, Phase.BOOT, NOON, 'vm2', False), (
            item.number, item.phase, item.since, item.lines['server'].id,
            item.lines['server'].gone))
        self.assertEqual(
            {**ITEM, 'lines': {'server': {'at': TEXT, 'id': 'vm2',
                                          'gone': False}}},
            item.to_row()['memory'])
        self.assertEqual(set(ITEM), set(stored.kinds(CloneItem))
                         - set(stored.kinds(Item)))

    def test_not_begun(self):
        item = self.read(number=1)
        self.assertEqual((Phase.VOLUMES, 0.0, {}),
                         (item.phase, item.age, item.lines))

    def test_age(self):
        item = self.read(number=1)
        item.since = self.clock.utcnow()
        self.clock.sleep(12)
        self.assertAlmostEqual(12, item.age, places=3)


class BookTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.config(group='server_tasks', create_grace=60)
        self.stored = []

    def journal(self, **lines):
        self.lines = lines
        return creations.CreationJournal(
            self.run_of(), self.lines,
            lambda: self.stored.append(stored.dump(self.lines)))

    def test_asked_again(self):
        """Nothing that is known of a lost request is said of the next."""
        begun = self.clock.utcnow()
        journal = self.journal(a=Creation(at=begun, gone=True,
                                          unknown={'x': 1}))
        self.assertIsNone(journal.ensure('a', lambda: None, self.fail))
        self.assertEqual([], self.stored)
        self.clock.sleep(61)
        self.assertEqual('new', journal.ensure('a', lambda: None,
                                               lambda: 'new'))
        self.assertGreater(self.lines['a'].at, begun)
        at = self.lines['a'].at.isoformat()
        self.assertEqual([{'a': {'at': at, 'gone': False}},
                          {'a': {'at': at, 'gone': False, 'id': 'new'}}],
                         self.stored)

    def test_found(self):
        journal = self.journal(a=Creation(at=NOON))
        self.assertRaises(ValueError, journal.id_of, 'a')
        self.assertEqual('b', journal.ensure('a', lambda: 'b', self.fail))
        self.assertEqual('b', journal.id_of('a'))
        self.assertEqual(['b'], [lines['a']['id'] for lines in self.stored])
