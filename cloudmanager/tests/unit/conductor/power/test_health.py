# SPDX-License-Identifier: Apache-2.0
"""Hardware health of a node, of all its devices."""

import datetime

from cloudmanager.common import exception
from cloudmanager.conductor.power import health
from cloudmanager.db import nodes as db_nodes
from cloudmanager.power import base as power_base
from cloudmanager.power import exceptions as power_exc
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor.power import test_nodes


class Device(test_nodes.RecordingDriver):

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def health(self, device):
        found = self.answers[device.host]
        if isinstance(found, str):
            found = getattr(power_exc, found)(device=device, request='x')
        if isinstance(found, Exception):
            raise found
        return found


def sensor(status, value=21.5):
    return power_base.Sensor('CPU', 'Temperature', value, 'C', status)


class HealthTestCase(test_nodes.PowerCase):

    def read(self, **answers):
        """Read a node whose devices are 10.0.0.1 and so on."""
        self.use(Device({f'10.0.0.{name[1:]}': found
                         for name, found in answers.items()}))
        node = self.add_power(outputs=[str(number) for number in
                                       range(1, len(answers) + 1)])
        found = health.read(self.context, node['id'])
        self.assertNotIn(fakes_case.PASSWORD, repr(found))
        self.assertEqual(node['id'], found['node_id'])
        return found

    def test_of_one(self):
        found = self.read(d1=power_base.Health(
            (sensor('ok'), sensor('unknown', None)), (power_base.Event(
                datetime.datetime(2026, 1, 2, 3, 4, 5, 6), 'PSU 1',
                'lost its input', 'critical'),), 7))
        (device,) = found['devices']
        self.assertEqual('ok', found['status'])
        self.assertEqual({'name': 'CPU', 'kind': 'Temperature',
                          'value': 21.5, 'unit': 'C', 'status': 'ok'},
                         device['sensors'][0])
        self.assertEqual([{'time': '2026-01-02T03:04:05', 'source': 'PSU 1',
                           'text': 'lost its input',
                           'severity': 'critical'}], device['events'])
        self.assertEqual((7, None), (device['events_total'],
                                     device['error']))

    def test_the_worst_counts(self):
        for statuses, worst in ((('ok', 'warning'), 'warning'),
                                (('failed', 'critical'), 'failed'),
                                (('unknown', 'ok'), 'ok'),
                                ((), 'unknown')):
            devices = [{'sensors': [{'status': status}
                                    for status in statuses]}]
            self.assertEqual(worst, health._worst(devices))

    def test_one_of_two_tells(self):
        found = self.read(d1='PowerUnreachable',
                          d2=power_base.Health((sensor('ok'),)))
        self.assertIn('cannot be reached', found['devices'][0]['error'])
        self.assertEqual([], found['devices'][0]['sensors'])
        self.assertIsNone(found['devices'][1]['error'])

    def test_none_has_any(self):
        error = self.assertRaises(
            power_exc.PowerUnsupported, self.read, d1='PowerUnsupported',
            d2='PowerUnsupported')
        self.assertEqual(501, error.code)

    def test_none_answers(self):
        """That one cannot does not hide that the other one is away."""
        error = self.assertRaises(
            power_exc.PowerUnreachable, self.read, d1='PowerUnsupported',
            d2='PowerUnreachable')
        self.assertEqual(503, error.code)

    def test_nobody_to_ask(self):
        node = db_nodes.create_node(self.context, {'name': 'bare'})
        self.assertRaises(exception.NoPowerControl, health.read,
                          self.context, node['id'])
        self.assertRaises(exception.NodeNotFound, health.read, self.context,
                          99)
