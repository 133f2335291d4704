# SPDX-License-Identifier: Apache-2.0
"""Whether another host suits one server better than its own, and which."""

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
    """Choose the host that would be least loaded with the server.

    The host must be enabled, up, not reserved, and in all the aggregates of
    the present host. It must have room and keep the policy of the server's
    group. With the server it must be less loaded than the present host is
    with it, by at least ``gain``, so that the next request does not move the
    server back.

    :param cloud: with the server, and all members of its group
    :param action: how it would be moved: ``live-migrate`` or
        ``cold-migrate``
    :param gain: share of its capacity by which a host must be less loaded
    :raises UnknownHost: if the cloud does not have the server's host
    """
    server = cloud.servers[server_id]
    source = cloud.host(server.host)
    books = ledger.Ledger(cloud, frozenset(), options)
    # The server itself must count neither as load nor as a group member.
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
    reason = f'no host suits it better than {source.name} ({_count(why)})'
    if equal:
        best, name = min(equal)
        there, now = _shares(best, here)
        reason = (f'a move would gain too little: the load of {source.name} '
                  f'is {now} with it, and that of {name} would be {there}; '
                  f'{reason}')
    return BalanceDecision(reason)


def _shares(one: float, other: float) -> tuple[str, str]:
    """Return two fractions as percentages that differ as the two do."""
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
    """Say how many hosts were ruled out for each reason, most first."""
    counts = collections.Counter(reasons)
    found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ', '.join(f'{count} {reason}' for reason, count in found) or (
        'there is no other')


def how(server: model.Server,
        options: opts.Options = opts.DEFAULT) -> classify.Classification:
    """Tell how a server can be moved without being stopped.

    :returns: a classification whose ladder has at most one migration
    """
    found = classify.drain_choice(server, options)
    allowed = {Action.LIVE}
    if classify.base_status(server) == 'SHUTOFF':
        # After a cold migration Nova starts a server in any other state.
        allowed.add(Action.COLD)
    moves = tuple(step for step in found.ladder if step in allowed)[:1]
    reason = found.reason
    if Action.COLD in found.ladder and not moves:
        reason = 'it cannot be moved live: repair it, or stop it'
    if found.ladder[:1] == (Action.WAIT,):
        moves = (Action.WAIT, *moves)
    return dataclasses.replace(found, ladder=moves, reason=reason)
