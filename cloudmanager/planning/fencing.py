# SPDX-License-Identifier: Apache-2.0
"""When a living host is fenced for servers that only a rebuild can move.

The power is cut for all that is on it, so it happens only when all that is
left is to be evacuated.
"""

import collections.abc
import dataclasses

from cloudmanager.planning import classify
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan


def not_fenced(names: collections.abc.Iterable[str]) -> str:
    """Say that a host is not fenced because of the servers that stay."""
    return (
        'the host is not fenced while other servers cannot leave it: '
        + ', '.join(sorted(names))
    )


def kept(made: plan.Plan, flags: opts.Options) -> dict[str, str]:
    """The hosts of a drain that servers keep from a fence, and why.

    Those of which it was known when the plan was made are left out.
    """
    if not flags.allow_evacuate:
        return {}
    stay: dict[str, list[str]] = {}
    for entry in made.servers:
        if not entry.fits and entry.host not in flags.cannot_fence:
            stay.setdefault(entry.host, []).append(entry.name or entry.id)
    return {host: not_fenced(names) for host, names in stay.items()}


def with_first_reason(
    entry: plan.Entry, first: plan.Entry | None
) -> plan.Entry:
    """An entry of a plan without a fence, with its own reason to stay.

    :param first: its entry in the plan with a fence, if it did not fit there
    """
    if first is None or entry.fits or entry.ladder:
        return entry
    blockers = tuple(
        item for item in entry.blockers if item.code != classify.NOT_FENCED
    )
    blockers += tuple(item for item in first.blockers if item not in blockers)
    return dataclasses.replace(
        entry, reason=blockers[0].text, blockers=blockers
    )
