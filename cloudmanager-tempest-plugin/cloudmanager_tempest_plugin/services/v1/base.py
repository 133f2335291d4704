# SPDX-License-Identifier: Apache-2.0
"""What all clients have in common."""

import json
from typing import Any
from typing import ClassVar
from urllib import parse

from tempest.lib.common import rest_client


class ServiceClient(rest_client.RestClient):
    """Requests to the service; those of no resource are made by it itself."""

    def call(self, method: str, path: str, body: Any = None,
             want: int = 200, **query: Any) -> Any:
        """Make a request.

        :param path: below the endpoint, with a slash at its beginning
        :param body: the document to send; with ``None`` there is none
        :param want: status that the service must answer
        :param query: parameters of the query
        :returns: the document of the answer, ``None`` if it is empty
        """
        return self.answer(method, path, body, want, **query)[1]

    def answer(self, method: str, path: str, body: Any = None,
               want: int = 200, **query: Any) -> tuple[Any, Any]:
        """Make a request; return the headers and the document.

        The parameters are those of ``call``.
        """
        if query:
            path = f'{path}?{parse.urlencode(query, doseq=True)}'
        headers = self.get_headers()
        response, text = self.request(
            method, path, headers=headers,
            body=None if body is None else json.dumps(body))
        self.expected_success(want, response.status)
        return response, json.loads(text) if text else None

    def begin(self, path: str, body: Any = None, **query: Any) -> str:
        """Begin work; return the id of its task."""
        response, _ = self.answer('POST', path, {} if body is None else body,
                                  202, **query)
        task_id: str = response['location'].rpartition('/')[2]
        return task_id


class Collection(ServiceClient):
    """Objects of one kind.

    :cvar path: of the collection, with a slash at its end
    :cvar singular: key of a single object in documents
    :cvar plural: key of several objects
    """

    path: ClassVar[str]
    singular: ClassVar[str]
    plural: ClassVar[str]

    def list(self, **filters: Any) -> Any:
        """List objects."""
        return self.call('GET', self.path, **filters)[self.plural]

    def count(self, **filters: Any) -> int:
        """Count objects."""
        found = self.call('GET', f'{self.path}count', **filters)
        return int(found['count'])

    def show(self, name_or_id: str | int) -> Any:
        """Show an object."""
        return self.call('GET', f'{self.path}{name_or_id}')[self.singular]

    def create(self, **fields: Any) -> Any:
        """Create an object."""
        return self.call('POST', self.path, {self.singular: fields},
                         201)[self.singular]

    def update(self, object_id: str | int, **fields: Any) -> Any:
        """Change fields of an object."""
        return self.call('PUT', f'{self.path}{object_id}',
                         {self.singular: fields})[self.singular]

    def delete_object(self, object_id: str | int) -> None:
        """Delete an object."""
        self.call('DELETE', f'{self.path}{object_id}', want=204)
