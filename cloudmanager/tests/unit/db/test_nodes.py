# SPDX-License-Identifier: Apache-2.0
"""Nodes: defaults, agreement of class and type, unique names, size."""

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.db import agents
from cloudmanager.db import api as db_api
from cloudmanager.db import availability_storages
from cloudmanager.db import models
from cloudmanager.db import node_images
from cloudmanager.db import node_settings
from cloudmanager.db import nodes
from cloudmanager.db import power_controls
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base

UUID = '11111111-2222-3333-4444-555555555555'


@base.databases()
class NodesTestCase(base.DbTestCase):

    def create(self, **values):
        return nodes.create_node(self.context, values)

    def invalid(self, **values):
        return str(self.assertRaises(exception.Invalid, self.create,
                                     **values))

    def test_columns(self):
        """The node as it is in its table, and nothing besides."""
        node = nodes.create_node(self.context, {'name': 'cmp1'})['id']
        row = nodes.get_columns(self.context, node)
        self.assertEqual((node, 'cmp1'), (row['id'], row['name']))
        self.assertEqual({column.name for column in
                          models.Node.__table__.columns}, set(row))
        self.assertRaises(exception.NodeNotFound, nodes.get_columns,
                          self.context, 10 ** 6)

    def test_whole(self):
        """Of what there are several, each is there once, in its order."""
        node, other = (self.create(name=name)['id'] for name in 'ab')
        links = [(control['id'], port) for control, port in zip(
            (power_controls.create_control(self.context, {
                'control_type': 'FakeDevice', 'protocol_type': 'fake',
                'title': '', 'host': f'pdu{number}', 'port_number': 1})
             for number in range(3)), ('7', '3', '5'), strict=True)]
        for control, port in links:
            for owner, output in ((node, port), (other, f'1{port}')):
                power_controls.assign(self.context, owner, {
                    'power_control_id': control,
                    'power_control_port': output})
        storages = [availability_storages.create_storage(self.context, {
            'name': name, 'compute_path': '/a', 'controller_path': '/b/'
            })['id'] for name in 'xyz']
        for storage in storages[:2]:
            availability_storages.assign_nodes(self.context, storage, [node])
        secrets.create_key()
        agents.enrol(self.context, 'a', signing.new_key())
        node_settings.change(self.context, node, {'ssh': True})

        whole = nodes.get_node(self.context, node)

        (listed,) = [row for row in nodes.list_nodes(
            self.context, common_query.Query()) if row['id'] == node]
        for name, value in listed.items():
            self.assertEqual(value, whole[name], name)
        self.assertEqual(links, [
            (control['power_control_id'], control['power_control_port'])
            for control in whole['node_controls']])
        self.assertEqual(storages[:2], [
            storage['id'] for storage in whole['availability_storages']])
        self.assertEqual({'ssh': True}, whole['settings']['settings'])
        self.assertEqual('a', whole['agent']['host'])
        # Keys of agents are for nobody.
        self.assertEqual([], [name for name in whole['agent']
                              if 'key' in name])

    def test_whole_of_another_name(self):
        """An agent is that of the node's name to the letter."""
        node = self.create(name='Cmp1')['id']
        secrets.create_key()
        agents.enrol(self.context, 'cmp1', signing.new_key())
        self.assertIsNone(nodes.get_node(self.context, node)['agent'])

    def test_whole_by_one_statement(self):
        node = self.create(name='a')['id']
        with self.statements() as sent:
            nodes.get_node(self.context, node)
        self.assertEqual(1, len(sent), sent)

    def names(self, node):
        """Return the names of what a node belongs to."""
        return tuple(node[kind]['name'] for kind in (
            'node_class', 'node_type', 'image'))

    def test_defaults(self):
        node = self.create()
        self.assertEqual(
            ('hypervisor', '', 'default'), self.names(node))
        self.assertEqual(
            (True, False, False, 0, None, []),
            tuple(node[key] for key in (
                'active', 'is_reserved', 'is_controller', 'condition',
                'power_state', 'node_controls')))
        self.assertIsNotNone(node['created_at'])

    def test_type_names_the_class(self):
        node = self.create(node_type_id=9)
        self.assertEqual(('Storage host', 'Ceph'), self.names(node)[:2])

    def test_class_alone_gets_its_nameless_type(self):
        node = self.create(node_class_id=4)
        self.assertEqual(('Server', ''), self.names(node)[:2])

    def test_type_of_another_class(self):
        self.assertIn('node_type_id', self.invalid(node_class_id=1,
                                                   node_type_id=9))

    def test_unknown_references(self):
        self.assertIn('node_type_id', self.invalid(node_type_id=999))
        self.assertIn('node_class_id', self.invalid(node_class_id=999))
        self.assertIn('image_id', self.invalid(image_id=999))

    def test_update_class_changes_the_type(self):
        node = self.create(node_type_id=3)
        changed = nodes.update_node(self.context, node['id'],
                                    {'node_class_id': 2})
        self.assertEqual(('Storage host', ''), self.names(changed)[:2])

    def test_update_to_the_same_class_keeps_the_type(self):
        node = self.create(node_type_id=3)
        changed = nodes.update_node(
            self.context, node['id'], {'node_class_id': 1, 'ram_mb': 5})
        self.assertEqual(('KVM', 5), (self.names(changed)[1],
                                      changed['ram_mb']))

    def test_update_nothing(self):
        node = self.create(name='a')
        self.assertEqual(node, nodes.update_node(self.context, node['id'],
                                                 {}))

    def test_unknown(self):
        for function, args in ((nodes.get_node, ()),
                               (nodes.update_node, ({'name': 'a'},)),
                               (nodes.delete_node, ())):
            self.assertRaises(exception.NodeNotFound, function,
                              self.context, 10 ** 6, *args)

    def test_name_is_unique(self):
        self.create(name='a')
        other = self.create(name='b')
        for action in (lambda: self.create(name='a'),
                       lambda: nodes.update_node(
                           self.context, other['id'], {'name': 'a'})):
            error = self.assertRaises(exception.NameTaken, action)
            self.assertEqual('The name a is in use already.', str(error))
        self.assertEqual('b', nodes.get_node(self.context,
                                             other['id'])['name'])

    def test_hypervisor_is_unique(self):
        self.create(name='a', hypervisor_id=UUID)
        error = self.assertRaises(exception.NameTaken, self.create,
                                  name='b', hypervisor_id=UUID)
        self.assertIn('hypervisor_id', str(error))

    def test_nameless_nodes_do_not_collide(self):
        self.assertNotEqual(self.create()['id'], self.create()['id'])

    def test_find_by_name(self):
        node = self.create(name='Node')
        self.create(name='node')
        self.assertEqual(node['id'], nodes.find_by_name(
            self.context, 'Node')['id'])
        self.assertIsNone(nodes.find_by_name(self.context, 'NODE'))

    def test_unique_name_raced(self):
        """EV2: of sixteen nodes of one name at once one is made."""
        calls = base.Together(16, lambda number: self.create(
            name='same', ram_mb=number))
        made = [node for node in calls.results if node]
        self.assertEqual(1, len(made))
        self.assertEqual({exception.NameTaken},
                         {type(error) for error in calls.raised})
        self.assertEqual(1, nodes.count_nodes(self.context,
                                              common_query.Query()))

    def test_delete(self):
        node = self.create()
        self.execute(sa.insert(models.PowerAction).values(
            node_id=node['id'], action='on', result='ok'))
        nodes.delete_node(self.context, node['id'])
        self.assertRaises(exception.NodeNotFound, nodes.get_node,
                          self.context, node['id'])
        self.assertEqual([], self.execute(sa.select(models.PowerAction.id)))

    def test_delete_while_a_task_acts_on_it(self):
        node = self.create()
        db_tasks.create_task(self.context, 'node.power',
                             targets=[f'node:{node["id"]}'], params={})
        error = self.assertRaises(exception.TaskConflict,
                                  nodes.delete_node, self.context,
                                  node['id'])
        self.assertEqual(409, error.code)
        self.assertEqual(node['id'], nodes.get_node(self.context,
                                                    node['id'])['id'])

    def test_kind_is_deleted_in_between(self):
        """A list is of one moment, or it is made again."""
        image = node_images.create_image(self.context, {'name': 'old'})['id']
        node = self.create(image_id=image)['id']
        deleted = []

        def delete(conn, cursor, statement, *_):
            if 'UNION' in statement and not deleted:
                deleted.append(image)
                self.execute(sa.update(models.Node).values(image_id=1))
                self.execute(sa.delete(models.NodeImage).where(
                    models.NodeImage.id == image))

        engine = db_api.get_engine()
        sa.event.listen(engine, 'before_cursor_execute', delete)
        self.addCleanup(sa.event.remove, engine, 'before_cursor_execute',
                        delete)
        (found,) = nodes.list_nodes(self.context, common_query.Query())
        self.assertEqual([image], deleted)
        self.assertEqual(node, found['id'])
        self.assertEqual('default' if found['image_id'] == 1 else 'old',
                         found['image']['name'])

    def test_statements_of_a_list(self):
        """DB2, DB3: 1000 nodes with all they have are four statements."""
        self.execute(sa.insert(models.Node), [
            {'name': f'n{number}', 'node_class_id': 1, 'node_type_id': 3,
             'image_id': 1} for number in range(1000)])
        self.execute(sa.insert(models.PowerControl).values(
            id=1, title='PDU', control_type='FakeDevice',
            protocol_type='fake', host='10.0.0.1', port_number=1))
        ids = [row[0] for row in self.execute(
            sa.select(models.Node.id).order_by(models.Node.id))]
        self.execute(sa.insert(models.NodePowerControl), [
            {'node_id': node_id, 'power_control_id': 1,
             'power_control_port': str(number), 'is_default': True}
            for number, node_id in enumerate(ids)])

        for limit in (5, None):
            with self.statements() as sent:
                found = nodes.list_nodes(self.context,
                                         common_query.Query(limit=limit))
            selects = [line for line in sent if 'SELECT' in line]
            self.assertEqual(4, len(selects), sent)
            self.assertEqual(limit or 1000, len(found))
            self.assertEqual({1}, {len(node['node_controls'])
                                   for node in found})
            self.assertEqual('4', found[4]['node_controls'][0][
                'power_control_port'])
