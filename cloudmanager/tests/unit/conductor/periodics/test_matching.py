# SPDX-License-Identifier: Apache-2.0
"""Which node stands for which hypervisor."""

import datetime

from cloudmanager.clients import nova_records
from cloudmanager.conductor.periodics import matching
from cloudmanager.tests import base

NOW = datetime.datetime(2031, 5, 6)
TYPES = {'': (1, 1), 'QEMU': (1, 2)}
UP = {'compute_status': 'enabled', 'compute_state': 'up'}


def hypervisor(host, **values):
    return nova_records.Hypervisor(**{
        'id': f'id-{host}', 'hostname': host, 'host': host, 'state': 'up',
        'status': 'enabled', 'kind': 'QEMU', 'version': 1,
        'host_ip': '10.0.0.1', 'vcpus': 32, 'sockets': 2, 'memory_mb': 4096,
        'local_gb': 100, **values})


def service(host, **values):
    return nova_records.Service(**{
        'id': f's-{host}', 'host': host, 'status': 'enabled', 'state': 'up',
        'zone': 'nova', 'forced_down': False, 'disabled_reason': None,
        'updated_at': None, **values})


class MatchingCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.nodes, self.hypervisors, self.services = [], [], []

    def cloud(self, *hosts, **values):
        for host in hosts:
            self.hypervisors.append(hypervisor(host, **values))
            self.services.append(service(host))

    def node(self, name, bound=False, **values):
        row = {'id': len(self.nodes) + 1, 'name': name,
               'hypervisor_id': None, 'hypervisor_lost_at': None,
               'compute_host': None, 'compute_status': None,
               'compute_state': None, 'is_hypervisor': True}
        if bound:
            row |= {'hypervisor_id': f'id-{name}', 'compute_host': name,
                    **UP}
        self.nodes.append(row | values)
        return self.nodes[-1]

    def plan(self, **kwargs):
        return matching.make_plan(self.nodes, self.hypervisors,
                                  self.services, TYPES, NOW, **kwargs)

    def update(self, **kwargs):
        """Return the values of the only change."""
        plan = self.plan(**kwargs)
        self.assertEqual([], plan.new)
        (found,) = plan.updates
        return found.values

    def nothing(self):
        plan = self.plan()
        self.assertEqual(([], [], []), (plan.new, plan.updates, plan.notes))


class EnrollTestCase(MatchingCase):

    def new(self, *args, **kwargs):
        self.cloud(*args, **kwargs)
        return self.plan().new

    def test_new(self):
        (row,) = self.new('cmp1')
        self.assertEqual({
            'name': 'cmp1', 'hypervisor_id': 'id-cmp1', 'node_class_id': 1,
            'node_type_id': 2, 'image_id': 1, 'ip_addresses': ['10.0.0.1'],
            'cpu_amount': 2, 'ram_mb': 4096, 'hdd_gb': 100,
            'compute_host': 'cmp1', **UP}, row)

    def test_auto_enroll_off(self):
        self.cloud('cmp1')
        self.assertEqual([], self.plan(auto_enroll=False).new)

    def test_unknown_type(self):
        (row,) = self.new('cmp1', kind='other')
        self.assertEqual(1, row['node_type_id'])

    def test_no_types(self):
        """The class was renamed or removed: nothing to enrol into."""
        self.cloud('cmp1')
        plan = matching.make_plan([], self.hypervisors, self.services, {},
                                  NOW)
        self.assertEqual([], plan.new)

    def test_processors(self):
        for sockets, vcpus, wanted in ((2, 128, 2), (None, 8, 8),
                                       (None, 128, None), (100, 4, None),
                                       (None, None, None), (0, 4, 4)):
            self.hypervisors = []
            (row,) = self.new('cmp1', sockets=sockets, vcpus=vcpus)
            self.assertEqual(wanted, row['cpu_amount'])

    def test_nothing_is_made_up(self):
        """EV21: what Nova does not tell is not known."""
        (row,) = self.new('cmp1', host_ip=None, memory_mb=None,
                          local_gb=2 ** 40, vcpus=None, sockets=None)
        self.assertEqual([[], None, None, None], [row[key] for key in (
            'ip_addresses', 'ram_mb', 'hdd_gb', 'cpu_amount')])

    def test_address(self):
        (row,) = self.new('cmp1', host_ip='not an address')
        self.assertEqual([], row['ip_addresses'])

    def test_names_that_do_not_fit(self):
        self.assertEqual([], self.new('x' * 256))
        self.assertEqual([], self.new(''))

    def test_bare_metal_is_not_ours(self):
        self.assertEqual([], self.new('cmp1', kind='ironic'))

    def test_shared_host(self):
        """One nova-compute with many hypervisors: those have the names."""
        self.services.append(service('vc'))
        for name in ('c1', 'c2'):
            self.hypervisors.append(hypervisor(
                'vc', hostname=name, id=f'id-{name}'))
        self.assertEqual({'c1', 'c2'}, {
            row['name'] for row in self.plan().new})

    def test_name_of_another_class(self):
        """A node of that name is there; it is no compute host."""
        self.cloud('cmp1')
        self.node('cmp1', is_hypervisor=False)
        self.nothing()

    def test_id_at_another_class(self):
        self.cloud('cmp1')
        self.node('mine', is_hypervisor=False, hypervisor_id='id-cmp1')
        self.nothing()

    def test_without_service(self):
        self.hypervisors.append(hypervisor('cmp1'))
        (row,) = self.plan().new
        self.assertIsNone(row['compute_status'])


class BindTestCase(MatchingCase):

    def test_exact_name(self):
        """DR2: what only begins like it is another host."""
        self.cloud('cmp10')
        self.node('cmp1')
        plan = self.plan()
        self.assertEqual(['cmp10'], [row['name'] for row in plan.new])
        self.assertEqual([], plan.updates)

    def test_by_host(self):
        self.cloud('cmp1')
        self.node('cmp1')
        self.assertEqual({'hypervisor_id': 'id-cmp1', 'compute_host': 'cmp1',
                          'hypervisor_lost_at': None, **UP}, self.update())

    def test_by_hostname(self):
        self.cloud('cmp1', hostname='cmp1.example')
        self.node('cmp1.example')
        found = self.update()
        self.assertEqual('id-cmp1', found['hypervisor_id'])
        self.assertEqual('cmp1', found['compute_host'])

    def test_name_of_two(self):
        """Nobody knows which one is meant."""
        self.cloud('c1', hostname='same')
        self.cloud('c2', hostname='same')
        self.node('same')
        plan = self.plan()
        self.assertEqual([], plan.updates)
        self.assertEqual({'c1', 'c2'}, {row['name'] for row in plan.new})

    def test_one_hypervisor_for_one_node(self):
        self.cloud('cmp1')
        self.node('mine', hypervisor_id='id-cmp1', compute_host='cmp1',
                  **UP)
        self.node('cmp1')
        self.nothing()

    def test_new_id_under_the_old_name(self):
        """The host was installed anew."""
        self.cloud('cmp1', id='id-new')
        self.node('cmp1', bound=True, hypervisor_lost_at=NOW)
        found = self.update()
        self.assertEqual('id-new', found['hypervisor_id'])
        self.assertIsNone(found['hypervisor_lost_at'])
        self.assertEqual(1, len(self.plan().notes))

    def test_own_names(self):
        """Operators name nodes as they like, and bind them by hand."""
        self.cloud('cmp1')
        self.node('rack 7', hypervisor_id='id-cmp1')
        self.assertEqual('cmp1', self.update()['compute_host'])
        self.nodes[0] |= {'compute_host': 'cmp1', **UP}
        self.nothing()

    def test_nothing_new(self):
        self.cloud('cmp1')
        self.node('cmp1', bound=True)
        self.nothing()

    def test_states(self):
        """What changes often is all that is written then."""
        self.cloud('cmp1')
        self.node('cmp1', bound=True)
        for values, wanted in (
                ({'state': 'down'}, ('enabled', 'down')),
                ({'status': 'disabled'}, ('disabled', 'up')),
                ({'state': 'down', 'forced_down': True},
                 ('enabled', 'forced_down'))):
            self.services = [service('cmp1', **values)]
            self.assertEqual(dict(zip(
                ('compute_status', 'compute_state'), wanted, strict=True)),
                self.update())


class LostTestCase(MatchingCase):

    def test_vanished(self):
        node = self.node('cmp1', bound=True)
        plan = self.plan()
        self.assertEqual({'compute_status': 'absent', 'compute_state': None,
                          'hypervisor_lost_at': NOW},
                         plan.updates[0].values)
        self.assertEqual(1, len(plan.notes))
        node |= plan.updates[0].values
        self.nothing()

    def test_never_bound(self):
        self.node('cmp1')
        self.nothing()

    def test_back(self):
        self.cloud('cmp1')
        self.node('cmp1', bound=True, compute_status='absent',
                  compute_state=None, hypervisor_lost_at=NOW)
        self.assertEqual({'hypervisor_lost_at': None, 'compute_host': 'cmp1',
                          **UP}, self.update())

    def test_renamed(self):
        """EV20: whether it is the same machine nobody can tell from here."""
        self.cloud('cmp9', id='id-cmp1')
        node = self.node('cmp1', bound=True)
        plan = self.plan()
        self.assertEqual([], plan.new)
        values = plan.updates[0].values
        self.assertEqual({'compute_host': 'cmp9', 'compute_state': None,
                          'compute_status': 'renamed',
                          'hypervisor_lost_at': NOW}, values)
        self.assertEqual(1, len(plan.notes))
        node |= values
        self.nothing()
        # Its name follows: an operator has seen it.
        node['name'] = 'cmp9'
        self.assertEqual('enabled', self.update()['compute_status'])

    def test_renamed_and_back(self):
        self.cloud('cmp1')
        self.node('cmp1', bound=True, compute_host='cmp9',
                  compute_status='renamed', hypervisor_lost_at=NOW)
        found = self.update()
        self.assertEqual(('cmp1', 'enabled', None), (
            found['compute_host'], found['compute_status'],
            found['hypervisor_lost_at']))

    def test_cell_is_down(self):
        """Of a cell out of reach nothing is known: nothing changes."""
        self.node('cmp1', bound=True)
        self.services.append(service('cmp1', status='UNKNOWN',
                                     state='unknown'))
        self.nothing()
        self.hypervisors.append(hypervisor('cmp1'))
        self.nothing()

    def test_service_removed(self):
        """The hypervisor is listed still: what was said last stays."""
        self.hypervisors.append(hypervisor('cmp1'))
        self.node('cmp1', bound=True)
        self.nothing()


class ManyTestCase(MatchingCase):

    def test_ten_thousand(self):
        """No part of it takes longer than in proportion."""
        self.cloud(*(f'cmp{number}' for number in range(10000)))
        for number in range(5000):
            self.node(f'cmp{number}', bound=number % 2 == 0)
        plan = self.plan()
        self.assertEqual((5000, 2500), (len(plan.new), len(plan.updates)))
