# SPDX-License-Identifier: Apache-2.0
from importlib import metadata

import stevedore
import testtools

from cloudmanager.power import base as power_base
from cloudmanager.power import exceptions
from cloudmanager.power import fake
from cloudmanager.power import registry
from cloudmanager.power.ipmi import driver as ipmi
from cloudmanager.tests.unit.power import base


class RegistryTestCase(testtools.TestCase):

    def test_every_driver_that_is_installed_loads(self):
        declared = {entry.name for entry in metadata.entry_points(
            group=registry.NAMESPACE)}
        found = registry.drivers()
        self.assertEqual(declared, set(found))
        for driver in found.values():
            self.assertIsInstance(driver, power_base.PowerDriver)

    def test_finds_by_control_type(self):
        self.assertIsInstance(
            registry.get(base.device(control_type='FakeDevice')),
            fake.FakeDriver)
        self.assertIsInstance(
            registry.get(base.device(control_type='SupermicroRackDevice')),
            ipmi.IPMIDriver)

    def test_a_device_always_gets_the_same_driver(self):
        self.assertIs(registry.get(base.device()),
                      registry.get(base.device()))

    def test_unknown_type(self):
        error = self.assertRaises(
            exceptions.PowerUnsupported, registry.get,
            base.device(control_type='Abacus'))
        self.assertIn('Abacus', str(error))
        self.assertEqual(501, error.code)

    def test_a_broken_driver_is_an_error(self):
        self.patch(stevedore.ExtensionManager, 'list_entry_points',
                   lambda manager: [metadata.EntryPoint(
                       'Broken', 'cloudmanager.power.no_such:Driver',
                       registry.NAMESPACE)])
        self.assertRaises(ModuleNotFoundError, registry.load)

    def test_a_driver_that_cannot_be_made_is_an_error(self):
        # It is abstract.
        self.patch(stevedore.ExtensionManager, 'list_entry_points',
                   lambda manager: [metadata.EntryPoint(
                       'Broken', 'cloudmanager.power.base:PowerDriver',
                       registry.NAMESPACE)])
        self.assertRaises(TypeError, registry.load)

    def test_close(self):
        """What drivers keep ends with the process."""
        closed = []

        class Driver(base.ScriptedDriver):
            def close(self):
                closed.append(self)

        kept = Driver([]), Driver([])
        self.patch(registry, '_loaded', dict(enumerate(kept)))
        registry.close()
        self.assertEqual(list(kept), closed)
