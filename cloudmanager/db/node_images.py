# SPDX-License-Identifier: Apache-2.0
"""Boot images of nodes, and which node boots from which."""

from collections.abc import Collection
import dataclasses

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain import query as common_query

_IMAGE = models.NodeImage
_NODE = models.Node
_IMAGES = sa.select(*_IMAGE.__table__.c)
# The image of nodes that name none, from the first migration.
DEFAULT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Boot:
    """What a node boots from.

    :ivar mac: its address, in lower case with colons
    """

    mac: str
    node_id: int
    image_id: int


@api.reader
def list_images(context: api.Context,
                query: common_query.Query) -> list[models.Row]:
    """Return the images that a query asks for."""
    return db_query.fetch(context, _IMAGES, _IMAGE, query)


@api.reader
def count_images(context: api.Context, query: common_query.Query) -> int:
    """Return how many images meet the filters of a query."""
    return db_query.count(context, _IMAGE, query)


@api.reader
def get_image(context: api.Context, image_id: int) -> models.Row:
    """Return an image.

    :raises NodeImageNotFound: there is none with this id
    """
    return table.get(context, _IMAGES.where(_IMAGE.id == image_id),
                     exception.NodeImageNotFound(image=image_id))


def create_image(context: api.Context, values: models.Row) -> models.Row:
    """Insert an image.

    :param values: ``name`` and ``file_data``
    :raises NameTaken: there is an image of this name
    """
    with table.unique('image_name', values['name']):
        image_id = table.create(context, _IMAGE, values)
    return get_image(context, image_id)


@api.writer
def delete_image(context: api.Context, image_id: int) -> None:
    """Remove an image.

    :raises NodeImageNotFound: there is none with this id
    :raises InUse: it is that of a node
    :raises Conflict: new nodes get it
    """
    if image_id == DEFAULT:
        raise exception.Conflict(
            reason=f'Node image {image_id} cannot be deleted: new nodes get '
                   'it.')
    with table.unused(context, f'Node image {image_id}',
                      sa.select(_NODE.id).where(_NODE.image_id == image_id)):
        table.delete(context, _IMAGE, image_id,
                     exception.NodeImageNotFound(image=image_id))


@api.reader
def boots(context: api.Context,
          macs: Collection[str] | None = None) -> list[Boot]:
    """Return what nodes boot from, the oldest node first.

    :param macs: only nodes with these addresses; all that have one when not
        given
    """
    statement = (sa.select(_NODE.mac_address.label('mac'),
                           _NODE.id.label('node_id'), _NODE.image_id)
                 .where(_NODE.mac_address.is_not(None))
                 .order_by(_NODE.id))
    if macs is not None:
        statement = statement.where(_NODE.mac_address.in_(list(macs)))
    return [Boot(**row) for row in db_query.rows(context, statement)]


@api.reader
def file_data(context: api.Context,
              image_ids: Collection[int]) -> dict[int, str]:
    """Return the data of images, by id; only of those that have any."""
    return {row['id']: row['file_data'] for row in db_query.rows(
        context, sa.select(_IMAGE.id, _IMAGE.file_data)
        .where(_IMAGE.id.in_(list(image_ids)),
               _IMAGE.file_data.is_not(None)))}
