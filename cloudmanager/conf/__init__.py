# SPDX-License-Identifier: Apache-2.0
"""Options, one module a group; registered here on the global CONF."""

from oslo_config import cfg

from cloudmanager.conf import agent
from cloudmanager.conf import api
from cloudmanager.conf import cinder_database
from cloudmanager.conf import cloud
from cloudmanager.conf import conductor
from cloudmanager.conf import default
from cloudmanager.conf import drs
from cloudmanager.conf import host_tasks
from cloudmanager.conf import identity
from cloudmanager.conf import inventory
from cloudmanager.conf import nas
from cloudmanager.conf import nova_database
from cloudmanager.conf import power
from cloudmanager.conf import prometheus
from cloudmanager.conf import pxe
from cloudmanager.conf import secrets
from cloudmanager.conf import server_tasks
from cloudmanager.conf import tasks
from cloudmanager.conf import volumes

CONF = cfg.CONF
GROUPS = (default, agent, api, cinder_database, cloud, conductor, drs,
          host_tasks, identity, inventory, nas, nova_database, power,
          prometheus, pxe, secrets, server_tasks, tasks, volumes)

for _group in GROUPS:
    _group.register_opts(CONF)
