# SPDX-License-Identifier: Apache-2.0
"""The clients that steps and checks work with."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class ProjectClients:
    """Clients in the project of a tenant: what they create belongs to it.

    :ivar nova: ``cloudmanager.clients.nova.Nova`` or its like
    :ivar cinder: ``cloudmanager.clients.cinder.Cinder``
    """

    nova: Any
    cinder: Any


@dataclasses.dataclass(frozen=True)
class Tools:
    """What steps work with; tests put other ones here.

    :ivar nova: ``cloudmanager.clients.nova.Nova`` or its like
    :ivar placement: ``cloudmanager.clients.placement.Placement``
    :ivar power: ``cloudmanager.conductor.power.nodes.NodePower``
    :ivar neutron: ``cloudmanager.clients.neutron.Neutron``
    :ivar cinder: ``cloudmanager.clients.cinder.Cinder``
    :ivar cinder_db: ``cloudmanager.clients.cinder_db.CinderDatabase``
    :ivar glance: ``cloudmanager.clients.glance.Glance``
    :ivar in_project: returns ``ProjectClients``; raises ProjectClosed
    """

    nova: Any
    placement: Any
    power: Any
    neutron: Any = None
    cinder: Any = None
    cinder_db: Any = None
    glance: Any = None
    in_project: Any = None
