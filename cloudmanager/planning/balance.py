# SPDX-License-Identifier: Apache-2.0
"""Where one server is better off than on its host."""

import collections
import dataclasses

from cloudmanager.planning import classify
from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import reach
from cloudmanager.planning.terms import Action

_EPSILON = 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class BalanceDecision:
    """What to do with the server, and why.

    :ivar action: ``None`` when it stays
    :ivar host: where it goes; empty when it stays
    """

    reason: str
    action: Action | None = None
    host: str = ''


def choose(cloud: model.Cloud, server_id: str,
           action: Action,
           options: opts.Options = opts.DEFAULT,
           gain: float = 0.0) -> BalanceDecision:
    """Choose the first host that meets all conditions, the best one first.

    It is enabled, up, not reserved, in all the aggregates that the present
    host is in, fits, keeps the policy of the server's group, and has less
    load with the server than the present host has with it, by so much that a
    move is worth it. So what was balanced is not balanced back.

    :param cloud: with the server, and all members of its group
    :param action: how it would be moved: ``live-migrate`` or
        ``cold-migrate``
    :param gain: share of its capacity by which a host must be less loaded
    :raises UnknownHost: the server's host is none of the cloud's
    """
    server = cloud.servers[server_id]
    source = cloud.host(server.host)
    books = ledger.Ledger(cloud, frozenset(), options)
    # Nothing may be held against a host for the server's own sake.
    books.place(server, source.name, -1)
    legal = reach.Reach(books, options)
    group = cloud.group_of.get(server_id)

    def load(bin_: ledger.Bin) -> float:
        return (bin_.load_with(server.resources)
                + books.soft_cost(group, bin_.name))

    here = load(books.bins[source.name])
    unfit = legal.unfit(server, action)
    better, equal, why = [], [], []
    for name, bin_ in books.bins.items():
        if name == source.name:
            continue
        reason = (legal.out_of_use(name) or unfit[name]
                  or _elsewhere(source, bin_.host)
                  or _no_place(books, bin_, server, group))
        if not reason and load(bin_) >= here - max(gain, _EPSILON):
            reason = 'not less loaded'
            equal.append((load(bin_), name))
        if reason:
            why.append(reason)
        else:
            better.append((load(bin_), name))
    if better:
        best, name = min(better)
        there, now = _shares(best, here)
        return BalanceDecision(
            f'its load is {there} with it, that of {source.name} is {now}',
            action, name)
    reason = f'no host is better than {source.name} ({_count(why)})'
    if equal:
        best, name = min(equal)
        there, now = _shares(best, here)
        reason = (f'there is nothing to gain: the load of {source.name} is '
                  f'{now} with it, and that of {name} would be {there}; '
                  f'{reason}')
    return BalanceDecision(reason)


def _shares(one: float, other: float) -> tuple[str, str]:
    """Return two shares in percent, exact enough to tell them apart."""
    for digits in range(4):
        texts = f'{one:.{digits}%}', f'{other:.{digits}%}'
        if texts[0] != texts[1]:
            return texts
    return f'{one:.0%}', f'{other:.0%}'


def _elsewhere(source: model.Host, host: model.Host) -> str:
    if source.aggregates <= host.aggregates:
        return ''
    return 'not in its aggregates'


def _no_place(books: ledger.Ledger, bin_: ledger.Bin, server: model.Server,
              group: model.Group | None) -> str:
    if not bin_.fits(server.resources):
        return 'without room'
    if not books.group_allows(group, bin_.name):
        return 'against the policy of its group'
    return ''


def _count(reasons: list[str]) -> str:
    """Return how many hosts are out for which reason, the commonest first."""
    counts = collections.Counter(reasons)
    found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ', '.join(f'{count} {reason}' for reason, count in found) or (
        'there is no other')


def how(server: model.Server,
        options: opts.Options = opts.DEFAULT) -> classify.Classification:
    """Tell how a server can be moved, without stopping it if it runs.

    :returns: a choice whose ladder has no rung but one migration, or none
    """
    found = classify.drain_choice(server, options)
    allowed = {Action.LIVE}
    if classify.base_status(server) == 'SHUTOFF':
        # Whatever else is moved cold, Nova starts it when it has arrived.
        allowed.add(Action.COLD)
    moves = tuple(step for step in found.ladder if step in allowed)[:1]
    reason = found.reason
    if Action.COLD in found.ladder and not moves:
        reason = 'it cannot be moved live: repair it, or stop it'
    if found.ladder[:1] == (Action.WAIT,):
        moves = (Action.WAIT, *moves)
    return dataclasses.replace(found, ladder=moves, reason=reason)
