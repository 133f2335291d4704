# SPDX-License-Identifier: Apache-2.0
"""Kinds of power controls, ours and those of plugins."""

from importlib import metadata
import os
import pathlib
import subprocess
import sys

import fixtures

from cloudmanager.domain import power_types
from cloudmanager.tests import base

ROOT = pathlib.Path(power_types.__file__).parents[2]
# A plugin as pip installs it: a kind, and a driver that must not be loaded.
PLUGIN = {
    'example_strip/__init__.py': '',
    'example_strip/kind.py': """
from cloudmanager.domain.power_types import PowerType
STRIP = PowerType('AExampleStrip', 'example', 4, 4711,
                  {'slow': {'type': 'boolean'}})
""",
    'example_strip/driver.py': "raise RuntimeError('loaded')\n",
    'example_strip-1.0.dist-info/METADATA':
        'Metadata-Version: 2.1\nName: example-strip\nVersion: 1.0\n',
    'example_strip-1.0.dist-info/entry_points.txt': """
[cloudmanager.power.types]
AExampleStrip = example_strip.kind:STRIP
[cloudmanager.power.drivers]
AExampleStrip = example_strip.driver:Driver
"""}
PROGRAM = """
import sys
from cloudmanager.api.types import power_controls
from cloudmanager.domain import power_types
power_types.require_driver('AExampleStrip')
kinds = power_types.all_types()
assert 'AExampleStrip' in power_controls.PowerControl.by_name()[
    'control_type'].schema()['enum']
print(*kinds)
print(*power_types.protocols())
print(*[name for name in sys.modules if name in
        ('pyghmi', 'stevedore', 'example_strip.driver',
         'cloudmanager.power.ipmi.driver')])
"""


class KindsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        for function in (power_types.all_types, power_types.protocols,
                         power_types._with_driver):
            function.cache_clear()
            self.addCleanup(function.cache_clear)

    def entries(self, *points):
        self.useFixture(fixtures.MockPatchObject(
            power_types.metadata, 'entry_points', lambda group: [
                metadata.EntryPoint(name, value, group)
                for name, value in points]))

    def test_order(self):
        """As documented, then by name."""
        names = list(power_types.all_types())
        self.assertEqual(
            ['ET7067', 'DaenetIP2', 'DaenetIP2_ACPI', 'SshDevice',
             'IntelAMT', 'SupermicroRackDevice'], names[:6])
        self.assertEqual(sorted(names[6:]), names[6:])
        self.assertIn('FakeDevice', names)
        found = power_types.protocols()
        self.assertEqual(('modbus', 'ipmi', 'snmp', 'ssh', 'intel_amt'),
                         found[:5])
        self.assertEqual(len(set(found)), len(found))

    def test_outputs(self):
        strip = power_types.PowerType('x', 'x', 16, 1)
        for name in ('1', '9', '16'):
            self.assertTrue(strip.has_output(name))
        for name in ('0', '17', '01', '-1', '', 'a', '1.0', ' 1', '١',
                     '9' * 30):
            self.assertFalse(strip.has_output(name), name)
        named = power_types.PowerType('x', 'x', None, 1)
        self.assertTrue(named.has_output('vm-1'))

    def test_kind_of_a_plugin_that_is_gone(self):
        self.assertIsNone(power_types.coils_count('Abacus'))
        error = self.assertRaises(power_types.DriverMissing,
                                  power_types.require_driver, 'Abacus')
        self.assertEqual(501, error.code)

    def test_a_broken_plugin_is_an_error(self):
        self.entries(('Broken', 'cloudmanager.no_such:KIND'))
        self.assertRaises(ImportError, power_types.all_types)

    def test_a_kind_under_two_names(self):
        ours = 'cloudmanager.power.types:ET7067'
        self.entries(('ET7067', ours), ('ET7067', ours))
        self.assertRaises(ValueError, power_types.all_types)
        self.entries(('Other', ours))
        self.assertRaises(ValueError, power_types.all_types)

    def test_an_old_installation(self):
        self.entries()
        error = self.assertRaises(ImportError, power_types.all_types)
        self.assertIn('install it again', str(error))

    def test_plugin(self):
        """It adds a kind and a driver; the API loads no driver."""
        for name, text in PLUGIN.items():
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        done = subprocess.run(
            [sys.executable, '-c', PROGRAM], cwd=ROOT, timeout=60,
            capture_output=True, text=True, check=False,
            env={**os.environ, 'PYTHONPATH': str(self.directory)})
        self.assertEqual(0, done.returncode, done.stderr)
        kinds, protocols, loaded = done.stdout.splitlines()
        self.assertEqual(['AExampleStrip', 'FakeDevice'],
                         kinds.split()[6:8])
        self.assertEqual('example', protocols.split()[5])
        self.assertEqual('', loaded)
