# SPDX-License-Identifier: Apache-2.0
"""Removes what is kept for a time only."""

import threading

from oslo_config import cfg

from cloudmanager.common import context as cm_context
from cloudmanager.db import tasks as db_tasks

CONF = cfg.CONF


def run(stopping: threading.Event) -> None:
    """Remove the tasks that ended long ago."""
    context = cm_context.admin_context()
    while not stopping.is_set() and db_tasks.purge(
            context, CONF.tasks.retention_days):
        pass
