# SPDX-License-Identifier: Apache-2.0
"""Classes, types, images and availability storages."""

from tempest.lib import decorators

from cloudmanager_tempest_plugin.tests import base


class ClassesTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('c1b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_life(self):
        name = self.name('class')
        made = self.create(self.classes, name=name, node_types=['a', 'b'])
        self.assertEqual(
            {'a', 'b'},
            {found['name'] for found in self.classes.types(made['id'])})
        self.assertEqual(1, self.classes.count(name=name))
        changed = self.classes.update(made['id'], name=f'{name}-2')
        self.assertEqual(f'{name}-2', changed['name'])
        self.assertEqual(f'{name}-2',
                         self.classes.show(made['id'])['name'])
        self.assertEqual([made['id']], [
            found['id'] for found in self.classes.list(name=f'{name}-2')])
        self.classes.delete_object(made['id'])
        self.assert_refused(base.NotFound, self.classes.show, made['id'])

    @decorators.idempotent_id('c1b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_types(self):
        made = self.create(self.classes, name=self.name('class'),
                           node_types=['a'])
        kind = self.classes.create_type(made['id'], 'b')
        self.classes.update_type(made['id'], kind['id'], 'c')
        self.assertEqual({'a', 'c'}, {
            found['name'] for found in self.classes.types(made['id'])})
        self.classes.delete_type(made['id'], kind['id'])
        self.assertEqual({'a'}, {
            found['name'] for found in self.classes.types(made['id'])})

    @decorators.attr(type='negative')
    @decorators.idempotent_id('c1b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_refused(self):
        made = self.create(self.classes, name=self.name('class'),
                           node_types=['a'])
        self.node(node_class_id=made['id'])
        self.assert_refused(base.Conflict, self.classes.delete_object,
                            made['id'])
        self.assert_refused(base.Conflict, self.classes.create,
                            name=made['name'])
        self.assert_refused(base.BadRequest, self.classes.create,
                            words='name')
        self.assert_refused(base.NotFound, self.classes.types, 0)


class ImagesTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('c2b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_life(self):
        name = self.name('image')
        made = self.create(self.images, image_name=name,
                           file_data='root=test\n')
        self.assertEqual(name, self.images.show(made['id'])['image_name'])
        self.assertEqual(1, self.images.count(id=made['id']))
        node = self.node()
        self.nodes.act_at_once(node['id'], 'assign-image',
                               {'image_id': made['id']})
        self.assertEqual(made['id'], self.nodes.show(node['id'])['image_id'])
        self.assert_refused(base.Conflict, self.images.delete_object,
                            made['id'])
        self.nodes.delete_object(node['id'])
        self.images.delete_object(made['id'])
        self.assertEqual(0, self.images.count(id=made['id']))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('c2b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_refused(self):
        for name in ('', 'two\nlines', None):
            self.assert_refused(base.BadRequest, self.images.create,
                                image_name=name, file_data='x')
        self.assert_refused(base.NotFound, self.images.show, 0)
        node = self.node()
        self.assertRaises((base.BadRequest, base.NotFound),
                          self.nodes.act_at_once, node['id'],
                          'assign-image', {'image_id': 0})


class StoragesTestCase(base.CloudManagerCase):

    def storage(self):
        name = self.name('storage')
        return self.create(self.storages, name=name,
                           compute_path=f'/var/{name}',
                           controller_path=f'/srv/{name}')

    def storages_of(self, node):
        return sorted(found['id'] for found in
                      self.nodes.show(node['id'])['availability_storages'])

    @decorators.idempotent_id('c3b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_life(self):
        made = self.storage()
        self.assertEqual(made['name'],
                         self.storages.show(made['id'])['name'])
        name = self.name('storage')
        self.storages.update(made['id'], name=name)
        self.assertEqual(1, self.storages.count(name=name))
        self.storages.delete_object(made['id'])
        self.assert_refused(base.NotFound, self.storages.show, made['id'])

    @decorators.idempotent_id('c3b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_nodes(self):
        """A node gets storages from either side."""
        node = self.node()
        first, second = self.storage()['id'], self.storage()['id']
        self.nodes.change_storages('POST', node['id'], [first])
        self.storages.change_nodes('POST', second, [node['id']])
        self.assertEqual([first, second], self.storages_of(node))
        self.nodes.change_storages('PUT', node['id'], [second])
        self.assertEqual([second], self.storages_of(node))
        self.nodes.remove_storage(node['id'], second)
        self.assertEqual([], self.storages_of(node))
        self.storages.change_nodes('PUT', first, [node['id']])
        self.storages.remove_node(first, node['id'])
        self.assertEqual([], self.storages_of(node))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('c3b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_refused(self):
        made = self.storage()
        self.assert_refused(
            base.Conflict, self.storages.create, name=made['name'],
            compute_path='/a', controller_path='/b')
        self.assert_refused(
            base.BadRequest, self.storages.create, name=self.name('storage'),
            compute_path='relative', controller_path='/b',
            words='compute_path')
        self.assertRaises((base.BadRequest, base.NotFound),
                          self.storages.change_nodes, 'POST', made['id'],
                          [0])
