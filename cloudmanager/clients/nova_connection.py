# SPDX-License-Identifier: Apache-2.0
"""How requests reach Nova: its versions, pages of lists, repetitions."""

import datetime
import functools
from typing import Any
from urllib import parse

from keystoneauth1.session import Session
from novaclient import api_versions
from novaclient import client

from cloudmanager.clients import retry
from cloudmanager.clients import session as cm_session
from cloudmanager.clients.retry import Kind
from cloudmanager.common.json_types import JsonObject

#: 2.96 shows the zone that a server was asked to be in.
WANTED_VERSION = '2.96'
#: From 2.95 on an evacuated server arrives stopped whatever it was before.
EVACUATE_VERSION = '2.93'
#: The last one with which a host may be named past the scheduler.
FORCE_VERSION = '2.67'
#: The last one that tells what a hypervisor has and uses. Newer ones ask
#: every compute host for its uptime instead.
HYPERVISOR_VERSION = '2.87'
PAGE = 1000


def _next_marker(body: JsonObject, key: str) -> str | None:
    """Return where the next page of a list begins, if there is one."""
    for link in body.get(f'{key}_links') or ():
        if link.get('rel') == 'next':
            query = parse.parse_qs(parse.urlsplit(link['href']).query)
            return next(iter(query.get('marker', ())), None)
    return None


def changed_since(since: datetime.datetime) -> dict[str, str]:
    """Return the part of a query that asks only for what has changed.

    :param since: by Nova's clock, in UTC
    """
    return {'changes-since': since.isoformat() + 'Z'}


def choose_version(server_max: Any, wanted: str) -> Any:
    """Return the lower of a server's newest and the wanted version."""
    return min(server_max, api_versions.APIVersion(wanted))


class Connection:
    """What all parts of Nova's client need.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or cm_session.get_session()

    @functools.cached_property
    def _versions(self) -> tuple[Any, Any]:
        """The oldest and the newest version that the server knows."""
        probe = self._make('2.1')
        oldest, newest = self._read('discover versions', lambda: (
            api_versions._get_server_version_range(probe)))
        return oldest, newest

    @property
    def _newest(self) -> Any:
        return self._versions[1]

    def _make(self, version: Any) -> Any:
        found = cm_session.endpoint_filter()
        return client.Client(
            version, session=self._session,
            region_name=found['region_name'],
            endpoint_type=found['interface'])

    @functools.cached_property
    def _client(self) -> Any:
        return self._make(choose_version(self._newest, WANTED_VERSION))

    @functools.cached_property
    def _evacuating(self) -> Any:
        return self._make(choose_version(self._newest, EVACUATE_VERSION))

    @functools.cached_property
    def _forcing(self) -> Any:
        return self._make(choose_version(self._newest, FORCE_VERSION))

    @functools.cached_property
    def _describing(self) -> Any:
        return self._make(max(self._versions[0], choose_version(
            self._newest, HYPERVISOR_VERSION)))

    def _read(self, request: str, function: Any, *args: Any,
              **kwargs: Any) -> Any:
        return retry.call(Kind.READ, 'Nova', request, function, *args,
                          **kwargs)

    def _page(self, request: str, path: str, query: JsonObject,
              client: Any = None) -> JsonObject:
        _, body = self._read(request, (client or self._client).client.get,
                             f'{path}?{parse.urlencode(query)}')
        return body or {}

    def _list(self, request: str, path: str, key: str, *,
              client: Any = None, **query: Any) -> list[JsonObject]:
        """Return a whole list, whatever Nova's own limit of a page is.

        :param client: of another version than most requests
        """
        found: list[JsonObject] = []
        while True:
            body = self._page(request, path, query, client)
            found.extend(body.get(key) or ())
            marker = _next_marker(body, key)
            if marker is None:
                return found
            query['marker'] = marker

    def _set(self, request: str, function: Any, *args: Any,
             **kwargs: Any) -> None:
        """Send a request that may be repeated without harm."""
        retry.call(Kind.IDEMPOTENT, 'Nova', request, function, *args,
                   **kwargs)

    def _once(self, request: str, function: Any, *args: Any,
              **kwargs: Any) -> None:
        """Send a request that must not be repeated."""
        retry.call(Kind.ONCE, 'Nova', request, function, *args, **kwargs)
