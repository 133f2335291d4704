# SPDX-License-Identifier: Apache-2.0
"""What greedy and slow clients can make the server keep (FA2)."""

import pathlib
import socket
import threading

from oslo_serialization import jsonutils

from cloudmanager.api import app
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import test_server

MEGABYTE = 1024 * 1024
PROCESS = pathlib.Path('/proc/self')
#: Rounds in which slow clients send a byte each.
ROUNDS = 40


class SoakTestCase(test_server.ServerCase):

    def setUp(self):
        super().setUp()
        self.config(group='api', max_waiting_requests=4,
                    max_connections=120)
        self.config(group='power', batch_timeout=60.0)
        self.nodes = [self.powered_node(name=f'n{number}')['id']
                      for number in range(8)]
        self.server = self.start(app.build())

    def slow(self, head):
        one = socket.create_connection((self.host, self.server.port), 10)
        self.addCleanup(one.close)
        one.sendall(head)
        return one

    def ask(self, method, path, document=None):
        connection = self.connect()
        connection.request(
            method, path, document and jsonutils.dumps(document),
            {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def reset(self, number):
        return self.ask('POST', '/v1/nodes/actions/reset',
                        {'node_ids': [self.nodes[number]]})

    def test_all_at_once(self):
        """FA2: headers and bodies that drip, resets that wait, and health.

        Eight headers, sixty bodies and eight resets of which no more than
        four may wait.
        """
        slow = [self.slow(b'GET /v1 HTTP/1.1\r\nX-Slow: ')
                for _ in range(8)]
        slow += [self.slow(b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n'
                           b'Content-Length: 100000\r\n\r\n')
                 for _ in range(60)]
        answers = []
        resets = [threading.Thread(
            target=lambda number=number: answers.append(self.reset(number)),
            daemon=True) for number in range(8)]
        for thread in resets:
            thread.start()
        tests_base.wait_for(lambda: len(answers) == 4)
        for answer in answers:
            self.assertEqual((503, '5'),
                             (answer.status, answer.headers['Retry-After']))
        for _ in range(ROUNDS):
            for one in slow:
                one.sendall(b'x')
            self.assertEqual(200, self.ask('GET', '/healthcheck').status)
            self.assertEqual(200, self.ask('GET', '/v1/nodes/').status)
        self.assertEqual(4, len(answers))
        for task_id in self.get('/v1/tasks/')['tasks']:
            self.finish(task_id, db_tasks.FAILURE, result='x')
        for thread in resets:
            thread.join(30)
        self.assertEqual([503] * 4 + [200] * 4,
                         [answer.status for answer in answers])
        # Those who were slow are served in the end.
        slow[0].sendall(b'\r\n\r\n')
        self.assertIn(b'200 OK', slow[0].recv(65536))


class MemoryTestCase(test_server.ServerCase):
    """FA2: what is too large is thrown away as it comes."""

    def kept(self):
        """Return the bytes that the server keeps of its clients."""
        found = 0
        for channel in list(self.server._listener.active_channels.values()):
            request = channel.request
            found += channel.total_outbufs_len
            if request is not None:
                found += len(request.header_plus)
                if request.body_rcv is not None:
                    found += len(request.body_rcv.getbuf())
        return found

    def send(self, head, part, megabytes):
        """Send a head, and then the same again and again.

        :returns: the most bytes that were kept, and what was answered
        """
        most, received = 0, b''
        part = part * (MEGABYTE // len(part))
        with socket.create_connection((self.host, self.server.port),
                                      30) as one:
            one.sendall(head)
            for _ in range(megabytes):
                one.sendall(part)
                most = max(most, self.kept())
            one.shutdown(socket.SHUT_WR)
            while data := one.recv(65536):
                received += data
        return most, received

    @staticmethod
    def memory(name):
        """Return an amount of memory of this process, in bytes."""
        for line in (PROCESS / 'status').read_text().splitlines():
            if line.startswith(f'{name}:'):
                return int(line.split()[1]) * 1024
        raise AssertionError(f'The system does not tell {name}.')

    def check(self, status, head, part, megabytes):
        # From here on the peak is counted anew.
        (PROCESS / 'clear_refs').write_text('5')
        before = self.memory('VmRSS')
        most, received = self.send(head, part, megabytes)
        grown = self.memory('VmHWM') - before
        self.check_raw(received, status)
        self.assertLess(most, 2 * MEGABYTE)
        self.assertLess(grown, 16 * MEGABYTE)

    def test_one_header(self):
        """FA2: of a header of 250 MB the first 64 KB are kept."""
        self.check(431, b'GET /v1 HTTP/1.1\r\nX-Long: ', b'x', 250)

    def test_first_line(self):
        self.check(431, b'GET /', b'x', 50)

    def test_many_headers(self):
        self.check(431, b'GET /v1 HTTP/1.1\r\n', b'X-A: 1\r\n', 50)

    def test_body(self):
        """FA2: a body in chunks that never ends, and one that says so."""
        head = b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n'
        self.check(413, head + b'Content-Length: 999999999\r\n\r\n', b'x',
                   50)
        head += b'Transfer-Encoding: chunked\r\n\r\n'
        self.check(413, head, b'10\r\n' + b'x' * 16 + b'\r\n', 50)

    def test_between_chunks(self):
        """FA2: what stands beside the contents of chunks counts as well."""
        head = (b'POST /v1/nodes/ HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n')
        self.check(413, head + b'1;long=', b'x', 50)
        self.check(413, head + b'0\r\nX-Trailer: ', b'x', 50)

    def test_answers_that_nobody_reads(self):
        """FA2: they wait in files, not in memory."""
        for number in range(50):
            self.node(name=f'n{number}', description='x' * 2000)
        ask = b'GET /v1/nodes/ HTTP/1.1\r\nHost: a\r\n\r\n'
        (PROCESS / 'clear_refs').write_text('5')
        before = self.memory('VmRSS')
        with socket.create_connection((self.host, self.server.port),
                                      30) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(0.5)
            try:
                for _ in range(10000):
                    one.sendall(ask)
            except TimeoutError:
                pass
            grown = self.memory('VmHWM') - before
        self.assertLess(grown, 16 * MEGABYTE)
