# SPDX-License-Identifier: Apache-2.0
"""Plans that empty hosts: alive ones (drain) and dead ones (evacuation)."""

import collections
import collections.abc
import dataclasses

from cloudmanager.planning import classify
from cloudmanager.planning import disks
from cloudmanager.planning import explain
from cloudmanager.planning import fencing
from cloudmanager.planning import losses
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.cloud import reach
from cloudmanager.planning.terms import Action

Blocker = classify.Blocker
Choices = dict[str, classify.Classification]

_STAGES = {
    Action.WAIT: 1,
    Action.EVACUATE: 2,
    Action.BLOCKED: 3,
    Action.SKIP: 4,
}
#: Code of blockers by resizes that wait for their confirmation.
OPEN_MIGRATION = 'open-migration'
#: Code of the blocker that names the servers no host has room for.
LEAVE_SET = 'leave-set'
#: What to do about them.
HALF = (
    'the old half of its resize is still on the host: confirm or revert the '
    'resize'
)
_AFFINITY_ADVICE = (
    'shelve and offload its members, then unshelve them, or delete the group'
)


def half(host: str) -> str:
    """Say what keeps a host from getting empty.

    :param host: where the server itself is now
    """
    return f'it is on {host} now; {HALF}'


def plan_drain(
    cloud: model.Cloud,
    source_hosts: str | collections.abc.Iterable[str],
    options: opts.Options = opts.DEFAULT,
) -> plan.Plan:
    """How to empty living hosts.

    :param source_hosts: exact host names; none of them becomes a target
    :raises UnknownHost: when a name is not exactly that of a host
    """
    return _Planner(cloud, source_hosts, options, dead=False).make()


def plan_evacuation(
    cloud: model.Cloud,
    host: str | collections.abc.Iterable[str],
    options: opts.Options = opts.DEFAULT,
) -> plan.Plan:
    """How to rebuild elsewhere what was on dead, fenced hosts.

    Servers come by recovery priority, then by size.

    :param host: exact host name, or several
    :raises UnknownHost: when a name is not exactly that of a host
    """
    return _Planner(cloud, host, options, dead=True).make()


def without_place(made: plan.Plan, host: str) -> list[plan.Entry]:
    """The servers of a host that could move, and that no host can take."""
    left = {
        server
        for blocker in made.blockers
        if blocker.code == LEAVE_SET
        for server in blocker.servers
    }
    return [
        entry
        for entry in made.servers
        if entry.host == host and entry.id in left
    ]


class _Planner:
    """One plan in the making."""

    def __init__(
        self,
        cloud: model.Cloud,
        sources: str | collections.abc.Iterable[str],
        flags: opts.Options,
        *,
        dead: bool,
    ) -> None:
        given = [sources] if isinstance(sources, str) else sources
        self._hosts = tuple(
            cloud.host(name).name for name in dict.fromkeys(given)
        )
        self._cloud = cloud
        self._flags = flags
        self._dead = dead
        self._books = ledger.Ledger(cloud, frozenset(self._hosts), flags)
        self._legal = reach.Reach(self._books, flags)
        self._packer = pack.Packer(self._books, self._legal, flags)
        self._extra: dict[str, list[Blocker]] = collections.defaultdict(list)
        self._force: set[str] = set()
        #: Entries that did not fit though their hosts would be fenced.
        self._unfit: dict[str, plan.Entry] = {}

    def make(self) -> plan.Plan:
        """Plan, and plan anew without the fence of hosts that keep any.

        Where one server cannot leave, the host is not fenced, so that no
        other one is evacuated either.
        """
        made = self._make()
        kept = fencing.kept(made, self._flags)
        if self._dead or not kept:
            return made
        flags = dataclasses.replace(
            self._flags, cannot_fence={**self._flags.cannot_fence, **kept}
        )
        again = _Planner(self._cloud, self._hosts, flags, dead=False)
        again._unfit = {item.id: item for item in made.servers
                        if not item.fits}
        return again.make()

    def _make(self) -> plan.Plan:
        """Classify, place, explain."""
        servers = [
            server
            for host in self._hosts
            for server in self._cloud.servers_on(host)
            if self._flags.only is None or server.id in self._flags.only
        ]
        decide = (
            classify.evacuation_choice
            if self._dead
            else classify.drain_choice
        )
        choices = {
            server.id: decide(server, self._flags) for server in servers
        }
        units = self._units(servers, choices)
        left = self._packer.pack(units)
        for unit in left:
            why = explain.unplaced(
                unit, self._books, self._legal, self._flags
            )
            for server in unit.servers:
                self._extra[server.id].append(why)
        entries = tuple(
            fencing.with_first_reason(entry, self._unfit.get(entry.id))
            for entry in (*self._entries(servers, choices, units),
                          *self._half_entries())
        )
        return plan.Plan(
            'evacuate' if self._dead else 'drain',
            self._hosts,
            entries,
            (*explain.summary(entries), *self._leave(left)),
            (*self._entry_warnings(entries), *self._target_warnings(units)),
            self._targets(units),
        )

    def _units(
        self, servers: list[model.Server], choices: Choices
    ) -> list[pack.Unit]:
        """Units to place; members of one hard affinity group are one."""
        together: dict[str, list[model.Server]] = collections.defaultdict(list)
        for server in servers:
            if not choices[server.id].moves:
                continue
            group = self._cloud.group_of.get(server.id)
            hard = group is not None and group.policy == model.AFFINITY
            key = f'g:{group.id}' if group and hard else f's:{server.id}'
            together[key].append(server)
        units = []
        for members in together.values():
            group = self._cloud.group_of.get(members[0].id)
            if group is not None and group.policy == model.AFFINITY:
                members = self._affine(group, members, choices)
            if members:
                units.append(self._unit(members, choices))
        return units

    def _unit(
        self, members: list[model.Server], choices: Choices
    ) -> pack.Unit:
        priority = max(
            classify.recovery_priority(item, self._flags.priority_key)[0]
            for item in members
        )
        return self._packer.unit(
            members,
            [self._moves(item, choices[item.id]) for item in members],
            priority if self._dead else 0,
        )

    def _moves(
        self, server: model.Server, choice: classify.Classification
    ) -> tuple[Action, ...]:
        """The rungs that need a host; a forced move is never a cold one."""
        if server.id not in self._force:
            return choice.moves
        return tuple(step for step in choice.moves if step != Action.COLD)

    def _affine(
        self,
        group: model.Group,
        members: list[model.Server],
        choices: Choices,
    ) -> list[model.Server]:
        """Members in moving order, or none when the group has to stay."""
        if self._books.members(group):
            return members
        stuck = [
            item
            for item in self._cloud.members_of[group.id]
            if item.id in choices and not choices[item.id].ladder
        ]
        why = None
        if stuck and not self._dead:
            names = ', '.join(item.name or item.id for item in stuck)
            why = f'its hard affinity group has members that stay: {names}'
        forceable = [
            item
            for item in members
            if choices[item.id].moves[0] != Action.COLD
        ]
        if why is None and not (self._flags.force_affinity and forceable):
            why = (
                'Nova lets no first member of a hard affinity group off its '
                f'host unless forced, and cold migration cannot be forced: '
                f'{_AFFINITY_ADVICE}'
            )
        if why is not None:
            for item in members:
                self._extra[item.id].append(Blocker('affinity', why))
            return []
        first = forceable[0]
        self._force.add(first.id)
        return [first, *(item for item in members if item is not first)]

    def _entries(
        self,
        servers: list[model.Server],
        choices: Choices,
        units: list[pack.Unit],
    ) -> tuple[plan.Entry, ...]:
        placed = {
            server.id: (unit, index)
            for unit in units
            for index, server in enumerate(unit.servers)
        }
        found = []
        for server in servers:
            unit, index = placed.get(server.id, (None, 0))
            choice = choices[server.id]
            entry = (
                self._moved(server, choice, unit, index)
                if unit is not None and unit.host
                else self._unmoved(server, choice)
            )
            found.append((self._order(entry, unit, index), entry))
        return tuple(entry for _, entry in sorted(found, key=lambda it: it[0]))

    def _order(
        self, entry: plan.Entry, unit: pack.Unit | None, index: int
    ) -> tuple[int, int, int, str, int]:
        """Sort key: what can start first, then the urgent, the large."""
        stage = _STAGES.get(entry.action, 0)
        if not entry.fits:
            stage = _STAGES[Action.BLOCKED]
        if self._dead and stage in (1, 2):
            stage = 0
        whole = unit.servers if unit is not None else []
        size = sum(item.size_mb for item in whole) or entry.size_mb
        rank = unit.priority if unit is not None else entry.priority
        return (
            stage,
            -rank if self._dead else 0,
            -size,
            whole[0].id if whole else entry.id,
            index,
        )

    def _entry(
        self, server: model.Server, choice: classify.Classification
    ) -> plan.Entry:
        priority, _ = classify.recovery_priority(
            server, self._flags.priority_key
        )
        return plan.Entry(
            id=server.id,
            name=server.name,
            host=server.host,
            status=server.status,
            action=choice.action,
            destination=None,
            fits=choice.action != Action.BLOCKED,
            reason=choice.reason,
            priority=priority,
            size_mb=server.size_mb,
            ladder=choice.ladder,
            blockers=choice.blockers,
            warnings=choice.warnings,
            group_id=(
                self._cloud.group_of[server.id].id
                if server.id in self._cloud.group_of
                else None
            ),
            reset_state=choice.reset_state,
            locked=server.locked,
            slow=server.metadata.get(self._flags.slow_key, ''),
            loses=losses.of(
                server, classify.base_status(server), choice.ladder
            ),
            disks=server.disks,
            storage=tuple(sorted(server.storage)),
        )

    def _unmoved(
        self, server: model.Server, choice: classify.Classification
    ) -> plan.Entry:
        entry = self._entry(server, choice)
        extra = tuple(self._extra.get(server.id, ()))
        if not extra:
            return entry
        return dataclasses.replace(
            entry,
            fits=False,
            reason=f'{entry.reason}; {extra[0].text}',
            blockers=entry.blockers + extra,
        )

    def _moved(
        self,
        server: model.Server,
        choice: classify.Classification,
        unit: pack.Unit,
        index: int,
    ) -> plan.Entry:
        entry = self._entry(server, choice)
        action = unit.action(index)
        moves = self._moves(server, choice)
        ladder = moves[moves.index(action):]
        reason = choice.reason
        if choice.ladder[0] == Action.WAIT:
            ladder = (Action.WAIT, *ladder)
        elif action != choice.action:
            reason += f'; no host could take it by {choice.action}'
        return dataclasses.replace(
            entry,
            action=ladder[0],
            destination=unit.host,
            reason=f'{reason}; {explain.chosen(unit, self._books)}',
            ladder=ladder,
            force=server.id in self._force,
            loses=losses.of(server, classify.base_status(server), ladder),
        )

    def _leave(self, left: list[pack.Unit]) -> list[Blocker]:
        """The servers that, left where they are, let all others fit."""
        stay = [server for unit in left for server in unit.servers]
        if not stay:
            return []
        names = ', '.join(server.name or server.id for server in stay)
        return [
            Blocker(
                LEAVE_SET,
                f'{len(stay)} servers find no room; with these left where '
                f'they are, all others fit: {names}',
                servers=tuple(server.id for server in stay),
            )
        ]

    def _halves(self) -> list[model.Server]:
        """Servers elsewhere whose old half lies on a source."""
        return [
            server
            for server in self._cloud.servers.values()
            if server.resize_source in self._hosts
            and server.host not in self._hosts
        ]

    def _half_entries(self) -> list[plan.Entry]:
        """Entries for old halves, which must go before a host is empty.

        One that is being confirmed or reverted is waited for. What becomes
        of the others is up to those who have begun the resize.
        """
        if self._dead:
            return []
        found = []
        for server in self._halves():
            if self._flags.only is not None and (
                server.id not in self._flags.only
            ):
                continue
            if server.task_state:
                choice = classify.Classification(
                    (Action.WAIT,),
                    f'its task {server.task_state} must end first',
                )
            else:
                text = half(server.host)
                choice = classify.Classification(
                    (), text, (Blocker(OPEN_MIGRATION, text),)
                )
            found.append(
                dataclasses.replace(
                    self._entry(server, choice), host=server.resize_source
                )
            )
        return found

    def _half_warnings(self) -> list[Blocker]:
        """What an evacuation loses with the old halves on its hosts."""
        found = self._halves() if self._dead else []
        if not found:
            return []
        return [
            Blocker(
                OPEN_MIGRATION,
                'the host keeps the old half of resizes that are not '
                'confirmed: they cannot be reverted any more',
                servers=tuple(server.id for server in found),
            )
        ]

    def _targets(self, units: list[pack.Unit]) -> tuple[plan.Target, ...]:
        counts = collections.Counter(
            unit.host
            for unit in units
            if unit.host
            for _ in unit.servers
        )
        return tuple(
            plan.Target(
                name,
                self._books.bins[name].usage(before=True),
                self._books.bins[name].usage(),
                counts[name],
            )
            for name in sorted(counts)
        )

    def _target_warnings(self, units: list[pack.Unit]) -> list[Blocker]:
        found = []
        for target in self._targets(units):
            inventory = self._cloud.hosts[target.host].inventory
            for name in self._flags.load_classes:
                after = target.after.get(name, 0.0)
                if after > self._flags.warn_projected_usage:
                    found.append(
                        Blocker(
                            'target-usage',
                            f'{name} of {target.host} goes from '
                            f'{target.before[name]:.0%} to {after:.0%}',
                            host=target.host,
                        )
                    )
            memory = inventory.get(model.MEMORY_MB)
            used = self._books.bins[target.host].used.get(model.MEMORY_MB, 0)
            if memory and used > memory.total - memory.reserved:
                found.append(
                    Blocker(
                        'memory-overcommit',
                        f'{target.host} would carry {used} MiB of memory, '
                        f'more than the {memory.total - memory.reserved} '
                        'that it has',
                        host=target.host,
                    )
                )
        return found

    def _entry_warnings(
        self, entries: tuple[plan.Entry, ...]
    ) -> list[Blocker]:
        found = [
            dataclasses.replace(
                item,
                text=f'{entry.name or entry.id}: {item.text}',
                servers=(entry.id,),
            )
            for entry in entries
            for item in entry.warnings
        ]
        forced = tuple(entry.id for entry in entries if entry.force)
        if forced:
            found.append(
                Blocker(
                    'affinity-force',
                    'first members of hard affinity groups need a forced '
                    'move (microversion 2.67 or older); where others of the '
                    'group are left behind, also [workarounds] '
                    'disable_group_policy_check_upcall on the targets',
                    servers=forced,
                )
            )
        return disks.first(found) + self._half_warnings()
