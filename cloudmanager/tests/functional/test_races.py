# SPDX-License-Identifier: Apache-2.0
"""Requests at the same moment, on every database.

Whatever the order turns out to be, each request gets an answer that is true
of it, none is a 500, and nothing is left that refers to what is gone.
"""

import json

import sqlalchemy as sa
import webob

from cloudmanager.db import models
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

MANY = 16
ROUNDS = 4


class RacesCase(base.ApiTestCase):

    auth_strategy = 'noauth'
    # Classes and images are among what is raced for.
    alone = True

    def send(self, method, path, body=None):
        """Send a request from any thread; return status and document."""
        request = webob.Request.blank(path, method=method)
        if body is not None:
            request.body = json.dumps(body).encode()
            request.content_type = 'application/json'
        answer = request.get_response(self.app.app)
        return answer.status_int, answer.json if answer.body else None

    def together(self, *requests):
        """Send requests at the same moment; return their statuses."""
        found = tests_base.Together(
            len(requests), lambda number: self.send(*requests[number]))
        self.assertEqual([], found.raised)
        statuses = [status for status, _ in found.results]
        self.assertEqual([], [answer for answer in found.results
                              if answer[0] >= 500])
        return statuses

    def one_of(self, statuses, well, refused):
        """Check that one request was carried out and the others refused."""
        self.assertEqual([well] + [refused] * (len(statuses) - 1),
                         sorted(statuses))

    def rows(self, statement):
        return [tuple(row) for row in self.execute(statement)]


@tests_base.databases()
class NamesTestCase(RacesCase):
    """AP1: of many that want a name one gets it, the others 409."""

    def race(self, path, body):
        for turn in range(ROUNDS):
            text = json.dumps(body).replace('NAME', f'name{turn}')
            self.one_of(self.together(
                *[('POST', path, json.loads(text))] * MANY), 201, 409)

    def test_nodes(self):
        self.race('/v1/nodes', {'node': {'name': 'NAME'}})

    def test_classes(self):
        self.race('/v1/node-classes', {'node_class': {
            'name': 'NAME', 'node_types': ['a', 'b']}})

    def test_types(self):
        self.race('/v1/node-classes/1/types',
                  {'node_type': {'name': 'NAME'}})

    def test_images(self):
        self.race('/v1/node-images', {'node_image': {
            'image_name': 'NAME', 'file_data': 'localboot 0'}})

    def test_storages(self):
        self.race('/v1/availability-storages', {'availability_storage': {
            'name': 'NAME', 'compute_path': '/a', 'controller_path': '/b'}})

    def test_power_controls(self):
        self.race('/v1/power-controls', {'power_control': {
            'control_type': 'FakeDevice', 'protocol_type': 'fake',
            'host': 'NAME', 'port_number': 1}})

    def test_renaming(self):
        ids = [self.node()['id'] for _ in range(MANY)]
        self.one_of(self.together(*(
            ('PUT', f'/v1/nodes/{node_id}', {'node': {'name': 'wanted'}})
            for node_id in ids)), 200, 409)


@tests_base.databases()
class WritersTestCase(RacesCase):
    """Writers of one object: each writes what it was sent, no less."""

    def test_different_fields(self):
        node_id = self.node()['id']
        values = {'title': 'a', 'owner': 'b', 'ram_mb': 1, 'hdd_gb': 2,
                  'rack_number': 3, 'description': 'c', 'cpu_amount': 4}
        statuses = self.together(*(
            ('PUT', f'/v1/nodes/{node_id}', {'node': {name: value}})
            for name, value in values.items()))
        self.assertEqual({200}, set(statuses))
        found = self.get(f'/v1/nodes/{node_id}')['node']
        self.assertEqual(values, {name: found[name] for name in values})

    def test_pairs_of_fields(self):
        """Two values that one request sets belong to one request."""
        node_id = self.node()['id']
        for _ in range(ROUNDS):
            self.together(*(
                ('PUT', f'/v1/nodes/{node_id}', {'node': {
                    'title': str(number), 'ram_mb': number}})
                for number in range(8)))
            found = self.get(f'/v1/nodes/{node_id}')['node']
            self.assertEqual(found['title'], str(found['ram_mb']))

    def test_one_default(self):
        """A node with power controls has exactly one default."""
        node_id = self.node()['id']
        controls = [self.control(host=f'bmc{number}')['id']
                    for number in range(6)]
        path = f'/v1/nodes/{node_id}/power-controls'
        self.assertEqual({201}, set(self.together(*(
            ('POST', path, {'power_control_id': control,
                            'power_control_port': '1'})
            for control in controls))))
        for _ in range(ROUNDS):
            self.assertEqual({200}, set(self.together(*(
                ('PUT', f'{path}/{control}', {'is_default': True})
                for control in controls))))
            found = self.get(path)['power_controls']
            self.assertEqual(1, sum(entry['is_default'] for entry in found))

    def test_one_output(self):
        """An output feeds one node, whoever asks at the same time."""
        control = self.control()['id']
        ids = [self.node()['id'] for _ in range(8)]
        self.one_of(self.together(*(
            ('POST', f'/v1/nodes/{node_id}/power-controls',
             {'power_control_id': control, 'power_control_port': '1'})
            for node_id in ids)), 201, 409)


@tests_base.databases()
class DeletesTestCase(RacesCase):
    """What is deleted while it comes into use is one or the other."""

    def dangling(self):
        """Return references to what is not there."""
        node, link = models.Node, models.NodePowerControl
        storage = models.NodeAvailabilityStorage
        found = []
        for column, target in (
                (node.node_class_id, models.NodeClass.id),
                (node.node_type_id, models.NodeType.id),
                (node.image_id, models.NodeImage.id),
                (models.NodeType.node_class_id, models.NodeClass.id),
                (link.node_id, node.id),
                (link.power_control_id, models.PowerControl.id),
                (storage.node_id, node.id),
                (storage.availability_storage_id,
                 models.AvailabilityStorage.id)):
            found += self.rows(sa.select(column).where(
                column.not_in(sa.select(target))))
        return found

    def race(self, delete, *uses, gone):
        """Delete something while it is used.

        :param gone: statuses of a use that came too late
        """
        statuses = self.together(('DELETE', delete), *uses)
        deleted, used = statuses[0], statuses[1:]
        self.assertEqual([], self.dangling())
        self.assertIn(deleted, (204, 409))
        if deleted == 409:
            self.assertIn(self.send('GET', delete)[0], (200,))
        else:
            self.assertLessEqual(set(used), set(gone), statuses)

    def test_twice(self):
        for _ in range(ROUNDS):
            path = f'/v1/nodes/{self.node()["id"]}'
            self.one_of(self.together(*[('DELETE', path)] * 8), 204, 404)

    def test_class(self):
        for turn in range(ROUNDS):
            key = self.call('POST', '/v1/node-classes', {'node_class': {
                'name': f'c{turn}'}}, 201).json['node_class']['id']
            self.race(f'/v1/node-classes/{key}',
                      *[('POST', '/v1/nodes',
                         {'node': {'node_class_id': key}})] * 3, gone=(400,))

    def test_image(self):
        node = self.node()['id']
        for turn in range(ROUNDS):
            key = self.call('POST', '/v1/node-images', {'node_image': {
                'image_name': f'i{turn}', 'file_data': 'localboot 0'}},
                201).json['node_image']['id']
            self.race(f'/v1/node-images/{key}',
                      ('POST', '/v1/nodes', {'node': {'image_id': key}}),
                      ('PUT', f'/v1/nodes/{node}',
                       {'node': {'image_id': key}}),
                      ('POST', f'/v1/nodes/{node}/actions/assign-image',
                       {'image_id': key}), gone=(400, 404))

    def test_power_control(self):
        node = self.node()['id']
        for turn in range(ROUNDS):
            key = self.control(host=f'h{turn}')['id']
            self.race(f'/v1/power-controls/{key}',
                      ('POST', f'/v1/nodes/{node}/power-controls',
                       {'power_control_id': key, 'power_control_port': '1'}),
                      gone=(400, 404))

    def test_storage(self):
        node = self.node()['id']
        for turn in range(ROUNDS):
            key = self.call(
                'POST', '/v1/availability-storages',
                {'availability_storage': {
                    'name': f's{turn}', 'compute_path': '/a',
                    'controller_path': '/b'}},
                201).json['availability_storage']['id']
            self.race(f'/v1/availability-storages/{key}',
                      ('POST', f'/v1/nodes/{node}/availability-storages',
                       {'availability_storages': [key]}),
                      ('PUT', f'/v1/availability-storages/{key}/nodes',
                       {'nodes': [node]}), gone=(400, 404))

    def test_node(self):
        """A node goes with its assignments, so both may be carried out."""
        control = self.control()['id']
        storage = self.call(
            'POST', '/v1/availability-storages', {'availability_storage': {
                'name': 's', 'compute_path': '/a', 'controller_path': '/b'}},
            201).json['availability_storage']['id']
        for port in range(1, ROUNDS + 1):
            path = f'/v1/nodes/{self.node()["id"]}'
            statuses = self.together(
                ('DELETE', path),
                ('POST', f'{path}/power-controls',
                 {'power_control_id': control,
                  'power_control_port': str(port)}),
                ('POST', f'{path}/availability-storages',
                 {'availability_storages': [storage]}),
                ('PUT', path, {'node': {'title': 'a'}}))
            self.assertEqual(204, statuses[0])
            self.assertLessEqual(set(statuses[1:]), {200, 201, 204, 404})
            self.assertEqual([], self.dangling())

    def test_node_and_task(self):
        """Either the node is deleted or a task acts on it.

        PostgreSQL may show the node and not its power controls any more.
        """
        for turn in range(ROUNDS):
            node_id = self.node()['id']
            self.assign(node_id, self.control(host=f'bmc{turn}')['id'])
            path = f'/v1/nodes/{node_id}'
            deleted, begun = self.together(
                ('DELETE', path), ('POST', f'{path}/actions/power-on'))
            self.assertIn((deleted, begun),
                          ((204, 404), (204, 409), (409, 202)))


@tests_base.databases()
class PowerControlsTestCase(RacesCase):
    """What a task may need is not taken from under it (FP9)."""

    def setUp(self):
        super().setUp()
        self.node_id = self.node()['id']

    def race(self, turn, action):
        """Begin a task and take its control away at the same moment."""
        key = self.control(host=f'bmc{turn}')['id']
        self.assign(self.node_id, key)
        path = (f'/v1/nodes/{self.node_id}' if action != 'output'
                else f'/v1/power-controls/{key}')
        body = {'coil': '1'} if action == 'output' else None
        begun, changed = self.together(
            ('POST', f'{path}/actions/power-on', body),
            ('DELETE', f'/v1/nodes/{self.node_id}/power-controls/{key}'))
        if begun == 202:
            # If both, the control was taken away before the task began.
            self.assertIn(changed, (204, 409))
            (task_id,) = self.running()
            self.finish(task_id)
        else:
            self.assertIn((begun, changed), ((409, 204), (404, 204)))
        self.send('DELETE', f'/v1/nodes/{self.node_id}/power-controls/'
                            f'{key}')

    def running(self):
        return [row[0] for row in self.rows(
            sa.select(models.TaskTarget.task_id).distinct())]

    def test_at_the_same_moment(self):
        for turn in range(ROUNDS):
            for number, action in enumerate(('node', 'output')):
                self.race(turn * 2 + number, action)

    def test_while_it_runs(self):
        key = self.control(host='bmc')['id']
        self.assign(self.node_id, key)
        self.assertEqual(202, self.send(
            'POST', f'/v1/nodes/{self.node_id}/actions/power-off')[0])
        (task_id,) = self.running()
        path = f'/v1/nodes/{self.node_id}/power-controls/{key}'
        for request in (
                ('DELETE', path),
                ('PUT', path, {'power_control_port': '2'})):
            status, document = self.send(*request)
            (error,) = document['errors']
            self.assertEqual((409, 'cloudmanager.task.conflict'),
                             (status, error['code']))
            self.assertIn(task_id, error['detail'])
        self.finish(task_id)
        self.assertEqual(204, self.send('DELETE', path)[0])

    def test_output_of_nobody(self):
        """A device whose output is being switched is not deleted."""
        for turn in range(ROUNDS):
            key = self.control(host=f'lone{turn}')['id']
            path = f'/v1/power-controls/{key}'
            begun, deleted = self.together(
                ('POST', f'{path}/actions/power-on', {'coil': '1'}),
                ('DELETE', path))
            self.assertIn((begun, deleted), ((202, 409), (404, 204)))
            for task_id in self.running():
                self.assertEqual(409, self.send('DELETE', path)[0])
                self.finish(task_id)


@tests_base.databases()
class TasksTestCase(RacesCase):

    def test_equal(self):
        """AP12: many equal requests begin one task."""
        for path, body in (
                ('/v1/hosts/cmp1/actions/shutdown', {}),
                ('/v1/hosts/actions/restart', {'hosts': ['cmp2', 'cmp3']})):
            found = tests_base.Together(
                MANY, lambda number, path=path, body=body:
                self.send('POST', path, body))
            self.assertEqual({202}, {status for status, _ in found.results})
            self.assertEqual(1, len({document['task_id'] for _, document
                                     in found.results}))

    def test_conflicting(self):
        """AP12: of different actions on a host one begins."""
        for turn in range(ROUNDS):
            host = f'cmp{turn}'
            self.one_of(self.together(
                ('POST', f'/v1/hosts/{host}/actions/shutdown'),
                ('POST', f'/v1/hosts/{host}/actions/evacuate'),
                ('POST', f'/v1/hosts/{host}/actions/decommission'),
                ('POST', '/v1/hosts/actions/restart', {'hosts': [host]})),
                202, 409)

    def test_sets_that_overlap(self):
        """Of sets of hosts that overlap one is restarted, no deadlock."""
        hosts = [f'h{number}' for number in range(6)]
        self.one_of(self.together(*(
            ('POST', '/v1/hosts/actions/restart',
             {'hosts': hosts[number:] + hosts[:number],
              'settle_seconds': number}) for number in range(6))), 202, 409)
