# SPDX-License-Identifier: Apache-2.0
import gzip
import logging
import socket
import time
import warnings

import fixtures
from requests import auth as requests_auth

from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import web
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power import peers

DEADLINE = 0.6
# Seconds for what takes the deadline on an idle machine.
PATIENCE = 4
MOST_BYTES = 20000


class WebTestCase(base.PowerTestCase):

    scheme = 'http'

    def setUp(self):
        super().setUp()
        # All loggers of all libraries, and what a captured warning says.
        self.logger = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG))
        self.addCleanup(lambda: self.assertNotIn(base.PASSWORD,
                                                 self.logger.output))

    def serve(self, answer, context=None):
        peer = self.useFixture(peers.HTTPPeer(answer, context))
        return peer

    def client(self, port, seconds=DEADLINE, **options):
        device = base.device('127.0.0.1', port)
        client = web.Client(device, self.scheme, options,
                            time.monotonic() + seconds, MOST_BYTES)
        self.addCleanup(client.__exit__)
        return client

    def get(self, port, path='/', **values):
        return self.client(port, **values).request(
            'a test', 'GET', path, auth=requests_auth.HTTPBasicAuth(
                'admin', base.PASSWORD))

    def fails(self, kind, port, *arguments, **values):
        start = time.monotonic()
        error = self.assertRaises(kind, self.get, port, *arguments,
                                  **values)
        self.assertLess(time.monotonic() - start, PATIENCE)
        self.assertNotIn(base.PASSWORD, base.everything_of(error))
        self.assertIsNone(error.__context__)
        return error


class RequestTestCase(WebTestCase):

    def test_answer(self):
        peer = self.serve(lambda request: (
            404, {'X-Some': 'thing'}, b'what?'))
        answer = self.get(peer.port, '/a/b?c=d')
        self.assertEqual((404, b'what?', 'thing'), (
            answer.status_code, answer.content, answer.headers['X-Some']))
        self.assertEqual(['GET /a/b?c=d'], peer.asked)
        headers = peer.seen[0][2]
        self.assertEqual(f'127.0.0.1:{peer.port}', headers['Host'])
        self.assertEqual(('identity', 'cloudmanager'), (
            headers['Accept-Encoding'], headers['User-Agent']))

    def test_request(self):
        """Headers and body of the caller go with it."""
        peer = self.serve(lambda request: (200, {}, b''))
        self.client(peer.port).request(
            'a test', 'POST', '/a', headers={'If-Match': '"1"'},
            body=b'{"on": true}')
        _, _, headers, body = peer.seen[0]
        self.assertEqual((f'127.0.0.1:{peer.port}', '"1"', b'{"on": true}'), (
            headers['Host'], headers['If-Match'], body))

    def test_host(self):
        """It is as a browser would say it, whatever the address is."""
        for scheme, host, port, expected in (
                ('http', 'bmc', 80, 'bmc'), ('http', 'bmc', 443, 'bmc:443'),
                ('https', 'bmc', 443, 'bmc'),
                ('http', '2001:db8::1', 8000, '[2001:db8::1]:8000'),
                ('https', 'fe80::1%eth0', 443, '[fe80::1]')):
            client = web.Client(base.device(host, port), scheme, {}, 0, 0)
            self.assertEqual(expected, client._host())

    def test_addresses(self):
        """They are connected to as they are, with the zone of those that
        count on one network only."""
        asked = []

        def connect(host, port, *others):
            asked.append((host, port))
            raise network.NoConnection

        self.patch(network, 'connect', connect)
        addresses = [('2001:db8::1', 443), ('fe80::1%eth0', 8443)]
        for address in addresses:
            for scheme in ('http', 'https'):
                client = web.Client(base.device(*address), scheme, {},
                                    time.monotonic() + 5, MOST_BYTES)
                self.assertRaises(exceptions.PowerUnreachable,
                                  client.request, 'a test', 'GET', '/')
        self.assertEqual([each for each in addresses for _ in range(2)],
                         asked)

    def test_text(self):
        """It is UTF-8, with a mark at its beginning or without."""
        for mark in (b'', b'\xef\xbb\xbf'):
            peer = self.serve(lambda request, mark=mark: (
                200, {'Content-Type': 'text/plain; charset=latin-1'},
                mark + 'läuft'.encode()))
            self.assertEqual('läuft', self.get(peer.port).text)

    def test_one_connection_for_several_requests(self):
        peer = self.serve(lambda request: (200, {}, b'ok'))
        client = self.client(peer.port)
        for _ in range(3):
            client.request('a test', 'GET', '/')
        self.assertEqual(1, peer.connections)

    def test_no_connection_is_left(self):
        """Devices have few of them: each is closed with its client."""
        closed = []

        def serve(connection):
            connection.recv(4096)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n'
                               b'\r\n')
            closed.append(connection.recv(4096))

        peer = self.useFixture(peers.RawPeer(serve))
        with self.client(peer.port) as client:
            client.request('a test', 'GET', '/')
            self.assertEqual([], closed)
        tests_base.wait_for(lambda: closed)
        self.assertEqual([b''], closed)

    def test_digest(self):
        def answer(request):
            if 'Authorization' in request.headers:
                return 200, {}, b'in'
            return 401, {'WWW-Authenticate':
                         'Digest realm="r", nonce="n", qop="auth"'}, b''

        peer = self.serve(answer)
        found = self.client(peer.port).request(
            'a test', 'POST', '/', body=b'x',
            auth=requests_auth.HTTPDigestAuth('admin', base.PASSWORD))
        self.assertEqual(b'in', found.content)
        self.assertIn('response="', peer.seen[1][2]['Authorization'])

    def test_the_environment_has_no_say(self):
        """No proxy, and no password out of a .netrc."""
        peer = self.serve(lambda request: (200, {}, b'device'))
        proxy = self.serve(lambda request: (200, {}, b'proxy'))
        home = self.useFixture(fixtures.TempHomeDir()).path
        with open(f'{home}/.netrc', 'w') as netrc:
            netrc.write('default login x password y\n')
        for name in ('http_proxy', 'https_proxy', 'all_proxy'):
            self.useFixture(fixtures.EnvironmentVariable(
                name, f'http://127.0.0.1:{proxy.port}'))
        found = self.client(peer.port).request('a test', 'GET', '/')
        self.assertEqual(b'device', found.content)
        self.assertEqual([], proxy.seen)
        self.assertNotIn('Authorization', peer.seen[0][2])


class LinksTestCase(WebTestCase):

    def test_redirect_on_the_device(self):
        def answer(request):
            if request.path == '/new?x=1':
                return 200, {}, b'here'
            return code, {'Location': 'new?x=1'}, b''

        for code in (301, 302, 303, 307, 308):
            peer = self.serve(answer)
            self.assertEqual(b'here', self.get(peer.port, '/old').content)
            self.assertEqual(['GET /old', 'GET /new?x=1'], peer.asked)

    def test_no_redirect_leads_elsewhere(self):
        other = self.serve(lambda request: (200, {}, b'other'))
        for target in (f'http://127.0.0.1:{other.port}/',
                       f'//127.0.0.1:{other.port}/', 'http://[', '',
                       'file:///etc/passwd', 'https://127.0.0.1/'):
            peer = self.serve(lambda request, target=target: (
                302, {'Location': target}, b''))
            self.fails(exceptions.PowerProtocol, peer.port)
        self.assertEqual([], other.seen)

    def test_redirect_for_ever(self):
        peer = self.serve(lambda request: (302, {'Location': '/'}, b''))
        self.assertIn('redirect', str(self.fails(exceptions.PowerProtocol,
                                                 peer.port)))
        self.assertEqual(4, len(peer.seen))

    def test_a_change_is_not_redirected(self):
        peer = self.serve(lambda request: (307, {'Location': '/x'}, b''))
        self.assertRaises(
            exceptions.PowerProtocol, self.client(peer.port).request,
            'power off', 'POST', '/')
        self.assertEqual(['POST /'], peer.asked)

    def test_links(self):
        client = self.client(8000)
        self.assertEqual('/redfish/v1/Systems/1?a=b', client.path_of(
            'x', 'Systems/1?a=b#c', '/redfish/v1/'))
        self.assertEqual('/x', client.path_of(
            'x', 'http://127.0.0.1:8000/x'))
        self.assertEqual('/?page=2', client.path_of('x', '?page=2'))

    def test_links_that_lead_elsewhere(self):
        """It would lead there the next time, too, so that is the end."""
        client = self.client(8000)
        for link in ('http://127.0.0.1/x', 'http://127.0.0.2:8000/x',
                     '//other/x', 'https://127.0.0.1:8000/x', 'mailto:x',
                     'other:/x'):
            self.assertRaises(exceptions.PowerStrange, client.path_of, 'x',
                              link)

    def test_links_that_are_none(self):
        """A device that is starting may send such things."""
        client = self.client(8000)
        for link in ('http://127.0.0.1:x/', 'http://[', 7, None, b'/x'):
            error = self.assertRaises(exceptions.PowerProtocol,
                                      client.path_of, 'x', link)
            self.assertNotIsInstance(error, exceptions.PowerStrange)

    def test_links_without_a_port(self):
        """They mean the one that belongs to http or https, and names of
        hosts are written in any case."""
        for scheme, port in (('http', 80), ('https', 443)):
            client = web.Client(base.device('BMC.example', port), scheme, {},
                                0, 0)
            for link in (f'{scheme}://bmc.example/x',
                         f'{scheme}://BMC.EXAMPLE:{port}/x'):
                self.assertEqual('/x', client.path_of('x', link))
            self.assertRaises(exceptions.PowerStrange, client.path_of, 'x',
                              f'{scheme}://bmc.example:8000/x')


class SocketTestCase(WebTestCase):

    def test_each_operation_knows_the_deadline(self):
        """None waits longer than to the end of the whole request."""
        here, there = socket.socketpair()
        self.addCleanup(there.close)
        timed = web._TimedSocket(fileno=here.detach())
        self.addCleanup(timed.close)
        timed.limits = web.Limits(0, MOST_BYTES)
        there.sendall(b'x')
        for seconds, operation, argument in (
                (7, timed.recv_into, bytearray(1)), (5, timed.send, b'a'),
                (3, timed.sendall, b'b')):
            self.patch(network, 'left', lambda deadline, left=seconds: left)
            operation(argument)
            self.assertEqual(seconds, timed.gettimeout())
        self.assertEqual(b'ab', there.recv(9))

    def test_connection(self):
        """It is good for a handshake, and sends without delay."""
        peer = self.serve(lambda request: (200, {}, b''))
        made = web._Plain('127.0.0.1', peer.port, limits=web.Limits(
            time.monotonic() + 50, MOST_BYTES))._new_conn()
        self.addCleanup(made.close)
        self.assertGreater(made.gettimeout(), 40)
        self.assertTrue(made.getsockopt(socket.IPPROTO_TCP,
                                        socket.TCP_NODELAY))


class DeadlineTestCase(WebTestCase):
    """Whatever a device does, it does not keep its caller."""

    def test_pw1_closed_port(self):
        self.fails(exceptions.PowerUnreachable, peers.free_port())

    def test_pw1_unknown_host(self):
        client = web.Client(base.device('a..b', 80), 'http', {},
                            time.monotonic() + 5, MOST_BYTES)
        self.assertRaises(exceptions.PowerUnresolvable, client.request,
                          'x', 'GET', '/')

    def test_pw1_black_hole(self):
        """It is given up long before a deadline that is far away."""
        self.patch(network, 'CONNECT_SECONDS', 0.3)
        client = web.Client(base.device('192.0.2.1', 80), 'http', {},
                            time.monotonic() + 60, MOST_BYTES)
        start = time.monotonic()
        self.assertRaises(exceptions.PowerUnreachable, client.request,
                          'x', 'GET', '/')
        self.assertLess(time.monotonic() - start, PATIENCE)

    def test_silence(self):
        peer = peers.RawPeer(lambda connection: peer.silence(connection))
        self.useFixture(peer)
        self.fails(exceptions.PowerSilent, peer.port)

    def test_slow_headers_and_bodies(self):
        for head in (b'', b'HTTP/1.1 200 OK\r\nX: ',
                     b'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n',
                     b'HTTP/1.1 200 OK\r\n\r\n',
                     b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'
                     b'\r\n5\r\n'):
            peer = self.serve(lambda request, head=head: request.drip(head))
            self.fails((exceptions.PowerUnreachable,
                        exceptions.PowerProtocol), peer.port)

    def test_slow_answers_to_a_digest(self):
        """The second of its two requests has no time of its own."""
        def answer(request):
            if 'Authorization' not in request.headers:
                time.sleep(DEADLINE / 2)
                return 401, {'WWW-Authenticate':
                             'Digest realm="r", nonce="n"'}, b''
            return request.drip(b'HTTP/1.1 200 OK\r\n\r\n')

        peer = self.serve(answer)
        start = time.monotonic()
        self.assertRaises(
            exceptions.PowerUnreachable, self.client(peer.port).request,
            'x', 'GET', '/', auth=requests_auth.HTTPDigestAuth('a', 'b'))
        self.assertLess(time.monotonic() - start, PATIENCE)

    def test_deadline_that_has_passed(self):
        peer = self.serve(lambda request: (200, {}, b''))
        self.fails(exceptions.PowerUnreachable, peer.port, seconds=-1)
        self.assertEqual([], peer.seen)

    def test_hundred_continues(self):
        """Interim answers without end."""
        def serve(connection):
            connection.recv(4096)
            while not peer.stopping.wait(0.01):
                connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')

        peer = peers.RawPeer(serve)
        self.useFixture(peer)
        self.fails(exceptions.PowerUnreachable, peer.port)

    def test_connection_lost(self):
        def serve(connection):
            connection.recv(4096)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n'
                               b'\r\nabc')

        self.fails(exceptions.PowerUnreachable,
                   self.useFixture(peers.RawPeer(serve)).port)


class NonsenseTestCase(WebTestCase):

    def test_no_http(self):
        for line in (b'220 mail.example ESMTP\r\n', b'\x16\x03\x01' * 9,
                     b'HTTP/1.1 abc OK\r\n\r\n',
                     b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 200,
                     b'HTTP/1.1 200 OK\r\nX: ' + b'y' * 70000):
            def serve(connection, line=line):
                connection.recv(4096)
                connection.sendall(line)

            self.fails((exceptions.PowerProtocol,
                        exceptions.PowerUnreachable),
                       self.useFixture(peers.RawPeer(serve)).port)

    def test_too_much(self):
        """All bytes that a device sends count, and only they do."""
        head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n'
        length = MOST_BYTES - len(head) - 3
        body = b'x' * (length)

        def serve(connection):
            connection.recv(4096)
            connection.sendall(head % length + body)
            peer.silence(connection)

        peer = self.useFixture(peers.RawPeer(serve))
        self.assertEqual(MOST_BYTES, len(head % length + body))
        self.assertEqual(body, self.get(peer.port, seconds=5).content)
        length += 1
        body += b'x'
        error = self.fails(exceptions.PowerStrange, peer.port, seconds=5)
        self.assertIn('more than 20000 bytes', str(error))

    def test_a_bomb_is_not_unfolded(self):
        peer = self.serve(lambda request: (
            200, {'Content-Encoding': 'gzip'},
            gzip.compress(b'x' * 10_000_000)))
        self.fails(exceptions.PowerProtocol, peer.port, seconds=5)

    def test_se2_what_it_repeats_is_not_logged(self):
        """A device that puts the password into headers nobody expects."""
        word = base.PASSWORD.encode()
        for headers in (b'no header: ' + word + b'\r\n' + word,
                        b' ' + word + b'\r\nX: y'):
            def serve(connection, headers=headers):
                connection.recv(4096)
                connection.sendall(b'HTTP/1.1 200 OK\r\n' + headers
                                   + b'\r\nContent-Length: 2\r\n\r\nok')

            peer = self.useFixture(peers.RawPeer(serve))
            try:
                self.get(peer.port)
            except exceptions.PowerError as exc:
                self.assertNotIn(base.PASSWORD, base.everything_of(exc))
            self.assertNotIn(base.PASSWORD, self.logger.output)
            self.assertNotIn('parse headers', self.logger.output)


class CausesTestCase(WebTestCase):
    """What is told of an error that is made of others."""

    def causes(self, exc):
        return list(web._causes(exc))

    def test_all_of_them(self):
        """Wherever libraries put what they caught, it is found."""
        outer, cause, context = ValueError(), KeyError(), IndexError()
        outer.reason = OSError()
        outer.args = ('text', EOFError())
        outer.__cause__, outer.__context__ = cause, context
        self.assertEqual(
            [ValueError, EOFError, OSError, KeyError, IndexError],
            [type(each) for each in self.causes(outer)])

    def test_circle(self):
        """Each is told once, and the search has an end."""
        outer, inner = ValueError(), KeyError()
        outer.__context__, inner.args = inner, (outer,)
        self.assertEqual([outer, inner], self.causes(outer))

    def test_the_clearest_counts(self):
        """A name that does not resolve, then nobody there, then silence."""
        unknown = socket.gaierror(socket.EAI_NONAME, 'x')
        for causes, kind in (
                ((OSError(), TimeoutError()), exceptions.PowerSilent),
                ((OSError(), TimeoutError(), network.NoConnection()),
                 exceptions.PowerUnreachable),
                ((network.NoConnection(), OSError(), unknown),
                 exceptions.PowerUnresolvable),
                ((ValueError(), OSError()), exceptions.PowerUnreachable),
                ((ValueError(), KeyError()), exceptions.PowerProtocol)):
            found = self.client(80)._translate('x', Exception(*causes))
            self.assertIs(kind, type(found))


class TLSTestCase(WebTestCase):

    scheme = 'https'

    def setUp(self):
        super().setUp()
        self.authority = peers.Authority(
            self.useFixture(fixtures.TempDir()).path)

    def device(self, **values):
        return self.serve(lambda request: (200, {}, b'ok'),
                          self.authority.context(**values))

    def test_ca_of_the_device(self):
        peer = self.device()
        self.assertEqual(b'ok', self.get(
            peer.port, ca=self.authority.pem, seconds=5).content)

    def test_ca_of_the_configuration(self):
        peer = self.device()
        path = f'{self.useFixture(fixtures.TempDir()).path}/ca.pem'
        with open(path, 'w') as ca_file:
            ca_file.write(self.authority.pem)
        self.conf.config(group='power', ca_file=path)
        self.assertEqual(b'ok', self.get(peer.port, seconds=5).content)
        # Another one in the same file counts at once.
        with open(path, 'w') as ca_file:
            ca_file.write(peers.Authority(path).pem)
        self.fails(exceptions.PowerUntrusted, peer.port, seconds=5)

    def test_ca_of_the_system(self):
        """Without a CA of its own those of the system are asked."""
        peer = self.device()
        path = f'{self.useFixture(fixtures.TempDir()).path}/ca.pem'
        with open(path, 'w') as ca_file:
            ca_file.write(self.authority.pem)
        web._context.cache_clear()
        self.addCleanup(web._context.cache_clear)
        self.useFixture(fixtures.EnvironmentVariable('SSL_CERT_FILE', path))
        self.assertEqual(b'ok', self.get(peer.port, seconds=5).content)

    def test_fingerprint(self):
        peer = self.device()
        for fingerprint in (self.authority.fingerprint,
                            self.authority.fingerprint.upper(),
                            self.authority.fingerprint.replace(':', '')):
            self.assertEqual(b'ok', self.get(
                peer.port, fingerprint=fingerprint, seconds=5).content)

    def test_nothing_is_sent_to_a_stranger(self):
        stranger = peers.Authority(self.useFixture(fixtures.TempDir()).path)
        peer = self.device()
        for options in ({}, {'ca': stranger.pem},
                        {'fingerprint': '0' * 64},
                        # A pin counts whatever else was said.
                        {'fingerprint': '0' * 64, 'verify': False}):
            error = self.fails(exceptions.PowerUntrusted, peer.port,
                               seconds=5, **options)
        self.assertIn(self.authority.fingerprint.replace(':', ''),
                      str(error))
        self.assertEqual([], peer.seen)

    def test_name_in_the_certificate(self):
        peer = self.device(address='127.0.0.2')
        self.fails(exceptions.PowerUntrusted, peer.port,
                   ca=self.authority.pem, seconds=5)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter('always')
            self.assertEqual(b'ok', self.get(
                peer.port, verify=False, seconds=5).content)
        self.assertEqual([], [each for each in warned if 'InsecureRequest'
                              in each.category.__name__])

    def test_ca_that_is_none(self):
        peer = self.device()
        error = self.fails(exceptions.PowerError, peer.port, ca='nonsense')
        self.assertIs(exceptions.PowerError, type(error))
        self.assertIn('the certificates of its CA', str(error))
        self.conf.config(group='power', ca_file='/nonexistent')
        error = self.fails(exceptions.PowerError, peer.port)
        self.assertIn('the certificates of its CA', str(error))
        self.assertEqual(0, peer.connections)

    def test_no_tls(self):
        peer = self.serve(lambda request: (200, {}, b'ok'))
        error = self.fails(exceptions.PowerProtocol, peer.port, seconds=5)
        self.assertRegex(str(error), r': TLS failed \([A-Z_]+\)$')

    def test_connection_lost(self):
        """A device that hangs up in the handshake is not there, which
        may pass."""
        def serve(connection):
            connection.recv(4096)

        peer = self.useFixture(peers.RawPeer(serve))
        self.fails(exceptions.PowerUnreachable, peer.port, seconds=5)

    def test_silent_and_slow_handshakes(self):
        for function in ('silence', 'drip'):
            peer = peers.RawPeer(lambda connection, function=function:
                                 getattr(peer, function)(connection))
            self.useFixture(peer)
            self.fails((exceptions.PowerUnreachable,
                        exceptions.PowerProtocol), peer.port)

    def test_slow_body(self):
        peer = self.serve(lambda request: request.drip(
            b'HTTP/1.1 200 OK\r\n\r\n'), self.authority.context())
        self.fails(exceptions.PowerUnreachable, peer.port,
                   ca=self.authority.pem)

    def test_too_much(self):
        peer = self.serve(lambda request: (200, {}, b'x' * 99999),
                          self.authority.context())
        self.fails(exceptions.PowerProtocol, peer.port, seconds=5,
                   ca=self.authority.pem)
