# SPDX-License-Identifier: Apache-2.0
"""Workers with small flows, for the tests of the engine."""

import dataclasses
import os
import threading
from urllib import parse
import uuid

import redis
import sqlalchemy as sa
from taskflow.patterns import linear_flow

from cloudmanager.common import exception
from cloudmanager.conductor.engine import boards
from cloudmanager.conductor.engine import worker
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.steps import base as tasks_base
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base

LEASE = 2.0
POLL = 0.05
#: Steps by the name of their task.
NAMES = {'demo': 'abc', 'single': 'a', 'broken': ''}
#: The time within which a task of a dead worker must go on.
TAKE_OVER = LEASE + 2 * POLL + 2.0
REDIS = ('CLOUDMANAGER_TEST_REDIS_URL', 'redis://127.0.0.1:6379')


def redis_url():
    return parse.urlsplit(os.environ.get(REDIS[0]) or REDIS[1])


class Script:
    """What the steps of all workers of a test do, and did.

    :ivar log: ``(worker, step)`` in the order of their beginning
    :ivar ended: ids of the tasks whose end was told
    :ivar end: called then
    """

    def __init__(self):
        self.log = []
        self.actions = {}
        self.undo = {}
        self.ended = []
        self.end = None

    def tell_end(self, run):
        self.ended.append(run.task_id)
        if self.end is not None:
            self.end(run)

    def steps(self, worker_name=None):
        return [step for name, step in self.log
                if worker_name in (None, name)]


@dataclasses.dataclass
class Memory(stored.Record):
    """What the steps of a script remember."""

    plan: list[int] = dataclasses.field(default_factory=list)
    asked: bool = False


class Step(tasks_base.Step):
    """A step that does what the script says."""

    def __init__(self, run, tools, name, owner, script):
        super().__init__(run, tools)
        self.name = name
        self._owner, self._script = owner, script

    def do(self):
        self._script.log.append((self._owner, self.name))
        action = self._script.actions.get(self.name)
        if action is not None:
            action(self.run)

    def undo(self, causes):
        self._script.log.append((self._owner, f'-{self.name}'))
        action = self._script.undo.get(self.name)
        if action is not None:
            action(self.run)


class Gate:
    """An action that waits inside a step until the test lets it go on."""

    def __init__(self, case):
        self.entered = threading.Event()
        self.opened = threading.Event()
        case.addCleanup(self.opened.set)

    def __call__(self, run):
        self.entered.set()
        self.opened.wait(30)


class PoliteGate(Gate):
    """One that looks at the guard while it waits, as long steps do."""

    def __call__(self, run):
        self.entered.set()
        while not self.opened.is_set():
            run.guard()
            run.pause(0.02)


class WorkerCase(base.DbTestCase):
    """Helpers; ``board`` chooses the jobboard."""

    board = 'sql'

    def setUp(self):
        super().setUp()
        self.config(group='conductor', lease=LEASE, poll_interval=POLL,
                    sweep_interval=0.1, workers=4, jobboard=self.board)
        if self.board == 'redis':
            self._use_redis()
        self.script = Script()

    def _use_redis(self):
        url, namespace = redis_url(), f'test-{uuid.uuid4().hex}'
        self.redis = redis.Redis(url.hostname, url.port or 6379,
                                 socket_timeout=5)
        try:
            self.redis.ping()
        except redis.RedisError as exc:
            self.go_without(f'No Redis: set {REDIS[0]} '
                            f'({type(exc).__name__})')
        self.addCleanup(self.redis.close)
        self.addCleanup(self.flush_redis, namespace)
        self.namespace = namespace
        self.config(group='conductor', jobboard_options=[
            f'host:{url.hostname}', f'port:{url.port or 6379}',
            f'namespace:{namespace}'])

    def flush_redis(self, namespace):
        keys = list(self.redis.scan_iter(f'{namespace}*'))
        if keys:
            self.redis.delete(*keys)

    def lose_jobs(self):
        """Make the jobboard forget all."""
        if self.board == 'redis':
            self.flush_redis(self.namespace)
        else:
            self.execute(sa.delete(models.Job))

    def build(self, owner):
        def build(run):
            if run.name not in NAMES:
                raise KeyError(run.name)
            if run.name == 'broken':
                raise exception.CloudNotConfigured(setting='[cloud]')
            return linear_flow.Flow('demo').add(*(
                Step(run, None, name, owner, self.script)
                for name in NAMES[run.name]))
        return build

    def worker(self, name='one', start=True):
        made = worker.Worker(name, self.build(name),
                             self.script.tell_end)
        if start:
            made.start()
            self.addCleanup(made.stop, 5)
        return made

    def dead(self, name='dead'):
        """Start a worker that shows no sign of life, as if killed."""
        made = self.worker(name, start=False)
        made._keep_alive = lambda: None
        made.start()
        self.addCleanup(made.stop, 0)
        return made

    def freeze(self, made):
        """Let a dead worker claim nothing more."""
        made._claim_jobs = lambda: None
        made._sweep = lambda: None

    def create(self, name='demo', target='host:cmp1', **params):
        task, _ = db_tasks.create_task(self.context, name,
                                       targets=[target], params=params)
        return task['id']

    def row(self, task_id):
        return db_tasks.get_task(self.context, task_id)

    def ended(self, task_id, seconds=10):
        """Wait for a task's end and return its row."""
        return base.wait_for(
            lambda: (row := self.row(task_id))['status']
            not in db_tasks.ACTIVE and row, seconds,
            f'the end of task {task_id}')

    def jobs(self, **kwargs):
        board = boards.connect()
        try:
            return list(board.iterjobs(ensure_fresh=True, **kwargs))
        finally:
            board.close()

    def no_jobs(self, seconds=5):
        base.wait_for(lambda: not self.jobs(), seconds,
                      'an empty jobboard')



