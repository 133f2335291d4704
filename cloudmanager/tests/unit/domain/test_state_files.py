# SPDX-License-Identifier: Apache-2.0
"""The file that an agent leaves on storages."""

import json

from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.domain import state_files
from cloudmanager.domain import storages
from cloudmanager.tests import base


class StateFilesTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.key = signing.new_key()
        self.envelope = signing.sign(
            self.key, signing.Kind.STATE, 'cmp1', signing.CONTROL,
            {'host': 'cmp1', 'guests': []})

    def test_there_and_back(self):
        found = state_files.unpack(state_files.pack(self.envelope))
        verifier = signing.Verifier(
            signing.CONTROL, lambda host: {self.key.id: self.key.secret}, 60,
            signing.Nonces(60), signing.Refusals())
        message = verifier.verify(found, signing.Kind.STATE)
        self.assertEqual({'host': 'cmp1', 'guests': []}, message.body)
        # What is on a storage is no report.
        self.assertRaises(signing.Refused, verifier.verify, self.envelope,
                          signing.Kind.REPORT)

    def test_damaged(self):
        good = state_files.pack(self.envelope)
        changed = {**json.loads(good), 'body': '{}'}
        for content in (b'', good[:-20], b'[]', b'{}', b'\xff',
                        b'[' * 100000, b'{"body": 5, "checksum": 5}',
                        json.dumps(changed).encode()):
            self.assertRaises(ValueError, state_files.unpack, content)

    def test_names(self):
        self.assertEqual('cloudmanager-cmp1.example.org.json',
                         state_files.name_of('cmp1.example.org'))
        self.assertNotIn('/', state_files.name_of('../../etc/x'))


class StoragesTestCase(base.TestCase):

    def test_check(self):
        good = [{'id': 2, 'path': '/mnt/b'}, {'id': 1, 'path': '/mnt/a/'}]
        self.assertEqual(good[::-1], storages.check(good))
        for wrong in (None, {}, [None], [{'id': 1}],
                      [{'id': True, 'path': '/a'}],
                      [{'id': 1, 'path': 'a'}], [{'id': 1, 'path': '/a/../b'}],
                      [{'id': 1, 'path': '/a\n'}], [{'id': 1, 'path': 5}],
                      [{'id': 1, 'path': f'/{"a" * 2000}'}],
                      [*good, good[0]],
                      [{'id': number, 'path': '/a'} for number in range(65)]):
            self.assertRaises(exception.Invalid, storages.check, wrong)
