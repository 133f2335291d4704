# SPDX-License-Identifier: Apache-2.0
"""Boot images: what is in use stays, and who boots from what."""

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.db import node_images
from cloudmanager.db import nodes
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base

UNKNOWN = 10 ** 6
MACS = [f'52:54:00:00:00:{number:02x}' for number in range(5)]


@base.databases()
class ImagesTestCase(base.DbTestCase):

    def create(self, name='new', file_data='root=test'):
        return node_images.create_image(
            self.context, {'name': name, 'file_data': file_data})['id']

    def node(self, **values):
        return nodes.create_node(self.context, values)['id']

    def test_name_is_unique(self):
        self.create()
        error = self.assertRaises(exception.NameTaken, self.create)
        self.assertEqual('The image_name new is in use already.',
                         str(error))

    def test_large(self):
        """MySQL's TEXT would be too small for it."""
        data = '😀' * 65536
        image = self.create(file_data=data)
        self.assertEqual(data, node_images.get_image(
            self.context, image)['file_data'])

    def test_delete(self):
        image = self.create()
        node = self.node(image_id=image)
        error = self.assertRaises(exception.InUse, node_images.delete_image,
                                  self.context, image)
        self.assertIn(f'node {node}', str(error))
        nodes.update_node(self.context, node, {'image_id': 1})
        node_images.delete_image(self.context, image)
        for function in (node_images.get_image, node_images.delete_image):
            self.assertRaises(exception.NodeImageNotFound, function,
                              self.context, image)

    def test_default_stays(self):
        """New nodes get it."""
        self.assertRaises(exception.Conflict, node_images.delete_image,
                          self.context, node_images.DEFAULT)
        self.assertEqual(1, node_images.count_images(
            self.context, common_query.Query()))

    def test_delete_and_assign_raced(self):
        """Either the image is gone or the node has it."""
        image, node = self.create(), self.node()

        def act(number):
            if number % 2:
                return node_images.delete_image(self.context, image)
            if number == 2:
                return nodes.update_node(self.context, node,
                                         {'image_id': image})
            return nodes.create_node(self.context, {'image_id': image})

        calls = base.Together(6, act)

        self.assertLessEqual(
            {type(error) for error in calls.raised},
            {exception.InUse, exception.NodeImageNotFound,
             exception.Invalid})
        present = self.execute(sa.select(models.NodeImage.id)
                               .where(models.NodeImage.id == image))
        users = self.execute(sa.select(models.Node.id)
                             .where(models.Node.image_id == image))
        self.assertEqual(bool(present), bool(users))

    def test_boots(self):
        image = self.create()
        first = self.node(mac_address=MACS[1], image_id=image)
        second = self.node(mac_address=MACS[0])
        third = self.node(mac_address=MACS[2])
        self.node()
        boots = [node_images.Boot(MACS[1], first, image),
                 node_images.Boot(MACS[0], second, 1),
                 node_images.Boot(MACS[2], third, 1)]
        self.assertEqual(boots, node_images.boots(self.context))
        self.assertEqual([boots[0], boots[2]], node_images.boots(
            self.context, [MACS[1], MACS[2]]))
        self.assertEqual([], node_images.boots(self.context, []))

    def test_file_data(self):
        image = self.create()
        self.execute(sa.insert(models.NodeImage).values(name='empty'))
        found = node_images.file_data(
            self.context, range(image - 1, image + 2))
        self.assertEqual('root=test', found[image])
        self.assertNotIn(None, found.values())
        self.assertEqual({}, node_images.file_data(self.context, []))
