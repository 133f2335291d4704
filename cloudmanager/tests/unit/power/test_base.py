# SPDX-License-Identifier: Apache-2.0
"""What drivers inherit."""

import testtools

from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.tests.unit.power import base

ON, OFF = states.POWER_ON, states.POWER_OFF


class OptionsDriver(base.ScriptedDriver):

    options_schema = {'speed': {'type': 'integer', 'default': 3},
                      'colour': {'type': 'string'}}


class DriverTestCase(testtools.TestCase):

    def test_option_of_the_device(self):
        device = base.device(options={'speed': 5, 'colour': 'red'})
        self.assertEqual([5, 'red'], [OptionsDriver.option(device, name)
                                      for name in ('speed', 'colour')])

    def test_option_that_is_not_set(self):
        device = base.device()
        self.assertEqual([3, None], [OptionsDriver.option(device, name)
                                     for name in ('speed', 'colour')])

    def test_option_that_nobody_knows(self):
        self.assertRaises(KeyError, OptionsDriver.option, base.device(
            options={'size': 1}), 'size')

    def test_states_are_read_one_after_the_other(self):
        driver = base.ScriptedDriver([ON, OFF])
        self.assertEqual({'1': ON, '2': OFF},
                         driver.states(base.device(), ['1', '2']))

    def test_a_dead_device_is_not_asked_again(self):
        dead = exceptions.PowerUnreachable(device=base.device())
        driver = base.ScriptedDriver([dead, ON])
        self.assertRaises(exceptions.PowerUnreachable, driver.states,
                          base.device(), ['1', '2'])
        self.assertEqual([ON], driver.readings)

    def test_what_a_driver_does_not_offer(self):
        driver, device = base.ScriptedDriver([ON]), base.device()
        for function, arguments in (
                (driver.outputs, ()), (driver.health, ()),
                (driver.set_boot_device, ('1', 'pxe'))):
            error = self.assertRaises(exceptions.PowerUnsupported, function,
                                      device, *arguments)
            self.assertEqual(501, error.code)
