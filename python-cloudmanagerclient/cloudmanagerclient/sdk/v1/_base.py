# SPDX-License-Identifier: Apache-2.0
"""What all resources have in common."""

from collections.abc import Mapping
from typing import Any
from typing import ClassVar
from typing import Self

from keystoneauth1 import adapter
from openstack import exceptions
from openstack import resource
import requests

from cloudmanagerclient.sdk import exceptions as errors
from cloudmanagerclient.sdk import filters

#: Parameters of lists that are no filters.
LISTED = ('offset', 'sort', 'fields')


class Resource(resource.Resource):
    """An object of the service.

    :cvar name_filter: filter of the list that looks for the name; empty
        when its objects have no names
    """

    commit_method = 'PUT'
    name_filter: ClassVar[str] = ''

    @classmethod
    def _get_next_link(
            cls, uri: str, response: requests.Response, data: Any,
            marker: str | None, limit: str | None, total_yielded: int
    ) -> tuple[str | None, Mapping[str, Any]]:
        # Without a limit: no page is asked for to which no link leads. And
        # only the query of the link is used: behind a proxy its host may be
        # one that must not get the token.
        link, params = super()._get_next_link(
            uri, response, data, marker, None, total_yielded)
        return (uri if link else None), params

    @classmethod
    def find(  # type: ignore[override]
            cls, session: adapter.Adapter, name_or_id: str | int,
            ignore_missing: bool = False, **params: Any) -> Self | None:
        """Find an object by its id or its name.

        :param session: a proxy
        :param name_or_id: an id, or a name in full
        :param ignore_missing: whether to return ``None`` when there is none
        :raises cloudmanagerclient.sdk.exceptions.NoSuchObject: there is none
        :raises openstack.exceptions.DuplicateResource: several have the name
        """
        text = str(name_or_id)
        found: list[Self] = []
        if text.isdecimal():
            found = list(cls.list(session, id=text, **params))
        if not found and cls.name_filter:
            named: dict[str, Any] = {cls.name_filter: filters.equal(text)}
            found = list(cls.list(session, **named, **params))
        if len(found) > 1:
            raise exceptions.DuplicateResource(
                f'{len(found)} of them are named {text}: '
                f'{", ".join(str(each.id) for each in found)}. '
                f'Give an id instead.')
        if found:
            return found[0]
        if ignore_missing:
            return None
        raise errors.NoSuchObject(cls.resource_key or '', text)


def id_of(value: Any) -> Any:
    """Return the id of a resource, or the id that was given."""
    return value.id if isinstance(value, resource.Resource) else value
