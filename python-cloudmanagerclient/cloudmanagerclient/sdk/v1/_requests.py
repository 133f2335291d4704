# SPDX-License-Identifier: Apache-2.0
"""How requests are sent and answers are read."""

from collections.abc import Mapping
import logging
from typing import Any
from typing import TypeVar
from urllib import parse

from openstack import exceptions as sdk_exc
from openstack import proxy
import requests

from cloudmanagerclient.sdk import exceptions
from cloudmanagerclient.sdk.v1 import _base
from cloudmanagerclient.sdk.v1 import task as _task

LOG = logging.getLogger(__name__)
_Found = TypeVar('_Found', bound=_base.Resource)
_WORDS = {True: 'true', False: 'false', None: 'null'}


def quoted(value: Any) -> str:
    """Return a value as one segment of a path.

    :param value: a resource, its id, or its name
    """
    text = str(_base.id_of(value))
    if text in ('', '.', '..'):
        raise sdk_exc.InvalidRequest(f'{text!r} is no name and no id.')
    return parse.quote(text, safe='')


class Requests(proxy.Proxy):
    """Sends requests; errors of the service become exceptions.

    Warnings beside a result, such as of hosts that did not answer, are logged.
    """

    def request(self, url: str, method: str, *args: Any,
                **kwargs: Any) -> requests.Response:
        """Send a request.

        :raises CloudManagerError: the service refuses it
        """
        params = kwargs.get('params')
        if isinstance(params, Mapping):
            kwargs['params'] = {name: _word(value)
                                for name, value in params.items()}
        response = super().request(url, method, *args, **kwargs)
        if not kwargs.get('raise_exc'):
            exceptions.check(response)
        _tell_warnings(response)
        return response

    def _answer(self, method: str, path: str, body: Any = None,
                **kwargs: Any) -> dict[str, Any]:
        """Send a request and return the document of its answer."""
        if body is not None:
            kwargs['json'] = sent(body)
        response = self.request(path, method, **kwargs)
        return dict(response.json()) if response.content else {}

    def _start(self, path: str,
               body: Mapping[str, Any] | None = None) -> _task.Task:
        """Send a request that starts work.

        :param path: of the action
        :param body: of the request; fields that are ``None`` are left out
        :returns: the task, of which only the id is known
        """
        return self._started(self.post(path, json=sent(body or {})))

    def _started(self, response: requests.Response) -> _task.Task:
        """Return the task that an answer names."""
        found = response.json() if response.content else {}
        task_id = found.get('task_id') or response.headers.get(
            'Location', '').rstrip('/').rpartition('/')[2]
        return _task.Task.existing(id=task_id,
                                   connection=self._get_connection())

    def _count(self, path: str, query: Mapping[str, Any]) -> int:
        return int(self._answer('GET', path, params=query)['count'])

    def _one(self, kind: type[_Found], found: dict[str, Any]) -> _Found:
        return kind.existing(connection=self._get_connection(), **found)


def _tell_warnings(response: requests.Response) -> None:
    # Most answers have none, and may be long.
    if b'"warnings"' not in response.content:
        return
    document = response.json()
    if isinstance(document, dict):
        for text in document.get('warnings') or ():
            LOG.warning('%s', text)


def sent(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without what was not given."""
    return {name: value for name, value in body.items() if value is not None}


def _word(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return _WORDS[value]
    return value
