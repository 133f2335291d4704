# SPDX-License-Identifier: Apache-2.0
"""Choosing how to move a server to a host with less load."""


from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor import cloud_model
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import balance
from cloudmanager.planning import classify


def way_of(tools: Tools,
           server: nova_records.Server) -> classify.Classification:
    """Tell how a server can be moved now.

    :returns: a choice of at most one migration, with ``wait`` before it if
        it has to wait for something
    :raises ServerState: it cannot be moved
    """
    found = balance.how(cloud_model.to_model(server), plans.plan_options({}))
    reason = '' if found.ladder else found.reason
    service = tools.nova.service(server.host) if server.host else None
    if service is not None and service.state != 'up':
        reason = f'its host {server.host} is down: recover it'
    if reason:
        raise exception.ServerState(server=server.id, reason=reason)
    return found
