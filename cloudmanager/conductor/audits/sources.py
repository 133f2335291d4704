# SPDX-License-Identifier: Apache-2.0
"""Where it is known from how much of hosts and servers is used.

Sources are plugins, found by the name in ``[drs] source``.
"""

from collections.abc import Collection
from typing import cast
from typing import Protocol

import stevedore
from stevedore import exception as stevedore_exc

from cloudmanager.common import exception
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import load

NAMESPACE = 'cloudmanager.drs.sources'


class Source(Protocol):
    """Tells what is used."""

    def read(self, cloud: model.Cloud, hosts: Collection[str]) -> load.Use:
        """Return what the hosts and their servers use.

        It is averaged over a while, in the units of ``load.Use``. What is
        not known, or too old, is left out.

        :param cloud: with all servers of the hosts
        :param hosts: exact names
        :raises Unavailable: nothing can be told now
        """


class Allocations:
    """Knows nothing of use: loads are what is allocated."""

    def read(self, cloud: model.Cloud, hosts: Collection[str]) -> load.Use:
        """Return nothing; see ``Source``."""
        return load.NOTHING


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
