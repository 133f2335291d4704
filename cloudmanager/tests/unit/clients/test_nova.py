# SPDX-License-Identifier: Apache-2.0
"""Nova at its HTTP edge."""

import datetime

from keystoneauth1 import exceptions as ks_exc
from novaclient import api_versions
import requests

from cloudmanager.clients import nova
from cloudmanager.clients import nova_connection
from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.tests.unit.clients import base

SINCE = datetime.datetime(2031, 1, 2, 3, 4, 5)
VERSION = 'X-OpenStack-Nova-API-Version'
ACTION = f'{base.COMPUTE}/servers/vm1/action'


def server(name, host='cmp1', **values):
    return {'id': name, 'name': name, 'status': 'ACTIVE',
            'OS-EXT-SRV-ATTR:host': host, 'OS-EXT-STS:vm_state': 'active',
            'OS-EXT-STS:task_state': None, 'OS-EXT-STS:power_state': 1,
            'OS-EXT-AZ:availability_zone': 'nova', **values}


def migration(number, **values):
    return {'id': number, 'uuid': f'u{number}', 'instance_uuid': 'vm1',
            'migration_type': 'live-migration', 'status': 'running',
            'source_compute': 'cmp1', 'dest_compute': 'cmp2', **values}


def service(host, **values):
    return {'id': f'id-{host}', 'host': host, 'status': 'enabled',
            'state': 'up', 'binary': 'nova-compute', **values}


class NovaCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        self.nova = nova.Nova()

    def serve(self, path, *answers, method='GET'):
        """Serve answers one after the other, the last one for ever."""
        return self.http.register_uri(
            method, f'{base.COMPUTE}{path}',
            [answer if answer and 'status_code' in answer
             else {'json': answer}
             for answer in answers])

    def version_of(self, method, path):
        return self.requests(method, path)[-1].headers[VERSION]


class ListTestCase(NovaCase):

    def pages(self, path, key, first, second):
        link = f'{base.COMPUTE}{path}?limit=1000&marker=last'
        self.serve(path, {key: first, f'{key}_links': [
            {'rel': 'next', 'href': link}]}, {key: second})

    def test_servers_exact_host(self):
        """DR2: Nova may match loosely, we do not."""
        found = self.serve('/servers/detail', {'servers': [
            server('vm1'), server('vm2', 'cmp10'), server('vm3', None)]})
        self.assertEqual(['vm1'], [item.id for item in
                                   self.nova.servers_on('cmp1')])
        self.assertEqual(['1'], found.last_request.qs['all_tenants'])
        self.assertEqual(['cmp1'], found.last_request.qs['host'])

    def test_ids(self):
        found = self.serve('/servers', {'servers': [{'id': 'vm1'}]})
        self.assertEqual(['vm1'], self.nova.ids_on('cmp1', locked=True))
        query = found.last_request.qs
        self.assertEqual((['1'], ['cmp1'], ['true']), (
            query['all_tenants'], query['host'], query['locked']))

    def test_changed_on(self):
        found = self.serve('/servers', {'servers': [{'id': 'vm1'}]})
        self.assertEqual(['vm1'], self.nova.changed_on(
            'cmp1', datetime.datetime(2031, 1, 2, 3, 4, 5)))
        query = found.last_request.qs
        self.assertEqual((['1'], ['cmp1'], ['2031-01-02t03:04:05z']), (
            query['all_tenants'], query['host'], query['changes-since']))

    def test_locked_servers(self):
        """Of all hosts, with who has locked them."""
        found = self.serve('/servers/detail', {'servers': [
            server('vm1', locked=True, locked_reason='mine')]})
        self.assertEqual([('vm1', 'mine')], [
            (item.id, item.locked_reason) for item in
            self.nova.locked_servers(
                datetime.datetime(2031, 1, 2, 3, 4, 5))])
        query = found.last_request.qs
        self.assertEqual(
            (['1'], ['true'], ['2031-01-02t03:04:05z']),
            (query['all_tenants'], query['locked'], query['changes-since']))
        self.assertNotIn('host', query)

    def test_ids_in_error(self):
        """FD12: of all hosts, in one list."""
        found = self.serve('/servers', {'servers': [{'id': 'vm1'}]})
        self.assertEqual(['vm1'], self.nova.ids_in_error(
            datetime.datetime(2031, 1, 2, 3, 4, 5)))
        query = found.last_request.qs
        self.assertEqual((['1'], ['error'], ['2031-01-02t03:04:05z']), (
            query['all_tenants'], query['status'], query['changes-since']))
        self.assertNotIn('host', query)

    def test_servers_in_pages(self):
        """Pages are as long as Nova likes, not as we ask."""
        self.pages('/servers/detail', 'servers', [server('vm1')],
                   [server('vm2')])
        self.assertEqual(['vm1', 'vm2'], [item.id for item in
                                          self.nova.servers_on('cmp1')])
        self.assertEqual(['last'], self.requests(
            'GET', '/servers/detail')[-1].qs['marker'])

    def test_migrations_in_pages(self):
        self.pages('/os-migrations', 'migrations', [migration(1)],
                   [migration(2)])
        found = self.nova.migrations('cmp1', SINCE)
        self.assertEqual([1, 2], [item.id for item in found])
        query = self.requests('GET', '/os-migrations')[0].qs
        self.assertEqual((['cmp1'], ['2031-01-02t03:04:05z']),
                         (query['source_compute'], query['changes-since']))

    def test_changed_migrations(self):
        """Those of the whole cloud, in pages."""
        self.pages('/os-migrations', 'migrations', [migration(1)],
                   [migration(2)])
        found = self.nova.changed_migrations(SINCE)
        self.assertEqual([1, 2], [item.id for item in found])
        query = self.requests('GET', '/os-migrations')[0].qs
        self.assertEqual(['2031-01-02t03:04:05z'], query['changes-since'])
        self.assertNotIn('source_compute', query)

    def test_services_exact_host(self):
        """DR2."""
        self.serve('/os-services', {'services': [service('cmp10'),
                                                 service('cmp1')]})
        self.assertEqual('id-cmp1', self.nova.service('cmp1').id)
        self.assertIsNone(self.nova.service('cmp'))

    def test_nothing(self):
        """EV21: null instead of a list, or no body at all."""
        for body in (None, {}, {'migrations': None, 'servers': None,
                                'services': None}):
            for path in ('/os-migrations', '/servers/detail',
                         '/os-services', '/servers/vm1/migrations'):
                self.serve(path, body)
            self.assertEqual(
                [[], [], [], [], None, 0],
                [self.nova.migrations('cmp1', SINCE),
                 self.nova.servers_on('cmp1'), self.nova.services(),
                 self.nova.server_migrations('vm1'),
                 self.nova.service('cmp1'),
                 self.nova.latest_migration_id('cmp1')])

    def test_service_without_forced_down(self):
        """EV21: what is not said is not so."""
        self.serve('/os-services', {'services': [service('cmp1')]})
        found = self.nova.service('cmp1')
        self.assertFalse(found.forced_down)
        self.assertIsNone(found.updated_at)

    def test_service(self):
        self.serve('/os-services', {'services': [service(
            'cmp1', forced_down=True, disabled_reason='why',
            updated_at='2031-01-02T03:04:05.000000', zone='z')]})
        self.assertEqual(
            nova_records.Service('id-cmp1', 'cmp1', 'enabled', 'up', 'z', True,
                         'why', SINCE), self.nova.services()[0])

    def test_latest_migration(self):
        found = self.serve('/os-migrations', {
            'migrations': [migration(41)], 'migrations_links': [
                {'rel': 'next', 'href': f'{base.COMPUTE}/x?marker=y'}]})
        self.assertEqual(41, self.nova.latest_migration_id('cmp1'))
        self.assertEqual((1, ['1']), (found.call_count,
                                      found.last_request.qs['limit']))

    def test_server(self):
        self.serve('/servers/vm1', {'server': server(
            'vm1', locked=True, locked_reason='why', metadata={'a': 'b'},
            fault={'message': 'broke'}, image='',
            pinned_availability_zone='z', **{
                'os-extended-volumes:volumes_attached': [{'id': 'v1'}]})})
        found = self.nova.server('vm1')
        self.assertEqual(
            (True, 'why', {'a': 'b'}, 'broke', None, 'z', ('v1',)),
            (found.locked, found.locked_reason, found.metadata, found.fault,
             found.image, found.pinned_zone, found.volumes))

    def test_server_is_gone(self):
        self.serve('/servers/vm1', {'status_code': 404, 'json': {
            'itemNotFound': {'code': 404, 'message': 'no'}}})
        self.assertIsNone(self.nova.server('vm1'))

    def test_progress(self):
        self.serve('/servers/vm1/migrations', {'migrations': [{
            'id': 5, 'server_uuid': 'vm1', 'status': 'running',
            'memory_remaining_bytes': 77}]})
        (found,) = self.nova.server_migrations('vm1')
        self.assertEqual((5, 'vm1', 77, 'live-migration'), (
            found.id, found.server_id, found.memory_remaining_bytes,
            found.type))

    def test_actions(self):
        self.serve('/servers/vm1/os-instance-actions', {'instanceActions': [
            {'request_id': name, 'action': 'migrate', 'message': None,
             'start_time': f'2031-01-0{day}T00:00:00'}
            for name, day in (('old', 1), ('new', 2))]})
        self.assertEqual(['new', 'old'], [item.request_id for item in
                                          self.nova.actions('vm1')])

    def test_topology(self):
        self.serve('/os-hypervisors/detail', {'hypervisors': [{
            'id': 'h1', 'hypervisor_hostname': 'cmp1.example',
            'service': {'host': 'cmp1'}, 'state': 'up',
            'status': 'enabled', 'hypervisor_type': 'QEMU',
            'hypervisor_version': 8000}]})
        self.serve('/os-aggregates', {'aggregates': [{
            'id': 1, 'name': 'a', 'availability_zone': None,
            'hosts': ['cmp1'], 'metadata': {}}]})
        self.serve('/os-server-groups', {'server_groups': [{
            'id': 'g', 'name': 'g', 'policy': 'affinity', 'rules': {},
            'members': ['vm1']}]})
        self.assertEqual(('h1', 'cmp1', 8000), (
            self.nova.hypervisors()[0].id, self.nova.hypervisors()[0].host,
            self.nova.hypervisors()[0].version))
        self.assertEqual(('cmp1',), self.nova.aggregates()[0].hosts)
        self.assertEqual(('vm1',), self.nova.groups()[0].members)
        self.assertEqual(['true'], self.requests(
            'GET', '/os-server-groups')[-1].qs['all_projects'])


class VersionTestCase(NovaCase):

    def setUp(self):
        super().setUp()
        self.serve('/servers/vm1/action', {}, method='POST')

    def test_each_request_at_its_version(self):
        """Evacuated servers arrive as they were only up to 2.94."""
        for call, version, body in (
                (lambda: self.nova.live_migrate('vm1', 'cmp2'), '2.96',
                 {'os-migrateLive': {'host': 'cmp2',
                                     'block_migration': 'auto'}}),
                (lambda: self.nova.live_migrate('vm1', 'cmp2', True), '2.67',
                 {'os-migrateLive': {'host': 'cmp2', 'force': True,
                                     'block_migration': 'auto'}}),
                (lambda: self.nova.live_migrate('vm1', None, True), '2.96',
                 {'os-migrateLive': {'host': None,
                                     'block_migration': 'auto'}}),
                (lambda: self.nova.evacuate('vm1', 'cmp2'), '2.93',
                 {'evacuate': {'host': 'cmp2'}}),
                (lambda: self.nova.evacuate('vm1'), '2.93',
                 {'evacuate': {}}),
                (lambda: self.nova.evacuate('vm1', 'cmp2', True), '2.67',
                 {'evacuate': {'host': 'cmp2', 'force': True}}),
                (lambda: self.nova.cold_migrate('vm1', 'cmp2'), '2.96',
                 {'migrate': {'host': 'cmp2'}})):
            call()
            self.assertEqual(version, self.version_of('POST', '/action'))
            self.assertEqual(body, self.requests('POST', '/action')[-1]
                             .json())

    def test_older_server(self):
        """What the server does not know yet is not asked for."""
        self.compute_version = '2.90'
        self.serve_versions()
        self.nova.evacuate('vm1')
        self.assertEqual('2.90', self.version_of('POST', '/action'))
        self.nova.live_migrate('vm1')
        self.assertEqual('2.90', self.version_of('POST', '/action'))

    def test_versions_are_numbers(self):
        """AP5: 2.100 is newer than 2.96 and 2.99."""
        for server_max, expected in (('2.100', '2.96'), ('2.9', '2.9'),
                                     ('2.96', '2.96'), ('3.0', '2.96')):
            found = nova_connection.choose_version(
                api_versions.APIVersion(server_max),
                nova_connection.WANTED_VERSION)
            self.assertEqual(expected, found.get_string())


class RequestTestCase(NovaCase):

    def ask(self, *answers, call=None):
        """Make a request; return how often it was made."""
        found = self.http.post(ACTION, list(answers))
        try:
            (call or self.nova.live_migrate)('vm1')
        finally:
            self.asked = found.call_count

    def test_refused(self):
        """The server's own words, once asked."""
        answer = {'status_code': 409, 'json': {'conflictingRequest': {
            'code': 409, 'message': 'it is locked'}}}
        error = self.assertRaises(exception.CloudRequestRefused, self.ask,
                                  answer)
        self.assertIn('it is locked', str(error))
        self.assertEqual((409, 1), (error.http_status, self.asked))

    def test_busy_server(self):
        """503 did nothing: asked again, HTML or not."""
        self.ask({'status_code': 503, 'text': '<html>busy</html>'},
                 {'status_code': 503, 'json': {}}, {'status_code': 202})
        self.assertEqual(3, self.asked)

    def test_unknown_outcome(self):
        """A move whose answer is lost is not asked for again."""
        for answer in ({'status_code': 500, 'text': 'oops'},
                       {'status_code': 504, 'text': 'gateway'},
                       {'exc': requests.exceptions.ReadTimeout},
                       {'exc': requests.exceptions.ConnectionError}):
            for call in (self.nova.live_migrate, self.nova.evacuate,
                         self.nova.cold_migrate, self.nova.confirm_resize,
                         self.nova.shelve_offload):
                self.assertRaises(exception.CloudOutcomeUnknown, self.ask,
                                  answer, call=call)
                self.assertEqual(1, self.asked, answer)

    def test_repeatable(self):
        """What is the same when asked twice is asked again."""
        for answer in ({'status_code': 500, 'text': 'oops'},
                       {'exc': requests.exceptions.ConnectionError}):
            for call in (self.nova.unlock,
                         lambda name: self.nova.lock(name, 'why'),
                         lambda name: self.nova.reset_state(name, 'error')):
                self.ask(answer, {'status_code': 202}, call=call)
                self.assertEqual(2, self.asked)

    def test_services(self):
        found = self.serve('/os-services/id1', {'service': {}},
                           method='PUT')
        for call, body in (
                (lambda: self.nova.disable_service('id1', 'x' * 300),
                 {'status': 'disabled', 'disabled_reason': 'x' * 255}),
                (lambda: self.nova.enable_service('id1'),
                 {'status': 'enabled'}),
                (lambda: self.nova.force_down('id1', True),
                 {'forced_down': True})):
            call()
            self.assertEqual(body, found.last_request.json())

    def test_abort(self):
        found = self.http.delete(f'{base.COMPUTE}/servers/vm1/migrations/7',
                                 status_code=202)
        self.nova.abort_migration('vm1', 7)
        self.assertTrue(found.called_once)

    def test_force_complete(self):
        found = self.http.post(
            f'{base.COMPUTE}/servers/vm1/migrations/7/action',
            status_code=202)
        self.nova.force_complete('vm1', 7)
        self.assertEqual({'force_complete': None},
                         found.last_request.json())

    def test_delete_service(self):
        found = self.http.delete(f'{base.COMPUTE}/os-services/id1',
                                 status_code=204)
        self.nova.delete_service('id1')
        self.assertTrue(found.called_once)

    def test_halves_on(self):
        """Resizes off exactly this host that nobody has settled (DR2)."""
        def record(number, status, server, **values):
            return migration(number, status=status, instance_uuid=server, **{
                'migration_type': 'resize', **values})

        def answer(request, context):
            found = [
                record(1, 'finished', 'waits'),
                record(2, 'finished', 'deleted'),
                record(3, 'reverting', 'reverts'),
                record(4, 'finished', 'waits', migration_type='migration'),
                record(5, 'finished', 'near', source_compute='cmp10'),
                record(6, 'finished', 'lively',
                       migration_type='live-migration'),
                record(7, 'confirming', 'forgotten'),
                record(8, 'finished', 'same-host'),
                record(9, 'confirming', 'broken')]
            return {'migrations': [item for item in found if
                                   [item['status']] == request.qs['status']]}

        asked = self.http.get(f'{base.COMPUTE}/os-migrations', json=answer)
        for name, host, vm_state, task in (
                ('waits', 'cmp2', 'resized', None),
                ('reverts', 'cmp2', 'resized', 'resize_reverting'),
                ('forgotten', 'cmp2', 'active', None),
                ('same-host', 'cmp1', 'resized', None),
                ('broken', 'cmp2', 'error', None)):
            self.serve(f'/servers/{name}', {'server': server(
                name, host, **{'OS-EXT-STS:vm_state': vm_state,
                               'OS-EXT-STS:task_state': task})})
        self.serve('/servers/deleted', {'status_code': 404, 'json': {
            'itemNotFound': {'code': 404}}})
        self.assertEqual({'waits', 'reverts', 'broken'}, {
            item.id for item in self.nova.halves_on('cmp1')})
        self.assertEqual(set(nova_records.HALF_STATUSES), {
            request.qs['status'][0] for request in asked.request_history})
        self.assertEqual({'cmp1'}, {
            request.qs['source_compute'][0]
            for request in asked.request_history})

    def test_open_migrations(self):
        """AP10: by status; resizes of deleted servers do not count."""
        def migration(number, status, server, source='cmp1'):
            return {'id': number, 'instance_uuid': server,
                    'status': status, 'migration_type': 'resize',
                    'source_compute': source, 'dest_compute': 'cmp2'}

        def answer(request, context):
            found = [migration(1, 'finished', 'waits'),
                     migration(2, 'finished', 'deleted'),
                     migration(3, 'running', 'moves'),
                     migration(4, 'running', 'other', 'cmp10')]
            return {'migrations': [item for item in found if
                                   [item['status']] == request.qs['status']]}

        asked = self.http.get(f'{base.COMPUTE}/os-migrations', json=answer)
        self.http.get(f'{base.COMPUTE}/servers/waits', json={
            'server': {'id': 'waits', 'name': 'x',
                       'status': 'VERIFY_RESIZE'}})
        self.http.get(f'{base.COMPUTE}/servers/deleted', status_code=404,
                      json={'itemNotFound': {'code': 404}})
        self.assertEqual([3, 1], [
            item.id for item in self.nova.open_migrations('cmp1')])
        self.assertEqual({'cmp1'}, {
            request.qs['host'][0] for request in asked.request_history})

    def test_secrets(self):
        """SE2: neither token nor password in errors or logs."""
        for answer in ({'status_code': 500, 'text': 'oops'},
                       {'status_code': 403, 'json': {'forbidden': {
                           'code': 403, 'message': 'no'}}},
                       {'exc': requests.exceptions.ConnectionError}):
            error = self.assertRaises(exception.CloudManagerException,
                                      self.ask, answer)
            self.no_secret_in(error, repr(error), error.kwargs)

    def test_token_expired(self):
        """SE10: a new token is fetched, the request is made."""
        self.ask({'status_code': 401}, {'status_code': 202})
        self.assertEqual(2, self.tokens.call_count)
        self.assertEqual(2, self.asked)

    def test_wrong_password(self):
        """SE2: said without the password, and without many tries."""
        self.http.post(f'{base.AUTH}/auth/tokens', status_code=401, json={
            'error': {'message': 'no', 'code': 401, 'title': 'no'}})
        error = self.assertRaises(exception.CloudUnreachable, self.ask, {})
        self.assertIn('authentication failed', str(error))
        self.no_secret_in(error)

    def test_identity_is_away(self):
        self.http.post(f'{base.AUTH}/auth/tokens',
                       exc=ks_exc.ConnectFailure('x'))
        self.assertRaises(exception.CloudUnreachable, self.ask, {})
        self.assertEqual(0, self.asked)
