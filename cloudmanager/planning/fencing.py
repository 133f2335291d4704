# SPDX-License-Identifier: Apache-2.0
"""Whether a host that is alive may be fenced.

Some servers can only be rebuilt elsewhere, which needs their host off. To
fence it cuts the power of every server on it, so it is done only when all the
servers that are left are to be evacuated.
"""

from collections.abc import Iterable
import dataclasses

from cloudmanager.planning import classify
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan


def not_fenced(names: Iterable[str]) -> str:
    """Say that a host is not fenced because some servers cannot leave it."""
    return ('the host is not fenced while other servers cannot leave it: '
            + ', '.join(sorted(names)))


def kept(made: plan.Plan, flags: opts.Options) -> dict[str, str]:
    """The hosts of a drain that cannot be fenced, and why.

    :returns: only hosts that the plan was not told of by ``cannot_fence``
    """
    if not flags.allow_evacuate:
        return {}
    stay: dict[str, list[str]] = {}
    for entry in made.servers:
        if not entry.fits and entry.host not in flags.cannot_fence:
            stay.setdefault(entry.host, []).append(entry.name or entry.id)
    return {host: not_fenced(names) for host, names in stay.items()}


def with_first_reason(entry: plan.Entry,
                      first: plan.Entry | None) -> plan.Entry:
    """Return an entry that names the server's own reason to stay first.

    :param entry: of the plan in which the host is not fenced
    :param first: of the plan in which it is, if the server did not fit there
    """
    if first is None or entry.fits or entry.ladder:
        return entry
    blockers = tuple(item for item in entry.blockers
                     if item.code != classify.NOT_FENCED)
    blockers += tuple(item for item in first.blockers if item not in blockers)
    return dataclasses.replace(entry, reason=blockers[0].text,
                               blockers=blockers)
