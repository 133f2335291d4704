# SPDX-License-Identifier: Apache-2.0
"""Which servers an audit may move, how, and why not the others."""

import collections.abc
import dataclasses
import datetime

from cloudmanager.planning import balance
from cloudmanager.planning import options as opts
from cloudmanager.planning import rules
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.planning.terms import Action


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """How a server is moved, or why it is not.

    :ivar action: ``None`` when it stays
    :ivar reason: why it stays, to be read behind the number of servers that
        do; empty when it may go
    :ivar seconds: that its migration is thought to take
    """

    action: Action | None = None
    reason: str = ''
    seconds: float = 0.0


def cooldown(
    moved_at: collections.abc.Iterable[datetime.datetime],
    now: datetime.datetime,
    base: float,
    most: float,
) -> float:
    """Seconds for which a server is left alone after its last moves.

    It doubles with each move of the last ``most`` seconds.

    :param moved_at: when it was moved, whoever did it
    :param base: seconds after a first move
    :param most: seconds at the longest
    :returns: 0 when it may be moved
    """
    ages = [
        age
        for age in ((now - time).total_seconds() for time in moved_at)
        if age < most
    ]
    if not ages or base <= 0:
        return 0.0
    pause = min(most, base * 2.0 ** min(len(ages) - 1, 30))
    return max(0.0, pause - min(ages))


class Ways:
    """How each server of a cloud can be moved now.

    It is found out when it is asked for: most servers are never looked at.

    :param resting: seconds for which servers are left alone yet, by id
    :param use: of which servers write memory how fast
    :param busy: ids of servers that somebody else works on
    :param held: why further servers stay, by id
    """

    def __init__(
        self,
        cloud: model.Cloud,
        settings: drs_settings.Settings = drs_settings.DEFAULT,
        options: opts.Options = opts.DEFAULT,
        resting: collections.abc.Mapping[str, float] | None = None,
        use: load.Use = load.NOTHING,
        busy: collections.abc.Container[str] = (),
        held: collections.abc.Mapping[str, str] | None = None,
    ) -> None:
        self._cloud = cloud
        self._settings = settings
        self._options = options
        self._resting = resting or {}
        self._dirty = use.dirty
        self._busy = busy
        self._held = held or {}
        self._known: dict[str, Way] = {}

    def of(self, server: model.Server) -> Way:
        """Return how a server can be moved."""
        found = self._known.get(server.id)
        if found is None:
            found = self._known[server.id] = self._find(server)
        return found

    def _find(self, server: model.Server) -> Way:
        rule = rules.first_match(self._settings.ignored, server)
        if rule:
            return Way(reason=f'not moved by rule {rule}')
        group = self._cloud.group_of.get(server.id)
        if group is not None and group.policy == model.AFFINITY:
            return Way(reason='kept by an affinity group')
        found = balance.how(server, self._options)
        if not found.ladder or found.ladder[0] == Action.WAIT:
            return Way(reason='in a state that does not allow it')
        if server.id in self._busy:
            return Way(reason='that another task acts on')
        if server.id in self._held:
            return Way(reason=self._held[server.id])
        if self._resting.get(server.id, 0.0) > 0:
            return Way(reason='moved not long ago')
        action = found.ladder[0]
        rate = self._settings.network
        if action == Action.LIVE:
            rate -= self._dirty.get(server.id, 0.0)
        if rate <= 0:
            return Way(reason='writing memory faster than it can be copied')
        return Way(action, seconds=server.size_mb / rate)
