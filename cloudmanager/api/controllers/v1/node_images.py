# SPDX-License-Identifier: Apache-2.0
"""Boot images, and their assignment to nodes."""

from cloudmanager.api import boot_files
from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import node_images as image_types
from cloudmanager.common import exception
from cloudmanager.db import node_images as db_node_images
from cloudmanager.db import nodes as db_nodes
from cloudmanager.policies import node_images as policies

NodeImage, ONE_IMAGE = image_types.NodeImage, image_types.ONE_IMAGE
_LIST = '/v1/node-images'
_ONE = '/v1/node-images/{image_id}'


def _image_key(image_id: str) -> int:
    return routing.integer(image_id, exception.NodeImageNotFound(
        image=image_id))


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(NodeImage, paged=True),
               answers={200: answers.page(NodeImage)})
def list_images(call: routing.Call) -> routing.Document:
    """List images."""
    return listing.page(call, db_node_images.list_images,
                        lambda rows: [NodeImage.render(row)
                                      for row in rows])


@routing.route('GET', f'{_LIST}/count', policies.LIST,
               # Its documentation alone has parameters of pages; a page of
               # a number is the number.
               query=Parameters(NodeImage, ignored=('limit', 'offset')),
               answers={200: answers.Count})
def count_images(call: routing.Call) -> routing.Document:
    """Count images."""
    return listing.count(call, db_node_images.count_images)


@routing.route('POST', _LIST, policies.CREATE, body=NodeImage,
               answers={201: ONE_IMAGE}, errors=(409,))
def create_image(call: routing.Call) -> routing.Document:
    """Create an image."""
    row = db_node_images.create_image(call.context, call.values)
    return {'node_image': NodeImage.render(row)}


@routing.route('GET', _ONE, policies.GET, answers={200: ONE_IMAGE})
def show_image(call: routing.Call, image_id: str) -> routing.Document:
    """Show an image."""
    row = db_node_images.get_image(call.context, _image_key(image_id))
    return {'node_image': NodeImage.render(row)}


@routing.route('DELETE', _ONE, policies.DELETE, answers={204: None},
               errors=(409,))
def delete_image(call: routing.Call, image_id: str) -> None:
    """Delete an image."""
    db_node_images.delete_image(call.context, _image_key(image_id))


@routing.route('POST', '/v1/nodes/{node_id}/actions/assign-image',
               policies.ASSIGN, body=image_types.Assignment,
               answers={204: None})
def assign_image(call: routing.Call, node_id: str) -> None:
    """Assign an image to a node."""
    row = db_nodes.update_node(call.context, nodes.node_key(call, node_id),
                               call.values)
    boot_files.changed(call.context, row['mac_address'])
