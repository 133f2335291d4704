# SPDX-License-Identifier: Apache-2.0
"""What all steps of flows have in common."""

from typing import NoReturn

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging
from taskflow import task
from taskflow.types import failure

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.hosts import HostMemory
from cloudmanager.conductor.tools import Tools

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class Step(task.Task):
    """A step of a flow: one side effect, which may be begun twice.

    Subclasses implement ``do`` and, if they have something to put back,
    ``undo``. What later steps or a successor need goes into a record of
    ``conductor.records``, which the run stores.
    """

    def __init__(self, run: engine_run.Run, tools: Tools) -> None:
        super().__init__(name=type(self).__name__)
        self.run = run
        self.tools = tools

    def execute(self) -> str | None:
        """Do the step's work, also if the cloud is away for a while.

        :returns: the result of the task so far; TaskFlow stores it with the
            step, for a conductor that takes over later
        """
        failing_since = clock.monotonic()
        while True:
            begun = clock.monotonic()
            try:
                self.run.guard()
                self.do()
                return self.run.result
            except (db_exc.DBError, exception.LeaseLost) as exc:
                self._hand_over(exc)
            except exception.CloudUnreachable as exc:
                if clock.monotonic() - begun > CONF.cloud.retry_total:
                    # A single outage would have ended the call sooner, so
                    # the cloud has answered in between.
                    failing_since = clock.monotonic()
                if (clock.monotonic() - failing_since
                        > CONF.cloud.outage_timeout):
                    raise
                LOG.warning('Step %(step)s of task %(task)s waits for the '
                            'cloud: %(why)s', {
                                'step': self.name,
                                'task': self.run.task_id, 'why': exc})
                self.run.pause(CONF.cloud.retry_max_delay)

    def _hand_over(self, exc: Exception) -> NoReturn:
        """Leave the work as it is, for whoever claims the task next.

        Nothing is wrong with it, but the database is away, or another
        conductor has the task.
        """
        LOG.warning('Step %(step)s of task %(task)s stops: %(why)s',
                    {'step': self.name, 'task': self.run.task_id,
                     'why': type(exc).__name__})
        raise engine_run.HandOver() from exc

    def revert(self, result: object, flow_failures: dict[str, failure.Failure],
               **kwargs: object) -> None:
        try:
            self.run.guard()
            self.undo(list(flow_failures.values()))
        except (db_exc.DBError, exception.LeaseLost) as exc:
            self._hand_over(exc)
        except Exception:
            # If a revert raised, TaskFlow would not revert the earlier steps,
            # and the first error would be hidden.
            LOG.exception('Step %(step)s of task %(task)s could not be put '
                          'back.', {'step': self.name,
                                    'task': self.run.task_id})

    def do(self) -> None:
        """Do the step's work."""
        raise NotImplementedError

    def undo(self, causes: list[failure.Failure]) -> None:
        """Put back what the step has changed.

        :param causes: what made the flow fail; after a restart of the
            process these have the names of the exceptions, but not the
            exceptions themselves
        """


class HostStep(Step):
    """A step of a task that is about one host."""

    @property
    def memory(self) -> HostMemory:
        """What the task remembers; after a change, call ``run.keep``."""
        return self.run.recall(HostMemory)
