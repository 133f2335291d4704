# SPDX-License-Identifier: Apache-2.0
"""What the caller of a plan may choose."""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses

from cloudmanager.planning.cloud import model


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Flags and limits of one plan.

    All usages are fractions of capacity.

    :param allow_live: live migration may be used
    :param allow_off_vm: running servers may be stopped and moved cold
    :param allow_evacuate: servers that cannot be moved otherwise may be
        rebuilt on other hosts once their own is fenced
    :param allow_cold: servers may be migrated cold
    :param never_evacuate: rules that name servers which are never rebuilt;
        see ``rules``
    :param allow_data_loss: servers may be rebuilt even though no other host
        has their disks
    :param cannot_fence: host to the reason why it is not fenced; its servers
        are not evacuated
    :param tried: server id to the actions that have failed for it
    :param force_affinity: the first member of a hard affinity group may be
        sent past Nova's scheduler, which refuses it otherwise
    :param max_projected_usage: no target is filled above this
    :param warn_projected_usage: targets filled above this get a warning
    :param soft_weight: load that breaking a soft group policy once counts as
    :param load_classes: resource classes that count as load
    :param exclude_hosts: hosts that are never targets
    :param avoid_hosts: hosts that are targets only of servers that fit
        nowhere else
    :param refused: server id to hosts that Nova refused before
    :param in_flight: server id to the host it is on its way to
    :param only: ids of the servers to plan; None means all
    :param priority_key: metadata key of the recovery priority
    :param slow_key: metadata key of what is done about a live migration
        that has stalled
    :param budget_key: metadata key of how often a server may be moved in a
        day
    """

    allow_live: bool = True
    allow_off_vm: bool = False
    allow_evacuate: bool = False
    allow_cold: bool = True
    never_evacuate: tuple[str, ...] = ()
    allow_data_loss: bool = False
    cannot_fence: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tried: Mapping[str, Collection[str]] = dataclasses.field(
        default_factory=dict)
    force_affinity: bool = True
    max_projected_usage: float = 1.0
    warn_projected_usage: float = 0.9
    soft_weight: float = 0.2
    load_classes: tuple[str, ...] = model.LOAD_CLASSES
    exclude_hosts: Collection[str] = ()
    avoid_hosts: Collection[str] = ()
    refused: Mapping[str, Collection[str]] = dataclasses.field(
        default_factory=dict)
    in_flight: Mapping[str, str] = dataclasses.field(default_factory=dict)
    only: Collection[str] | None = None
    priority_key: str = 'recovery_priority'
    slow_key: str = 'slow_migration'
    budget_key: str = 'max_moves_per_day'


DEFAULT = Options()
