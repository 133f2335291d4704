# SPDX-License-Identifier: Apache-2.0
"""Conductors and a fleet of BMCs: known, dead, shared, switched.

Needs no cloud. The BMCs are those of ``tools/bmcsim``, which ``ipmitool``
has to accept as well, and one of OpenIPMI's.
"""

import datetime
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import testtools

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

sys.path.insert(0, str(cloud.ROOT / 'tools'))

import bmcsimlib  # noqa: E402  it is beside the tools, not in the package

COUNT = 40
ON, OFF = 'power_on', 'power_off'
MORE = '''\
[DEFAULT]
debug = true
[power]
sweep_interval = 1
retry_interval = 0.5
retry_interval_max = 5
call_deadline = 1.5
confirm_timeout = 8
batch_timeout = 30
on_spacing = 0.05
[inventory]
sync_interval = 0
[conductor]
heartbeat_interval = 2
'''
ALARM = 3
MARK = 'S3cr3t'
#: Of shells, XML, formats, URLs, SQL and terminals.
HOSTILE = ('$(touch {flag})', '`touch {flag}`', '"; touch {flag}; \'',
           '| touch {flag} &', '&& touch {flag}',
           '-oProxyCommand=touch {flag}', '</n:Password><a>&x;]]>',
           '%s%n%(reason)s{{0}}', '@evil.example/?#',
           "' OR '1'='1 ключ")
#: What is not even stored.
FORBIDDEN = ('\n touch {flag}\n', '\x1b[2J')
KINDS = (('SupermicroRackDevice', 'ipmi'), ('SshDevice', 'ssh'),
         ('IntelAMT', 'intel_amt'), ('Redfish', 'redfish'),
         ('DaenetIP2', 'snmp'), ('DaenetIP2_ACPI', 'snmp'),
         ('ET7067', 'modbus'))
NAMED_OUTPUTS = ('SshDevice', 'Redfish')
#: Octets of a password of IPMI.
LONGEST_IPMI = 20
# Where nothing listens.
FIRST_PORT = 40000
# Of each kind so many are switched.
SWITCHED = 3
# A conductor that was killed counts as living for so long.
LOST_SECONDS = 6


class FleetCase(testtools.TestCase):
    """Two conductors, an API, and a fleet of which all are enrolled."""

    count = COUNT
    #: Whether the BMCs have nodes from the start.
    enrolled = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-fleet-'))
        cls.addClassCleanup(shutil.rmtree, cls.directory,
                            ignore_errors=True)
        cls.simulator = bmcsimlib.Simulator(
            cls.count, delay=0.002, user=base.BMC_USER,
            password=base.BMC_PASSWORD).start()
        cls.addClassCleanup(cls.simulator.stop)
        name = f'cm_fleet_{uuid.uuid4().hex[:8]}'
        # Another bus than that of tests that run at the same time.
        bus = servers.MessageBus(name)
        cls.addClassCleanup(bus.stop)
        cls.installation = processes.Installation(
            cls.directory, name, auth='noauth', transport=bus.url,
            port=processes.free_port(), more=MORE)
        cls.addClassCleanup(cls.installation.close)
        cls.workers = [cls.installation.conductor(f'conductor{number}')
                       for number in (1, 2)]
        cls.installation.api()
        cls.client = processes.Client(cls.installation.port, user=None)
        cls.nodes = [cls.enrol(bmc) for bmc in cls.simulator.bmcs
                     if cls.enrolled]

    @classmethod
    def enrol(cls, bmc):
        """Enrol the machine of a BMC; return the node's id."""
        node_id = cls.client.enrol(f'm-{bmc.address}', {
            'control_type': 'SupermicroRackDevice', 'protocol_type': 'ipmi',
            'host': bmc.address, 'port_number': cls.simulator.port,
            'login': base.BMC_USER, 'password': base.BMC_PASSWORD})
        # Of a class that Nova need not know.
        cls.client.call('PUT', f'/v1/nodes/{node_id}',
                        {'node': {'node_class_id': 4}})
        return node_id

    def setUp(self):
        super().setUp()
        self.addOnException(self.attach_logs)

    def attach_logs(self, exc_info):
        for process in self.installation.processes:
            self.addDetail(f'log of {process.name}',
                           testtools.content.text_content('\n'.join(
                               process.text().splitlines()[-60:])))

    def get(self, path):
        return self.client.call('GET', path)

    def node(self, node_id):
        return self.get(f'/v1/nodes/{node_id}')['node']

    def status(self, node_id):
        return self.node(node_id)['power_status']

    def wait(self, condition, seconds, what):
        return cloud.wait(condition, seconds, what, 0.1)

    def wait_for_status(self, node_id, status, seconds=20):
        self.wait(lambda: self.status(node_id) == status, seconds,
                  f'node {node_id} is {status}')

    def control_of(self, node_id):
        (control,) = self.node(node_id)['node_controls']
        return self.get(f'/v1/power-controls/'
                        f'{control["power_control_id"]}')['power_control']

    def kinds(self, query):
        return [row['kind'] for row in
                self.get(f'/v1/power-events/?{query}')['power_events']]

    def oldest(self):
        """Return the age of the oldest state of all nodes, in seconds."""
        nodes = self.get('/v1/nodes/')['nodes']
        if any(node['power_state_at'] is None for node in nodes):
            return float('inf')
        oldest = min(node['power_state_at'] for node in nodes)
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return (now - datetime.datetime.fromisoformat(
            oldest)).total_seconds()

    def act(self, node_id, action, **body):
        task_id = self.client.start_task(
            f'/v1/nodes/{node_id}/actions/{action}', body)
        return self.client.wait_for_task(task_id, 60)


class SweepTestCase(FleetCase):

    def setUp(self):
        super().setUp()
        for bmc in self.simulator.bmcs:
            self.addCleanup(vars(bmc).update, power=True, silent=False,
                            updating=False, ignoring_soft=False)
        self.wait(lambda: self.get('/v1/power-controls/health')['nodes'][
            'on'] == COUNT, 30, 'all nodes are known to be on')

    def test_switched_off_by_hand(self):
        """Seen, told, and an alarm, for nobody had asked for it."""
        node_id = self.nodes[3]
        self.simulator.bmcs[3].power = False
        self.wait_for_status(node_id, 'off')
        self.wait(lambda: self.node(node_id)['condition'] == ALARM, 10,
                  'there is an alarm')
        self.assertIn('nobody had asked',
                      self.node(node_id)['power_state_reason'])
        self.assertEqual(['power-lost'], self.kinds(f'node_id={node_id}'))
        self.simulator.bmcs[3].power = True
        self.wait_for_status(node_id, 'on')
        self.assertEqual(['power-found', 'power-lost'],
                         self.kinds(f'node_id={node_id}'))

    def test_switched_off_by_us(self):
        """That is no alarm, and no event."""
        node_id = self.nodes[4]
        self.assertEqual('SUCCESS', self.act(node_id, 'power-off')['status'])
        self.assertEqual(['soft'], self.simulator.bmcs[4].asked)
        time.sleep(3)
        node = self.node(node_id)
        self.assertEqual(('off', None), (node['power_status'],
                                         node['power_state_reason']))
        self.assertNotEqual(ALARM, node['condition'])
        self.assertEqual('SUCCESS', self.act(node_id, 'power-on')['status'])
        self.assertEqual([], self.kinds(f'node_id={node_id}'))

    def test_pw10_dead_and_back(self):
        """Its circuit opens and closes; the others do not notice."""
        node_id, bmc = self.nodes[5], self.simulator.bmcs[5]
        bmc.silent = True
        self.wait_for_status(node_id, 'error')
        self.assertLess(max(self.age(other) for other in self.nodes
                            if other != node_id), 8)
        control = self.control_of(node_id)
        self.assertGreaterEqual(control['failures'], 3)
        self.assertIn('did not answer in time', control['last_error'])
        self.wait(lambda: self.node(node_id)['condition'] == ALARM, 10,
                  'there is an alarm')
        bmc.silent = False
        self.wait_for_status(node_id, 'on')
        control = self.control_of(node_id)
        self.assertEqual((0, None), (control['failures'],
                                     control['last_error']))
        self.assertIsNotNone(control['last_error_at'])
        self.assertEqual(['recovered', 'unreachable'], self.kinds(
            f'power_control_id={control["id"]}'))
        self.wait(lambda: self.node(node_id)['condition'] == 1, 10,
                  'the alarm is over')

    def age(self, node_id):
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return (now - datetime.datetime.fromisoformat(
            self.node(node_id)['power_state_at'])).total_seconds()

    def test_pw9_firmware_update(self):
        """What is known stays, no alarm; actions fail at once."""
        node_id, bmc = self.nodes[6], self.simulator.bmcs[6]
        bmc.updating = True
        self.wait(lambda: self.control_of(node_id)['last_error'], 20,
                  'the update was noticed')
        control = self.control_of(node_id)
        self.assertIn('updating its firmware', control['last_error'])
        self.assertEqual(0, control['failures'])
        begun = time.monotonic()
        task = self.act(node_id, 'power-off', type='hard')
        self.assertEqual('FAILURE', task['status'])
        self.assertIn('updating its firmware', task['result'])
        self.assertLess(time.monotonic() - begun, 6)
        self.assertEqual([], bmc.asked)
        node = self.node(node_id)
        self.assertEqual('on', node['power_status'])
        self.assertNotEqual(ALARM, node['condition'])
        bmc.updating = False
        self.wait(lambda: self.control_of(node_id)['last_error'] is None,
                  20, 'it is as before')

    def test_pw18_soft_only(self):
        node_id, bmc = self.nodes[7], self.simulator.bmcs[7]
        bmc.ignoring_soft = True
        task = self.act(node_id, 'power-off', type='soft', soft_timeout=3)
        self.assertEqual('FAILURE', task['status'])
        self.assertEqual((['soft'], True), (bmc.asked, bmc.power))
        self.assertEqual('on', self.status(node_id))

    def test_reset_many(self):
        """One of them is dead; the others are reset, once each."""
        chosen = range(20, 32)
        self.simulator.bmcs[25].silent = True
        found = self.client.call('POST', '/v1/nodes/actions/reset', {
            'node_ids': [self.nodes[number] for number in chosen]})
        self.assertEqual([self.nodes[25]], found['failed'])
        self.assertEqual([self.nodes[number] for number in chosen
                          if number != 25], found['success'])
        for number in chosen:
            self.assertEqual([] if number == 25 else ['reset'],
                             self.simulator.bmcs[number].asked)

    def visits(self):
        """Return the looks that each conductor reported last."""
        return {row['host']: (row['power_sweep'] or {}).get('visits', 0)
                for row in self.get('/v1/power-controls/health')[
                    'conductors']}

    def test_one_is_killed(self):
        """Both share; the other one does all when one was killed."""
        self.wait(lambda: all(self.visits().get(worker.name)
                              for worker in self.workers), 30,
                  'both conductors have read BMCs')
        self.wait(lambda: self.oldest() < 4, 10, 'all states are young')
        self.addCleanup(self.workers[1].start)
        self.workers[1].kill()
        self.wait(lambda: self.oldest() > 4, LOST_SECONDS,
                  'its share grows old')
        self.wait(lambda: self.oldest() < 4, LOST_SECONDS + 10,
                  'the other one reads all')

    def test_another_make(self):
        """A BMC of OpenIPMI, switched behind the service's back."""
        bmc = base.ipmisimlib.create(
            self.directory, 'other', base.ipmisimlib.free_port(),
            user=base.BMC_USER, password=base.BMC_PASSWORD)
        self.addCleanup(bmc.remove)
        bmc.start()
        node_id = self.client.enrol('other', {
            'control_type': 'SupermicroRackDevice', 'protocol_type': 'ipmi',
            'host': bmc.host, 'port_number': bmc.port,
            'login': base.BMC_USER, 'password': base.BMC_PASSWORD})
        self.addCleanup(self.client.call, 'DELETE', f'/v1/nodes/{node_id}',
                        status=204)
        self.wait_for_status(node_id, 'on')
        health = self.get(f'/v1/nodes/{node_id}/health')['health']
        (device,) = health['devices']
        self.assertIsNone(device['error'])
        self.assertTrue(device['sensors'])
        bmc.switch(False)
        self.wait_for_status(node_id, 'off')
        self.assertIn('off', base.IntegrationCase.ipmitool(bmc))


class SimulatorTestCase(testtools.TestCase):
    """The simulator is a BMC for others than ourselves too."""

    def setUp(self):
        super().setUp()
        self.simulator = bmcsimlib.Simulator(
            300, delay=0.001, password='bmc-secret').start()
        self.addCleanup(self.simulator.stop)

    def ipmitool(self, bmc, *words, suite='17', password='bmc-secret'):
        done = subprocess.run(
            ['ipmitool', '-I', 'lanplus', '-C', suite, '-N', '1', '-R', '1',
             '-H', bmc.address, '-p', str(self.simulator.port), '-U',
             'admin', '-E', *words], capture_output=True, text=True,
            timeout=30, env={**os.environ, 'IPMI_PASSWORD': password})
        return done.stdout.strip() or done.stderr.strip()

    def test_ipmitool(self):
        first, last = self.simulator.bmcs[0], self.simulator.bmcs[-1]
        self.assertEqual('127.44.1.44', last.address)
        for suite in ('3', '17'):
            last.power = False
            for words, text in (
                    (('power', 'status'), 'Chassis Power is off'),
                    (('power', 'on'), 'Chassis Power Control: Up/On'),
                    (('power', 'status'), 'Chassis Power is on'),
                    (('power', 'reset'), 'Chassis Power Control: Reset')):
                self.assertEqual(text, self.ipmitool(last, *words,
                                                     suite=suite))
        self.assertEqual(['on', 'reset'] * 2, last.asked)
        self.assertEqual([], first.asked)

    def test_refused(self):
        bmc = self.simulator.bmcs[0]
        for values in ({'password': 'wrong'}, {'suite': '0'}):
            self.assertIn('Unable to establish', self.ipmitool(
                bmc, 'power', 'off', **values))
        self.assertEqual([], bmc.asked)
        bmc.silent = True
        self.assertIn('Unable to establish',
                      self.ipmitool(bmc, 'power', 'status'))


class Watcher:
    """Reads the arguments of all processes, again and again."""

    def __init__(self):
        self.seen = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self):
        self._stopping.set()
        self._thread.join(10)

    def _watch(self):
        while not self._stopping.wait(0.02):
            for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue


class SecretsTestCase(FleetCase):
    """SE2: hostile values stay values, and secrets stay secret.

    Conductors log all they can, and every process is watched.
    """

    count = len(HOSTILE)
    enrolled = False

    def setUp(self):
        super().setUp()
        self.flag = self.directory / 'flag'
        self.watcher = Watcher()
        self.addCleanup(self.watcher.stop)
        self.answers = []

    def test_everything(self):
        for text in FORBIDDEN:
            for name in ('login', 'password'):
                self.forbid({name: MARK + text.format(flag=self.flag)})
        tasks = []
        for kind, protocol in KINDS:
            for number, text in enumerate(HOSTILE):
                text = text.format(flag=self.flag)
                control = self.store(kind, protocol, number, text)
                tasks += self.use(control, kind, text, number < SWITCHED)
        for task_id in tasks:
            task = self.client.wait_for_task(task_id, 90)
            self.assertEqual('FAILURE', task['status'])
            self.answers.append(str(task))
        self.assertGreater(len(tasks), 20)
        self.wait(lambda: 0 == self.get('/v1/power-controls/health')[
            'power_controls']['never_checked'], 60, 'all were looked at')
        self.assertIn('does not accept the credentials',
                      str(self.get('/v1/power-controls/')))
        self.answers += [str(self.get(path)) for path in (
            '/v1/power-controls/', '/v1/power-events/', '/v1/nodes/',
            '/v1/tasks/?detail=true')]
        self.check()

    def forbid(self, values):
        """Check that a power control with some values is not stored."""
        answer = self.client.request('POST', '/v1/power-controls/', {
            'power_control': {
                'control_type': 'Redfish', 'protocol_type': 'redfish',
                'host': '127.0.0.1', 'port_number': FIRST_PORT, **values}})
        self.answers.append(answer.text)
        self.assertEqual(400, answer.status_code, answer.text)

    def store(self, kind, protocol, number, text):
        """Create a power control; return its id."""
        body = {'control_type': kind, 'protocol_type': protocol,
                'host': '127.0.0.1', 'port_number': FIRST_PORT + number,
                'login': text, 'password': MARK + text}
        if protocol == 'ipmi':
            # There is no room for more. These let nobody in with it.
            body.update(host=self.simulator.bmcs[number].address,
                        port_number=self.simulator.port,
                        login=base.BMC_USER,
                        password=(MARK + text).encode()[
                            :LONGEST_IPMI].decode(errors='ignore'))
        answer = self.client.request('POST', '/v1/power-controls/',
                                     {'power_control': body})
        self.answers.append(answer.text)
        self.assertEqual(201, answer.status_code, answer.text)
        # No host name that is none gets as far as a device.
        refused = self.client.request('POST', '/v1/power-controls/', {
            'power_control': {**body, 'host': text}})
        self.answers.append(refused.text)
        self.assertEqual(400, refused.status_code, refused.text)
        return answer.json()['power_control']['id']

    def use(self, control, kind, text, switched):
        """Let an output be read, and switch it; return the tasks."""
        output = text[:64] if kind in NAMED_OUTPUTS else '1'
        node = self.client.call('POST', '/v1/nodes/', {
            'node': {'name': f'{kind}-{control}'.replace('_', '-')}},
            201)['node']
        self.client.call(
            'POST', f'/v1/nodes/{node["id"]}/power-controls/',
            {'power_control_id': control, 'power_control_port': output},
            201)
        return [self.client.start_task(
            f'/v1/power-controls/{control}/actions/power-off',
            {'coil': output})] if switched else []

    def check(self):
        self.assertFalse(self.flag.exists(), 'a command was carried out')
        logs = [process.text() for process in self.installation.processes]
        self.assertIn(' DEBUG ', logs[0])
        for text in (*self.answers, *logs):
            self.assertNotIn(MARK, text)
        self.assertGreater(len(self.watcher.seen), 10)
        for arguments in self.watcher.seen:
            self.assertNotIn(MARK.encode(), arguments)
