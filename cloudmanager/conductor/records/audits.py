# SPDX-License-Identifier: Apache-2.0
"""What is remembered of audits."""

import dataclasses

from cloudmanager.conductor.records import stored


@dataclasses.dataclass(kw_only=True)
class AuditMemory(stored.Record):
    """What the task of an audit remembers."""

    #: Why its moves are left to an operator, if somebody else balances too.
    foreign: str = ''
