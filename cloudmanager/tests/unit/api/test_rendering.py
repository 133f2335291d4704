# SPDX-License-Identifier: Apache-2.0
"""JSON as it comes in."""

from cloudmanager.api import rendering
from cloudmanager.common import exception
from cloudmanager.tests import base


class LoadsTestCase(base.TestCase):

    def test_good(self):
        for body, document in (
                (b'{}', {}), (b' [1, 1.5, true, null, "a"] ',
                              [1, 1.5, True, None, 'a']),
                ('{"ключ": "😀"}'.encode(), {'ключ': '😀'}),
                (b'{"a": {"a": 1}}', {'a': {'a': 1}})):
            self.assertEqual(document, rendering.loads(body))

    def test_whole_numbers(self):
        """As in JSON schema, 2.0 is an integer."""
        for body, number in ((b'2.0', 2), (b'-1.0', -1), (b'1e3', 1000),
                             (b'0.5', 0.5), (b'1e300', 1e300)):
            found = rendering.loads(body)
            self.assertEqual((number, type(number)), (found, type(found)))

    def test_bad(self):
        for body in (b'', b' ', b'{', b'nul', b'NaN', b'[Infinity]',
                     b'[-Infinity]', b'{"a": 1, "a": 1}', b"{'a': 1}",
                     b'[{"b": 1, "b": 2}]', b'{1: 2}', b'[1,]', b'01',
                     b'"\xff"', '"a"'.encode('utf-16'), b'"\\ud800"',
                     b'["a\\u0000"]', b'{"a\\u0000": 1}', b'\xef\xbb\xbf{}',
                     b'[' * 2000 + b']' * 2000, b'[' * 10 ** 6,
                     b'"a\nb"', b'[' + b'1' * 10000 + b']'):
            self.assertRaises(exception.Invalid, rendering.loads, body)

    def test_text_of_the_error(self):
        """It does not repeat the body, which may contain a password."""
        error = self.assertRaises(exception.Invalid, rendering.loads,
                                  b'{"password": S3cret}')
        self.assertNotIn('S3cret', str(error))


class DumpsTestCase(base.TestCase):

    def test_round_trip(self):
        document = {'a': [1, None, True, 'ü', {}]}
        self.assertEqual(document,
                         rendering.loads(rendering.dumps(document)))
