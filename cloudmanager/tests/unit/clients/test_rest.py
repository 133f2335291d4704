# SPDX-License-Identifier: Apache-2.0
"""Placement and Cinder at their HTTP edge, and what both stand on."""

import datetime

import requests

from cloudmanager.clients import cinder
from cloudmanager.clients import neutron
from cloudmanager.clients import nova
from cloudmanager.clients import placement
from cloudmanager.clients import rest
from cloudmanager.clients import times
from cloudmanager.common import exception
from cloudmanager.tests.unit.clients import base

VERSION = 'OpenStack-API-Version'
PARTS = ('inventories', 'usages', 'traits', 'aggregates')


def provider(name, root=None):
    return {'uuid': f'u-{name}', 'name': name, 'generation': 1,
            'root_provider_uuid': f'u-{root or name}'}


class RestCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        self.placement = placement.Placement()
        self.cinder = cinder.Cinder()

    def serve_placement(self, *providers):
        self.http.get(f'{base.PLACEMENT}/resource_providers',
                      json={'resource_providers': list(providers)})
        for item in providers:
            url = f'{base.PLACEMENT}/resource_providers/{item["uuid"]}'
            for part, answer in (
                    ('inventories', {'VCPU': {'total': 8}}),
                    ('usages', {'VCPU': 2}), ('traits', ['T1']),
                    ('aggregates', ['a1'])):
                self.http.get(f'{url}/{part}', json={part: answer})


class VersionTestCase(RestCase):

    def test_versions_are_numbers(self):
        """AP5: 1.100 is newer than 1.39 and 1.99."""
        for server_max, expected in (
                ('1.100', '1.39'), ('1.4', '1.4'), ((1, 39), '1.39'),
                ((1, 5), '1.5'), (None, '1.39'), ('2.0', '1.39')):
            self.assertEqual(expected,
                             rest.newest_common(server_max, '1.39'))

    def test_headers(self):
        self.serve_placement()
        self.placement.providers()
        self.assertEqual('placement 1.39', self.requests(
            'GET', '/resource_providers')[-1].headers[VERSION])
        self.http.get(f'{base.VOLUME}/os-services', json={'services': []})
        self.cinder.services()
        self.assertEqual('volume 3.70', self.requests(
            'GET', '/os-services')[-1].headers[VERSION])

    def test_older_server(self):
        self.http.get(f'{base.PLACEMENT}/', json={'versions': [
            base.version_document(base.PLACEMENT, '1.9', '1.0', 'v1.0')]})
        self.assertEqual('1.9', self.placement._rest.microversion)

    def test_not_in_the_catalogue(self):
        found = rest.Rest('Other', 'no-such-service', '1.0')
        error = self.assertRaises(exception.CloudUnreachable, found.get, '/')
        self.assertIn('no-such-service', str(error))
        self.assertIn('region_name', str(error))


class EmptyCatalogueTestCase(RestCase):

    def test_empty(self):
        """FA11: a 503 that names the settings, until it is filled."""
        self.serve_placement(provider('cmp1'))
        full = list(self.token['token']['catalog'])
        self.token['token']['catalog'] = []
        self.http.post(f'{base.AUTH}/auth/tokens', json=self.token,
                       headers={'X-Subject-Token': base.TOKEN})
        for ask in (nova.Nova().services, self.placement.providers,
                    self.cinder.services,
                    lambda: neutron.Neutron().agents('cmp1')):
            error = self.assertRaises(exception.CloudNotConfigured, ask)
            self.assertEqual(503, error.code)
            self.assertIn('[cloud]', str(error))
            self.assertIn('project_name', str(error))
        self.token['token']['catalog'] = full
        self.http.post(f'{base.AUTH}/auth/tokens', json=self.token,
                       headers={'X-Subject-Token': base.TOKEN})
        self.assertEqual(1, len(self.placement.providers()))


class PlacementTestCase(RestCase):

    def test_snapshot(self):
        self.serve_placement(provider('cmp1'), provider('gpu', 'cmp1'),
                             provider('cmp10'))
        found = self.placement.snapshot()
        self.assertEqual({'cmp1', 'gpu', 'cmp10'}, set(found))
        self.assertEqual(
            ('u-cmp1', {'VCPU': {'total': 8}}, {'VCPU': 2}, {'T1'}, {'a1'}),
            (found['gpu'].root, found['gpu'].inventories,
             found['gpu'].usages, found['gpu'].traits,
             found['gpu'].aggregates))

    def test_snapshot_of_some(self):
        """DR2: the providers of exactly these hosts, nested ones too."""
        self.serve_placement(provider('cmp1'), provider('gpu', 'cmp1'),
                             provider('cmp10'))
        self.assertEqual({'cmp1', 'gpu'},
                         set(self.placement.snapshot(['cmp1'])))
        self.assertEqual([], self.requests('GET', '/u-cmp10/usages'))

    def test_snapshot_of_one_that_vanishes(self):
        self.serve_placement(provider('cmp1'), provider('cmp2'))
        self.http.get(f'{base.PLACEMENT}/resource_providers/u-cmp2/traits',
                      status_code=404)
        self.assertEqual({'cmp1'}, set(self.placement.snapshot()))

    def test_requests_of_a_snapshot(self):
        self.serve_placement(*(provider(f'cmp{number}')
                               for number in range(20)))
        self.placement.snapshot()
        made = [item for item in self.http.request_history
                if '/resource_providers' in item.url]
        self.assertEqual(1 + 20 * len(PARTS), len(made))

    def test_by_name(self):
        self.serve_placement(provider('cmp1'))
        self.placement.providers('cmp1')
        self.assertEqual(['cmp1'], self.requests(
            'GET', '/resource_providers')[-1].qs['name'])

    def test_allocations(self):
        self.http.get(f'{base.PLACEMENT}/allocations/vm1', json={
            'allocations': {'u1': {'resources': {'VCPU': 1}}}})
        self.http.get(
            f'{base.PLACEMENT}/resource_providers/u1/allocations', json={
                'allocations': {'vm1': {'resources': {'VCPU': 1}}}})
        self.assertEqual({'u1': {'VCPU': 1}},
                         self.placement.allocations('vm1'))
        self.assertEqual({'vm1': {'VCPU': 1}},
                         self.placement.allocations_of_provider('u1'))

    def test_nothing(self):
        """EV21: null instead of a list."""
        self.http.get(f'{base.PLACEMENT}/resource_providers',
                      json={'resource_providers': None})
        self.assertEqual({}, self.placement.snapshot())

    def test_delete(self):
        """What is gone already is no error; what is in use is one."""
        url = f'{base.PLACEMENT}/resource_providers/u1'
        for answer, expected in (
                ({'status_code': 204}, None), ({'status_code': 404}, None),
                ({'status_code': 409, 'json': {'errors': [
                    {'detail': 'in use'}]}}, exception.CloudRequestRefused)):
            self.http.delete(url, **answer)
            if expected is None:
                self.placement.delete_provider('u1')
            else:
                self.assertRaises(expected, self.placement.delete_provider,
                                  'u1')

    def test_trouble(self):
        """SE2: repeated, then told without secrets."""
        found = self.http.get(
            f'{base.PLACEMENT}/resource_providers',
            [{'exc': requests.exceptions.ConnectionError},
             {'status_code': 502, 'text': 'gateway'},
             {'status_code': 500, 'text': 'oops'}])
        error = self.assertRaises(exception.CloudUnreachable,
                                  self.placement.providers)
        self.assertNotIsInstance(error, exception.CloudOutcomeUnknown)
        self.assertEqual((4, 500), (found.call_count, error.http_status))
        self.assertIn('Placement', str(error))
        self.no_secret_in(error)


class CinderTestCase(RestCase):

    def test_services_exact_host(self):
        """DR2: back ends belong to their host, other hosts do not."""
        self.http.get(f'{base.VOLUME}/os-services', json={'services': [
            {'binary': 'cinder-volume', 'host': host, 'status': 'enabled',
             'state': 'up', 'updated_at': '2031-01-02T03:04:05.000000'}
            for host in ('cmp1@lvm', 'cmp1', 'cmp10@lvm', 'cmp10')]})
        self.assertEqual(['cmp1@lvm', 'cmp1'], [
            item.host for item in self.cinder.services('cmp1')])
        self.assertEqual(4, len(self.cinder.services()))

    def test_volume(self):
        url = f'{base.VOLUME}/volumes/v1'
        self.http.get(url, json={'volume': {
            'id': 'v1', 'name': None, 'status': 'in-use', 'size': 3,
            'bootable': 'true', 'os-vol-host-attr:host': 'cmp1@lvm#pool',
            'attachments': [{'server_id': 'vm1'}]}})
        found = self.cinder.volume('v1')
        self.assertEqual(
            ('', 3, True, False, ('vm1',), 'cmp1@lvm#pool'),
            (found.name, found.size_gb, found.bootable, found.multiattach,
             found.servers, found.host))
        self.http.get(url, status_code=404)
        self.assertIsNone(self.cinder.volume('v1'))


class RecordsTestCase(base.ClientCase):

    def test_times(self):
        expected = datetime.datetime(2031, 1, 2, 3, 4, 5)
        for text in ('2031-01-02T03:04:05', '2031-01-02T03:04:05Z',
                     '2031-01-02T03:04:05.000000',
                     '2031-01-02T05:04:05+02:00'):
            self.assertEqual(expected, times.parse_time(text))
        self.assertEqual((None, None), (times.parse_time(None),
                                        times.parse_time('')))
