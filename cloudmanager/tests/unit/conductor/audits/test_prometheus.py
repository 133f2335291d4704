# SPDX-License-Identifier: Apache-2.0
"""Answers of Prometheus, well and badly made."""

import re
from urllib import parse

import fixtures
from keystoneauth1 import loading
from requests_mock.contrib import fixture as mock_fixture

from cloudmanager.clients import prometheus as client
from cloudmanager.clients import retry
from cloudmanager.common import exception
from cloudmanager.conductor.audits import prometheus
from cloudmanager.conductor.audits import sources
from cloudmanager.tests import base
from cloudmanager.tests.unit.planning import factory

URL = 'https://metrics.example:9090'
PASSWORD = 'S3cret-Of-The-Metrics'
END = 1_000_000.0


def series(label, *values, name='instance', end=END):
    return {'metric': {name: label}, 'values': [
        [end - 60 * (len(values) - number), str(value)]
        for number, value in enumerate(values, 1)]}


class PrometheusTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(level=10))
        self.http = self.useFixture(mock_fixture.Fixture())
        self.config(group='prometheus', url=URL, timeout=30)
        self.config(group='cloud', retry_delay=0, retry_max_delay=0,
                    retries=2)
        self.answers = {}
        self.queries = []
        retry.stopping.clear()
        self.http.post(f'{URL}/api/v1/query_range', json=self.answer)

    def answer(self, request, context):
        form = dict(parse.parse_qsl(request.text))
        self.queries.append(form)
        return {'status': 'success', 'data': {
            'resultType': 'matrix', 'result': next(
                (found for part, found in self.answers.items()
                 if part in form['query']), [])}}

    def samples(self, *hosts, servers=()):
        cloud = factory.cloud([factory.host(host) for host in hosts],
                              list(servers))
        return prometheus.Prometheus().samples(cloud, hosts, END - 3600, END)

    def test_units(self):
        self.answers = {
            'node_cpu': [series('cmp1:9100', 1.5, 2.5)],
            'node_memory_MemAvailable': [series('cmp1:9100', 1 << 30)],
            'node_pressure_memory': [series('cmp1:9100', 0.25)],
            'libvirt_domain_info_cpu': [
                series('id-1', 0.5, name='uuid'),
                series('not-of-these', 9, name='uuid')],
            'rss_bytes': [series('id-1', 256 << 20, name='uuid')]}
        found = self.samples('cmp1', servers=[
            factory.server('id-1', 'cmp1')])
        self.assertEqual([(END - 60, 1.5), (END, 2.5)],
                         found.hosts['cmp1']['VCPU'])
        self.assertEqual([(END, 1024.0)], found.hosts['cmp1']['MEMORY_MB'])
        self.assertEqual([(END, 0.25)],
                         found.hosts['cmp1']['MEMORY_PRESSURE'])
        self.assertEqual({'id-1': {'VCPU': [(END, 0.5)],
                                   'MEMORY_MB': [(END, 256.0)]}},
                         found.servers)
        self.assertEqual({}, found.missing)

    def test_query(self):
        """Only the hosts in question are asked for."""
        self.samples('cmp1', 'cmp2.example.org', 'a"b', 'c|d')
        for form in self.queries:
            self.assertNotIn('<', form['query'])
            if 'node_' in form['query']:
                pattern = re.search(r'=~"([^"]*)"', form['query']).group(1)
                for label, matches in (
                        ('cmp1', True), ('cmp1:9100', True),
                        ('cmp2.example.org:9100', True), ('cmp12', False),
                        ('xcmp1', False)):
                    self.assertEqual(matches, bool(
                        re.fullmatch(pattern, label)), label)

    def test_names(self):
        """A label may have a port and a domain, but no other one."""
        for host, label, same in (
                ('cmp1', 'cmp1:9100', True),
                ('cmp1', 'cmp1.example.org:9100', True),
                ('cmp1.example.org', 'cmp1', True),
                ('cmp1.example.org', 'cmp1.example.net:9100', False),
                ('cmp1', 'cmp11', False)):
            self.answers = {'node_cpu': [series(label, 1.0)]}
            found = self.samples(host)
            self.assertEqual(same, host in found.hosts, (host, label))
            self.assertEqual(not same, host in found.missing)

    def test_shared_label(self):
        """DS8: two exporters with one label; neither is taken on chance."""
        self.config(group='prometheus', host_label='fqdn')
        self.answers = {'node_cpu': [
            series('cmp1', 1.0, 1.0, name='fqdn'),
            series('cmp1', 9.0, 9.0, name='fqdn'),
            series('cmp2', 2.0, 2.0, name='fqdn')]}
        found = self.samples('cmp1', 'cmp2')
        self.assertEqual({'cmp2'}, set(found.hosts))
        self.assertIn('two hosts', found.missing['cmp1'])

    def test_other_exporter(self):
        """DS8: one that measures something else is no matter."""
        self.answers = {
            'node_cpu': [series('cmp1:9100', 1.0)],
            'libvirt_domain_info_cpu': [series('cmp1:9177', 7.0)]}
        self.assertEqual([(END, 1.0)],
                         self.samples('cmp1').hosts['cmp1']['VCPU'])

    def test_moved_port(self):
        self.answers = {'node_cpu': [
            series('cmp1:9101', 3.0), series('cmp1:9100', 1.0, end=END - 60)]}
        self.assertEqual([(END - 60, 1.0), (END, 3.0)],
                         self.samples('cmp1').hosts['cmp1']['VCPU'])

    def test_silent(self):
        """The rates of a host that fell silent end when it did."""
        self.answers = {
            'timestamp': [series('cmp1', END - 240.0, end=END - 240)],
            'node_cpu': [series('cmp1', *[1.0] * 10)]}
        self.assertEqual(END - 180,
                         self.samples('cmp1').hosts['cmp1']['VCPU'][-1][0])

    def test_nothing(self):
        found = self.samples('cmp1')
        self.assertEqual({}, found.hosts)
        self.assertIn('knows nothing', found.missing['cmp1'])

    def read(self):
        return sources.read('prometheus', factory.cloud(
            [factory.host('cmp1')], []), ['cmp1'], lambda seconds: ())

    def test_away(self):
        for answer in ({'status_code': 503}, {'text': 'hello'},
                       {'json': []}, {'json': {'data': {}}},
                       {'json': {'data': {'resultType': 'matrix',
                                          'result': [[]]}}},
                       {'json': {'data': {
                           'resultType': 'matrix', 'result': [
                               {'metric': {}, 'values': [[1, 'x']]}]}}}):
            self.http.post(f'{URL}/api/v1/query_range', **answer)
            self.assertRaises(exception.Unavailable, self.read)

    def test_redirect(self):
        """It is not followed: the credentials are for one server."""
        self.http.post(
            f'{URL}/api/v1/query_range', status_code=302,
            headers={'Location': 'http://evil.example'})
        self.assertRaises(exception.CloudRequestRefused, self.read)
        self.assertEqual({'metrics.example'}, {
            request.hostname for request in self.http.request_history})

    def test_bad_query(self):
        self.http.post(f'{URL}/api/v1/query_range', status_code=400,
                       json={'error': 'parse error: unexpected "}"'})
        error = self.assertRaises(exception.CloudRequestRefused, self.read)
        self.assertIn('parse error', str(error))

    def test_too_long(self):
        self.config(group='prometheus', max_answer=1)
        self.http.post(f'{URL}/api/v1/query_range', text='x' * (2 << 20))
        error = self.assertRaises(exception.CloudUnreachable, self.read)
        self.assertIn('max_answer', str(error))

    def test_no_url(self):
        self.config(group='prometheus', url=None)
        error = self.assertRaises(exception.Misconfigured, self.read)
        self.assertIn('[prometheus] url', str(error))

    def test_password(self):
        """It goes to the server, and nowhere else."""
        self.conf.register_opts(loading.get_auth_plugin_conf_options(
            'http_basic'), group='prometheus')
        self.config(group='prometheus', auth_type='http_basic',
                    username='cm', password=PASSWORD)
        client.Prometheus().range('up', 0, 60, 15)
        self.assertTrue(self.http.last_request.headers[
            'Authorization'].startswith('Basic '))
        self.assertNotIn(PASSWORD, self.logger.output)
        self.http.post(f'{URL}/api/v1/query_range', status_code=401)
        error = self.assertRaises(
            exception.CloudUnreachable, client.Prometheus().range,
            'up', 0, 60, 15)
        self.assertNotIn(PASSWORD, str(error) + self.logger.output)

    def test_steps(self):
        """Prometheus answers 11 000 points of a series at most."""
        client.Prometheus().range('up', 0, 110_000 * 60, 60)
        self.assertEqual('600.000', self.queries[-1]['step'])
