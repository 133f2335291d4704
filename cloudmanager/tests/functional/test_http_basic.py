# SPDX-License-Identifier: Apache-2.0
"""Names and passwords of a file, and what it takes to guess them."""

import base64
from concurrent import futures
import os
import threading

import bcrypt
import fixtures
import webtest

from cloudmanager.api import app
from cloudmanager.api import errors
from cloudmanager.api import guesses
from cloudmanager.api import passwords
from cloudmanager.common import exception
from cloudmanager.tests import base as tests_base
from cloudmanager.tests import clocks
from cloudmanager.tests.functional import base
from cloudmanager.tests.functional import test_auth

# More costly hashes only take longer.
COST = 4


def hashed(password, cost=COST):
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


class Checks(fixtures.Fixture):
    """Notes the checks of passwords that are made.

    :ivar costs: the cost of each, as the hash has it
    :ivar entered: released at the beginning of each
    :ivar leave: they wait for it
    :ivar error: raised instead of an outcome
    """

    def _setUp(self):
        self.costs = []
        self.entered = threading.Semaphore(0)
        self.leave = threading.Event()
        self.leave.set()
        self.error = None
        self._inner = bcrypt.checkpw
        self.useFixture(fixtures.MonkeyPatch('bcrypt.checkpw', self._check))

    def _check(self, password, wanted):
        self.costs.append(wanted.split(b'$')[2])
        self.entered.release()
        self.leave.wait(30)
        if self.error is not None:
            raise self.error
        return self._inner(password, wanted)

    def take(self):
        """Return the costs since the last call."""
        found, self.costs = self.costs, []
        return found


class HttpBasicCase(base.ApiTestCase):

    auth_strategy = 'http_basic'

    def make_app(self):
        self.path = self.directory / 'htpasswd'
        self.write('ann', b'right')
        self.config(group='api', http_basic_auth_user_file=str(self.path))
        return webtest.TestApp(app.build())

    def write(self, user, password):
        self.path.write_text(f'# users\n\n{user}:{hashed(password)}\n')

    @staticmethod
    def basic(user, password):
        text = base64.b64encode(f'{user}:{password}'.encode()).decode()
        return {'Authorization': f'Basic {text}'}

    def ask(self, status, user='ann', password='right', address='192.0.2.1',
            headers=None):
        answer = self.app.request(
            '/v1/nodes/', expect_errors=True,
            headers={**self.basic(user, password), **(headers or {})},
            environ={'REMOTE_ADDR': address})
        if status is not None:
            self.assertEqual(status, answer.status_int, answer.text)
        if answer.status_int != 200:
            self.check_error(answer)
        return answer


class HttpBasicTestCase(HttpBasicCase):

    def test_right(self):
        self.write('ann', b'right')
        for _ in range(2):
            self.ask(200)

    def test_wrong(self):
        with self.path.open('a') as stream:
            stream.write('old:plain\n')
        for number, (user, password) in enumerate((
                ('ann', 'wrong'), ('bob', 'right'), ('', 'right'),
                ('ann', ''), ('# users', ''), ('old', 'plain'),
                ('ann', 'x' * 100), ('ann', 'right\0'), ('an', 'right'),
                ('ann:', 'right'))):
            answer = self.ask(401, user, password, f'192.0.2.{number}')
            self.assertEqual('Basic realm="CloudManager"',
                             answer.headers['WWW-Authenticate'])

    def test_remembered_no_longer_than_it_holds(self):
        self.ask(200)
        self.write('ann', b'other')
        self.ask(401)
        self.ask(200, password='other')
        self.write('bob', b'other')
        self.ask(401, password='other')

    def test_malformed(self):
        for text in ('', 'Basic', 'Basic !', 'Bearer abc', 'Basic YQ=='):
            self.call('GET', '/v1/nodes/', status=401, user=None,
                      headers={'Authorization': text})
        self.call('GET', '/v1/nodes/', status=401, user=None)

    def test_errors_are_not_taken_for_bad_passwords(self):
        self.call('GET', '/v1/nodes/99', status=404, user=None,
                  headers=self.basic('ann', 'right'))

    def test_file_is_gone(self):
        os.unlink(self.path)
        self.ask(503)

    def test_file_that_cannot_be_used(self):
        for content in ('ann:plain text', f'# x\n\nann:{hashed(b"x")}x',
                        f'{hashed(b"x")}', f':{hashed(b"x")}'):
            self.path.write_text(content)
            error = self.assertRaises(exception.Misconfigured,
                                      passwords.Passwords, str(self.path), 1)
            self.assertIn(str(self.path), str(error))
            self.assertIn('line 3' if 'x\n' in content else 'line 1',
                          str(error))
        self.path.unlink()
        self.assertRaises(exception.Misconfigured, app.build)

    def test_file_that_others_can_read(self):
        """FA16: that is told."""
        log = self.useFixture(fixtures.FakeLogger(level=30))
        for mode, told in ((0o644, 1), (0o600, 0)):
            self.path.chmod(mode)
            passwords.Passwords(str(self.path), 1)
            self.assertEqual(told, log.output.count(str(self.path)))
            log.reset_output()

    def test_who_did_it(self):
        headers = {**self.basic('ann', 'right'), **test_auth.SPOOFED}
        log = self.useFixture(fixtures.FakeLogger())
        answer = self.call(
            'POST', '/v1/hosts/cmp1/actions/shutdown', status=202,
            user=None, headers=headers)
        task = self.call('GET', answer.headers['Location'], user=None,
                         status=200, headers=headers).json
        self.assertEqual('ann', task['user_id'])
        self.assertNotIn('right', log.output)


class SameTimeTestCase(HttpBasicCase):
    """FA12: how long a refusal takes does not tell who there is."""

    def setUp(self):
        super().setUp()
        self.checks = self.useFixture(Checks())
        self.clock = clocks.simulate(self)

    def costs(self, user, password='wrong'):
        """Return the costs of the checks of one login."""
        self.clock.sleep(guesses.MINUTE)
        self.ask(401, user, password)
        return self.checks.take()

    def test_unknown_users(self):
        """FA12: each of them costs one check, like ann."""
        with self.path.open('a') as stream:
            stream.write('old:plain\n')
        for user in ('ann', 'bob', '', 'an', 'old', '# users', 'x' * 5000):
            self.assertEqual([b'04'], self.costs(user), user)

    def test_several_costs(self):
        """FA12: an unknown user costs what one of the others does."""
        self.path.write_text(f'ann:{hashed(b"right")}\n'
                             f'eve:{hashed(b"right", 5)}\n')
        self.assertEqual([[b'04'], [b'05']],
                         [self.costs('ann'), self.costs('eve')])
        seen = set()
        for number in range(40):
            found = self.costs(f'user{number}')
            self.assertEqual(found, self.costs(f'user{number}'))
            seen.update(found)
        self.assertEqual({b'04', b'05'}, seen)

    def test_password_of_another(self):
        """FA12: the hash that an unknown user is checked with opens
        nothing."""
        self.assertEqual([b'04'], self.costs('bob', 'right'))
        self.assertEqual([b'04'], self.costs('bob', 'right'))

    def test_no_users_at_all(self):
        self.path.write_text('')
        self.assertEqual([], self.costs('bob'))


class SlowedTestCase(HttpBasicCase):
    """FA12: how often passwords are tried."""

    def setUp(self):
        super().setUp()
        self.checks = self.useFixture(Checks())
        self.clock = clocks.simulate(self)
        self.log = self.useFixture(fixtures.FakeLogger(level=30))

    def many(self, count, user='ann', address='192.0.2.1', **kwargs):
        """Try wrong passwords; return how many were looked at."""
        self.checks.take()
        for number in range(count):
            text = user.format(number)
            self.app.request(
                '/v1/nodes/', expect_errors=True,
                headers={**self.basic(text, f'wrong{number}'), **kwargs},
                environ={'REMOTE_ADDR': address.format(number)})
        return len(self.checks.take())

    def test_one_address(self):
        """FA12: of 71 tries ten are looked at, whoever is tried."""
        self.assertEqual(10, self.many(71))
        self.assertEqual(10, self.many(71, 'user{}', '192.0.2.2'))
        answer = self.ask(429, 'ann', 'wrong')
        seconds = int(answer.headers['Retry-After'])
        self.assertEqual('cloudmanager.too_many_logins',
                         answer.json['errors'][0]['code'])
        self.clock.sleep(seconds)
        self.assertEqual(1, self.many(5))
        self.clock.sleep(guesses.MINUTE)
        self.assertEqual(10, self.many(71))

    def test_option(self):
        self.config(group='api', failed_logins=3)
        self.app = webtest.TestApp(app.build())
        self.assertEqual(3, self.many(10))

    def test_right_passwords_do_not_count(self):
        for number in range(30):
            self.write('ann', f'right{number}'.encode())
            self.ask(200, password=f'right{number}')
        self.assertEqual(10, self.many(71))

    def test_who_has_been_here(self):
        """FA12: an attack does not reach a client that is known."""
        self.ask(200)
        for _ in range(5):
            self.assertGreater(self.many(20), 0)
            self.ask(200)
            self.ask(200, address='198.51.100.1')
            self.assertEqual([], self.checks.take())
            self.clock.sleep(guesses.MINUTE)

    def test_new_client_of_a_user_who_is_attacked(self):
        """FA12: it gets in, however many addresses attack, and for ever."""
        for number in range(6):
            # Every other time they have to wait still.
            self.assertEqual(200 if number % 2 == 0 else 0,
                             self.many(200, address='10.0.0.{}'))
            # As in another process: nobody is known.
            self.write('ann', b'right')
            self.ask(200, address=f'198.51.100.{number}')
            self.clock.sleep(guesses.MINUTE / 2)

    def test_many_addresses(self):
        """FA12: each has one try a minute for a user who is attacked."""
        self.assertEqual(10, self.many(10, address='10.0.0.{}'))
        for number in range(10, 20):
            address = f'10.0.0.{number}'
            self.assertEqual(1, self.many(5, address=address))
        self.assertEqual(5, self.many(5, 'eve', '10.0.0.10'))

    def test_right_passwords_under_attack(self):
        """FA12: a client of a user who is attacked may come again at once
        when its password was right."""
        self.many(10, address='10.0.0.{}')
        for _ in range(3):
            # As in another process: nobody is known.
            self.write('ann', b'right')
            self.ask(200)

    def test_short_pauses(self):
        """FA12: a pause of less than a second is one, too."""
        found = guesses.Guesses(100)
        for number in range(100):
            found.add(b'%d' % number, '192.0.2.1')
        error = self.assertRaises(errors.TooManyLogins, found.add, b'x',
                                  '192.0.2.1')
        self.assertEqual(1, error.retry_after)
        self.clock.sleep(0.6)
        found.add(b'x', '192.0.2.1')

    def test_names_tell_nothing(self):
        """FA12: whom there is not is slowed down like whom there is."""
        answers = [[self.ask(None, user, 'wrong', f'10.{one}.0.1')
                    for _ in range(12)]
                   for one, user in enumerate(('ann', 'bob'))]
        first, second = ([(one.status, one.headers.get('Retry-After'))
                          for one in found] for found in answers)
        self.assertEqual(first, second)
        self.assertEqual('429 Too Many Requests', first[-1][0])

    def test_networks(self):
        """FA12: whoever has one address of IPv6 has very many."""
        self.assertEqual(10, self.many(40, 'user{}', '2001:db8::{}'))
        self.assertEqual(10, self.many(40, 'user{}', '2001:db8:0:1::{}'))
        self.assertEqual(40, self.many(40, 'user{}', '::ffff:192.0.2.{}'))

    def test_proxies(self):
        """FA12: the address is the one that the nearest proxy has seen."""
        def tried(pattern):
            self.checks.take()
            for number in range(20):
                self.ask(None, f'user{number}', 'wrong', '127.0.0.1', {
                    'X-Forwarded-For': pattern.format(number),
                    'Forwarded': f'for=10.9.9.{number}'})
            return len(self.checks.take())

        self.assertEqual(10, tried('10.0.0.{}'))
        self.config(group='oslo_middleware',
                    enable_proxy_headers_parsing=True)
        self.app = webtest.TestApp(app.build())
        self.assertEqual(10, tried('10.0.0.{}, 192.0.2.7'))
        self.assertEqual(20, tried('192.0.2.7, 10.0.0.{}'))

    def test_log(self):
        """FA12: what is looked at is in the log, without the password."""
        self.many(30, 'x' * 5000)
        lines = self.log.output.splitlines()
        self.assertEqual(10, len(lines))
        for line in lines:
            self.assertIn('192.0.2.1', line)
            self.assertLess(len(line), 200)
            self.assertIn(f' {"x" * 64} ', line)
        self.assertNotIn('wrong', self.log.output)

    def test_what_is_kept(self):
        """FA12: an attack takes a bounded amount of memory."""
        found = guesses.Guesses(10)
        for number in range(10100):
            found.add(b'%d' % number, str(number))
        for kept in (found._addresses, found._users, found._pairs):
            self.assertEqual(10000, len(kept._until))
        # The names that were sent, of any length, are not among it.
        self.many(1, 'x' * 5000)
        for kept in self.passwords()._guesses._users._until:
            self.assertEqual(32, len(kept))

    def test_who_is_forgotten(self):
        """FA12: one that goes on trying is not, however many there are."""
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.api.guesses.MOST', 3))
        found = guesses.Guesses(2)
        user = map(b'%d'.__mod__, range(100))
        for address in '112233':
            found.add(next(user), address)
        self.clock.sleep(guesses.MINUTE / 2)
        found.add(next(user), '1')
        found.add(next(user), '4')
        self.assertRaises(errors.TooManyLogins, found.add, next(user), '1')
        for _ in range(2):
            found.add(next(user), '2')

    def passwords(self):
        """Return the object that the application has."""
        inner = self.app.app
        while not hasattr(inner, '_passwords'):
            inner = getattr(inner, '_protected', None) or getattr(
                inner, '_application', None) or inner.application
        return inner._passwords


class TogetherTestCase(HttpBasicCase):
    """FA12: requests at the same moment."""

    def setUp(self):
        super().setUp()
        self.checks = self.useFixture(Checks())
        self.checks.leave.clear()
        self.addCleanup(self.checks.leave.set)

    def begin(self, count, function):
        """Call a function in threads; return those, and what comes back."""
        found = []
        threads = [threading.Thread(
            target=lambda number=number: found.append(
                function(number).status_int), daemon=True)
            for number in range(count)]
        for thread in threads:
            thread.start()
        return threads, found

    def end(self, threads):
        self.checks.leave.set()
        for thread in threads:
            thread.join(30)

    def test_first_requests_of_a_client(self):
        """FA12: they wait for one check, and none is refused."""
        threads, found = self.begin(20, lambda number: self.ask(None))
        self.assertTrue(self.checks.entered.acquire(timeout=10))
        self.end(threads)
        self.assertEqual([200] * 20, found)
        self.assertEqual(1, len(self.checks.costs))

    def test_many_at_once(self):
        """FA12: they do not take all threads, nor those of clients that
        are known."""
        self.checks.leave.set()
        self.ask(200)
        self.checks.leave.clear()
        for _ in self.checks.take():
            self.checks.entered.acquire()
        threads, found = self.begin(8, lambda number: (
            self.ask(None, 'ann', 'wrong', f'10.0.0.{number}')
            if number else self.ask(None, 'bob', 'wrong', '10.0.0.0')))
        # Those with the same password wait for each other.
        for _ in range(2):
            self.assertTrue(self.checks.entered.acquire(timeout=10))
        more, others = self.begin(20, lambda number: self.ask(
            None, f'user{number}', 'wrong', f'10.1.0.{number}'))
        tests_base.wait_for(
            lambda: len(others) == 20 - 6)
        self.assertEqual({429}, set(others))
        answer = self.ask(429, 'eve', 'wrong', '10.2.0.1')
        self.assertEqual('1', answer.headers['Retry-After'])
        self.ask(200)
        self.end(threads + more)
        self.assertEqual([401] * 8, found)
        self.assertEqual(8, len(self.checks.costs))

    def waits(self, error=None):
        """Note the seconds that requests wait for the check of another.

        :param error: raised instead of waiting
        """
        found, wait = [], futures.Future.result

        def result(future, timeout=None):
            found.append(timeout)
            if error is not None:
                raise error
            return wait(future, timeout)

        self.useFixture(fixtures.MonkeyPatch(
            'concurrent.futures.Future.result', result))
        return found

    def test_check_that_fails(self):
        """FA12: who waits for it is told at once, and can come again."""
        self.checks.error = OSError()
        waits = self.waits()
        threads, found = self.begin(3, lambda number: self.ask(None))
        tests_base.wait_for(lambda: len(waits) == 2)
        self.end(threads)
        self.assertEqual([401, 401, 500], sorted(found))
        self.checks.error = None
        self.ask(200)

    def test_check_that_takes_too_long(self):
        """FA12: who waits for it has half a minute of patience."""
        waits = self.waits(futures.TimeoutError())
        threads, _ = self.begin(1, lambda number: self.ask(None))
        self.assertTrue(self.checks.entered.acquire(timeout=10))
        answer = self.ask(429)
        self.assertEqual(([30], '30'),
                         (waits, answer.headers['Retry-After']))
        self.end(threads)


class PlaceTestCase(tests_base.TestCase):

    def test_forms(self):
        """FA12: what servers and proxies write is understood."""
        for text, expected in (
                ('192.0.2.1', '192.0.2.1'), ('192.0.2.1:80', '192.0.2.1'),
                (' 192.0.2.1 ', '192.0.2.1'), ('::1', '::/64'),
                ('"[2001:db8::1]:80"', '2001:db8::/64'),
                ('2001:db8::1', '2001:db8::/64'),
                ('fe80::1%eth0', 'fe80::/64'),
                ('::ffff:192.0.2.1', '192.0.2.1'), ('', 'unknown'),
                (None, 'unknown'), ('_hidden', 'unknown'),
                ('x' * 9999, 'unknown')):
            self.assertEqual(expected, guesses.place(text))
