# SPDX-License-Identifier: Apache-2.0
"""What an audit may do, and what it is measured by."""

import collections.abc
import dataclasses

from cloudmanager.planning.cloud import model

#: Resources that can be balanced, by the classes of Placement.
RESOURCES = (model.VCPU, model.MEMORY_MB, model.DISK_GB)
WEIGHTS = {model.VCPU: 1.0, model.MEMORY_MB: 1.0, model.DISK_GB: 0.0}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits of one audit. Loads are fractions of what a host has.

    :param threshold: standard deviation of the hosts' loads up to which a
        resource counts as balanced
    :param weights: how much each resource counts; those with 0 do not
    :param use_weight: share of measured use in a load, where use is known;
        the rest is what is allocated
    :param max_load: no host is filled above this, by allocation or by use
    :param source_floor: hosts below this in every resource lose no servers
    :param minimum_gain: by how much a move must lessen the difference
        between the loads of its two hosts
    :param max_moves: servers that one audit moves at most
    :param network: MiB a second that a live migration copies
    :param migration_load: load that a migration puts on its hosts
    :param horizon: seconds for which a gain is thought to last; what it is
        worth in that time must exceed what the migration costs
    :param ignored: rules about servers that are not moved; see
        ``cloudmanager.planning.rules``
    :param soft_weight: load that keeping one soft group rule is worth
    :param max_pressure: hosts on which something waits for a resource for
        more than this fraction of the time get no servers
    :param rounds: audits in a row in which a host must have been above the
        mean before it loses servers
    """

    threshold: float = 0.05
    weights: collections.abc.Mapping[str, float] = dataclasses.field(
        default_factory=lambda: dict(WEIGHTS)
    )
    use_weight: float = 0.7
    max_load: float = 0.9
    source_floor: float = 0.2
    minimum_gain: float = 0.01
    max_moves: int = 50
    network: float = 100.0
    migration_load: float = 0.1
    horizon: float = 3600.0
    ignored: tuple[str, ...] = ()
    soft_weight: float = 0.2
    max_pressure: float = 0.2
    rounds: int = 1


DEFAULT = Settings()
