# SPDX-License-Identifier: Apache-2.0
"""Where it is known from how much of hosts and servers is used.

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
    """Tells what is used."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return what was measured of hosts and their servers.

        What is not known is left out.

        :param cloud: with all servers of the hosts
        :param hosts: exact names
        :param start: seconds since 1970, as is ``end``; samples between them
            are asked for
        :raises Unavailable: nothing can be told now
        """


class Allocations:
    """Knows nothing of use: loads are what is allocated."""

    def samples(self, cloud: model.Cloud, hosts: Collection[str],
                start: float, end: float) -> samples.Samples:
        """Return nothing; see ``Source``."""
        return samples.NOTHING


def limits() -> samples.Limits:
    """Return what the configuration says of samples."""
    return samples.Limits(
        window=CONF.drs.window, half_life=CONF.drs.half_life,
        max_age=CONF.drs.max_age)


def read(name: str, cloud: model.Cloud, hosts: Collection[str],
         moves: Callable[[float], Iterable[samples.Moved]]) -> load.Use:
    """Return what the hosts and their servers use now, on average.

    :param name: of the source
    :param cloud: with all servers of the hosts
    :param moves: gives the moves of so many seconds
    :raises Unavailable: the source cannot be read
    """
    source = get(name)
    if isinstance(source, Allocations):
        return load.NOTHING
    now, found = clock.timestamp(), limits()
    return samples.use(source.samples(cloud, hosts, now - found.window, now),
                       hosts, now, found, moves(found.window))


def get(name: str) -> Source:
    """Return the source of a name.

    :raises Unavailable: none of this name is installed
    """
    try:
        manager: stevedore.DriverManager[Source] = stevedore.DriverManager(
            NAMESPACE, name)
    except stevedore_exc.NoMatches as exc:
        raise exception.Unavailable(
            reason=f'The source {name} of [drs] source is not '
                   'installed.') from exc
    return cast(type[Source], manager.driver)()
