# SPDX-License-Identifier: Apache-2.0
"""Plain requests to a service, at a negotiated microversion."""

import functools
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import discover
from keystoneauth1.session import Session

from cloudmanager.clients import retry
from cloudmanager.clients import session as cm_session
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject


def newest_common(server_max: Any, wanted: str) -> str:
    """Return the lower of two versions, compared as numbers."""
    limit = discover.normalize_version_number(wanted)
    if server_max is not None:
        limit = min(limit, discover.normalize_version_number(server_max))
    return discover.version_to_string(limit)


class Rest:
    """Requests to one service.

    :param name: name for messages
    :param service_type: its type in the catalogue
    :param wanted: newest microversion that this code knows
    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, name: str, service_type: str, wanted: str,
                 session: Session | None = None) -> None:
        self.name = name
        self._wanted = wanted
        self._http = adapter.Adapter(
            session or cm_session.get_session(), service_type=service_type,
            **cm_session.endpoint_filter())

    @functools.cached_property
    def microversion(self) -> str:
        """The version that requests are made at."""
        data = self._call(retry.Kind.READ, 'discover versions',
                          self._http.get_endpoint_data)
        if data is None:
            raise exception.CloudServiceMissing(service=self.name,
                                                reason='no endpoint')
        return newest_common(data.max_microversion, self._wanted)

    def _call(self, kind: retry.Kind, request: str, function: Any,
              *args: Any, **kwargs: Any) -> Any:
        return retry.call(kind, self.name, request, function, *args,
                          **kwargs)

    def get(self, path: str, **params: Any) -> JsonObject:
        """Return the document at a path; ``None`` parameters are left out.

        :raises NotFound: there is none
        """
        answer = self._call(
            retry.Kind.READ, f'GET {path}', self._http.get, path,
            microversion=self.microversion,
            params={key: value for key, value in params.items()
                    if value is not None})
        return answer.json() or {}

    def put(self, path: str, document: JsonObject) -> None:
        """Make what is at a path like a document; twice is as once.

        :raises NotFound: there is nothing
        """
        self._call(retry.Kind.IDEMPOTENT, f'PUT {path}', self._http.put,
                   path, json=document, microversion=self.microversion)

    def delete(self, path: str) -> None:
        """Delete what is at a path; what is gone already is no error."""
        try:
            self._call(retry.Kind.IDEMPOTENT, f'DELETE {path}',
                       self._http.delete, path,
                       microversion=self.microversion)
        except exception.NotFound:
            return
