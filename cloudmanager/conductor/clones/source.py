# SPDX-License-Identifier: Apache-2.0
"""The source of clones: one server with its ports and volumes."""

import dataclasses

from oslo_config import cfg

from cloudmanager.clients import neutron
from cloudmanager.clients import nova_copies
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.records.clones import Volume
from cloudmanager.conductor.servers import examine
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain import clone_names
from cloudmanager.planning import copies

CONF = cfg.CONF
#: Statuses of volumes of which Cinder makes snapshots.
_COPIED = frozenset(('in-use', 'available'))


@dataclasses.dataclass(frozen=True)
class Source:
    """A server to clone.

    :ivar ports: in their order on the server
    :ivar volumes: in their order
    """

    plan: nova_copies.Blueprint
    ports: list[neutron.Port]
    volumes: list[Volume] = dataclasses.field(default_factory=list)


def read(tools: Tools, server_id: str) -> Source:
    """Read what a server is made of, without its volumes.

    :raises ServerNotFound: there is none
    """
    plan = tools.nova.blueprint(server_id)
    if plan is None:
        raise exception.ServerNotFound(server=server_id)
    return Source(plan, _ports(tools, plan))


def _volumes(tools: Tools, plan: nova_copies.Blueprint) -> list[Volume]:
    """Return the volumes of a server in their order.

    :raises ServerState: one cannot be copied
    """
    return [_volume(tools, plan, attached) for attached in sorted(
        plan.attachments, key=lambda item: item.device)]


def _ports(tools: Tools, plan: nova_copies.Blueprint) -> list[neutron.Port]:
    """Return the ports of a server in the order of its interfaces."""
    order = {mac: number for number, mac in enumerate(plan.macs)}
    return sorted(tools.neutron.ports_of(plan.id), key=lambda port: (
        order.get(port.mac, len(order)), port.mac))


def _volume(tools: Tools, plan: nova_copies.Blueprint,
            attached: nova_copies.Attachment) -> Volume:
    found = tools.cinder.piece(attached.volume_id)
    if found is None or found.status not in _COPIED:
        status = found.status if found else 'not there'
        raise exception.ServerState(
            server=plan.id,
            reason=f'its volume {attached.volume_id} is {status}')
    return Volume(
        id=found.id, name=found.name, size_gb=found.size_gb,
        description=found.description,
        device=attached.device.rpartition('/')[2],
        root=not plan.image and attached.device == plan.root_device,
        delete=attached.delete_on_termination, tag=attached.tag)


def check(tools: Tools, server_id: str, params: JsonObject) -> Source:
    """Check that a server can be cloned.

    :param params: the parameters of the request, with ``count``
    :returns: the source of the clones
    :raises ServerNotFound: there is no such server
    :raises ServerState: it cannot be cloned in its present state
    :raises ProjectClosed: nothing can be created in its project
    :raises QuotaExceeded: the clones exceed the quota of its project
    """
    _, seen = examine.look(tools, server_id)
    source = read(tools, server_id)
    source.volumes.extend(_volumes(tools, source.plan))
    reason = (copies.unfit(seen) or copies.unfit_ports(source.ports)
              or _without_root(source))
    if reason:
        raise exception.ServerState(server=server_id, reason=reason)
    _check_quota(tools, source, params['count'])
    return source


def _without_root(source: Source) -> str:
    if source.plan.image or any(volume.root for volume in source.volumes):
        return ''
    return 'which of its volumes it boots from is not known'


def _check_quota(tools: Tools, source: Source, count: int) -> None:
    """Check the quotas in Nova and Cinder before the first clone is made.

    Without this, the task would fail half way.

    :raises QuotaExceeded: a quota is too small
    """
    project = source.plan.project_id
    inside = tools.in_project(project)
    limits = dict(inside.nova.limits())
    if source.volumes:
        limits |= inside.cinder.limits()
    short = copies.shortage(limits, copies.needs(
        count, source.plan.vcpus, source.plan.ram_mb,
        [volume.size_gb for volume in source.volumes]))
    if short:
        raise exception.QuotaExceeded(project=project, reason=short)


def names(tools: Tools, source: Source, params: JsonObject) -> list[str]:
    """Return names for the clones that the project does not use yet."""
    return clone_names.make(
        params['name'], source.plan.name, params['count'],
        set(tools.nova.server_names(source.plan.project_id)))
