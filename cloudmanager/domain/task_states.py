# SPDX-License-Identifier: Apache-2.0
"""States of tasks and of their items, as the database and the API have them.

The values are strings: they are stored and answered as they are.
"""

import enum


class TaskStatus(enum.StrEnum):
    """State of a task."""

    PENDING = 'PENDING'
    STARTED = 'STARTED'
    RETRY = 'RETRY'
    SUCCESS = 'SUCCESS'
    FAILURE = 'FAILURE'
    REVOKED = 'REVOKED'


#: Tasks that have not ended.
ACTIVE = (TaskStatus.PENDING, TaskStatus.STARTED, TaskStatus.RETRY)


class ItemState(enum.StrEnum):
    """State of one item of a task."""

    PENDING = 'PENDING'
    RUNNING = 'RUNNING'
    DONE = 'DONE'
    FAILED = 'FAILED'
    SKIPPED = 'SKIPPED'


class ItemKind(enum.StrEnum):
    """The kind of object that an item of a task stands for."""

    SERVER = 'server'
    CLONE = 'clone'
    HOST = 'host'
    NODE = 'node'
    VOLUME = 'volume'
    TARGET = 'target'
    LOCK = 'lock'


#: The keys in the memory of items that the API shows: bytes to write, how much
#: of that is done, how long the rest may take, and the budget that a move has
#: exceeded.
SHOWN = ('size', 'percent', 'seconds_left', 'overridden')


#: Kinds of tasks whose moves of servers can be undone.
UNDOABLE = ('aggregate.audit', 'aggregate.apply', 'host.shutdown',
            'host.evacuate', 'host.decommission', 'host.restart',
            'hosts.restart', 'task.undo')


class Cancel(enum.StrEnum):
    """What happens to moves in progress when their task is cancelled."""

    FINISH = 'finish'
    ABORT = 'abort'
