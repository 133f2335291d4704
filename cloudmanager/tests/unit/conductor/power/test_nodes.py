# SPDX-License-Identifier: Apache-2.0
"""Power actions on nodes: all feeds, confirmed, logged."""

import fixtures

from cloudmanager.common import exception
from cloudmanager.conductor.power import nodes as power_steps
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_actions as db_power_actions
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.domain import query as common_query
from cloudmanager.power import exceptions as power_exc
from cloudmanager.power import fake
from cloudmanager.power import registry
from cloudmanager.tests.unit.conductor import fakes_case


class BrokenDriver(fake.FakeDriver):
    """Takes requests and fails to read, in words with the password."""

    def state(self, device, output):
        raise power_exc.PowerError(device=device, reason='it hangs')


class RecordingDriver(fake.FakeDriver):

    def __init__(self):
        super().__init__()
        self.asked = []

    def power_off(self, device, output, soft=False):
        self.asked.append(('soft' if soft else 'off', output))
        super().power_off(device, output, soft)

    def reset(self, device, output):
        self.asked.append(('reset', output))
        super().reset(device, output)


class PowerCase(fakes_case.ConductorCase):

    def use(self, driver):
        self.useFixture(fixtures.MockPatchObject(
            registry, 'get', lambda device: driver))
        return driver

    def switch(self, node, action, status='SUCCESS'):
        self.create('node.power', host=None, node_id=node['id'],
                    action=action)
        row = self.run_flow()
        self.assertEqual(status, row['status'])
        return row

    def log(self, node):
        return db_power_actions.list_actions(self.context, node['id'],
                                             common_query.Query())

    def node_row(self, node):
        return db_nodes.get_node(self.context, node['id'])


class SwitchTestCase(PowerCase):

    def test_off(self):
        node = self.add_power(outputs=('1', '2'))
        self.switch(node, 'power-off')
        self.assertEqual(['power_off'] * 2, self.power_states(node))
        self.assertEqual('power_off', self.node_row(node)['power_state'])
        (entry,) = self.log(node)
        self.assertEqual(
            ('power-off', 'success', None, 'user', self.task_id),
            tuple(entry[key] for key in ('action', 'result', 'error',
                                         'user_id', 'task_id')))
        self.assertGreater(entry['duration'], 0)

    def test_off_is_soft_first(self):
        driver = self.use(RecordingDriver())
        self.switch(self.add_power(), 'power-off')
        self.assertEqual([('soft', '1')], driver.asked)

    def test_on(self):
        node = self.add_power()
        for feed in self.feeds(node):
            feed.driver.power_off(feed.device, feed.output)
        self.switch(node, 'power-on')
        self.assertEqual(['power_on'], self.power_states(node))
        self.assertEqual('power_on', self.node_row(node)['power_state'])

    def test_reset_of_one_feed(self):
        driver = self.use(RecordingDriver())
        node = self.add_power()
        self.switch(node, 'reset')
        self.assertEqual([('reset', '1')], driver.asked)
        self.assertEqual('power_on', self.node_row(node)['power_state'])

    def test_reset_of_two_feeds(self):
        """It restarts only when both are cut."""
        driver = self.use(RecordingDriver())
        node = self.add_power(outputs=('1', '2'))
        self.switch(node, 'reset')
        self.assertEqual([('off', '1'), ('off', '2')], driver.asked)
        self.assertEqual(['power_on'] * 2, self.power_states(node))

    def test_failure(self):
        """SE2: logged and told, without the password."""
        self.use(BrokenDriver())
        node = self.add_power()
        row = self.switch(node, 'power-off', 'FAILURE')
        (entry,) = self.log(node)
        found = self.node_row(node)
        self.assertEqual(('power-off', 'failure'),
                         (entry['action'], entry['result']))
        self.assertIn('did not confirm', entry['error'])
        self.assertIn('it hangs', found['power_state_reason'])
        self.assertIsNone(found['power_state'])
        for text in (entry, found, row, self.logger.output):
            self.assertNotIn(fakes_case.PASSWORD, str(text))

    def test_credentials(self):
        """SE2: asked once, so that the account is not locked."""
        driver = self.use(RecordingDriver())
        asked = []

        def state(device, output):
            asked.append(output)
            raise power_exc.PowerCredentials(device=device)

        driver.state = state
        node = self.add_power()
        row = self.switch(node, 'power-on', 'FAILURE')
        self.assertEqual(1, len(asked))
        self.assertIn('credentials', row['result'])
        self.assertNotIn(fakes_case.PASSWORD, str(row))

    def test_causes(self):
        """The task, the log and the control tell the cause (FP2)."""
        for number, (kind, values) in enumerate((
                (power_exc.PowerUnresolvable, {}),
                (power_exc.PowerUnreachable, {}),
                (power_exc.PowerSilent, {}), (power_exc.PowerBusy, {}),
                (power_exc.PowerCredentials, {}),
                (power_exc.PowerProtocol, {'request': 'x', 'reason': 'y'}),
                (power_exc.PowerStrange, {'request': 'x', 'reason': 'y'}))):
            driver = self.use(fake.FakeDriver())
            driver.state = lambda device, output, kind=kind, values=values: (
                self.fail_with(kind, device=device, **values))
            node = self.add_power(f'n{number}', port_number=number + 1)
            row = self.switch(node, 'power-off', 'FAILURE')
            (entry,) = self.log(node)
            control = self.control(node)
            for text in (row['result'], entry['error'],
                         control['last_error']):
                self.assertStartsWith(f'{kind.error_code}: ', text)
            self.assertEqual(kind is not power_exc.PowerBusy,
                             control['failures'] > 0)

    @staticmethod
    def fail_with(kind, **values):
        raise kind(**values)

    def assertStartsWith(self, start, text):
        self.assertEqual(start, text[:len(start)])

    def control(self, node, number=0):
        link = db_power_controls.list_assignments(
            self.context, node['id'])[number]
        return db_power_controls.get_control(self.context,
                                             link['power_control_id'])

    def test_refused(self):
        """It can be read all the same, and is on (FP2)."""
        driver = self.use(fake.FakeDriver())
        driver.power_off = lambda device, output, soft: self.fail_with(
            power_exc.PowerRefused, device=device, request='power off',
            reason='HTTP status 500')
        node = self.add_power()
        row = self.switch(node, 'power-off', 'FAILURE')
        (entry,) = self.log(node)
        control = self.control(node)
        for text in (row['result'], entry['error'], control['last_error']):
            self.assertEqual(
                'cloudmanager.power.refused: fake://FakeDevice@10.0.0.1:1 '
                'refused power off: HTTP status 500', text)
        self.assertEqual((0, ['power_on']), (control['failures'],
                                             self.power_states(node)))
        self.assertIsNone(self.node_row(node)['power_state_reason'])
        del driver.power_off
        self.switch(node, 'power-off')
        self.assertIsNone(self.control(node)['last_error'])

    def test_the_other_device(self):
        """What one does not accept says nothing of another (FP2)."""
        driver = self.use(fake.FakeDriver())
        read = driver.state

        def state(device, output):
            if device.host == '10.0.0.2':
                raise power_exc.PowerCredentials(device=device)
            return read(device, output)

        driver.state = state
        node = self.add_power(outputs=('1', '2'))
        self.switch(node, 'power-off', 'FAILURE')
        self.assertIsNone(self.control(node)['last_error'])
        self.assertIn('credentials', self.control(node, 1)['last_error'])

    def test_no_control(self):
        node = db_nodes.create_node(self.context, {'name': 'bare'})
        row = self.switch(node, 'power-on', 'FAILURE')
        self.assertIn('no power control', row['result'])

    def test_cancelled(self):
        """A task that was cancelled before it began switches nothing."""
        node = self.add_power()
        self.create('node.power', host=None, node_id=node['id'],
                    action='power-off')
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow()['status'])
        self.assertEqual(['power_on'], self.power_states(node))

    def test_node_is_gone(self):
        row = self.switch({'id': 10 ** 6}, 'power-on', 'FAILURE')
        self.assertIn('could not be found', row['result'])


class NodeTestCase(PowerCase):

    def test_of_host(self):
        """DR2: the node of exactly this name, if it can be switched."""
        node = self.add_power()
        db_nodes.create_node(self.context, {'name': 'src1'})
        found = {host: power_steps.NodePower().node_of_host(
            self.context, host) for host in ('src', 'src1', 'sr')}
        self.assertEqual(node['id'], found['src']['id'])
        self.assertEqual((None, None), (found['src1'], found['sr']))

    def test_feeds(self):
        """The default comes first; no secret shows."""
        node = self.add_power(outputs=('7', '8'))
        found = self.feeds(node)
        self.assertEqual(['7', '8'], [feed.output for feed in found])
        self.assertEqual(fakes_case.PASSWORD, found[0].device.password)
        self.assertNotIn(fakes_case.PASSWORD, repr(found))

    def test_no_feeds(self):
        node = db_nodes.create_node(self.context, {'name': 'bare'})
        self.assertRaises(exception.NoPowerControl, self.feeds, node)

    def test_fence_cuts(self):
        """No shutdown is asked for; all feeds are off."""
        driver = self.use(RecordingDriver())
        node = self.add_power(outputs=('1', '2'))
        power_steps.NodePower().fence(node, self.run_of())
        self.assertEqual([('off', '1'), ('off', '2')], driver.asked)
        self.assertEqual('fence', self.log(node)[0]['action'])
