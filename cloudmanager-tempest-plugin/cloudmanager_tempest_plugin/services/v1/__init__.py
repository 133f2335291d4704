# SPDX-License-Identifier: Apache-2.0
"""Clients of the API, version 1."""

from cloudmanager_tempest_plugin.services.v1.base import ServiceClient
from cloudmanager_tempest_plugin.services.v1.cloud import AuditsClient
from cloudmanager_tempest_plugin.services.v1.cloud import HostsClient
from cloudmanager_tempest_plugin.services.v1.cloud import ServersClient
from cloudmanager_tempest_plugin.services.v1.cloud import TasksClient
from cloudmanager_tempest_plugin.services.v1.cloud import VolumesClient
from cloudmanager_tempest_plugin.services.v1.inventory import NodeClassesClient
from cloudmanager_tempest_plugin.services.v1.inventory import NodeImagesClient
from cloudmanager_tempest_plugin.services.v1.inventory import NodesClient
from cloudmanager_tempest_plugin.services.v1.inventory import (
    PowerControlsClient,
)
from cloudmanager_tempest_plugin.services.v1.inventory import StoragesClient

__all__ = [
    'AuditsClient', 'HostsClient', 'NodeClassesClient', 'NodeImagesClient',
    'NodesClient', 'PowerControlsClient', 'ServersClient', 'ServiceClient',
    'StoragesClient', 'TasksClient', 'VolumesClient']
