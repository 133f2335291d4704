# SPDX-License-Identifier: Apache-2.0
"""Version 1: importing a module adds its operations to the routes."""

from cloudmanager.api.controllers.v1 import aggregates  # noqa: F401
from cloudmanager.api.controllers.v1 import audits  # noqa: F401
from cloudmanager.api.controllers.v1 import availability_storages  # noqa: F401
from cloudmanager.api.controllers.v1 import domains  # noqa: F401
from cloudmanager.api.controllers.v1 import hosts  # noqa: F401
from cloudmanager.api.controllers.v1 import info  # noqa: F401
from cloudmanager.api.controllers.v1 import node_batches  # noqa: F401
from cloudmanager.api.controllers.v1 import node_classes  # noqa: F401
from cloudmanager.api.controllers.v1 import node_controllers  # noqa: F401
from cloudmanager.api.controllers.v1 import node_health  # noqa: F401
from cloudmanager.api.controllers.v1 import node_images  # noqa: F401
from cloudmanager.api.controllers.v1 import node_import  # noqa: F401
from cloudmanager.api.controllers.v1 import node_modes  # noqa: F401
from cloudmanager.api.controllers.v1 import node_power  # noqa: F401
from cloudmanager.api.controllers.v1 import node_reserve  # noqa: F401
from cloudmanager.api.controllers.v1 import node_storages  # noqa: F401
from cloudmanager.api.controllers.v1 import node_targets  # noqa: F401
from cloudmanager.api.controllers.v1 import nodes  # noqa: F401
from cloudmanager.api.controllers.v1 import openapi  # noqa: F401
from cloudmanager.api.controllers.v1 import power_controls  # noqa: F401
from cloudmanager.api.controllers.v1 import power_fleet  # noqa: F401
from cloudmanager.api.controllers.v1 import power_outputs  # noqa: F401
from cloudmanager.api.controllers.v1 import servers  # noqa: F401
from cloudmanager.api.controllers.v1 import system_metadata  # noqa: F401
from cloudmanager.api.controllers.v1 import tasks  # noqa: F401
from cloudmanager.api.controllers.v1 import volume_backends  # noqa: F401
from cloudmanager.api.controllers.v1 import volumes  # noqa: F401
