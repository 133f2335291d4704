# SPDX-License-Identifier: Apache-2.0
"""What a plan says, ready for an API answer."""

import dataclasses

from cloudmanager.planning import classify
from cloudmanager.planning.terms import Action

Blocker = classify.Blocker


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One server of the plan.

    :ivar ladder: the actions to try in turn; ``action`` is the first of them
    :ivar force: whether Nova's scheduler has to be bypassed (microversion
        2.67 or older), since it refuses the first member of a hard affinity
        group that leaves a host
    :ivar reset_state: the state to which the server is reset before its
        evacuation; empty when no reset is needed
    """

    id: str
    name: str
    host: str
    status: str
    action: Action
    destination: str | None
    fits: bool
    reason: str
    priority: int
    size_mb: int
    ladder: tuple[Action, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[Blocker, ...] = ()
    group_id: str | None = None
    force: bool = False
    reset_state: str = ''
    locked: bool = False
    #: What the server loses by the first step; see ``losses``.
    loses: tuple[str, ...] = ()
    #: Its disks that are not volumes, and the storages of its host by which
    #: other hosts reach them.
    disks: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    #: What the server's owner wants of a live migration that is slow.
    slow: str = ''
    #: How often it may be moved in a day, if its owner says so.
    per_day: int | None = None
    project_id: str = ''

    def to_dict(self) -> dict[str, object]:
        """JSON-safe form."""
        found = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)}
        for name in ('ladder', 'loses', 'disks', 'storage'):
            found[name] = list(found[name])
        found['blockers'] = [item.to_dict() for item in self.blockers]
        found['warnings'] = [item.to_dict() for item in self.warnings]
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Usage of a target before and after the plan, as parts of capacity."""

    host: str
    before: dict[str, float]
    after: dict[str, float]
    servers: int

    def to_dict(self) -> dict[str, object]:
        """JSON-safe form."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A plan: servers in the order in which to start them.

    :ivar providers: ids of the resource providers that the hosts are; for
        those who carry the plan out, so answers leave it out
    """

    action: str
    hosts: tuple[str, ...]
    servers: tuple[Entry, ...]
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[Blocker, ...] = ()
    targets: tuple[Target, ...] = ()
    providers: tuple[str, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether the hosts end up empty."""
        return not self.blockers and all(item.fits for item in self.servers)

    @property
    def destinations(self) -> dict[str, str]:
        """Server id to the host chosen, of those that have one."""
        return {
            item.id: item.destination
            for item in self.servers
            if item.destination is not None}

    def to_dict(self) -> dict[str, object]:
        """JSON-safe form, the answer to a dry run."""
        return {
            'host': self.hosts[0] if len(self.hosts) == 1 else None,
            'hosts': list(self.hosts),
            'action': self.action,
            'feasible': self.feasible,
            'servers': [item.to_dict() for item in self.servers],
            'blockers': [item.to_dict() for item in self.blockers],
            'warnings': [item.to_dict() for item in self.warnings],
            'targets': [item.to_dict() for item in self.targets]}
