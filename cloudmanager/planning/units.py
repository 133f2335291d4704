# SPDX-License-Identifier: Apache-2.0
"""Servers that have to go to one host together, and how each may move."""

import collections

from cloudmanager.planning import classify
from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.terms import Action
from cloudmanager.planning.terms import Blocker

Choices = dict[str, classify.Classification]
_AFFINITY_ADVICE = ('shelve and offload its members, then unshelve them, or '
                    'delete the group')


class Units:
    """Makes the units of a plan.

    :param books: the ledger of the plan
    :param dead: whether the hosts are dead, so that priority decides first
    :ivar forced: ids of servers whose moves have to be forced
    :ivar blockers: server id to what keeps it from moving
    """

    def __init__(self, books: ledger.Ledger, packer: pack.Packer,
                 flags: opts.Options, *, dead: bool) -> None:
        self._books = books
        self._packer = packer
        self._flags = flags
        self._dead = dead
        self.forced: set[str] = set()
        self.blockers: dict[str, list[Blocker]] = (
            collections.defaultdict(list))

    def make(self, servers: list[model.Server],
             choices: Choices) -> list[pack.Unit]:
        """The units to place. A hard affinity group makes one unit."""
        together: dict[str, list[model.Server]] = (
            collections.defaultdict(list))
        for server in servers:
            if not choices[server.id].moves:
                continue
            group = self._hard_group(server)
            together[f'g:{group.id}' if group else f's:{server.id}'].append(
                server)
        units = []
        for members in together.values():
            group = self._hard_group(members[0])
            if group is not None:
                members = self._affine(group, members, choices)
            if members:
                units.append(self._unit(members, choices))
        return units

    def moves(self, server: model.Server, choice: classify.Classification
              ) -> tuple[Action, ...]:
        """The actions that need a destination.

        Nova cannot be forced to migrate a server cold.
        """
        if server.id not in self.forced:
            return choice.moves
        return tuple(step for step in choice.moves if step != Action.COLD)

    def _hard_group(self, server: model.Server) -> model.Group | None:
        group = self._books.cloud.group_of.get(server.id)
        return (group if group is not None
                and group.policy == model.AFFINITY else None)

    def _unit(self, members: list[model.Server],
              choices: Choices) -> pack.Unit:
        priority = max(
            classify.recovery_priority(item, self._flags.priority_key)[0]
            for item in members)
        return self._packer.unit(
            members, [self.moves(item, choices[item.id]) for item in members],
            priority if self._dead else 0)

    def _affine(self, group: model.Group, members: list[model.Server],
                choices: Choices) -> list[model.Server]:
        """The members in the order of their moves; none if they must stay."""
        if self._books.members(group):
            return members
        forceable = [item for item in members
                     if choices[item.id].moves[0] != Action.COLD]
        why = self._why_stays(group, choices, bool(forceable))
        if why is not None:
            for item in members:
                self.blockers[item.id].append(Blocker('affinity', why))
            return []
        first = forceable[0]
        self.forced.add(first.id)
        return [first, *(item for item in members if item is not first)]

    def _why_stays(self, group: model.Group, choices: Choices,
                   forceable: bool) -> str | None:
        stuck = [item for item in self._books.cloud.members_of[group.id]
                 if item.id in choices and not choices[item.id].ladder]
        if stuck and not self._dead:
            names = ', '.join(item.name or item.id for item in stuck)
            return ('its hard affinity group has members that cannot move: '
                    f'{names}')
        if self._flags.force_affinity and forceable:
            return None
        return ('Nova refuses to move the first member of a hard affinity '
                'group unless forced, and cold migration cannot be forced: '
                f'{_AFFINITY_ADVICE}')
