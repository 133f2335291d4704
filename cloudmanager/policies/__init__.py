# SPDX-License-Identifier: Apache-2.0
"""Policies: who may do what by default."""

import itertools

from oslo_policy import policy

from cloudmanager.policies import aggregates
from cloudmanager.policies import availability_storages
from cloudmanager.policies import base
from cloudmanager.policies import domains
from cloudmanager.policies import hosts
from cloudmanager.policies import info
from cloudmanager.policies import node_classes
from cloudmanager.policies import node_controllers
from cloudmanager.policies import node_images
from cloudmanager.policies import node_modes
from cloudmanager.policies import node_targets
from cloudmanager.policies import nodes
from cloudmanager.policies import power_controls
from cloudmanager.policies import servers
from cloudmanager.policies import system_metadata
from cloudmanager.policies import tasks
from cloudmanager.policies import volume_backends
from cloudmanager.policies import volumes

_MODULES = (
    base,
    aggregates,
    availability_storages,
    domains,
    hosts,
    info,
    node_classes,
    node_controllers,
    node_images,
    node_modes,
    node_targets,
    nodes,
    power_controls,
    servers,
    system_metadata,
    tasks,
    volume_backends,
    volumes,
)


def list_rules() -> list[policy.RuleDefault]:
    """Return all rules."""
    return list(itertools.chain.from_iterable(
        module.list_rules() for module in _MODULES))
