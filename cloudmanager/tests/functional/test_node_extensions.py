# SPDX-License-Identifier: Apache-2.0
"""What answers about nodes have from other services."""

import fixtures

from cloudmanager.api import backends
from cloudmanager.common import exception
from cloudmanager.tests.functional import base

UUID = '2239c611-523c-44d2-9feb-2c6905fbb5c8'
RATIOS = {'cpu_allocation_ratio': 16.0, 'ram_allocation_ratio': 1.5}
NO_RATIOS = dict.fromkeys(RATIOS)
OBJECT = {'id': UUID, 'vcpus': 2}


class Backends:
    """Nova and Placement, which know one hypervisor.

    :ivar asked: ids, whether the hypervisors too, and whether to wait
    :ivar warnings: of the next answers
    """

    def __init__(self):
        self.asked = []
        self.warnings = []

    def read(self, ids, with_hypervisors, wait):
        self.asked.append((set(ids), with_hypervisors, wait))
        more = {'os_hypervisor': OBJECT} if with_hypervisors else {}
        return backends.Found(
            {UUID: RATIOS | more}, NO_RATIOS | dict.fromkeys(more),
            list(self.warnings))


class ExtensionsCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.backends = Backends()
        self.useFixture(fixtures.MockPatchObject(
            backends, 'get', lambda: self.backends))
        self.known = self.node(name='known', hypervisor_id=UUID)
        self.unknown = self.node(name='unknown')
        self.other = self.node(name='other', node_class_id=2)
        self.backends.asked.clear()

    def show(self, node, query=''):
        return self.get(f'/v1/nodes/{node["id"]}{query}')


class RatiosTestCase(ExtensionsCase):

    def test_lists_and_single_nodes(self):
        known, unknown, other = self.get('/v1/nodes/')['nodes']
        for found in (known, self.show(self.known)['node']):
            self.assertEqual(RATIOS, {key: found[key] for key in RATIOS})
        for found in (unknown, self.show(self.unknown)['node']):
            self.assertEqual(NO_RATIOS, {key: found[key] for key in RATIOS})
        for found in (other, self.show(self.other)['node']):
            self.assertFalse(RATIOS.keys() & found.keys())

    def test_one_reading_for_a_list(self):
        self.get('/v1/nodes/')
        self.assertEqual([({UUID}, False, True)], self.backends.asked)

    def test_only_of_the_page(self):
        self.get('/v1/nodes/?limit=1&sort=id:desc')
        self.assertEqual([], self.backends.asked)

    def test_written_nodes(self):
        """They have what is known at once."""
        self.assertEqual(RATIOS, {key: self.known[key] for key in RATIOS})
        changed = self.call('PUT', f'/v1/nodes/{self.known["id"]}',
                            {'node': {'title': 'x'}}, 200).json['node']
        self.assertEqual(RATIOS, {key: changed[key] for key in RATIOS})
        self.assertEqual([({UUID}, False, False)], self.backends.asked)

    def test_warnings(self):
        self.backends.warnings = ['Allocation ratios could not be read.']
        for path in ('/v1/nodes/', f'/v1/nodes/{self.known["id"]}'):
            self.assertEqual(self.backends.warnings,
                             self.get(path)['warnings'])
        self.assertNotIn('warnings', self.show(self.other))

    def test_cannot_be_written(self):
        for name in RATIOS:
            self.assertIn(name, self.error(
                'POST', '/v1/nodes/', {'node': {name: 1.0}})['detail'])


class ObjectsTestCase(ExtensionsCase):

    def test_os_hypervisor(self):
        query = '?with_os_object=true'
        known, unknown, other = self.get(f'/v1/nodes/{query}')['nodes']
        for found in (known, self.show(self.known, query)['node']):
            self.assertEqual(OBJECT, found['os_hypervisor'])
        for found in (unknown, self.show(self.unknown, query)['node']):
            self.assertIsNone(found['os_hypervisor'])
        for found in (other, self.show(self.other, query)['node']):
            self.assertNotIn('os_hypervisor', found)
        self.assertEqual(({UUID}, True, True), self.backends.asked[0])

    def test_not_asked_for(self):
        for query in ('', '?with_os_object=false&with_hwinfo=0'):
            for document in (self.get(f'/v1/nodes/{query}'),
                             self.show(self.known, query)):
                self.assertNotIn('warnings', document)
                self.assertNotIn('os_hypervisor', str(document))
                self.assertNotIn('hwinfo', str(document))

    def test_what_agents_know(self):
        """Null and a warning, as there are none."""
        found = self.get('/v1/nodes/?with_hwinfo=true')
        self.assertIsNone(found['nodes'][0]['hwinfo'])
        self.assertNotIn('hwinfo', found['nodes'][2])
        self.assertNotIn('nas', found['nodes'][0])
        self.assertEqual(1, len(found['warnings']))
        found = self.show(self.known, '?with_hwinfo=true')
        self.assertIsNone(found['node']['hwinfo'])
        self.assertIsNone(found['node']['nas'])
        self.assertEqual(2, len(found['warnings']))
        found = self.show(self.known, '?with_os_object=true')
        self.assertIsNone(found['node']['nas'])
        self.assertNotIn('hwinfo', found['node'])

    def test_nas(self):
        """Targets by storage, of one node, with whatever is asked for."""
        targets = {'stor1': ['iqn.2026-01.org.example:x']}
        self.conductor.attached[self.known['name']] = targets
        for query in ('?with_os_object=true', '?with_hwinfo=true'):
            found = self.show(self.known, query)
            self.assertEqual(targets, found['node']['nas'])
            self.assertNotIn('nas', str(found.get('warnings')))
        found = self.show(self.unknown, '?with_os_object=true')
        self.assertIsNone(found['node']['nas'])
        self.assertIn('it is away', found['warnings'][0])
        self.assertNotIn('nas', self.show(self.known)['node'])

    def test_hwinfo(self):
        """What agents tell is answered; the reasons of the rest are."""
        name = self.known['name']
        self.conductor.facts[name] = {'hwinfo': {'cpu': {'CPU(s)': '4'}}}
        found = self.show(self.known, '?with_hwinfo=true')
        self.assertEqual({'cpu': {'CPU(s)': '4'}}, found['node']['hwinfo'])
        self.assertNotIn('hwinfo', str(found['warnings']))
        self.conductor.facts[name] = {'reason': 'it sleeps.'}
        found = self.show(self.known, '?with_hwinfo=true')
        self.assertIn(f'hwinfo of {name} could not be read: it sleeps.',
                      found['warnings'])

    def test_hwinfo_without_conductors(self):
        self.conductor.check_error = exception.Unavailable(reason='No one.')
        found = self.show(self.known, '?with_hwinfo=true')
        self.assertIsNone(found['node']['hwinfo'])
        self.assertIn('No one.', str(found['warnings']))

    def test_bad_flags(self):
        for path in ('/v1/nodes/', f'/v1/nodes/{self.known["id"]}'):
            self.assertIn('with_hwinfo', self.error(
                'GET', f'{path}?with_hwinfo=perhaps')['detail'])
        self.error('GET', '/v1/nodes/count?with_hwinfo=true')

    def test_page(self):
        found = self.get('/v1/nodes/?with_hwinfo=true&limit=2')
        self.assertIn('with_hwinfo=true',
                      found['nodes_links'][0]['href'])


class NoCloudTestCase(base.ApiTestCase):
    """A service without a cloud answers the same forms."""

    def test_null_and_a_warning(self):
        node = self.node(name='a', hypervisor_id=UUID)
        for path in ('/v1/nodes/', f'/v1/nodes/{node["id"]}'):
            self.assertNotIn('warnings', self.get(path))
            found = self.get(f'{path}?with_os_object=true')
            self.assertIn('no cloud is configured', found['warnings'][0])
        self.assertIsNone(found['node']['os_hypervisor'])
        self.assertEqual(NO_RATIOS, {key: found['node'][key]
                                     for key in RATIOS})
