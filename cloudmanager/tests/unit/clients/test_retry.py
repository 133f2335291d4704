# SPDX-License-Identifier: Apache-2.0
"""When a request is made again, and when it must not be."""

import threading

import fixtures
from keystoneauth1 import exceptions as ks_exc
from novaclient import exceptions as nova_exc
import requests
from urllib3 import exceptions as urllib3_exc

from cloudmanager.clients import retry
from cloudmanager.clients.retry import Kind
from cloudmanager.common import exception
from cloudmanager.common import parallel
from cloudmanager.common import patience
from cloudmanager.common import rpc
from cloudmanager.tests import base
from cloudmanager.tests import clocks


def raised_from(error, cause):
    """Return an error as keystoneauth makes it of one of requests."""
    try:
        try:
            raise cause
        except Exception:
            raise error
    except Exception as made:
        return made


def refused():
    """Return a connection that was never made."""
    inner = urllib3_exc.MaxRetryError(
        None, '/', urllib3_exc.NewConnectionError(None, 'refused'))
    return raised_from(ks_exc.ConnectFailure('refused'),
                       requests.exceptions.ConnectionError(inner))


def broken():
    """Return a connection that broke after the request was sent."""
    inner = urllib3_exc.ProtocolError('reset by peer')
    return raised_from(ks_exc.ConnectFailure('broken'),
                       requests.exceptions.ConnectionError(inner))


def never_connected():
    return raised_from(ks_exc.ConnectTimeout('slow'),
                       requests.exceptions.ConnectTimeout())


def never_answered():
    return raised_from(ks_exc.ConnectTimeout('slow'),
                       requests.exceptions.ReadTimeout())


class RetryCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.clock = clocks.simulate(self)
        self.pauses = self.clock.waits
        self.stopping = threading.Event()
        self.useFixture(fixtures.MockPatchObject(retry, 'stopping',
                                                 self.stopping))
        self.asked = 0

    def call(self, kind, *errors, forever=False):
        """Make a request that fails by each of some errors at first."""
        errors = list(errors)
        self.asked = 0

        def function():
            self.asked += 1
            if errors:
                raise errors[0] if forever else errors.pop(0)
            return 'answer'

        return retry.call(kind, 'Nova', 'ask', function)


class KindTestCase(RetryCase):

    def repeated(self, kind, error):
        try:
            self.call(kind, error)
        except exception.CloudManagerException as exc:
            self.assertEqual(1, self.asked)
            return type(exc)
        self.assertEqual(2, self.asked)
        return None

    def test_kinds(self):
        """What is repeated by kind; else what the caller is told."""
        unknown = exception.CloudOutcomeUnknown
        http = nova_exc.ClientException
        for make, once in (
                (refused, None), (never_connected, None),
                (broken, unknown), (never_answered, unknown),
                (lambda: ks_exc.ConnectFailure('of no cause'), unknown),
                (lambda: ks_exc.DiscoveryFailure('x'), None),
                (lambda: http(503), None), (lambda: http(429), None),
                (lambda: http(500), unknown), (lambda: http(502), unknown),
                (lambda: http(504), unknown), (lambda: http(408), unknown),
                (lambda: ks_exc.ServiceUnavailable(), None),
                (lambda: ks_exc.InternalServerError(), unknown)):
            self.assertIsNone(self.repeated(Kind.READ, make()), make())
            self.assertIsNone(self.repeated(Kind.IDEMPOTENT, make()), make())
            self.assertEqual(once, self.repeated(Kind.ONCE, make()), make())

    def test_never_repeated(self):
        for error, expected in (
                (nova_exc.NotFound(404), exception.NotFound),
                (ks_exc.NotFound(), exception.NotFound),
                (nova_exc.Conflict(409), exception.CloudRequestRefused),
                (nova_exc.BadRequest(400), exception.CloudRequestRefused),
                (nova_exc.Forbidden(403), exception.CloudRequestRefused),
                (ks_exc.Unauthorized(), exception.CloudUnreachable),
                (ks_exc.EmptyCatalog(), exception.CloudNotConfigured),
                (ks_exc.EndpointNotFound(), exception.CloudServiceMissing)):
            for kind in Kind:
                self.assertEqual(expected, self.repeated(kind, error),
                                 error)

    def test_never_repeated_when_unknown(self):
        """A request that surely did nothing has no unknown outcome."""
        self.config(group='cloud', retries=0)
        for error, kind, unknown in (
                (refused(), Kind.ONCE, False), (broken(), Kind.ONCE, True),
                (broken(), Kind.IDEMPOTENT, True),
                (broken(), Kind.READ, False),
                (nova_exc.ClientException(503), Kind.ONCE, False)):
            made = self.assertRaises(exception.CloudUnreachable, self.call,
                                     kind, error)
            self.assertEqual(unknown, isinstance(
                made, exception.CloudOutcomeUnknown), (error, kind))

    def test_empty_catalogue(self):
        """The next request gets a token, and a catalogue, of its own."""
        forget = self.useFixture(fixtures.MockPatch(
            'cloudmanager.clients.session.forget_token')).mock
        self.assertRaises(exception.CloudServiceMissing, self.call,
                          Kind.READ, ks_exc.EndpointNotFound())
        forget.assert_not_called()
        self.assertRaises(exception.CloudNotConfigured, self.call,
                          Kind.READ, ks_exc.EmptyCatalog())
        forget.assert_called_once_with()

    def test_bugs_go_on_unchanged(self):
        self.assertRaises(ZeroDivisionError, self.call, Kind.READ,
                          ZeroDivisionError())
        self.assertEqual(1, self.asked)

    def test_our_own_errors_go_on_unchanged(self):
        """They have a code too, but are no answer of the cloud."""
        for error in (exception.CloudNotConfigured(setting='x'),
                      exception.NodeNotFound(node=1)):
            self.assertRaises(type(error), self.call, Kind.READ, error)
            self.assertEqual(1, self.asked)

    def test_texts(self):
        error = self.assertRaises(exception.CloudRequestRefused, self.call,
                                  Kind.ONCE,
                                  nova_exc.Conflict(409, 'it is locked'))
        self.assertEqual((409, 'Nova refused ask: it is locked'),
                         (error.http_status, str(error)))


class PauseTestCase(RetryCase):

    def fail(self, error, kind=Kind.READ):
        self.assertRaises(exception.CloudUnreachable, self.call, kind, error,
                          forever=True)

    def test_number(self):
        """EV6: so many, and no more."""
        self.config(group='cloud', retries=4)
        self.fail(nova_exc.ClientException(503))
        self.assertEqual(5, self.asked)

    def test_pauses_grow_to_a_limit(self):
        self.config(group='cloud', retries=7, retry_delay=1.0,
                    retry_max_delay=10.0)
        self.fail(refused())
        for pause, expected in zip(self.pauses, (1, 2, 4, 8, 10, 10, 10),
                                   strict=True):
            self.assertTrue(0.75 * expected <= pause <= 1.25 * expected,
                            self.pauses)

    def test_pauses_differ(self):
        """Many clients do not come back at one moment."""
        self.config(group='cloud', retries=30, retry_delay=1.0,
                    retry_max_delay=1.0, retry_total=1000)
        self.fail(refused())
        self.assertGreater(len(set(self.pauses)), 20)

    def test_deadline(self):
        """No repetition is begun that would come too late."""
        self.config(group='cloud', retries=1000, retry_delay=10.0,
                    retry_max_delay=10.0, retry_total=60)
        self.fail(refused())
        self.assertLessEqual(sum(self.pauses), 60)
        self.assertGreater(self.asked, 4)

    def test_awaited(self):
        """Who waits for an answer is told early; a task goes on trying."""
        self.config(group='cloud', retries=1000, retry_delay=2.0,
                    retry_max_delay=2.0, retry_total=60,
                    awaited_retry_total=5)
        with patience.awaited():
            self.fail(refused())
        self.assertLessEqual(sum(self.pauses), 5)
        self.assertEqual(len(self.pauses) + 1, self.asked)
        self.pauses.clear()
        self.fail(refused())
        self.assertGreater(sum(self.pauses), 50)

    def test_awaited_in_threads(self):
        """The threads that help to answer know of it."""
        with patience.awaited():
            self.assertEqual([True, True], parallel.run(
                lambda _: patience.is_awaited(), [1, 2], 2))
        self.assertEqual([False], parallel.run(
            lambda _: patience.is_awaited(), [1], 1))

    def test_answers_of_conductors(self):
        """Methods of the conductors' interface know of it."""
        self.assertTrue(rpc.answers_errors(patience.is_awaited)())
        self.assertFalse(patience.is_awaited())

    def test_retry_after(self):
        for error in (nova_exc.RateLimit(429, retry_after='7'),
                      ks_exc.HttpError(http_status=429, retry_after=7)):
            self.pauses.clear()
            self.call(Kind.ONCE, error)
            self.assertEqual([7.0], self.pauses)

    def test_retry_after_as_a_date(self):
        """Not a number: our own pause."""
        error = nova_exc.RateLimit(
            429, retry_after='Wed, 21 Oct 2031 07:28:00 GMT')
        self.call(Kind.READ, error)
        self.assertLess(self.pauses[0], 1)

    def test_retry_after_up_to_the_deadline(self):
        """A repetition at the very end is still made."""
        self.config(group='cloud', retry_total=60)
        self.call(Kind.READ, nova_exc.RateLimit(429, retry_after='60'))
        self.assertEqual((2, [60.0]), (self.asked, self.pauses))

    def test_retry_after_past_the_deadline(self):
        self.config(group='cloud', retry_total=60)
        self.fail(nova_exc.RateLimit(429, retry_after='3600'))
        self.assertEqual((1, []), (self.asked, self.pauses))

    def test_stopping(self):
        """A process that must end repeats nothing."""
        self.stopping.set()
        self.fail(refused())
        self.assertEqual(1, self.asked)


class OnlyWhileTestCase(RetryCase):

    def test_lease_lost_between(self):
        """CC6 in kind: a lost task's request is its successor's."""
        owned = [True, True, False]
        error = self.assertRaises(
            exception.CloudUnreachable, retry.only_while,
            lambda: owned.pop(0),
            lambda: self.call(Kind.ONCE, refused(), forever=True))
        self.assertNotIsInstance(error, exception.CloudOutcomeUnknown)
        self.assertEqual(3, self.asked)

    def test_only_there(self):
        """It ends with the call, and holds for its thread alone."""
        found = []

        def other():
            found.append(self.call(Kind.READ, refused()))

        def function():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(10)

        retry.only_while(lambda: False, function)
        self.assertEqual('answer', self.call(Kind.READ, refused()))
        self.assertEqual(['answer'], found)

    def test_arguments(self):
        self.assertEqual(5, retry.only_while(lambda: True, max, 3, 5))
