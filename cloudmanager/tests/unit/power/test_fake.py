# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json
import pathlib
import subprocess
import sys

import fixtures

from cloudmanager.power import fake
from cloudmanager.power import states
from cloudmanager.tests.unit.power import base

OTHER_PROCESS = '''
import sys
from oslo_config import cfg
from cloudmanager.conf import power
from cloudmanager.power import base
from cloudmanager.power import fake
power.register_opts(cfg.CONF)
cfg.CONF.set_override('fake_state_dir', sys.argv[1], 'power')
device = base.Device('FakeDevice', 'IPMI', 'bmc.example', 623)
driver = fake.FakeDriver()
for output in sys.argv[2].split(','):
    driver.power_off(device, output)
print(driver.state(device, sys.argv[3]))
'''


class FakeTestCase(base.PowerTestCase):
    """Has a fake device."""

    def setUp(self):
        super().setUp()
        self.driver = fake.FakeDriver()
        self.device = base.device()

    def check(self):
        driver, device = self.driver, self.device
        self.assertEqual(states.POWER_ON, driver.state(device, '1'))
        driver.power_off(device, '1')
        self.assertEqual(states.POWER_OFF, driver.state(device, '1'))
        self.assertEqual(states.POWER_ON, driver.state(device, '2'))
        driver.power_on(device, '1')
        self.assertEqual(states.POWER_ON, driver.state(device, '1'))
        driver.power_off(device, '1', soft=True)
        self.assertEqual(states.POWER_OFF, driver.state(device, '1'))
        driver.reset(device, '1')
        self.assertEqual(states.POWER_ON, driver.state(device, '1'))


class InMemoryTestCase(FakeTestCase):

    def test_switches(self):
        self.check()

    def test_each_driver_has_its_own(self):
        self.driver.power_off(self.device, '1')
        self.assertEqual(states.POWER_ON,
                         self.driver.state(base.device(port=624), '1'))
        self.assertEqual(states.POWER_ON,
                         fake.FakeDriver().state(self.device, '1'))


class InFilesTestCase(FakeTestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.conf.config(group='power', fake_state_dir=self.directory)

    def test_switches(self):
        self.check()

    def test_all_drivers_share_them(self):
        self.driver.power_off(self.device, '1')
        self.assertEqual(states.POWER_OFF,
                         fake.FakeDriver().state(self.device, '1'))

    def other(self, switched, read):
        return subprocess.run(
            [sys.executable, '-c', OTHER_PROCESS, self.directory, switched,
             read], check=True, capture_output=True, text=True, timeout=60)

    def test_two_processes_see_the_same(self):
        self.driver.power_off(self.device, '1')
        self.assertEqual(states.POWER_OFF, self.other('2', '1').stdout.strip())
        self.assertEqual(states.POWER_OFF,
                         self.driver.state(self.device, '2'))

    def test_two_processes_lose_nothing(self):
        outputs = [[f'{letter}{number}' for number in range(50)]
                   for letter in 'abc']
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda names: self.other(','.join(names), '1'),
                          outputs))
        for name in sum(outputs, []):
            self.assertEqual(states.POWER_OFF,
                             self.driver.state(self.device, name))

    def test_a_host_cannot_leave_the_directory(self):
        self.driver.power_off(base.device(host='../../evil'), '1')
        self.driver.power_off(base.device(host='fe80::1'), '1')
        found = sorted(path.name for path in
                       pathlib.Path(self.directory).glob('*.json'))
        self.assertEqual(['.._.._evil_623.json', 'fe80__1_623.json'], found)

    def test_no_secret_in_the_files(self):
        self.driver.power_off(self.device, '1')
        path = pathlib.Path(self.directory) / 'bmc.example_623.json'
        self.assertEqual({'1': states.POWER_OFF},
                         json.loads(path.read_text()))
