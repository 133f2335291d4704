# SPDX-License-Identifier: Apache-2.0
"""What the API reads of Nova and Placement, at their HTTP edge."""

import threading
import time

from cloudmanager.api import backends
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.clients import base

VERSION = 'X-OpenStack-Nova-API-Version'
# The hypervisor of the documentation, as Nova answers it up to 2.87.
HYPERVISOR = {
    'cpu_info': {'arch': 'x86_64', 'features': ['pge'], 'model': 'Broadwell',
                 'topology': {'cells': 1, 'cores': 1, 'sockets': 2,
                              'threads': 1}, 'vendor': 'Intel'},
    'current_workload': 0, 'disk_available_least': 80, 'free_disk_gb': 99,
    'free_ram_mb': 3583, 'host_ip': '10.35.222.12',
    'hypervisor_hostname': 'cmp1', 'hypervisor_type': 'QEMU',
    'hypervisor_version': 2012000, 'id': 'u1', 'local_gb': 99,
    'local_gb_used': 0, 'memory_mb': 4095, 'memory_mb_used': 512,
    'running_vms': 0, 'service': {
        'disabled_reason': None, 'host': 'cmp1', 'id': 's1'},
    'state': 'up', 'status': 'enabled', 'vcpus': 2, 'vcpus_used': 0}
NEW_KEYS = ('host_ip', 'hypervisor_hostname', 'hypervisor_type',
            'hypervisor_version', 'id', 'service', 'state', 'status')


def inventory(total=2, ratio=16.0, reserved=0):
    return {'total': total, 'reserved': reserved, 'allocation_ratio': ratio,
            'min_unit': 1, 'max_unit': total, 'step_size': 1}


def amounts(cpu=16.0, ram=1.5):
    return {'VCPU': inventory(2, cpu), 'MEMORY_MB': inventory(4095, ram, 512),
            'DISK_GB': inventory(99, 1.0)}


class BackendsCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        self.config(group='inventory', cache_seconds=60, read_timeout=10)
        self.generation = 1
        self.hypervisors = {'u1': HYPERVISOR}
        self.inventories = {'u1': amounts()}
        self.http.get(f'{base.COMPUTE}/os-hypervisors/detail',
                      json=lambda *_: {'hypervisors': list(
                          self.hypervisors.values())})
        self.http.get(f'{base.PLACEMENT}/resource_providers',
                      json=lambda *_: {'resource_providers': [
                          {'uuid': key, 'name': key,
                           'generation': self.generation}
                          for key in self.inventories]})
        for number in range(1, 10):
            self.serve(f'u{number}')
        self.backends = backends.Backends()
        # What is read by threads still when a test ends would go to the
        # real network.
        self.addCleanup(self.settled)

    def serve(self, key):
        def hypervisor(request, context):
            found = self.hypervisors.get(key)
            context.status_code = 200 if found else 404
            return {'hypervisor': found} if found else {
                'itemNotFound': {'code': 404, 'message': 'no'}}

        def of_provider(part):
            def answer(request, context):
                if key not in self.inventories:
                    context.status_code = 404
                    return {}
                return {'inventories': self.inventories[key]} if (
                    part == 'inventories') else {'usages': {
                        'VCPU': 1, 'MEMORY_MB': 1024, 'DISK_GB': 10}}
            return answer

        self.http.get(f'{base.COMPUTE}/os-hypervisors/{key}',
                      json=hypervisor)
        for part in ('inventories', 'usages'):
            self.http.get(
                f'{base.PLACEMENT}/resource_providers/{key}/{part}',
                json=of_provider(part))

    def settled(self):
        for cache in (self.backends.hypervisors, self.backends.providers,
                      self.backends.usages):
            tests_base.wait_for(lambda cache=cache: cache._thread is None)

    def read(self, *ids, with_hypervisors=True, wait=True):
        found = self.backends.read(ids, with_hypervisors, wait)
        self.no_secret_in(*found.warnings)
        return found

    def old(self):
        """Let everything that was read be no longer fresh."""
        self.settled()
        self.config(group='inventory', cache_seconds=0)


class ReadTestCase(BackendsCase):

    def test_as_documented(self):
        found = self.read('u1')
        self.assertEqual({'os_hypervisor': HYPERVISOR,
                          'cpu_allocation_ratio': 16.0,
                          'ram_allocation_ratio': 1.5}, found.of('u1'))
        self.assertEqual([], found.warnings)

    def test_one_of_many(self):
        """A single node is read by itself."""
        self.read('u1')
        self.assertEqual(1, len(self.requests('GET', '/os-hypervisors/u1')))
        self.assertEqual([], self.requests('GET', '/detail'))
        self.assertEqual([], self.requests('GET', '/resource_providers'))

    def test_list(self):
        """One list of Nova, whatever the number of nodes."""
        for number in range(2, 10):
            key = f'u{number}'
            self.hypervisors[key] = HYPERVISOR | {'id': key}
            self.inventories[key] = amounts(ram=number)
        ids = list(self.hypervisors)
        found = self.read(*ids)
        for number in range(2, 10):
            fields = found.of(f'u{number}')
            self.assertEqual((f'u{number}', number), (
                fields['os_hypervisor']['id'],
                fields['ram_allocation_ratio']))
        self.assertEqual(1, len(self.requests('GET', '/detail')))
        self.read(*ids)
        self.read('u3')
        self.assertEqual(1, len(self.requests('GET', '/detail')))
        self.assertEqual([], self.requests('GET', '/os-hypervisors/u3'))

    def test_only_what_has_changed(self):
        """Providers of the same generation are not read again."""
        self.hypervisors['u2'] = HYPERVISOR | {'id': 'u2'}
        self.inventories['u2'] = amounts()
        self.read('u1', 'u2', with_hypervisors=False)
        self.old()
        for _ in range(3):
            self.read('u1', 'u2', with_hypervisors=False)
            self.settled()
        self.assertEqual(1, len(self.requests('GET', '/u1/inventories')))
        self.generation, self.inventories['u1'] = 2, amounts(ram=3.0)
        self.read('u1', 'u2', with_hypervisors=False)
        self.settled()
        self.assertEqual(3.0, self.read(
            'u1', 'u2').of('u1')['ram_allocation_ratio'])

    def test_version(self):
        """The last one that tells what a hypervisor has."""
        self.read('u1')
        self.assertEqual('2.87', self.requests(
            'GET', '/os-hypervisors/u1')[0].headers[VERSION])

    def test_unknown(self):
        """No warning: both services have answered."""
        found = self.read('u9')
        self.assertEqual({'os_hypervisor': None,
                          'cpu_allocation_ratio': None,
                          'ram_allocation_ratio': None}, found.of('u9'))
        self.assertEqual([], found.warnings)
        self.assertEqual(found.missing, found.of(None))

    def test_no_nodes(self):
        self.assertEqual([], self.read().warnings)
        self.assertEqual([], self.requests('GET', '/detail'))

    def test_ratios_alone(self):
        found = self.read('u1', with_hypervisors=False)
        self.assertEqual({'cpu_allocation_ratio': 16.0,
                          'ram_allocation_ratio': 1.5}, found.of('u1'))
        self.assertEqual([], self.requests('GET', '/os-hypervisors/u1'))

    def test_dedicated_processors(self):
        for inventories, wanted in (
                ({'PCPU': inventory(8, 1.0)}, 1.0),
                ({'PCPU': inventory(8, 1.0), 'VCPU': inventory()}, 16.0),
                ({}, None)):
            self.inventories['u1'] = inventories
            self.backends = backends.Backends()
            found = self.read('u1', with_hypervisors=False).of('u1')
            self.assertEqual(wanted, found['cpu_allocation_ratio'])

    def test_does_not_wait(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def identity(request, context):
            gate.wait(10)
            return self.token

        # Without a token nothing is read.
        self.http.post(f'{base.AUTH}/auth/tokens', json=identity,
                       headers={'X-Subject-Token': base.TOKEN})
        found = self.read('u1', wait=False)
        self.assertIsNone(found.of('u1')['os_hypervisor'])
        self.assertEqual(2, len(found.warnings))
        gate.set()
        self.settled()
        self.assertIsNotNone(self.read(
            'u1', wait=False).of('u1')['os_hypervisor'])


class AwayTestCase(BackendsCase):

    def test_nova(self):
        """Its field is null, with a warning; the other is there."""
        self.http.get(f'{base.COMPUTE}/os-hypervisors/u1', status_code=503)
        found = self.read('u1')
        self.assertEqual((None, 16.0), (
            found.of('u1')['os_hypervisor'],
            found.of('u1')['cpu_allocation_ratio']))
        self.assertEqual(['os_hypervisor could not be read: the service did '
                          'not answer.'], found.warnings)

    def test_placement(self):
        self.http.get(f'{base.PLACEMENT}/resource_providers/u1/inventories',
                      status_code=503)
        found = self.read('u1')
        self.assertEqual((HYPERVISOR, None), (
            found.of('u1')['os_hypervisor'],
            found.of('u1')['cpu_allocation_ratio']))
        self.assertEqual(1, len(found.warnings))
        self.assertIn('Allocation ratios', found.warnings[0])

    def test_old(self):
        self.read('u1')
        self.old()
        self.http.get(f'{base.COMPUTE}/os-hypervisors/u1', status_code=503)
        self.read('u1')
        self.settled()
        found = self.read('u1')
        self.assertEqual(HYPERVISOR, found.of('u1')['os_hypervisor'])
        self.assertRegex(found.warnings[0], 'may be .* seconds old')

    def test_both_hang(self):
        """Both are waited for at the same time, no longer than said."""
        self.config(group='inventory', read_timeout=0.3)

        def hang(request, context):
            time.sleep(1)
            context.status_code = 404
            return {}

        for url in (f'{base.COMPUTE}/os-hypervisors/u1',
                    f'{base.PLACEMENT}/resource_providers/u1/inventories'):
            self.http.get(url, json=hang)
        begun = time.monotonic()
        found = self.read('u1')
        self.assertLess(time.monotonic() - begun, 0.9)
        self.assertEqual(['has not answered yet'] * 2, [
            text.rsplit('service ', 1)[1].rstrip('.')
            for text in found.warnings])

    def test_not_configured(self):
        """Ratios of a service without a cloud are no news."""
        self.conf.config(group='cloud', auth_type=None)
        self.assertEqual([], self.read(
            'u1', with_hypervisors=False).warnings)
        found = self.read('u1')
        self.assertEqual(1, len(found.warnings))
        self.assertIn('no cloud', found.warnings[0])
        self.assertIsNone(found.of('u1')['os_hypervisor'])


class NewerNovaTestCase(BackendsCase):
    """A Nova that does not know version 2.87 any more."""

    oldest = '2.90'

    def setUp(self):
        super().setUp()
        self.hypervisors['u1'] = {
            key: HYPERVISOR[key] for key in NEW_KEYS} | {
                'uptime': '10:00:00 up 1 day', 'servers': []}

    def serve_versions(self):
        super().serve_versions()
        document = base.version_document(base.COMPUTE, self.compute_version,
                                         self.oldest)
        for url in (f'{base.COMPUTE}/', base.COMPUTE):
            self.http.get(url, json={'version': document})

    def test_from_placement(self):
        found = self.read('u1').of('u1')['os_hypervisor']
        self.assertEqual(self.oldest, self.requests(
            'GET', '/os-hypervisors/u1')[0].headers[VERSION])
        self.assertEqual(set(HYPERVISOR), set(found))
        self.assertEqual({
            'vcpus': 2, 'vcpus_used': 1, 'memory_mb': 4095,
            'memory_mb_used': 1024 + 512, 'free_ram_mb': 4095 - 1536,
            'local_gb': 99, 'local_gb_used': 10, 'free_disk_gb': 89,
            'cpu_info': None, 'current_workload': None,
            'disk_available_least': None, 'running_vms': None},
            {key: found[key] for key in HYPERVISOR if key not in NEW_KEYS})

    def test_without_placement(self):
        del self.inventories['u1']
        found = self.read('u1').of('u1')['os_hypervisor']
        self.assertEqual(('up', None), (found['state'],
                                        found['memory_mb']))


class SharedTestCase(tests_base.TestCase):

    def test_one_for_a_process(self):
        self.addCleanup(backends.reset)
        backends.reset()
        together = tests_base.Together(8, lambda number: backends.get())
        self.assertEqual(1, len(set(map(id, together.results))))
