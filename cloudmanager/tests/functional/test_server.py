# SPDX-License-Identifier: Apache-2.0
"""The server, over real connections."""

import http.client
import json
import socket
import threading
import time

import fixtures
from waitress import channel

from cloudmanager.api import app
from cloudmanager.api import server
from cloudmanager.common import waiting
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

    def test_refused_while_the_loop_sends(self):
        """The answer arrives whenever its thread says that it is the last.
        """
        flush = channel.HTTPChannel._flush_exception
        write = channel.HTTPChannel.handle_write
        over = threading.Event()

        def flush_slowly(connection, function, do_close=True):
            if connection.refused and not do_close:
                # The thread that answers: the loop wakes before it sends.
                connection.server.pull_trigger()
                over.wait(0.3)
            return flush(connection, function, do_close)

        def write_slowly(connection):
            if connection.refused:
                over.wait(0.6)
            write(connection)

        self.useFixture(fixtures.MonkeyPatch(
            'waitress.channel.HTTPChannel._flush_exception', flush_slowly))
        self.useFixture(fixtures.MonkeyPatch(
            'waitress.channel.HTTPChannel.handle_write', write_slowly))
        self.check_raw(self.raw(
            b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n'
            b'Content-Type: application/json\r\n'
            b'Content-Length: 3000000\r\n\r\n' + b' ' * 3000000), 413)

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
        # On a busy machine a request may wait for its thread.
        self.assertEqual([], [line for line in log.output.splitlines()
                              if 'Task queue depth' not in line])


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

    def test_stop_when_the_loop_is_faster(self):
        """FA2: it may have ended before it is woken."""
        listener, thread = self.server._listener, self.server._thread
        inner = listener.pull_trigger

        def late():
            self.server._stopping.wait(10)
            thread.join(10)
            inner()

        with fixtures.MonkeyPatch(
                'cloudmanager.api.server._Listener.pull_trigger',
                lambda _: late()):
            self.server.stop()
        self.assertFalse(thread.is_alive())

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


class HttpTestCase(ServerCase):

    def head(self, first, *lines, body=b''):
        return b'\r\n'.join([first, b'Host: a', *lines, b'', body])

    def ask(self, first, *lines, body=b''):
        return self.raw(self.head(first, b'Connection: close', *lines,
                                  body=body))

    def test_chunks_that_are_none(self):
        """FA9: a size that is no number is a bad request."""
        for body in (b'ZZ\r\n{}\r\n0\r\n\r\n', b'-1\r\n{}\r\n0\r\n\r\n',
                     b'1\r\n{}\r\n0\r\n\r\n'):
            self.check_raw(self.ask(
                b'POST /v1/nodes/ HTTP/1.1', b'Transfer-Encoding: chunked',
                b'Content-Type: application/json', body=body), 400)

    def test_two_lengths(self):
        """FA10: refused and closed; the rest is no second request."""
        received = self.raw(self.head(
            b'POST /v1/nodes/ HTTP/1.1', b'Transfer-Encoding: chunked',
            b'Content-Length: 4', b'Content-Type: application/json',
            body=b'0\r\n\r\n' + self.head(b'GET /v1 HTTP/1.1')))
        self.check_raw(received, 400)
        self.assertEqual(1, received.count(b'HTTP/1.1 '))
        self.check_raw(self.raw(
            b'POST /v1/nodes/ HTTP/1.0\r\nConnection: keep-alive\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), 400)

    def test_targets(self):
        """FA10: forms of the target that HTTP knows, and others."""
        for target in (b'/v1', b'http://b.example/v1', b'//v1'):
            received = self.ask(b'GET ' + target + b' HTTP/1.1')
            self.assertIn(b'200 OK', received)
            self.assertEqual(b'b.example' in target,
                             b'b.example/v1' in received)
        for first, status in (
                (b'CONNECT b.example:443 HTTP/1.1', 405),
                (b'OPTIONS * HTTP/1.1', 405),
                (b'GET //v1//nodes HTTP/1.1', 404),
                (b'GET nodes HTTP/1.1', 400), (b'nonsense', 400)):
            self.check_raw(self.ask(first), status)

    def test_content_type_without_case(self):
        """FA10: names of media types have no case."""
        received = self.ask(
            b'POST /v1/nodes/ HTTP/1.1', b'Content-Length: 23',
            b'Content-Type: APPLICATION/JSON; charset=UTF-8',
            body=b'{"node": {"name": "a"}}')
        self.assertIn(b'201 Created', received)

    def test_header_too_large(self):
        """FA2: neither long nor many header fields are kept."""
        self.config(group='api', max_header_bytes=4096)
        made = self.start(app.build())
        for lines in ((b'X-Long: ' + b'x' * 3000000,),
                      tuple(b'X-%d: 1' % number for number in range(200))):
            self.check_raw(self.raw(self.head(
                b'GET /v1 HTTP/1.1', *lines), made), 431)


class SlowClientsTestCase(ServerCase):
    """FA2: clients that take their time keep nobody else from answers."""

    def setUp(self):
        super().setUp()
        self.config(group='api', max_connections=100)
        self.server = self.start(app.build())

    def opened(self, data, made=None):
        one = socket.create_connection(
            (self.host, (made or self.server).port), 10)
        self.addCleanup(one.close)
        one.sendall(data)
        return one

    def check_others(self):
        for path in ('/healthcheck', '/v1/nodes/'):
            connection = self.connect()
            connection.request('GET', path)
            self.assertEqual(200, connection.getresponse().status)
            connection.close()

    def test_slow_headers_and_bodies(self):
        for _ in range(40):
            self.opened(b'GET /v1 HTTP/1.1\r\nX-Slow: ')
            self.opened(b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n'
                        b'Content-Length: 100\r\n\r\n{')
        self.check_others()

    def test_more_than_there_may_be(self):
        """Those that have kept us waiting longest make room."""
        slow = [self.opened(b'GET /v1 HTTP/1.1\r\nX-Slow: ')
                for _ in range(120)]
        self.check_others()
        self.assertEqual(b'', slow[0].recv(10))

    def test_deadline(self):
        """Bytes that trickle in do not move it; a new request does."""
        made = self.start(app.build())
        kept = self.opened(b'', made)
        dripping = [self.opened(head, made) for head in (
            b'GET /v1 HTTP/1.1\r\nX-Slow: ',
            b'POST /v1 HTTP/1.1\r\nContent-Length: 10000\r\n\r\n',
            b'GET /v1 HTTP/1.1\r\nHost: a\r\n\r\nGET /v1')]
        kept.sendall(b'GET /v1 HTTP/1.1\r\nHost: a\r\n\r\n')
        self.config(group='api', request_timeout=0.3)
        for one in dripping:
            self.drip(one)
        kept.sendall(b'GET /v1 HTTP/1.1\r\nHost: a\r\nConnection: close'
                     b'\r\n\r\n')
        received = b''
        while part := kept.recv(65536):
            received += part
        self.assertEqual(2, received.count(b'200 OK'))

    def drip(self, one):
        """Send a byte again and again until the server hangs up."""
        one.settimeout(0.05)
        for _ in range(200):
            try:
                one.sendall(b'x')
                if one.recv(65536) == b'':
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
        self.fail('The connection stays open.')

    def test_all_threads_are_taken(self):
        """Health is told all the same."""
        self.config(group='api', max_waiting_requests=1)
        entered = threading.Semaphore(0)
        leave = threading.Event()
        self.addCleanup(leave.set)
        inner = app.build()

        def application(environ, start_response):
            if environ['PATH_INFO'] == '/wait':
                entered.release()
                leave.wait(30)
            return inner(environ, start_response)

        made = self.start(application)
        for _ in range(server.THREADS + 1):
            self.opened(b'GET /wait HTTP/1.1\r\nHost: a\r\n\r\n', made)
            self.assertTrue(entered.acquire(timeout=10))
        connection = self.connect(made)
        connection.request('GET', '/healthcheck')
        self.assertEqual(200, connection.getresponse().status)


class WaitingTestCase(base.ApiTestCase):

    def test_no_more_than_there_may_be(self):
        """FA2: those that wait for devices leave threads for others."""
        self.config(group='api', max_waiting_requests=1)
        node = self.powered_node(name='mnode1')
        body = {'node_ids': [node['id']]}

        def ask(number):
            answer = self.call('POST', '/v1/nodes/actions/reset', body, 503)
            self.assertEqual('5', answer.headers['Retry-After'])

        with waiting.slot():
            self.assertEqual([], tests_base.Together(3, ask).raised)
            self.get('/v1/nodes/')
        self.assertEqual(0, len(self.get('/v1/tasks/')['tasks']))
