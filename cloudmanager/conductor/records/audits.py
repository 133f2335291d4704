# SPDX-License-Identifier: Apache-2.0
"""The memory of audits."""

import dataclasses

from cloudmanager.conductor.records import stored


@dataclasses.dataclass(kw_only=True)
class AuditMemory(stored.Record):
    """The memory of the task of an audit."""

    #: Why its moves are left to an operator, if another tool balances, too.
    foreign: str = ''
