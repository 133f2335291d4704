# SPDX-License-Identifier: Apache-2.0
"""Bodies as they come from a connection."""

import email.message
import io

from cloudmanager.api import httpd_body
from cloudmanager.tests import base


def headers(*pairs):
    message = email.message.Message()
    for name, value in pairs:
        message[name] = value
    return message


def sized(content, length):
    return httpd_body.of_headers(io.BytesIO(content), headers(
        ('Content-Length', str(length))))


def chunked(content):
    return httpd_body.of_headers(io.BytesIO(content), headers(
        ('Transfer-Encoding', 'Chunked')))


class SizedTestCase(base.TestCase):

    def test_no_more_than_announced(self):
        body = sized(b'abcdef', 4)
        self.assertEqual([b'ab', b'cd', b'', b''],
                         [body.read(2) for _ in range(4)])

    def test_lines(self):
        self.assertEqual([b'a\n', b'b'],
                         list(io.BufferedReader(sized(b'a\nbc', 3))))

    def test_none(self):
        body = httpd_body.of_headers(io.BytesIO(b'abc'), headers())
        self.assertEqual(b'', body.read())
        self.assertTrue(body.ended(0))

    def test_ended(self):
        self.assertTrue(sized(b'abc', 3).ended(3))
        self.assertFalse(sized(b'abc', 3).ended(2))
        self.assertFalse(sized(b'ab', 3).ended(10))

    def test_cut_off(self):
        self.assertRaises(ConnectionError, sized(b'ab', 3).read)


class ChunkedTestCase(base.TestCase):

    def test_chunks(self):
        content = b'3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\nmore'
        self.assertEqual(b'abc0123456789', chunked(content).read())
        body = chunked(content)
        self.assertEqual([b'ab', b'c0', b'12'],
                         [body.read(2) for _ in range(3)])
        self.assertTrue(body.ended(100))

    def test_ended(self):
        self.assertFalse(chunked(b'3\r\nabc\r\n0\r\n\r\n').ended(2))
        self.assertTrue(chunked(b'0\r\n\r\n').ended(1))

    def test_broken(self):
        for content in (b'', b'3', b'3\r\nab', b'3\r\nabcd\r\n', b'x\r\n',
                        b'-1\r\n', b'0\r\n', b'0\r\n' + b'a: b\r\n' * 200,
                        b'3\r\nabc\r\n', b'123456789\r\n',
                        b'3 ; x\r\n' + b'\r\n' * 5):
            body = chunked(content)
            self.assertRaises(ConnectionError, body.read)
            self.assertFalse(body.ended(10))


class HeadersTestCase(base.TestCase):

    def test_contradictions(self):
        for pairs in (
                (('Content-Length', '1'), ('Content-Length', '1')),
                (('Content-Length', '1'), ('Transfer-Encoding', 'chunked')),
                (('Transfer-Encoding', 'chunked'),
                 ('Transfer-Encoding', 'chunked')),
                (('Transfer-Encoding', 'gzip'),),
                (('Content-Length', ''),), (('Content-Length', '1_0'),),
                (('Content-Length', '0x1'),), (('Content-Length', '١'),)):
            self.assertRaises(ValueError, httpd_body.of_headers,
                              io.BytesIO(), headers(*pairs))
