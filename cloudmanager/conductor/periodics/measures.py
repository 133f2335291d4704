# SPDX-License-Identifier: Apache-2.0
"""Measures the gain of the moves of audits, some time after they ended."""

from collections.abc import Callable
import datetime
import threading

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.conductor.periodics.members import Members
from cloudmanager.conductor.periodics.members import own_aggregates
from cloudmanager.db import audits as db_audits
from cloudmanager.db.models import Row

CONF = cfg.CONF


class Measures:
    """Finds the audits to measure.

    :param members: returns the conductors that are alive
    :param measure: measures an audit
    """

    def __init__(self, members: Callable[[], Members],
                 measure: Callable[[cm_context.RequestContext, Row], None]
                 ) -> None:
        self._members = members
        self._measure = measure

    def run(self, stopping: threading.Event) -> None:
        """Measure the audits that are due; the conductor's periodic work."""
        context = cm_context.admin_context()
        rows = db_audits.unmeasured(context, clock.utcnow()
                                    - datetime.timedelta(
                                        seconds=CONF.drs.measure_after))
        for row in own_aggregates(self._members, rows, stopping):
            self._measure(context, row)
