# SPDX-License-Identifier: Apache-2.0
"""The server, over real connections."""

import http.client
import json
import socket
import time

import fixtures

from cloudmanager.api import app
from cloudmanager.api import server
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

IPV6 = socket.has_ipv6


class ServerCase(base.ApiTestCase):

    auth_strategy = 'noauth'
    host = '127.0.0.1'

    def setUp(self):
        super().setUp()
        self.server = self.start(app.build())

    def start(self, application):
        made = server.Server(application, self.host, 0)
        made.start()
        self.addCleanup(made.stop)
        return made

    def connect(self, made=None):
        connection = http.client.HTTPConnection(
            self.host, (made or self.server).port, timeout=10)
        self.addCleanup(connection.close)
        return connection

    def raw(self, data, made=None):
        """Send bytes, return all that comes back until the end."""
        with socket.create_connection(
                (self.host, (made or self.server).port), 10) as connection:
            connection.sendall(data)
            received = b''
            while part := connection.recv(65536):
                received += part
        return received

    def check_raw(self, received, status):
        head, _, body = received.partition(b'\r\n\r\n')
        self.assertEqual(status, int(head.split()[1]), received)
        (error,) = json.loads(body)['errors']
        self.assertEqual(status, error['status'])
        self.assertIn(error['request_id'].encode(), head)


class RequestsTestCase(ServerCase):

    def test_keep_alive(self):
        connection = self.connect()
        for method, path, body, status in (
                ('GET', '/v1', None, 200), ('GET', '/v1/nodes/', None, 200),
                ('POST', '/v1/nodes/', b'{"node": {"name": "a"}}', 201),
                ('HEAD', '/v1/nodes/', None, 200),
                ('DELETE', '/v1/nodes/1', None, 204),
                ('POST', '/v1/nodes/', b'{', 400),
                ('GET', '/v1/nodes/1', None, 404),
                ('POST', '/v1/hosts/cmp1/actions/shutdown', None, 202)):
            connection.request(method, path, body, {
                'Content-Type': 'application/json'})
            local = connection.sock.getsockname()
            answer = connection.getresponse()
            content = answer.read()
            self.assertEqual(status, answer.status, content)
            self.assertEqual(local, connection.sock.getsockname())
            if method == 'HEAD':
                self.assertEqual(b'', content)
                self.assertLess('0', answer.headers['Content-Length'])
            elif status == 204:
                self.assertNotIn('Content-Length', answer.headers)
            elif content:
                json.loads(content)
        self.assertEqual('/v1/tasks/', answer.headers['Location'][:10])

    def test_together(self):
        """Many clients at once get each their own answer."""
        def ask(number):
            connection = http.client.HTTPConnection(
                self.host, self.server.port, timeout=30)
            for turn in range(5):
                connection.request('GET', f'/v1/nodes/1{number}{turn}00')
                answer = connection.getresponse()
                text = answer.read().decode()
                self.assertIn(f'1{number}{turn}00', text)
            connection.close()

        self.assertEqual([], tests_base.Together(20, ask).raised)

    def test_pipelined(self):
        received = self.raw(
            b'GET /v1/nodes/1 HTTP/1.1\r\nHost: a\r\n\r\n'
            b'GET /v1/nodes/2 HTTP/1.1\r\nHost: a\r\nConnection: close'
            b'\r\n\r\n')
        self.assertEqual(2, received.count(b'HTTP/1.1 404'))
        self.assertIn(b'Node 2 ', received)

    def test_old_client(self):
        received = self.raw(b'GET /v1 HTTP/1.0\r\n\r\n')
        self.assertIn(b'200 OK', received)

    def test_chunked(self):
        connection = self.connect()
        for name in (b'a', b'b'):
            connection.request(
                'POST', '/v1/nodes/',
                iter([b'{"node": {"name": "', name, b'"}}']),
                {'Content-Type': 'application/json'}, encode_chunked=True)
            answer = connection.getresponse()
            self.assertEqual(201, answer.status)
            self.assertEqual(name.decode(),
                             json.load(answer)['node']['name'])

    def test_too_large(self):
        """The answer arrives though the body was not read."""
        for head in (b'Content-Length: 3000000\r\n\r\n' + b' ' * 3000000,
                     b'Transfer-Encoding: chunked\r\n\r\n2DC6C0\r\n'
                     + b' ' * 3000000 + b'\r\n0\r\n\r\n'):
            received = self.raw(
                b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n'
                b'Content-Type: application/json\r\n' + head)
            self.check_raw(received, 413)

    def test_lengths_that_contradict(self):
        """No second request can hide in a body."""
        for head in (b'Content-Length: -1', b'Content-Length: x',
                     b'Transfer-Encoding: gzip, chunked'):
            received = self.raw(
                b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n' + head
                + b'\r\nConnection: close\r\n\r\n')
            self.assertIn(received[9:10], (b'4', b'5'), received)

    def test_names_with_underscores(self):
        """They would be taken for those with hyphens."""
        seen = []

        def application(environ, start_response):
            seen.append(environ)
            start_response('200 OK', [('Content-Length', '0')])
            return [b'']

        made = self.start(application)
        self.raw(b'GET /%41?b=%63 HTTP/1.1\r\nHost: a\r\nX_Roles: admin\r\n'
                 b'Connection: close\r\n\r\n', made)
        (environ,) = seen
        self.assertNotIn('HTTP_X_ROLES', environ)
        self.assertEqual(('/A', 'b=%63'), (environ['PATH_INFO'],
                                          environ['QUERY_STRING']))

    def test_log(self):
        """Requests are no news, and so are clients that go away."""
        log = self.useFixture(fixtures.FakeLogger(level=20))
        self.raw(b'GET /v1 HTTP/1.1\r\nConnection: close\r\n\r\n')
        with socket.create_connection((self.host, self.server.port)) as one:
            one.sendall(b'POST /v1/nodes/ HTTP/1.1\r\n'
                        b'Content-Length: 10\r\n\r\nx')
        time.sleep(0.2)
        self.assertEqual('', log.output)


class StopTestCase(ServerCase):

    def stopped(self):
        started = time.monotonic()
        self.server.stop()
        return time.monotonic() - started

    def test_stop(self):
        """Open connections do not hold it up, nothing is listening then."""
        port = self.server.port
        connection = self.connect()
        connection.request('GET', '/v1')
        connection.getresponse().read()
        silent = socket.create_connection((self.host, port), 10)
        self.addCleanup(silent.close)
        self.assertLess(self.stopped(), 5)
        self.assertRaises(ConnectionError, socket.create_connection,
                          (self.host, port), 10)
        self.server.stop()

    def test_stop_when_all_threads_are_taken(self):
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.api.server.THREADS', 1))
        self.server = self.start(self.slow)
        for _ in range(3):
            one = socket.create_connection((self.host, self.server.port),
                                           10)
            self.addCleanup(one.close)
            one.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        time.sleep(0.2)
        self.assertLess(self.stopped(), 6)

    @staticmethod
    def slow(environ, start_response):
        time.sleep(1)
        start_response('200 OK', [])
        return [b'done']

    def test_what_is_under_way_is_answered(self):
        self.server = self.start(self.slow)
        connection = self.connect()
        connection.request('GET', '/')
        time.sleep(0.2)
        self.assertLess(self.stopped(), 6)
        self.assertEqual(b'done', connection.getresponse().read())

    def test_address_in_use(self):
        other = server.Server(None, self.host, self.server.port)
        self.assertRaises(OSError, other.start)
        other.stop()


class Ipv6TestCase(ServerCase):

    host = '::1'

    def setUp(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind((self.host, 0))
        except OSError as exc:
            self.skipTest(f'No IPv6 here: {exc}')
        super().setUp()

    def test_answers(self):
        connection = self.connect()
        connection.request('GET', '/v1')
        answer = connection.getresponse()
        self.assertEqual(200, answer.status)
        self.assertIn(f'[::1]:{self.server.port}', answer.read().decode())
