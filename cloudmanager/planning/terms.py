# SPDX-License-Identifier: Apache-2.0
"""What can be done with a server, and what can prevent it."""

import dataclasses
import enum


class Action(enum.StrEnum):
    """What is done with a server to take it off its host."""

    LIVE = 'live-migrate'
    COLD = 'cold-migrate'
    EVACUATE = 'evacuate'
    OFFLOAD = 'shelve-offload'
    #: Nothing yet: something else has to end first.
    WAIT = 'wait'
    #: Nothing: it need not leave.
    SKIP = 'skip'
    #: Nothing: it cannot leave.
    BLOCKED = 'blocked'


#: Actions that need a destination host.
MOVES = frozenset((Action.LIVE, Action.COLD, Action.EVACUATE))


@dataclasses.dataclass(frozen=True, slots=True)
class Blocker:
    """What prevents something: a code for programs, a text for people.

    :ivar host: the host that comes nearest, if room is lacking
    :ivar short: how much is lacking, by resource class
    :ivar servers: ids of the servers that it concerns
    :ivar until: when it ends by itself, in UTC as the API writes times
    """

    code: str
    text: str
    host: str = ''
    short: tuple[tuple[str, float], ...] = ()
    servers: tuple[str, ...] = ()
    until: str = ''

    def to_dict(self) -> dict[str, object]:
        """JSON-safe form; empty details are left out."""
        found: dict[str, object] = {'code': self.code, 'text': self.text}
        if self.host:
            found['host'] = self.host
        if self.short:
            found['short'] = dict(self.short)
        if self.servers:
            found['servers'] = list(self.servers)
        if self.until:
            found['until'] = self.until
        return found
