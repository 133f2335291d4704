# SPDX-License-Identifier: Apache-2.0
"""Finds tasks on the jobboard and runs their flows.

A conductor needs three things before it may run a flow: the lease of the job
(from the jobboard), the right post token (only the job that was posted last
counts) and a new generation of the task (claimed in the database, and checked
by each write).
"""

from collections.abc import Callable
from concurrent import futures
import queue
import threading
import time

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging
from oslo_utils import strutils
from taskflow import engines
from taskflow import exceptions as tf_exc
from taskflow import states as tf_states
from taskflow.flow import Flow
from taskflow.jobs.base import Job
from taskflow.persistence import models as tf_models
from taskflow.types import failure

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.conductor.engine import boards
from cloudmanager.conductor.engine import persistence
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.db import api as db_api
from cloudmanager.db import tasks as db_tasks

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# The cast of a new task may still be on its way; it counts as lost only after
# this time.
CAST_GRACE_SECONDS = 1.0
# A job counts as lost after this many leases without a sign of life.
LOST_JOB_LEASES = 3
# Look at the board again after this many posts.
POSTED_AT_ONCE = 16
# Errors that are not the flow's fault: its state cannot be stored.
_OUTAGES = (tf_exc.StorageFailure, db_exc.DBError)


class Worker:
    """Runs tasks of a jobboard in threads.

    :param name: owner's name, unique among conductors
    :param build_flow: builds the flow of a run
    :param ended: called with each run whose task has ended; it must do no
        harm if it raises, or is never called because the process died
    """

    def __init__(self, name: str,
                 build_flow: Callable[[engine_run.Run], Flow],
                 ended: Callable[[engine_run.Run], None] | None = None
                 ) -> None:
        self.name = name
        self._build_flow = build_flow
        self._ended = ended
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._to_post: queue.SimpleQueue[str] = queue.SimpleQueue()
        # The ids in the queue, which the sweep leaves alone.
        self._queued: set[str] = set()
        self._runs: dict[str, tuple[Job, engine_run.Run]] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Open the jobboard and begin to look for work."""
        self._board = boards.connect()
        self._engine = db_api.create_engine()
        self._backend = persistence.Backend(self._engine)
        self._pool = futures.ThreadPoolExecutor(
            CONF.conductor.workers, thread_name_prefix='task')
        for target in (self._watch, self._keep_alive):
            thread = threading.Thread(target=target, daemon=True,
                                      name=f'engine{target.__name__}')
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout: float) -> None:
        """Take no more work, and leave running flows to other conductors.

        :param timeout: seconds that running steps are given to finish
        """
        self._stopping.set()
        self._wake.set()
        deadline = time.monotonic() + timeout
        while self._runs and time.monotonic() < deadline:
            time.sleep(0.05)
        # The lease of a step that still runs is not renewed from here on.
        self._stopped.set()
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        self._pool.shutdown(wait=not self._runs, cancel_futures=True)
        self._board.close()
        self._engine.dispose()

    def post(self, task_id: str) -> None:
        """Have a new task put on the jobboard.

        One thread posts all tasks, since a thread per message would slow down
        those that run flows. The sweep finds tasks that this thread lost.
        """
        self._queued.add(task_id)
        self._to_post.put(task_id)
        self._wake.set()

    def _post(self, task_id: str, old: str | None, seconds: float,
              claim: bool = False) -> Job | None:
        """Put a job for a task on the board, unless another conductor does.

        :param claim: whether this conductor also claims the job
        :returns: the job; ``None`` if another conductor posts or has it
        """
        context = cm_context.admin_context()
        token = db_tasks.set_post_token(context, task_id, old, seconds)
        if token is None:
            return None
        details = {'task_id': task_id, 'token': token}
        if claim:
            return boards.post_claimed(self._board, task_id, details,
                                       self.name)
        return self._board.post(task_id, details=details)

    def _watch(self) -> None:
        sweep_at = 0.0
        while not self._stopping.is_set():
            try:
                if clock.monotonic() >= sweep_at:
                    self._sweep()
                    sweep_at = (clock.monotonic()
                                + CONF.conductor.sweep_interval)
                self._post_new()
                self._claim_jobs()
            except Exception:
                # The boundary of a periodic job: this loop must still run when
                # the database or the jobboard comes back.
                LOG.exception('Looking for work failed.')
            clock.wait(self._wake, CONF.conductor.poll_interval)
            self._wake.clear()

    def _post_new(self) -> None:
        """Post the tasks of messages, and claim them while there is room.

        Other conductors can claim any job on the board, too.
        """
        for _ in range(POSTED_AT_ONCE):
            try:
                task_id = self._to_post.get_nowait()
            except queue.Empty:
                return
            job = None
            room = self._has_room()
            try:
                job = self._post(task_id, None, 0, claim=room)
            finally:
                # If posting failed, the sweep will find the task.
                self._queued.discard(task_id)
            if job is not None and room:
                self._accept(job)
        self._wake.set()

    def _sweep(self) -> None:
        """Post tasks whose cast or job was lost."""
        context = cm_context.admin_context()
        for row in db_tasks.unattended(context, CAST_GRACE_SECONDS,
                                       posted=False):
            if row['id'] not in self._queued:
                self._post(row['id'], None, CAST_GRACE_SECONDS)
        lost_after = CONF.conductor.lease * LOST_JOB_LEASES
        overdue = db_tasks.unattended(context, lost_after, posted=True)
        if not overdue:
            return
        present = {job.details.get('token')
                   for job in self._board.iterjobs(ensure_fresh=True)}
        for row in overdue:
            if row['post_token'] not in present:
                LOG.warning('The job of task %s was lost; posting it again.',
                            row['id'])
                self._post(row['id'], row['post_token'], lost_after)

    def _claim_jobs(self) -> None:
        for job in self._board.iterjobs(only_unclaimed=True,
                                        ensure_fresh=True):
            if not self._has_room():
                return
            if job.uuid in self._runs:
                # Our own job, with a lease that expired in an
                # outage. While its thread runs, only another
                # conductor may claim it.
                continue
            self._claim(job)

    def _has_room(self) -> bool:
        return (not self._stopping.is_set()
                and len(self._runs) < CONF.conductor.workers)

    def _claim(self, job: Job) -> None:
        try:
            boards.claim(self._board, job, self.name)
        except (tf_exc.UnclaimableJob, tf_exc.NotFound):
            return
        self._accept(job)

    def _accept(self, job: Job) -> None:
        context = cm_context.admin_context()
        task = db_tasks.claim(context, job.details['task_id'],
                              job.details['token'], self.name)
        if task is None:
            # The task has ended, or was posted again with another token.
            self._board.consume(job, self.name)
            return
        context.global_request_id = task['request_id']
        run = engine_run.Run(context, task, self._stopping)
        with self._lock:
            self._runs[job.uuid] = (job, run)
        LOG.info('Running task %(task)s (%(name)s), generation '
                 '%(generation)s.', {'task': run.task_id, 'name': run.name,
                                     'generation': run.generation})
        self._pool.submit(self._run, job, run)

    def _keep_alive(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                current = list(self._runs.values())
            period = CONF.conductor.lease / 4
            for job, run in current:
                # Most tasks end before their lease has to be renewed.
                if clock.monotonic() - run.claimed_at > period:
                    self._renew(job, run)
            clock.wait(self._stopped, period)

    def _renew(self, job: Job, run: engine_run.Run) -> None:
        try:
            if not boards.extend(job):
                LOG.warning('The lease of task %s was lost.', run.task_id)
            if not db_tasks.heartbeat(run.context, run.task_id,
                                      run.generation):
                run.lost.set()
        except Exception:
            # Boundary of the keep-alive: it must outlive any outage of the
            # database or the jobboard. If the lease is lost meanwhile, the
            # generation prevents further writes.
            LOG.exception('Keeping task %s alive failed.', run.task_id)

    def _run(self, job: Job, run: engine_run.Run) -> None:
        run.context.update_store()
        try:
            self._execute(run)
            self._board.consume(job, self.name)
        except engine_run.HandOver:
            LOG.info('Task %s is left to another conductor.', run.task_id)
            self._abandon(job, run)
        except Exception:
            # Boundary of the thread. Only the database or the jobboard can
            # fail here, since failures of the flow were stored.
            LOG.exception('Task %s was interrupted; it will be resumed.',
                          run.task_id)
            self._abandon(job, run)
        finally:
            with self._lock:
                self._runs.pop(job.uuid, None)
            self._wake.set()

    def _abandon(self, job: Job, run: engine_run.Run) -> None:
        if run.lost.is_set():
            return
        try:
            self._board.abandon(job, self.name)
        except Exception:
            # The lease will expire by itself.
            LOG.warning('The job of task %s could not be released.',
                        run.task_id)

    def _execute(self, run: engine_run.Run) -> None:
        """Run the flow to its end and store the outcome."""
        error = self._run_flow(run)
        status = (db_tasks.SUCCESS if error is None
                  else self._explain(run, error))
        try:
            db_tasks.finish(
                run.context, run.task_id, run.generation, status,
                result=run.result,
                traceback=_traceback(error) if error is not None
                and status == db_tasks.FAILURE else None)
        except exception.LeaseLost:
            run.lost.set()
            raise engine_run.HandOver() from None
        LOG.info('Task %(task)s (%(name)s) ended: %(status)s.',
                 {'task': run.task_id, 'name': run.name, 'status': status})
        self._tell_end(run)

    def _tell_end(self, run: engine_run.Run) -> None:
        if self._ended is None:
            return
        try:
            self._ended(run)
        except Exception:
            # Boundary: an error here must not change that the task has ended.
            LOG.warning('The work that follows task %s failed.', run.task_id,
                        exc_info=True)

    @staticmethod
    def _explain(run: engine_run.Run, error: failure.Failure) -> str:
        text = strutils.mask_password(error.exception_str)
        run.result = text
        if error.check(exception.TaskCancelled):
            return db_tasks.REVOKED
        LOG.error('Task %(task)s (%(name)s) failed: %(error)s',
                  {'task': run.task_id, 'name': run.name, 'error': text})
        return db_tasks.FAILURE

    def _run_flow(self, run: engine_run.Run) -> failure.Failure | None:
        """Run the flow from the point that its last run reached.

        :returns: the failure, or ``None``
        """
        try:
            flow = self._build_flow(run)
            if len(flow) == 1:
                # The only step stores in the task all that another
                # conductor needs. TaskFlow's own records would cost
                # more time than most such steps.
                engines.load(flow, engine='serial').run()
                return None
            book, detail = self._details(run, flow)
            if detail.state == tf_states.REVERTED:
                # An earlier owner finished the flow, but did not store the
                # end of the task. TaskFlow would run the flow again.
                return next(atom.failure for atom in detail if atom.failure)
            run.result = _result_so_far(flow, detail)
            engines.load(flow, flow_detail=detail, book=book,
                         backend=self._backend, engine='serial').run()
        except _OUTAGES:
            raise
        except tf_exc.WrappedFailure as exc:
            if exc.check(*_OUTAGES):
                raise
            return next(iter(exc))
        except Exception as exc:
            # Any error that stops the flow ends the task.
            return failure.Failure.from_exception(exc)
        return None

    def _details(self, run: engine_run.Run, flow: Flow
                 ) -> tuple[tf_models.LogBook, tf_models.FlowDetail]:
        """Return the logbook and the flow record of a task, old or new."""
        connection = self._backend.get_connection()
        try:
            book = connection.get_logbook(run.task_id)
        except tf_exc.NotFound:
            book = tf_models.LogBook(run.name, uuid=run.task_id)
        detail = next(iter(book), None)
        if detail is None:
            detail = tf_models.FlowDetail(flow.name, uuid=run.task_id)
            book.add(detail)
            connection.save_logbook(book)
        return book, detail


def _result_so_far(flow: Flow, detail: tf_models.FlowDetail) -> str | None:
    """Return what the last step that has ended knew of the task's result."""
    found: str | None = None
    atoms = {atom.name: atom for atom in detail}
    for step in flow:
        atom = atoms.get(step.name)
        if atom is not None and atom.state == tf_states.SUCCESS:
            found = atom.results
    return found


def _traceback(error: failure.Failure) -> str:
    lines = error.traceback_str or ''
    if lines:
        lines = f'Traceback (most recent call last):\n{lines}'
    kind = next(iter(error))
    return strutils.mask_password(f'{lines}{kind}: {error.exception_str}')
