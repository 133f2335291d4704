# SPDX-License-Identifier: Apache-2.0
"""The sources of the loads of hosts and servers.

Sources are plugins, found by the name in ``[drs] source``.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from typing import cast
from typing import Protocol

from oslo_config import cfg
import stevedore
from stevedore import exception as stevedore_exc

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import samples

CONF = cfg.CONF
NAMESPACE = 'cloudmanager.drs.sources'


class Source(Protocol):
    """A source of loads."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return the samples of hosts and their servers.

        Unknown values are left out.

        :param cloud: the cloud, with all servers of the hosts
        :param hosts: exact names
        :param start: the beginning of the time to read, as ``end`` in seconds
            since 1970
        :raises Unavailable: the source cannot be read now
        """


class Allocations:
    """A source without measurements: the loads are the allocations."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return nothing; see ``Source``."""
        return samples.NOTHING


def limits() -> samples.Limits:
    """Return the configured limits of samples."""
    return samples.Limits(
        window=CONF.drs.window, half_life=CONF.drs.half_life,
        max_age=CONF.drs.max_age)


def read(name: str, cloud: model.Cloud, hosts: Collection[str],
         moves: Callable[[float], Iterable[samples.Moved]]) -> load.Use:
    """Return the present average use of hosts and their servers.

    :param name: the name of the source
    :param cloud: the cloud, with all servers of the hosts
    :param moves: returns the moves of the last so many seconds
    :raises Unavailable: the source cannot be read
    """
    source = get(name)
    if isinstance(source, Allocations):
        return load.NOTHING
    now, found = clock.timestamp(), limits()
    return samples.use(source.samples(cloud, hosts, now - found.window, now),
                       hosts, now, found, moves(found.window))


def get(name: str) -> Source:
    """Return the source with a name.

    :raises Unavailable: no source with this name is installed
    """
    try:
        manager: stevedore.DriverManager[Source] = stevedore.DriverManager(
            NAMESPACE, name)
    except stevedore_exc.NoMatches as exc:
        raise exception.Unavailable(
            reason=f'The source {name} of [drs] source is not '
                   'installed.') from exc
    return cast(type[Source], manager.driver)()
