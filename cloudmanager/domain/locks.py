# SPDX-License-Identifier: Apache-2.0
"""Locks of shared volume groups, as sanlock keeps them.

Each host that uses a group has an id in its lockspace, and shows that it is
alive by renewing the lease of that id. A lock belongs to an id and one of its
generations. A host that comes back has another generation, and none of the
locks that it held before.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import enum
import re

from cloudmanager.common.json_types import JsonObject

#: A host renews its lease every two of sanlock's I/O timeouts. One that has
#: missed two renewals is silent.
SILENT_TIMEOUTS = 4
#: Locks that are not of a volume, and what they are about.
_OTHERS = {'VGLK': 'the volume group', 'GLLK': 'all volume groups'}
_DEAD = 'DEAD'
_ID = re.compile(r'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.')


class Verdict(enum.StrEnum):
    """What is known about a holder of a lock.

    * ``HELD``: it is or may be alive
    * ``SILENT``: it does not renew its lease, but is not proven to be off
    * ``FREE``: it is gone, and any host that requests the lock gets it
    """

    HELD = 'held'
    SILENT = 'silent'
    FREE = 'free'


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """An id of a lockspace.

    :ivar name: that sanlock of its host gave itself
    :ivar timestamp: grows with each renewal of its lease; 0 when it was
        given back
    :ivar status: in sanlock's words; empty when sanlock cannot be asked
    :ivar silent: seconds without a renewal, as the reporting host has seen
        them; ``None`` when it has not
    """

    host_id: int
    generation: int
    timestamp: int
    name: str
    status: str = ''
    silent: float | None = None

    @property
    def host_names(self) -> tuple[str, ...]:
        """What its host may be called, the likeliest first.

        sanlock puts an id before the name of the host, unless it was given
        a name.
        """
        name = _ID.sub('', self.name) or self.name
        return tuple(dict.fromkeys((name, name.partition('.')[0] or name)))


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """A holder of a lock: an id in one of its generations."""

    host_id: int
    generation: int
    is_exclusive: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Lock:
    """A lock.

    :ivar name: that sanlock knows it by
    :ivar volume: name of the logical volume that it is of; empty when it is
        of none
    :ivar is_orphan: whether this host holds it for a process that is gone
    :ivar is_active: whether its volume is active on the reporting host
    :ivar guests: names of guests of the reporting host that run and use the
        volume; told of unprotected volumes only
    """

    name: str
    volume: str
    holders: tuple[Holder, ...]
    is_orphan: bool = False
    is_active: bool = False
    guests: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """The object that it locks, in words."""
        return (f'volume {self.volume}' if self.volume
                else _OTHERS.get(self.name, self.name))


@dataclasses.dataclass(frozen=True)
class Lockspace:
    """The locks of a volume group, as a host sees them.

    :ivar path: of the device that has them
    :ivar own_id: id of the reporting host; ``None`` when it has none
    :ivar io_timeout: of sanlock, in seconds
    :ivar trouble: why its view of other hosts is not reliable; else empty
    :ivar disorder: why the daemons of locks of the reporting host are to be
        started anew; else empty
    :ivar guests_trouble: why it is not known which guests use unprotected
        volumes; else empty
    """

    group: str
    name: str
    path: str
    own_id: int | None = None
    io_timeout: int = 10
    trouble: str = ''
    guests_trouble: str = ''
    disorder: str = ''
    members: tuple[Member, ...] = ()
    locks: tuple[Lock, ...] = ()

    def member(self, host_id: int) -> Member | None:
        """Return a member, if there is one with this id."""
        return next((member for member in self.members
                     if member.host_id == host_id), None)

    def is_silent(self, member: Member) -> bool:
        """Tell whether a member does not renew its lease."""
        return (member.silent is not None
                and member.silent >= SILENT_TIMEOUTS * self.io_timeout)

    def judge(self, holder: Holder) -> tuple[Verdict, str]:
        """Return a verdict on the holder of a lock, and the reason."""
        member = self.member(holder.host_id)
        if member is None or member.generation < holder.generation:
            return (Verdict.HELD, f'its owner, id {holder.host_id} of '
                                  'generation '
                                  f'{holder.generation}, is not known')
        who = f'{member.name} (id {member.host_id})'
        if member.generation > holder.generation:
            return (Verdict.FREE, f'its owner {who} has come back since, '
                                  'without it')
        if not member.timestamp:
            return Verdict.FREE, f'its owner {who} has left'
        if member.host_id == self.own_id:
            return Verdict.HELD, 'this node holds it'
        if self.trouble:
            return Verdict.HELD, self.trouble
        if member.status == _DEAD:
            return (Verdict.FREE, f'sanlock counts its owner {who} as dead')
        if member.silent is None:
            return (Verdict.HELD, f'whether its owner {who} lives is not '
                                  'known')
        ago = f'renewed its lease {member.silent:.0f} s ago'
        if not self.is_silent(member):
            return Verdict.HELD, f'its owner {who} {ago}'
        return Verdict.SILENT, f'its owner {who} {ago}, for the last time'

    def why_unprotected(self, lock: Lock) -> str:
        """Return why another host may write to a volume that is active here.

        sanlock keeps others away only for the generation that it has joined
        the lockspace with. After a restart it has not joined, or has another
        generation, which holds none of the locks that were taken before.

        :returns: empty when the volume is protected, or not active
        """
        if not lock.is_active:
            return ''
        if self.own_id is None:
            return self.trouble or 'the node has not joined the lockspace'
        mine = [holder for holder in lock.holders
                if holder.host_id == self.own_id]
        if any(self.judge(holder)[0] == Verdict.HELD for holder in mine):
            return ''
        member = self.member(self.own_id)
        if mine and member is not None:
            return ('its lock is of generation '
                    f'{max(holder.generation for holder in mine)} of this '
                    'node, which has joined the lockspace anew since, as '
                    f'generation {member.generation}')
        return 'no lock is held for it'

    @property
    def unprotected(self) -> list[tuple[Lock, str]]:
        """Locks of unprotected volumes, each with the reason."""
        return [(lock, why) for lock in self.locks
                if (why := self.why_unprotected(lock))]

    @property
    def adoptable(self) -> list[Lock]:
        """Locks of active volumes that lvmlockd has left behind."""
        return sorted((lock for lock in self.locks if lock.is_orphan
                       and lock.is_active and lock.volume),
                      key=lambda lock: lock.volume)

    def holders(self, lock: Lock) -> list[Holder]:
        """Return those holders of a lock that keep others from it."""
        return [holder for holder in lock.holders
                if self.judge(holder)[0] != Verdict.FREE]


def dump(spaces: Sequence[Lockspace]) -> list[JsonObject]:
    """Return lockspaces as JSON-safe values."""
    return [dataclasses.asdict(space) for space in spaces]


def load(values: Sequence[JsonObject]) -> list[Lockspace]:
    """Return the lockspaces of ``dump``, of any version.

    :raises ValueError: they are not of its form
    """
    try:
        return [Lockspace(**{
            **_known(Lockspace, value),
            'members': tuple(Member(**_known(Member, one))
                             for one in value['members']),
            'locks': tuple(Lock(**{
                **_known(Lock, one),
                'guests': tuple(one.get('guests', ())),
                'holders': tuple(Holder(**_known(Holder, holder))
                                 for holder in one['holders'])})
                for one in value['locks'])}) for value in values]
    except (TypeError, KeyError, AttributeError) as exc:
        raise ValueError('this is no report on locks') from exc


def _known(kind: type, value: Mapping[str, object]) -> JsonObject:
    """Return what this version knows of a record."""
    return {field.name: value[field.name]
            for field in dataclasses.fields(kind) if field.name in value}
