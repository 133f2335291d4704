# SPDX-License-Identifier: Apache-2.0
"""What becomes of the item of a clone, written down."""

from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.conductor.clones import creations
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.records.clones import Phase

LOG = logging.getLogger(__name__)


def enter(run: engine_run.Run, item: CloneItem, phase: Phase) -> None:
    """Let a phase begin."""
    item.phase, item.since = phase, clock.utcnow()
    run.save(item)


def fail(run: engine_run.Run, item: CloneItem, reason: str) -> None:
    """Have a clone taken away, unless it is taken away already."""
    if item.phase == Phase.REMOVE:
        return
    LOG.warning('Clone %(name)s of server %(server)s failed: %(why)s', {
        'name': item.name, 'server': run.server_id, 'why': reason})
    item.error = reason
    enter(run, item, Phase.REMOVE)


def journal(run: engine_run.Run, item: CloneItem) -> creations.CreationJournal:
    """Return the journal of what is created for a clone."""
    return creations.CreationJournal(run, item.lines, lambda: run.save(item))


def mark(run: engine_run.Run, item: CloneItem, key: str) -> str:
    """Return the description by which a part of a clone is known again.

    :param key: what it is, among the parts of the clone
    """
    return creations.mark(run, f'clone {item.number}, {key}')
