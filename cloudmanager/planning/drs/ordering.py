# SPDX-License-Identifier: Apache-2.0
"""In which order moves are safe, and which of them may run together.

While a server is moved, both of its hosts hold what it takes. So a move waits
for another one if it needs the room that the other makes, and members of one
group never move together, because Nova looks at a group when a move starts.
"""

import collections
import collections.abc

from cloudmanager.planning.drs import fit
from cloudmanager.planning.drs import picture


def stages(
    room: fit.Fit, steps: collections.abc.Sequence[picture.Step]
) -> list[int]:
    """Return the stage of each move, from 0 on.

    Moves of one stage may run in any order and all at once, after those of
    the stages before have ended. At each host moves keep the order in which
    they were chosen.

    :param room: as it is before all of them; it is changed
    """
    found = [0] * len(steps)
    left = list(enumerate(steps))
    stage = 0
    while left:
        chosen, later = _together(room, left)
        if not chosen:
            # They were chosen one after the other, so the first one fits.
            chosen, later = left[:1], left[1:]
            first = chosen[0][1]
            room.take(first.server, first.target, 1)
        for index, step in chosen:
            found[index] = stage
            room.take(step.server, step.source, -1)
        left, stage = later, stage + 1
    return found


_Numbered = list[tuple[int, picture.Step]]


def _together(room: fit.Fit, left: _Numbered) -> tuple[_Numbered, _Numbered]:
    """Split moves into those that may run now, and those that wait.

    The targets of the former hold their servers afterwards.
    """
    held: set[str] = set()
    groups: set[str] = set()
    chosen, later = [], []
    for index, step in left:
        group = room.cloud.group_of.get(step.server.id)
        hosts = {step.source, step.target}
        if (held.isdisjoint(hosts)
                and (group is None or group.id not in groups)
                and room.has_room(step.server, step.target)
                and room.allows(step.server, step.target)):
            chosen.append((index, step))
            room.take(step.server, step.target, 1)
        else:
            later.append((index, step))
            held |= hosts
        if group is not None:
            groups.add(group.id)
    return chosen, later
