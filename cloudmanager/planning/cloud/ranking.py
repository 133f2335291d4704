# SPDX-License-Identifier: Apache-2.0
"""The hosts that have room for some resources, the least loaded first."""

from collections.abc import Callable
from collections.abc import Iterable
import heapq

from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model

#: Whether to avoid the host, its load afterwards, its name. Least is best.
Score = tuple[bool, float, str]


def score(bin_: ledger.Bin, resources: model.Resources) -> Score:
    """How well a host suits some resources. Groups are not considered."""
    return (bin_.avoid, bin_.load_with(resources), bin_.name)


class Ranking:
    """Some hosts in the order in which they suit some resources.

    It is a heap: after a placement only the host that changed has to be
    sorted in again.

    :param bins: the hosts that may take the resources at all
    """

    def __init__(self, bins: Iterable[ledger.Bin],
                 resources: model.Resources) -> None:
        self._resources = resources
        self._bins = {bin_.name: bin_ for bin_ in bins}
        #: The present score of each host with room. Older entries of the heap
        #: do not count.
        self._valid = {
            name: score(bin_, resources)
            for name, bin_ in self._bins.items()
            if bin_.fits(resources)}
        self._heap = list(self._valid.values())
        heapq.heapify(self._heap)

    def update(self, name: str) -> None:
        """Sort a host in again after its load has changed."""
        bin_ = self._bins.get(name)
        if bin_ is None:
            return
        if bin_.fits(self._resources):
            entry = score(bin_, self._resources)
            if self._valid.get(name) != entry:
                self._valid[name] = entry
                heapq.heappush(self._heap, entry)
        else:
            self._valid.pop(name, None)

    def best(self, allows: Callable[[str], bool],
             cost: Callable[[str], float]) -> ledger.Bin | None:
        """The best host with room; ``None`` if there is none.

        :param allows: tells whether a host is allowed, by its name
        :param cost: gives the load to add to that of a host, not below zero
        """
        found: Score | None = None
        aside = []
        while self._heap and (found is None or self._heap[0] < found):
            entry = heapq.heappop(self._heap)
            avoid, load, name = entry
            if self._valid.get(name) != entry:
                continue
            aside.append(entry)
            if allows(name):
                here = (avoid, load + cost(name), name)
                found = here if found is None else min(found, here)
        for entry in aside:
            heapq.heappush(self._heap, entry)
        return None if found is None else self._bins[found[2]]
