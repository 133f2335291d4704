# SPDX-License-Identifier: Apache-2.0
"""States of audits and of their moves, as they are stored and answered."""

import enum


class AuditStatus(enum.StrEnum):
    """The status of an audit."""

    PENDING = 'PENDING'
    ONGOING = 'ONGOING'
    #: It has ended; some of its moves may have been carried out.
    DONE = 'DONE'
    #: It could not be made, or some of its moves failed.
    FAILED = 'FAILED'
    APPLYING = 'APPLYING'
    APPLIED = 'APPLIED'
    #: The cloud has changed since, so its moves are no longer valid.
    STALE = 'STALE'


#: Statuses of audits that have not ended.
UNMADE = (AuditStatus.PENDING, AuditStatus.ONGOING)
#: Statuses of audits whose moves may be carried out.
APPLICABLE = (AuditStatus.DONE, AuditStatus.FAILED)


class MoveState(enum.StrEnum):
    """The state of a move of an audit."""

    PLANNED = 'PLANNED'
    DONE = 'DONE'
    FAILED = 'FAILED'
    #: Its server was deleted in the meantime.
    SKIPPED = 'SKIPPED'


#: States of moves that may still be carried out.
OPEN = (MoveState.PLANNED, MoveState.FAILED)
