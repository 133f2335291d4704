# SPDX-License-Identifier: Apache-2.0
"""Changes to the record of a clone."""

from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.conductor.clones import creations
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.records.clones import Phase

LOG = logging.getLogger(__name__)


def enter(run: engine_run.Run, item: CloneItem, phase: Phase) -> None:
    """Begin a phase of a clone."""
    item.phase, item.since = phase, clock.utcnow()
    run.save(item)


def fail(run: engine_run.Run, item: CloneItem, reason: str) -> None:
    """Begin to remove a clone, unless that has begun already."""
    if item.phase == Phase.REMOVE:
        return
    LOG.warning('Clone %(name)s of server %(server)s failed: %(why)s', {
        'name': item.name, 'server': run.server_id, 'why': reason})
    item.error = reason
    enter(run, item, Phase.REMOVE)


def journal(run: engine_run.Run, item: CloneItem) -> creations.CreationJournal:
    """Return the journal of the resources created for a clone."""
    return creations.CreationJournal(run, item.lines, lambda: run.save(item))


def mark(run: engine_run.Run, item: CloneItem, key: str) -> str:
    """Return the description by which a part of a clone can be found.

    :param key: which part of the clone it is
    """
    return creations.mark(run, f'clone {item.number}, {key}')
