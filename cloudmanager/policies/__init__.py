# SPDX-License-Identifier: Apache-2.0
"""Policies: who may do what by default."""

import itertools

from oslo_policy import policy

from cloudmanager.policies import base
from cloudmanager.policies import hosts
from cloudmanager.policies import info
from cloudmanager.policies import node_classes
from cloudmanager.policies import nodes
from cloudmanager.policies import power_controls
from cloudmanager.policies import tasks


def list_rules() -> list[policy.RuleDefault]:
    """Return all rules."""
    return list(itertools.chain.from_iterable(
        module.list_rules() for module in (
            base, hosts, info, node_classes, nodes, power_controls, tasks)))
