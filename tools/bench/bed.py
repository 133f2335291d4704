# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of moves share: a cloud, the service, a bare script.

The bare script is the ideal: it knows the moves beforehand, keeps the same
number in flight and wastes no time between two of them, but plans nothing,
remembers nothing and checks nothing.
"""

import argparse
import collections
from collections.abc import Callable
from concurrent import futures
import contextlib
import dataclasses
import datetime
import pathlib
import statistics
import sys
import tempfile
import threading
import time
from typing import Any
import warnings

warnings.filterwarnings('ignore')

# What is installed may be a wheel, which has no tests.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from novaclient import client as nova_client  # noqa: E402  after the filter
import pymysql  # noqa: E402

from cloudmanager.tests.integration import cloud  # noqa: E402
from cloudmanager.tests.integration import place  # noqa: E402
from cloudmanager.tests.integration import processes  # noqa: E402

SOURCE = 'cmp1'
DATABASE = 'cm_bench'
POLL_SECONDS = 0.1
MOVE_SECONDS = 600
BATCH = 20
# The service is watched in its database, which costs next to nothing.
WATCH_SECONDS = 0.05
MORE = '''\
[host_tasks]
max_moves = {limit}
max_moves_per_destination = {limit}
lock_servers = {locks}
shared_storage = all
'''


@dataclasses.dataclass
class Course:
    """Seconds from the request until something was so.

    :ivar alone: seconds until the end without those in which the host was
        fenced or switched off, which a bare script does not do
    """

    fenced: float = 0.0
    begun: float = 0.0
    moved: float = 0.0
    ended: float = 0.0
    alone: float = 0.0


class Bare:
    """Fires moves, as many at a time as there are slots.

    A slot takes its next server the moment that its last one is reported
    moved. One thread asks Nova for all slots, and only for what has changed.

    :param slots: how many moves may be in flight
    :param locks: servers are locked while they are evacuated
    """

    def __init__(self, bed: cloud.Cloud, slots: int, locks: bool) -> None:
        self._nova = nova_client.Client('2.90', session=bed.session)
        self._slots = slots
        self._locks = locks

    def live_migrate(self, server: str, host: str) -> None:
        self._nova.servers.live_migrate(server, host, 'auto')

    def evacuate(self, server: str, host: str) -> None:
        if self._locks:
            self._nova.servers.lock(server)
        self._nova.servers.evacuate(server, host=host)

    def run(self, moves: dict[str, str],
            fire: Callable[[str, str], None]) -> Course:
        """Carry out moves; return the seconds until they were begun and over.

        :param moves: destination by server id
        """
        over = {server: threading.Event() for server in moves}
        newest = self._nova.migrations.list(limit=1)
        baseline = newest[0].id if newest else 0
        waiting = collections.deque(moves.items())
        course, begun = Course(), time.monotonic()

        def slot() -> None:
            with contextlib.suppress(IndexError):
                while True:
                    server, host = waiting.popleft()
                    fire(server, host)
                    course.begun = course.begun or time.monotonic() - begun
                    if not over[server].wait(MOVE_SECONDS):
                        raise RuntimeError(f'{server} was not moved')
                    if self._locks:
                        self._nova.servers.unlock(server)

        with futures.ThreadPoolExecutor(self._slots + 1) as pool:
            watch = pool.submit(self._watch, over, baseline)
            try:
                for done in [pool.submit(slot) for _ in range(self._slots)]:
                    done.result()
            finally:
                # After a failure the others need not wait for their ends.
                for event in over.values():
                    event.set()
            watch.result()
        course.moved = course.alone = time.monotonic() - begun
        return course

    def _watch(self, over: dict[str, threading.Event],
               baseline: int) -> None:
        """Set the event of each server whose move has ended.

        :param baseline: id of the newest migration from before
        :raises RuntimeError: one has failed
        """
        since = _utc() - datetime.timedelta(seconds=2)
        while not all(event.is_set() for event in over.values()):
            asked = _utc()
            for found in self._nova.migrations.list(
                    source_compute=SOURCE, limit=1000,
                    changes_since=since.isoformat()):
                if found.id <= baseline or found.instance_uuid not in over:
                    continue
                if found.status in ('error', 'failed', 'cancelled'):
                    for event in over.values():
                        event.set()
                    raise RuntimeError(
                        f'a bare move failed: {found.to_dict()}')
                if found.status in ('completed', 'done'):
                    over[found.instance_uuid].set()
            # Nova keeps whole seconds.
            since = asked - datetime.timedelta(seconds=2)
            time.sleep(POLL_SECONDS)


def _utc() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


@contextlib.contextmanager
def service(limit: int, locks: bool) -> Any:
    """Run API and conductor on MariaDB and RabbitMQ; give a client."""
    with tempfile.TemporaryDirectory() as name:
        installation = processes.Installation(
            pathlib.Path(name), DATABASE, address=place.address(),
            more=MORE.format(limit=limit, locks=locks))
        try:
            installation.conductor('bench')
            installation.api()
            client = processes.Client()
            client.enrol_fake(SOURCE)
            yield client
        finally:
            installation.close()


def fresh(bed: cloud.Cloud, count: int) -> list[str]:
    """Bring hosts to life and boot servers on the source."""
    bed.restore_hosts()
    bed.clear()
    servers: list[str] = []
    while len(servers) < count:
        # More at once overload the cloud.
        servers += bed.boot(SOURCE, min(BATCH, count - len(servers)))
    return servers


def spread(servers: list[str]) -> dict[str, str]:
    """Give each server a destination, evenly."""
    targets = [host for host in cloud.COMPUTES if host != SOURCE]
    return {server: targets[number % len(targets)]
            for number, server in enumerate(servers)}


# What has happened, by the name of a field of Course.
EVENTS = {
    'fenced': "SELECT COUNT(*) FROM power_actions WHERE task_id = %s "
              "AND action = 'fence' AND result = 'success'",
    'begun': 'SELECT COUNT(*) FROM task_items WHERE task_id = %s '
             'AND attempts > 0',
    'moved': "SELECT COUNT(*) > 0 AND SUM(state <> 'DONE') = 0 "
             'FROM task_items WHERE task_id = %s',
    'ended': "SELECT status NOT IN ('PENDING', 'STARTED', 'RETRY') "
             'FROM tasks WHERE id = %s'}
POWER = ('SELECT COALESCE(SUM(duration), 0) FROM power_actions '
         'WHERE task_id = %s')


def follow(client: processes.Client, path: str,
           body: dict[str, bool]) -> Course:
    """Start a task and watch it to its end."""
    course = Course()
    begun = time.monotonic()
    task_id = client.start_task(path, body)
    connection = pymysql.connect(host='127.0.0.1', database=DATABASE,
                                 user=processes.DATABASE_USER,
                                 autocommit=True)
    with connection, connection.cursor() as cursor:
        while not course.ended:
            for event, question in EVENTS.items():
                if not getattr(course, event):
                    cursor.execute(question, (task_id,))
                    if cursor.fetchone()[0]:
                        setattr(course, event, time.monotonic() - begun)
            time.sleep(WATCH_SECONDS)
        cursor.execute(POWER, (task_id,))
        power = float(cursor.fetchone()[0])
        course.alone = course.ended - max(power, course.fenced)
    task = client.task(task_id)
    if task['status'] != 'SUCCESS':
        raise RuntimeError(f'the task failed: {task["result"]}')
    return course


def main(description: str, action: str,
         fire: Callable[[Bare], Callable[[str, str], None]],
         prepare: Callable[[cloud.Cloud], None] = lambda here: None,
         may_lock: bool = False, force: bool = False) -> None:
    """Run the rounds of a benchmark and print the figures.

    :param action: of the REST API
    :param fire: gives what the bare script calls for each move
    :param prepare: makes the source host what the action is for
    :param may_lock: the action locks servers, unless it is told not to
    :param force: whether the request says ``force``
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--servers', type=int, default=20)
    parser.add_argument('--limit', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=1)
    if may_lock:
        parser.add_argument('--no-locks', action='store_true')
    options = parser.parse_args()
    locks = may_lock and not options.no_locks
    cloud.start()
    here = cloud.Cloud()
    bare = Bare(here, options.limit, locks)
    ours, ideal = [], []
    with service(options.limit, locks) as client:
        for _ in range(options.rounds):
            servers = fresh(here, options.servers)
            prepare(here)
            ideal.append(bare.run(spread(servers), fire(bare)))
            fresh(here, options.servers)
            prepare(here)
            ours.append(follow(client,
                               f'/v1/hosts/{SOURCE}/actions/{action}',
                               {'force': True} if force else {}))
        here.restore_hosts()
        here.clear()
    report(action, options.servers, options.limit, ours, ideal)


def report(name: str, count: int, limit: int, ours: list[Course],
           bare: list[Course]) -> None:
    """Print the medians and the ratios.

    The bare script touches no power. Ratios count from a confirmed fence, and
    without the time in which the empty host is switched off.
    """
    ideal, found = _medians(bare), _medians(ours)
    print(f'{name}: {count} servers, {limit} at a time, '
          f'{len(ours)} round(s)')
    print(f'{"SECONDS UNTIL":<26}{"BARE SCRIPT":>12}{"CLOUDMANAGER":>14}'
          f'{"RATIO":>8}')
    rows = [('fence confirmed', 0.0, found['fenced'], 0.0),
            ('first move begun', ideal['begun'], found['begun'], 0.0),
            ('all moved', ideal['moved'], found['moved'],
             found['moved'] - found['fenced']),
            ('task ended', 0.0, found['ended'], 0.0),
            ('task ended, without power', ideal['alone'],
             *[found['alone']] * 2)]
    for label, alone, seconds, compared in rows:
        if seconds:
            peer = f'{alone:.1f}' if alone else '-'
            ratio = f'{compared / alone:.2f}' if compared and alone else ''
            print(f'{label:<26}{peer:>12}{seconds:>14.1f}{ratio:>8}')


def _medians(courses: list[Course]) -> dict[str, float]:
    return {field.name: statistics.median(
        getattr(course, field.name) for course in courses)
        for field in dataclasses.fields(Course)}
