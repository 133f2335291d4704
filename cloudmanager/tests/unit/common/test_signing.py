# SPDX-License-Identifier: Apache-2.0
"""Signed messages: what is believed, and what is not (SE6)."""

import json

from cloudmanager.common import signing
from cloudmanager.tests import base
from cloudmanager.tests import clocks

Kind, Refusal = signing.Kind, signing.Refusal
WINDOW = 60


class SigningCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.key, self.new = signing.new_key(), signing.new_key()
        self.keys = {self.key.id: self.key.secret}
        self.refusals = signing.Refusals()
        self.verifier = self.make_verifier()

    def make_verifier(self, path=None, recipient='cmp1'):
        return signing.Verifier(
            recipient,
            lambda sender: self.keys if sender == signing.CONTROL else {},
            WINDOW, signing.Nonces(WINDOW, path), self.refusals)

    def sign(self, body=None, key=None, kind=Kind.REQUEST, **arguments):
        return signing.sign(key or self.key, kind, signing.CONTROL, 'cmp1',
                            body or {'a': [1, 2.5, None, 'ä']}, **arguments)

    def send(self, envelope):
        """Return a message as the bus delivers it."""
        return json.loads(json.dumps(envelope))

    def refused(self, envelope, why, verifier=None, **arguments):
        before = self.refusals.counts[why]
        found = self.assertRaises(
            signing.Refused, (verifier or self.verifier).verify,
            self.send(envelope), Kind.REQUEST, **arguments)
        self.assertEqual(why, found.refusal)
        self.assertEqual(before + 1, self.refusals.counts[why])

    def believed(self, envelope, verifier=None):
        return (verifier or self.verifier).verify(self.send(envelope),
                                                  Kind.REQUEST)

    def at(self, seconds):
        """Let messages be made some seconds from now."""
        return clocks.set_wrong(seconds)


class VerifyTestCase(SigningCase):

    def test_good(self):
        found = self.believed(self.sign())
        self.assertEqual({'a': [1, 2.5, None, 'ä']}, found.body)
        self.assertEqual((signing.CONTROL, self.key.id),
                         (found.sender, found.key_id))

    def test_any_body(self):
        """What only Python's own JSON writes arrives as well."""
        body = {'far': float('inf'), 'name': 'broken \udc80 name'}
        self.assertEqual(body, self.believed(self.sign(body)).body)

    def test_text_without_bytes(self):
        """No code can be made of half a surrogate pair."""
        self.refused({**self.sign(), 'body': '\udc80'}, Refusal.MALFORMED)

    def test_signed_nonsense(self):
        """Whoever has a key may sign what is no JSON."""
        for body in ('{', '[' * 10 ** 5, '9' * 10 ** 5):
            good = {**self.sign(), 'body': body}
            self.refused({**good, 'code': signing._code(
                self.key.secret, signing._fields(good))}, Refusal.MALFORMED)

    def test_any_change_is_seen(self):
        """Whatever field is changed, and also with those beside it."""
        good = self.sign()
        for name, value in (
                ('body', '{}'), ('time', good['time'] + 1),
                ('nonce', 'f' * 32), ('answer_to', 'x'),
                ('recipient', 'cmp2'), ('kind', 'answer'),
                ('code', '0' * 64)):
            self.refused({**good, name: value}, Refusal.FORGED)
        moved = {**good, 'nonce': good['nonce'] + good['answer_to'][:1],
                 'body': ' ' + good['body']}
        self.refused(moved, Refusal.FORGED)
        self.believed(good)

    def test_fields_do_not_run_together(self):
        good = self.sign(answer_to='ab')
        self.refused({**good, 'nonce': good['nonce'] + 'a',
                      'answer_to': 'b'}, Refusal.FORGED, answer_to='b')

    def test_for_others(self):
        """One for another host, or of another kind, is no good here."""
        self.refused(self.sign(), Refusal.FORGED,
                     self.make_verifier(recipient='cmp2'))
        self.refused(self.sign(kind=Kind.REPORT), Refusal.FORGED)

    def test_answer_is_bound_to_its_request(self):
        answer = self.sign(answer_to='one')
        self.refused(answer, Refusal.FORGED, answer_to='two')
        self.verifier.verify(answer, Kind.REQUEST, answer_to='one')

    def test_keys(self):
        self.refused(self.sign(key=self.new), Refusal.UNKNOWN_KEY)
        self.refused(signing.sign(self.key, Kind.REQUEST, 'cmp9', 'cmp1',
                                  {}), Refusal.UNKNOWN_KEY)
        self.keys[self.new.id] = self.new.secret
        self.believed(self.sign(key=self.new))
        self.believed(self.sign())
        del self.keys[self.key.id]
        self.refused(self.sign(), Refusal.UNKNOWN_KEY)

    def test_id_of_a_key_with_another_secret(self):
        liar = signing.Key(self.key.id, self.new.secret)
        self.refused(self.sign(key=liar), Refusal.FORGED)

    def test_time(self):
        for seconds in (-WINDOW - 2, WINDOW + 2):
            with self.at(seconds):
                envelope = self.sign()
            self.refused(envelope, Refusal.OLD)
        for seconds in (-WINDOW + 5, WINDOW - 5):
            with self.at(seconds):
                envelope = self.sign()
            self.believed(envelope)

    def test_no_numbers(self):
        """JSON of Python has more than numbers."""
        good = self.sign()
        for value in (float('nan'), float('inf'), 1, True, None, '1'):
            why = (Refusal.FORGED if isinstance(value, float)
                   else Refusal.MALFORMED)
            self.refused({**good, 'time': value}, why)

    def test_malformed(self):
        good = self.sign()
        for wrong in (None, [], 'x', 7, {}, {**good, 'version': 2},
                      {**good, 'nonce': 'x' * 1000},
                      {**good, 'nonce': 'ä'}, {**good, 'code': 'é' * 64},
                      {**good, 'body': {}}, {**good, 'sender': None},
                      {**good, 'body': 'x' * (signing.MAX_BODY + 1)}):
            self.refused(wrong, Refusal.MALFORMED)

    def test_secret_is_shown_nowhere(self):
        self.assertNotIn(repr(self.key.secret), repr(self.key))
        self.assertNotIn(self.key.secret.hex(), repr(self.sign()))


class ReplayTestCase(SigningCase):

    def test_replay(self):
        good = self.sign()
        self.believed(good)
        self.refused(good, Refusal.REPLAYED)
        self.assertEqual(1, self.refusals.counts[Refusal.REPLAYED])

    def test_replay_after_a_restart(self):
        """A new process knows what the one before it has seen."""
        path = self.directory / 'nonces'
        good, next_one = self.sign(), self.sign()
        self.believed(good, self.make_verifier(path))
        restarted = self.make_verifier(path)
        self.refused(good, Refusal.REPLAYED, restarted)
        self.believed(next_one, restarted)

    def test_cut_off_file(self):
        """A process that was killed while it wrote hinders no other one."""
        path = self.directory / 'nonces'
        good = self.sign()
        self.believed(good, self.make_verifier(path))
        with path.open('a') as stream:
            stream.write('abc 17')
        path.write_bytes(path.read_bytes() + b'\nxy\xff')
        self.refused(good, Refusal.REPLAYED, self.make_verifier(path))

    def test_full_disk(self):
        """A message after one that was written in part is remembered."""
        path = self.directory / 'nonces'
        verifier = self.make_verifier(path)
        self.believed(self.sign(), verifier)
        with path.open('a') as stream:
            stream.write('abc 17')
        good = self.sign()
        self.believed(good, verifier)
        self.refused(good, Refusal.REPLAYED, self.make_verifier(path))

    def test_forgetting(self):
        """What is too old to be believed is not remembered either."""
        path = self.directory / 'nonces'
        verifier = self.make_verifier(path)
        good = self.sign()
        self.believed(good, verifier)
        with self.at(3 * WINDOW):
            self.believed(self.sign(), verifier)
            self.assertEqual(2, len(path.read_text().split()))
            self.refused(good, Refusal.OLD, verifier)

    def test_strangers_fill_nothing(self):
        path = self.directory / 'nonces'
        verifier = self.make_verifier(path)
        self.refused(self.sign(key=self.new), Refusal.UNKNOWN_KEY, verifier)
        self.refused({**self.sign(), 'body': '1'}, Refusal.FORGED, verifier)
        self.assertFalse(path.exists())

    def test_at_once(self):
        """Of many equal messages at one moment one is believed."""
        good = self.sign()
        found = base.Together(8, lambda _: self.believed(good))
        self.assertEqual(7, len(found.raised))
