# SPDX-License-Identifier: Apache-2.0
"""The volume groups of Cinder's back ends, as agents report them.

Cinder's driver for LVM tells the scheduler its place, in a text such as
``LVMVolumeDriver:HOST:GROUP:thin:0``. It names the node, even if the Cinder
service uses another host name.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import cinder
from cloudmanager.common import exception
from cloudmanager.common import parallel
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain import lvm

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: How many agents are asked at the same time.
WORKERS = 32
_PARTS = 3


@dataclasses.dataclass(frozen=True)
class Backend:
    """A back end of Cinder on LVM.

    :ivar name: its name in Cinder
    :ivar pool: in the form host@backend#pool, as in Cinder's volumes
    :ivar host: name of the node
    :ivar group: name of the volume group
    :ivar protocol: how hosts reach its volumes
    """

    name: str
    pool: str
    host: str
    group: str
    protocol: str


@dataclasses.dataclass(frozen=True)
class Reports:
    """The reports of agents.

    :ivar groups: volume groups by host and name
    :ivar errors: why an agent has not reported, by host
    """

    groups: Mapping[tuple[str, str], lvm.VolumeGroup]
    errors: Mapping[str, exception.Unavailable]

    def of(self, backend: Backend) -> lvm.VolumeGroup | None:
        """Return the volume group of a back end, if it is known."""
        return self.groups.get((backend.host, backend.group))

    def warnings(self, found: Iterable[Backend]) -> list[str]:
        """Return warnings about the back ends that are left out."""
        texts = []
        for backend in found:
            error = self.errors.get(backend.host)
            if error is not None:
                texts.append(f'Volume backend {backend.name} on host '
                             f'{backend.host} is left out: {error.message}')
            elif self.of(backend) is None:
                texts.append(f'Volume backend {backend.name} is left out: '
                             f'host {backend.host} has no volume group '
                             f'{backend.group}.')
        return texts


def of_pool(pool: cinder.Pool) -> Backend | None:
    """Return the back end of a pool, if it is one on LVM."""
    parts = pool.location.split(':')
    if (len(parts) < _PARTS or 'lvm' not in parts[0].lower()
            or not parts[1] or not parts[2]):
        return None
    return Backend(name=pool.backend_name, pool=pool.name, host=parts[1],
                   group=parts[2], protocol=pool.protocol.lower())


def find(tools: Tools) -> list[Backend]:
    """Return all back ends on LVM, in the order of their pools.

    :raises Unavailable: Cinder does not answer
    """
    found = [of_pool(pool) for pool in tools.cinder.pools()]
    return sorted(filter(None, found), key=lambda backend: backend.pool)


def report(context: RequestContext, tools: Tools, host: str,
           groups: Iterable[str]) -> list[lvm.VolumeGroup]:
    """Return volume groups of a host as they are now.

    :param groups: names of the groups
    :raises Unavailable: its agent cannot be reached, or cannot read them
    """
    answer = tools.agents.call(context, host, 'lvm.report',
                               {'groups': sorted(groups)},
                               timeout=CONF.volumes.report_timeout)
    try:
        return lvm.load(answer)
    except ValueError as exc:
        raise exception.Unavailable(
            reason=f'The agent on host {host} did not answer with a valid '
                                        'report on volume groups.') from exc


def read(context: RequestContext, tools: Tools,
         found: Iterable[Backend]) -> Reports:
    """Ask the agents of back ends for their volume groups."""
    wanted: dict[str, set[str]] = {}
    for backend in found:
        wanted.setdefault(backend.host, set()).add(backend.group)
    groups: dict[tuple[str, str], lvm.VolumeGroup] = {}
    errors: dict[str, exception.Unavailable] = {}

    def ask(host: str) -> None:
        try:
            for group in report(context, tools, host, wanted[host]):
                groups[host, group.name] = group
        except exception.Unavailable as exc:
            errors[host] = exc
            LOG.warning('Cannot read the volume groups of host %(host)s: '
                        '%(why)s', {'host': host, 'why': exc.message})

    parallel.run(ask, sorted(wanted), WORKERS)
    return Reports(groups, errors)
