# SPDX-License-Identifier: Apache-2.0
"""The planner's picture of the cloud, and the fakes it is tested with."""

import dataclasses
import functools
import inspect
import time

from cloudmanager.clients import cinder
from cloudmanager.clients import cinder_db
from cloudmanager.clients import neutron
from cloudmanager.clients import nova
from cloudmanager.clients import nova_records
from cloudmanager.clients import placement
from cloudmanager.conductor import cloud_model
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case


def group(name, *members, policy='anti-affinity'):
    return nova_records.Group(
        id=name, name=name, policy=policy, members=members,
        rules={'max_server_per_host': 2})


class LoadTestCase(fakes_case.ConductorCase):

    def load(self, *sources, reserved=(), shared=()):
        return cloud_model.load(self.nova, self.placement,
                                sources or ['src'], reserved, shared)

    def test_servers_of_the_sources(self):
        self.nova.add('vm1', 'vm2')
        self.nova.add('other', host='dst1')
        cloud = self.load()
        self.assertEqual({'vm1', 'vm2'}, set(cloud.servers))
        self.assertEqual({'VCPU': 1, 'MEMORY_MB': 1024, 'DISK_GB': 10},
                         cloud.servers['vm1'].resources)

    def test_only_groups_of_concerned_servers(self):
        self.nova.add('vm1')
        self.nova.add('mate', host='dst1')
        self.nova.add('stranger', host='dst1')
        self.nova.server_groups = [
            group('g1', 'vm1', 'mate', 'deleted'), group('g2', 'stranger')]
        cloud = self.load()
        self.assertEqual({'g1'}, set(cloud.groups))
        self.assertEqual({'vm1', 'mate'}, set(cloud.servers))
        self.assertEqual('dst1', cloud.servers['mate'].host)
        self.assertEqual(2, cloud.groups['g1'].max_per_host)
        self.assertEqual(2, self.nova.reads['server'])

    def test_nested_providers_are_summed(self):
        self.nova.add('vm1')
        for number in (1, 2):
            self.placement.nested[f'src_gpu{number}'] = placement.Provider(
                uuid=f'gpu{number}', name=f'src_gpu{number}', root='rp-src',
                generation=1, usages={'VGPU': 1},
                inventories={'VGPU': {'total': 4, 'reserved': 1}},
                traits=frozenset((f'CUSTOM_GPU{number}',)),
                aggregates=frozenset())
        original = self.placement.allocations_of_provider
        self.placement.allocations_of_provider = lambda uuid: (
            {'vm1': {'VGPU': 1}} if uuid.startswith('gpu')
            else original(uuid))
        cloud = self.load()
        host = cloud.hosts['src']
        self.assertEqual((8, 2), (host.inventory['VGPU'].total,
                                  host.inventory['VGPU'].reserved))
        self.assertEqual(2, host.used['VGPU'])
        self.assertEqual({'CUSTOM_GPU1', 'CUSTOM_GPU2'}, set(host.traits))
        self.assertEqual(2, cloud.servers['vm1'].resources['VGPU'])
        self.assertNotIn('VGPU', cloud.hosts['dst1'].inventory)

    def test_requests_are_bounded(self):
        """More servers and more hosts cost no more requests of Nova."""
        def cost():
            self.nova.reads.clear()
            self.placement.reads.clear()
            self.load()
            return (sum(self.nova.reads.values()),
                    sum(self.placement.reads.values()))

        self.nova.add('vm1')
        few = cost()
        self.nova.add(*(f'vm{number}' for number in range(2, 50)))
        for number in range(40):
            self.nova.add_host(f'more{number}')
        self.assertEqual(few, cost())
        self.assertLessEqual(sum(few), 8)

    def test_states_of_hosts(self):
        """DR13 DR26: what is down, disabled or reserved is no target."""
        self.nova.computes['dst1'].status = 'disabled'
        self.nova.computes['dst2'].forced_down = True
        for name in ('dead', 'kept', 'alone'):
            self.nova.add_host(name)
        self.nova.die('dead')
        self.nova.aggregate_list.append(nova_records.Aggregate(
            7, 'a', None, ('src', 'kept'), {}))
        cloud = self.load(reserved=['kept'])
        self.assertEqual(
            {'src': '', 'dst1': 'disabled', 'dst2': 'down', 'dead': 'down',
             'kept': 'reserved', 'alone': ''},
            {name: host.out_of_use for name, host in cloud.hosts.items()})
        self.assertEqual({'7'}, set(cloud.hosts['kept'].aggregates))

    def test_old_halves_are_read_last(self):
        """A server that is resized meanwhile is in one of the readings."""
        order = []
        servers_on, halves_on = self.nova.servers_on, self.nova.halves_on

        def slowly(host):
            found = servers_on(host)
            # By then everything else was read.
            time.sleep(0.1)
            order.append('servers')
            return found

        def halves(host):
            order.append('halves')
            return halves_on(host)

        self.nova.servers_on, self.nova.halves_on = slowly, halves
        self.load()
        self.assertEqual(['servers', 'halves'], order)

    def test_old_halves(self):
        """Servers elsewhere whose resize is not confirmed."""
        self.nova.add('vm1')
        self.nova.resize_off('vm2', 'vm3')
        self.nova.resize_off('other', source='dst2')
        self.nova.resize_off('done', status='confirmed')
        self.nova.server_groups.append(nova_records.Group(
            'g', 'g', 'anti-affinity', ('vm1', 'vm3'), {}))
        servers = self.load().servers
        self.assertEqual({'vm1': '', 'vm2': 'src', 'vm3': 'src'},
                         {key: server.resize_source
                          for key, server in servers.items()})
        self.assertEqual(('dst1', 'VERIFY_RESIZE', 'g'), (
            servers['vm3'].host, servers['vm3'].status,
            servers['vm3'].group_id))

    def test_hypervisor_without_service(self):
        hypervisors = self.nova.hypervisors()
        del self.nova.computes['dst2']
        self.nova.hypervisors = lambda: hypervisors
        self.assertNotIn('dst2', self.load().hosts)

    def test_demands_of_the_flavor(self):
        """DR17: what cannot be moved live is known before it is tried."""
        self.nova.add('vm1', flavor={
            'vcpus': 1, 'ram': 1024, 'disk': 1, 'extra_specs': {
                'trait:CUSTOM_FAST': 'required',
                'trait:CUSTOM_OLD': 'forbidden',
                'pci_passthrough:alias': 'gpu:1',
                'hw:mem_encryption': 'True', 'hw:cpu_policy': 'shared'}})
        self.nova.add('vm2')
        servers = self.load().servers
        self.assertEqual(
            ({'CUSTOM_FAST'}, {'CUSTOM_OLD'}, True, ['live-migrate']),
            (servers['vm1'].required_traits, servers['vm1'].forbidden_traits,
             servers['vm1'].passthrough, list(servers['vm1'].refuses)))
        self.assertEqual((frozenset(), False, {}), (
            servers['vm2'].required_traits, servers['vm2'].passthrough,
            servers['vm2'].refuses))

    def test_disks(self):
        """What is not a volume is on the host (FD9)."""
        flavor = {'vcpus': 1, 'ram': 1024, 'disk': 1}
        rows = (('image', (), 0, ('root disk',)),
                ('image', ('v1',), 0, ('root disk',)),
                ('image', (), 5, ('root disk', 'ephemeral disk')),
                (None, ('v1',), 0, ()),
                (None, ('v1',), 5, ('ephemeral disk',)),
                # Nova told too little.
                (None, (), 0, ('root disk',)))
        for number, (image, volumes, size, _) in enumerate(rows):
            self.nova.add(f'vm{number}', image=image, volumes=volumes,
                          flavor={**flavor, 'ephemeral': size})
        servers = self.load().servers
        for number, row in enumerate(rows):
            self.assertEqual(row[3], servers[f'vm{number}'].disks, row)

    def test_declared_storage(self):
        """Aggregates that share a storage, or the whole cloud (FD24)."""
        self.nova.add('vm1')
        for number, hosts in enumerate((('src', 'dst1'), ('src', 'dst2'))):
            self.nova.aggregate_list.append(nova_records.Aggregate(
                number, f'a{number}', None, hosts, {}))
        rows = ((), (), ()), (('a0',), {'aggregate a0'}, {'aggregate a0'}), (
            ('a1',), {'aggregate a1'}, ()), (('all',), {'all'}, {'all'}), (
            ('unknown', 'a0 '), (), ())
        for shared, source, target in rows:
            cloud = self.load(shared=shared)
            self.assertEqual((set(source), set(target), set(source)), (
                cloud.hosts['src'].storage, cloud.hosts['dst1'].storage,
                cloud.servers['vm1'].storage), shared)
        self.assertIn('does not have: a0 , unknown', self.logger.output)

    def test_sharing_provider(self):
        """Placement tells of hosts that share a provider (FD24)."""
        self.nova.add('vm1')
        original = self.placement.snapshot

        def snapshot(own=False, traits=('MISC_SHARES_VIA_AGGREGATE',)):
            found = {
                name: dataclasses.replace(
                    item, aggregates=frozenset(() if name == 'dst2'
                                               else ('pool',)),
                    inventories={
                        key: value for key, value in item.inventories.items()
                        if own or key != 'DISK_GB'})
                for name, item in original().items()}
            found['ceph'] = placement.Provider(
                uuid='c', name='ceph', root='c', generation=1, usages={},
                inventories={'DISK_GB': {'total': 9000}},
                traits=frozenset(traits), aggregates=frozenset(('pool',)))
            return found

        for kwargs, expected in (({}, {'provider ceph'}),
                                 ({'own': True}, set()),
                                 ({'traits': ()}, set())):
            self.placement.snapshot = functools.partial(snapshot, **kwargs)
            hosts = self.load().hosts
            self.assertEqual((expected, expected, set()), tuple(
                hosts[name].storage for name in ('src', 'dst1', 'dst2')))

    def test_what_nova_refuses(self):
        """The flavor tells what is not to be tried (FD9)."""
        rows = (('hw:tpm_version', {'evacuate'}),
                ('accel:device_profile', {'live-migrate', 'cold-migrate'}))
        for key, steps in rows:
            self.nova.add('vm1', flavor={
                'vcpus': 1, 'ram': 1024, 'disk': 1,
                'extra_specs': {key: '2.0'}})
            self.assertEqual(steps, set(self.load().servers['vm1'].refuses))

    def test_what_rules_ask_for(self):
        """Project, flavor, image, tags (FD20)."""
        self.nova.add('vm1', tags=('octavia',), flavor={
            'vcpus': 1, 'ram': 1024, 'disk': 1, 'original_name': 'm1.a'})
        server = self.load().servers['vm1']
        self.assertEqual(('project', 'm1.a', 'image', {'octavia'}), (
            server.project_id, server.flavor, server.image, server.tags))

    def test_source_without_provider(self):
        """What Placement does not know counts by its flavor."""
        self.nova.add('vm1')
        self.placement.snapshot = dict
        server = self.load().servers['vm1']
        self.assertEqual((1, 1024), (server.resources['VCPU'],
                                     server.resources['MEMORY_MB']))


class FakesTestCase(fakes_case.ConductorCase):
    """A fake that is not like the real one proves nothing."""

    def check(self, real, fake, *names):
        for name in names:
            self.assertEqual(*(
                list(inspect.signature(getattr(kind, name)).parameters)
                for kind in (real, fake)), name)

    def test_nova(self):
        self.check(nova.Nova, fakes.FakeNova, *(
            name for name, _ in inspect.getmembers(nova.Nova,
                                                   inspect.isfunction)
            if not name.startswith('_')))

    def test_others(self):
        self.check(placement.Placement, fakes.FakePlacement, 'snapshot',
                   'allocations_of_provider', 'providers', 'traits',
                   'delete_provider')
        self.check(neutron.Neutron, fakes.FakeNeutron, 'agents')
        self.check(cinder.Cinder, fakes.FakeCinder, 'services',
                   'disable_service', 'volumes_on')
        self.check(cinder_db.CinderDatabase, fakes.FakeCinderDatabase,
                   'remove_services')
