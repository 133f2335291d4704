# SPDX-License-Identifier: Apache-2.0
"""Glance: the images that servers are copied through."""

import dataclasses

from keystoneauth1.session import Session

from cloudmanager.clients import rest
from cloudmanager.common import exception

VERSION = '2.0'


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    id: str
    name: str
    status: str


class Glance:
    """Glance's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._rest = rest.Rest('Glance', 'image', VERSION, session)

    def image(self, image_id: str) -> Image | None:
        """Return an image, ``None`` when there is none any more."""
        try:
            found = self._rest.get(f'/v2/images/{image_id}')
        except exception.NotFound:
            return None
        return Image(found['id'], found.get('name') or '', found['status'])

    def images_named(self, project_id: str, name: str) -> list[Image]:
        """Return the images of exactly this name in a project."""
        found = self._rest.get('/v2/images', owner=project_id, name=name,
                               visibility='all')
        return [Image(item['id'], item['name'], item['status'])
                for item in found.get('images') or ()
                if item.get('name') == name]

    def delete_image(self, image_id: str) -> None:
        """Delete an image; one that is gone is no error."""
        self._rest.delete(f'/v2/images/{image_id}')
