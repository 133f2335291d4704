# SPDX-License-Identifier: Apache-2.0
"""What each kind of jobboard is told, without any of them."""

import fixtures
from taskflow import exceptions

from cloudmanager.conductor.engine import boards
from cloudmanager.tests import base


class Board:
    """Keeps what it is asked to do.

    :ivar calls: job, owner and further arguments of each claim
    :ivar posts: name and details of each post
    :ivar error: raised instead of a claim
    """

    def __init__(self):
        self.connected = False
        self.calls = []
        self.posts = []
        self.error = None

    def connect(self):
        self.connected = True

    def post(self, name, details):
        self.posts.append((name, details))
        return f'job of {name}'

    def claim(self, job, who, **kwargs):
        if self.error is not None:
            raise self.error
        self.calls.append((job, who, kwargs))


class Job:

    def __init__(self, held):
        self._held = held
        self.leases = []

    def extend_expiry(self, seconds):
        self.leases.append(seconds)
        return self._held


class BoardsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.made = []
        self.useFixture(fixtures.MonkeyPatch(
            'taskflow.jobs.backends.fetch', self._fetch))

    def _fetch(self, name, conf):
        board = Board()
        self.made.append((name, conf, board))
        return board

    def use(self, kind, lease=2.4, *options):
        self.config(group='conductor', jobboard=kind, lease=lease,
                    jobboard_options=list(options))

    def test_connect(self):
        for kind, expected in (
                ('sql', {'board': 'cloudmanager_sql', 'ttl': 2.4}),
                ('redis', {'board': 'redis', 'ttl': 2.4}),
                # etcd counts whole seconds.
                ('etcd', {'board': 'etcd', 'ttl': 2}),
                ('zookeeper', {'board': 'zookeeper', 'ttl': 2.4,
                               'timeout': 2.4})):
            self.use(kind)
            found = boards.connect()
            name, conf, board = self.made.pop()
            self.assertEqual(('cloudmanager', expected), (name, conf))
            self.assertIs(board, found)
            self.assertTrue(board.connected)

    def test_options(self):
        """They count more than what we say ourselves."""
        self.use('redis', 2.4, 'host: ::1', ' ttl :7')
        boards.connect()
        self.assertEqual({'board': 'redis', 'ttl': '7', 'host': '::1'},
                         self.made[0][1])

    def test_claim(self):
        for kind, expected in (('sql', {'expiry': 2.4}),
                               ('etcd', {'expiry': 2}), ('zookeeper', {})):
            self.use(kind)
            board = Board()
            boards.claim(board, 'job', 'me')
            self.assertEqual([('job', 'me', expected)], board.calls)

    def test_post_claimed(self):
        """In two steps where the board has not one for both."""
        self.use('redis')
        board = Board()
        found = boards.post_claimed(board, 'a', {'task_id': 'a'}, 'me')
        self.assertEqual('job of a', found)
        self.assertEqual([('a', {'task_id': 'a'})], board.posts)
        self.assertEqual([('job of a', 'me', {'expiry': 2.4})], board.calls)

    def test_post_claimed_by_others(self):
        self.use('redis')
        for error in (exceptions.UnclaimableJob('x'),
                      exceptions.NotFound('x')):
            board = Board()
            board.error = error
            self.assertIsNone(boards.post_claimed(board, 'a', {}, 'me'))

    def test_extend(self):
        for kind, expected in (('sql', [2.4]), ('etcd', [2])):
            self.use(kind)
            for held in (True, False):
                job = Job(held)
                self.assertIs(held, boards.extend(job))
                self.assertEqual(expected, job.leases)

    def test_session_is_the_lease(self):
        self.use('zookeeper')
        job = Job(False)
        self.assertIs(True, boards.extend(job))
        self.assertEqual([], job.leases)

    def test_shortest_lease_of_etcd(self):
        self.use('etcd', 1.2)
        boards.connect()
        self.assertEqual(1, self.made[0][1]['ttl'])
