# SPDX-License-Identifier: Apache-2.0
"""The entries of a plan: what it says about each server."""

import dataclasses

from cloudmanager.domain import budgets
from cloudmanager.planning import classify
from cloudmanager.planning import explain
from cloudmanager.planning import losses
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning import units as planning_units
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.terms import Action

_STAGES = {Action.WAIT: 1, Action.EVACUATE: 2, Action.BLOCKED: 3,
           Action.SKIP: 4}


def entry(cloud: model.Cloud, server: model.Server,
          choice: classify.Classification, flags: opts.Options, *,
          host: str = '') -> plan.Entry:
    """The entry of a server for which no host is chosen.

    :param host: the host that it keeps from being emptied, if that is not
        its own
    """
    group = cloud.group_of.get(server.id)
    return plan.Entry(
        id=server.id,
        name=server.name,
        host=host or server.host,
        status=server.status,
        action=choice.action,
        destination=None,
        fits=choice.action != Action.BLOCKED,
        reason=choice.reason,
        priority=classify.recovery_priority(server, flags.priority_key)[0],
        size_mb=server.size_mb,
        ladder=choice.ladder,
        blockers=choice.blockers,
        warnings=choice.warnings,
        group_id=group.id if group is not None else None,
        reset_state=choice.reset_state,
        locked=server.locked,
        slow=server.metadata.get(flags.slow_key, ''),
        per_day=budgets.read(server.metadata.get(flags.budget_key)),
        project_id=server.project_id,
        loses=losses.of(server, classify.base_status(server), choice.ladder),
        disks=server.disks,
        storage=tuple(sorted(server.storage)))


class Entries:
    """Makes the entries of a plan once its servers have been placed.

    :param units: the maker of the units that were placed
    :param dead: whether the hosts are dead, so that priority decides first
    """

    def __init__(self, books: ledger.Ledger, units: planning_units.Units,
                 flags: opts.Options, *, dead: bool) -> None:
        self._books = books
        self._units = units
        self._flags = flags
        self._dead = dead

    def make(self, servers: list[model.Server],
             choices: planning_units.Choices,
             placed: list[pack.Unit]) -> tuple[plan.Entry, ...]:
        """Return the entries in the order in which they are begun."""
        places = {server.id: (unit, index) for unit in placed
                  for index, server in enumerate(unit.servers)}
        found = []
        for server in servers:
            unit, index = places.get(server.id, (None, 0))
            choice = choices[server.id]
            made = (self._moved(server, choice, unit, index)
                    if unit is not None and unit.host
                    else self._unmoved(server, choice))
            found.append((self._order(made, unit, index), made))
        return tuple(made for _, made in sorted(found,
                                                key=lambda pair: pair[0]))

    def _order(self, made: plan.Entry, unit: pack.Unit | None,
               index: int) -> tuple[int, int, int, str, int]:
        """Sort key: what can start at once, then by priority and size."""
        stage = _STAGES.get(made.action, 0)
        if not made.fits:
            stage = _STAGES[Action.BLOCKED]
        if self._dead and stage in (_STAGES[Action.WAIT],
                                    _STAGES[Action.EVACUATE]):
            stage = 0
        whole = unit.servers if unit is not None else []
        size = sum(item.size_mb for item in whole) or made.size_mb
        rank = unit.priority if unit is not None else made.priority
        return (stage, -rank if self._dead else 0, -size,
                whole[0].id if whole else made.id, index)

    def _entry(self, server: model.Server,
               choice: classify.Classification) -> plan.Entry:
        return entry(self._books.cloud, server, choice, self._flags)

    def _unmoved(self, server: model.Server,
                 choice: classify.Classification) -> plan.Entry:
        made = self._entry(server, choice)
        extra = tuple(self._units.blockers.get(server.id, ()))
        if not extra:
            return made
        return dataclasses.replace(
            made, fits=False, reason=f'{made.reason}; {extra[0].text}',
            blockers=made.blockers + extra)

    def _moved(self, server: model.Server, choice: classify.Classification,
               unit: pack.Unit, index: int) -> plan.Entry:
        action = unit.action(index)
        moves = self._units.moves(server, choice)
        ladder = moves[moves.index(action):]
        reason = choice.reason
        if choice.ladder[0] == Action.WAIT:
            ladder = (Action.WAIT, *ladder)
        elif action != choice.action:
            reason += f'; no host could take it by {choice.action}'
        return dataclasses.replace(
            self._entry(server, choice),
            action=ladder[0],
            destination=unit.host,
            reason=f'{reason}; {explain.chosen(unit, self._books)}',
            ladder=ladder,
            force=server.id in self._units.forced,
            loses=losses.of(server, classify.base_status(server), ladder))
