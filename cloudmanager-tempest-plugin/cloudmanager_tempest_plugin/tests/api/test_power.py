# SPDX-License-Identifier: Apache-2.0
"""Power controls, and the power of nodes."""

from tempest.lib import decorators

from cloudmanager_tempest_plugin.tests import base


class PowerControlsTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('d1b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_life(self):
        made = self.control(login='operator', password='a-secret-of-tests')
        found = self.controls.show(made['id'])
        self.assertEqual(made['title'], found['title'])
        title = self.name('control')
        self.controls.update(made['id'], title=title)
        self.assertEqual([made['id']], [
            control['id'] for control in self.controls.list(title=title)])
        self.assertEqual(1, self.controls.count(title=title))
        self.controls.delete_object(made['id'])
        self.assert_refused(base.NotFound, self.controls.show, made['id'])

    @decorators.idempotent_id('d1b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_secrets(self):
        """No answer has a password in it."""
        made = self.control(login='operator', password='a-secret-of-tests')
        self.assertNotIn('a-secret-of-tests', str(made))
        self.assertNotIn('a-secret-of-tests',
                         str(self.controls.show(made['id'])))
        self.assertNotIn('a-secret-of-tests', str(self.controls.list()))

    @decorators.idempotent_id('d1b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_types(self):
        self.assertIn(base.POWER_TYPE, str(self.controls.types()))
        self.assertIn(base.POWER_PROTOCOL, str(self.controls.protocols()))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('d1b2b68e-1b43-4a38-9d36-5ec3f4e6c004')
    def test_refused(self):
        good = {'control_type': base.POWER_TYPE,
                'protocol_type': base.POWER_PROTOCOL,
                'host': '192.0.2.1', 'port_number': 1}
        for field, value in (('control_type', 'Lever'),
                             ('protocol_type', 'smoke'),
                             ('host', 'a b'), ('port_number', 70000)):
            self.assert_refused(base.BadRequest, self.controls.create,
                                **{**good, field: value}, words=field)
        self.assert_refused(base.NotFound, self.controls.show, 0)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('d1b2b68e-1b43-4a38-9d36-5ec3f4e6c005')
    def test_in_use(self):
        """What switches a node is not deleted."""
        node, control = self.powered_node()
        self.assert_refused(base.Conflict, self.controls.delete_object,
                            control['id'])
        self.assertIn(node['name'], str(self.controls.nodes(control['id'])))
        other = self.node()
        self.assert_refused(
            base.Conflict, self.nodes.add_power_control, other['id'],
            control['id'], '1')

    @decorators.idempotent_id('d1b2b68e-1b43-4a38-9d36-5ec3f4e6c006')
    def test_outputs(self):
        control = self.control()
        for action in ('power-off', 'power-on'):
            self.finish(self.controls.switch(control['id'], action, 1))


class NodePowerTestCase(base.CloudManagerCase):

    @decorators.attr(type='smoke')
    @decorators.idempotent_id('d2b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_switch(self):
        """Each action is confirmed by the device, and written down."""
        node, control = self.powered_node()
        for action, wanted in (('power-on', 'power_on'),
                               ('power-off', 'power_off'),
                               ('power-on', 'power_on'),
                               ('reset', 'power_on')):
            self.finish(self.nodes.act(node['id'], action))
            self.assertEqual(wanted,
                             self.nodes.show(node['id'])['power_state'])
        done = self.nodes.power_actions(node['id'], sort='id')
        self.assertEqual({'success'}, {action['result'] for action in done})
        self.assertEqual('reset', done[-1]['action'])
        self.assertIn(str(control['id']), str(
            self.nodes.power_controls(node['id'])))

    @decorators.idempotent_id('d2b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_several(self):
        nodes = [self.powered_node()[0]['id'] for _ in range(2)]
        for node in nodes:
            self.finish(self.nodes.act(node, 'power-on'))
        self.nodes.reset_several(nodes)
        for node in nodes:
            self.assertEqual(1, len(self.nodes.power_actions(
                node, action='reset')))

    @decorators.attr(type='negative')
    @decorators.idempotent_id('d2b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_no_control(self):
        node = self.node()
        self.assert_refused(base.Conflict, self.nodes.act, node['id'],
                            'power-on')
