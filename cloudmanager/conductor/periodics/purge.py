# SPDX-License-Identifier: Apache-2.0
"""Removes records that have been kept long enough."""

import threading

from oslo_config import cfg

from cloudmanager.common import context as cm_context
from cloudmanager.db import audits as db_audits
from cloudmanager.db import load_samples as db_load_samples
from cloudmanager.db import power_events as db_power_events
from cloudmanager.db import tasks as db_tasks

CONF = cfg.CONF


def run(stopping: threading.Event) -> None:
    """Remove old tasks, events, audits and samples."""
    context = cm_context.admin_context()
    for purge in (db_tasks.purge, db_power_events.purge, db_audits.purge):
        while not stopping.is_set() and purge(context,
                                              CONF.tasks.retention_days):
            pass
    while not stopping.is_set() and db_load_samples.purge(
            context, CONF.agent.load_retention):
        pass
