# SPDX-License-Identifier: Apache-2.0
"""What conductors believe of the answers of agents."""

from unittest import mock

from cloudmanager.agent import rpcapi
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.tests import base


class AnswersTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.key = signing.new_key()
        contacts = mock.Mock()
        contacts.find.return_value = rpcapi.Contact(
            'cmp1', self.key, {self.key.id: self.key.secret},
            clock.utcnow(), {'x': '1.0'})
        self.api = rpcapi.AgentAPI(contacts)

    def call(self, answer):
        """Call an agent whose answer is that of a function of the request."""
        with mock.patch.object(rpcapi.AgentAPI, '_send',
                               lambda *args: answer(args[3])):
            return self.api.call(cm_context.admin_context(), 'cmp1', 'x', {})

    def told(self, body):
        """Return the error of a call that is answered with a signed body."""
        return self.assertRaises(
            exception.CloudManagerException, self.call,
            lambda request: signing.sign(
                self.key, signing.Kind.ANSWER, 'cmp1', signing.CONTROL, body,
                answer_to=request['nonce']))

    def error(self, kind, text='no', arguments=None):
        return self.told({'error': {'class': kind, 'text': text,
                                    'arguments': arguments}})

    def test_unsigned(self):
        """Anybody on the bus may answer anything."""
        for answer in ({'refused': []}, {'refused': {}}, {'refused': 'x'},
                       [], None, 7, 'x'):
            found = self.assertRaises(exception.AgentUnreachable, self.call,
                                      lambda _, answer=answer: answer)
            self.assertIn('malformed', found.message)

    def test_errors(self):
        """An operation's own errors arrive as they were raised."""
        found = self.error('LocksHeld', 'held',
                           {'group': 'vg', 'reason': 'held'})
        self.assertEqual(
            (exception.LocksHeld, 'held', 'vg'),
            (type(found), found.message, found.kwargs['group']))

    def test_errors_of_conductors(self):
        """An agent cannot have a conductor believe that a task is lost."""
        for kind in ('LeaseLost', 'TaskCancelled', 'CloudUnreachable',
                     'CloudOutcomeUnknown', 'AgentUnreachable', 'cfg', None,
                     ['Conflict']):
            self.assertIs(exception.Unavailable, type(self.error(kind)))

    def test_texts(self):
        """The text of an error cannot write lines of its own into logs."""
        self.assertEqual('a  [2J b', self.error(
            'Conflict', 'a\n\x1b[2J\udc80b').message)
        self.assertEqual(4000, len(self.error('Conflict',
                                              'x' * 10 ** 6).message))
        self.assertTrue(self.error('LocksHeld', '\n').message)

    def test_arguments(self):
        for arguments in ({'message': 'x'}, {'self': 'x'}, {'a b': [1]},
                          ['x'], 7):
            self.assertEqual('no', self.error('Conflict', 'no',
                                              arguments).message)

    def test_malformed(self):
        for body in ([], 'x', None, 7, {}, {'result': 'x'}, {'result': None},
                     {'error': 'x'}, {'error': {}}, {'error': []},
                     {'error': {'class': 'Conflict', 'text': 7}}):
            found = self.told(body)
            self.assertIs(exception.Unavailable, type(found))
            self.assertIn('host cmp1', found.message)
