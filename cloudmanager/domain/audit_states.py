# SPDX-License-Identifier: Apache-2.0
"""States of audits and of their moves, as they are stored and answered."""

import enum


class AuditStatus(enum.StrEnum):
    """How far an audit is."""

    PENDING = 'PENDING'
    ONGOING = 'ONGOING'
    #: It is made; some of its moves may have been carried out.
    DONE = 'DONE'
    #: It was not made, or some of its moves failed.
    FAILED = 'FAILED'
    APPLYING = 'APPLYING'
    APPLIED = 'APPLIED'
    #: The cloud has changed since, so its moves are of no use any more.
    STALE = 'STALE'


#: Audits that somebody waits for.
UNMADE = (AuditStatus.PENDING, AuditStatus.ONGOING)
#: Audits whose moves may be carried out, if there are some.
APPLICABLE = (AuditStatus.DONE, AuditStatus.FAILED)


class MoveState(enum.StrEnum):
    """What has become of a move of an audit."""

    PLANNED = 'PLANNED'
    DONE = 'DONE'
    FAILED = 'FAILED'
    #: Its server was deleted meanwhile.
    SKIPPED = 'SKIPPED'


#: Moves that may be carried out yet.
OPEN = (MoveState.PLANNED, MoveState.FAILED)
