# SPDX-License-Identifier: Apache-2.0
"""What keeps a node from being switched gets to whoever asked for it.

An API and a conductor as they are installed, Redfish services that do what
devices do, and the emulator of sushy-tools. Needs no cloud.
"""

import pathlib
import shutil
import tempfile
import time
import uuid

import testtools

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import redfish_emulator
from cloudmanager.tests.integration import servers
from cloudmanager.tests.unit.power import peers
from cloudmanager.tests.unit.power import redfish_peer

PASSWORD = 'S3cret-Of-The-BMC'
MORE = '''\
[DEFAULT]
debug = true
[power]
sweep_interval = 3600
retry_interval = 3600
retry_interval_max = 7200
call_deadline = 2
confirm_timeout = 12
soft_timeout = 12
[inventory]
sync_interval = 0
'''
RESET = '/Actions/ComputerSystem.Reset'
# A task that waits for nothing has ended by then.
AT_ONCE = 10


class CausesCase(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-causes-'))
        cls.addClassCleanup(shutil.rmtree, cls.directory,
                            ignore_errors=True)
        name = f'cm_causes_{uuid.uuid4().hex[:8]}'
        bus = servers.MessageBus(name)
        cls.addClassCleanup(bus.stop)
        cls.installation = processes.Installation(
            cls.directory, name, auth='noauth', transport=bus.url,
            port=processes.free_port(), more=MORE)
        cls.addClassCleanup(cls.installation.close)
        cls.installation.conductor('conductor1')
        cls.installation.api()
        cls.client = processes.Client(cls.installation.port, user=None)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.check_logs)

    def check_logs(self):
        for process in self.installation.processes:
            self.assertNotIn(PASSWORD, process.text())

    def serve(self, hook=None, **values):
        """Start a service; a hook answers in its place."""
        service = self.useFixture(redfish_peer.Service(PASSWORD))
        service.hook = hook
        vars(service).update(values)
        return service

    def enrol(self, host, port, **values):
        """Enrol a machine of a device; return the node's id."""
        node_id = self.client.enrol(f'n{uuid.uuid4().hex[:8]}', {
            'control_type': 'Redfish', 'protocol_type': 'redfish',
            'host': host, 'port_number': port, 'login': 'admin',
            'password': PASSWORD, 'options': {'scheme': 'http'}, **values})
        self.client.call('PUT', f'/v1/nodes/{node_id}',
                         {'node': {'node_class_id': 4}})
        return node_id

    def enrol_read(self, host, port, **values):
        """Enrol a machine, and wait until it has been read.

        A first reading that came after a refused action would take away what
        is told of the action.
        """
        node_id = self.enrol(host, port, **values)
        cloud.wait(lambda: self.control(node_id)['last_success_at'], 20,
                   'the first reading', 0.1)
        return node_id

    def control(self, node_id):
        node = self.client.call('GET', f'/v1/nodes/{node_id}')['node']
        (link,) = node['node_controls']
        return self.client.call(
            'GET', f'/v1/power-controls/{link["power_control_id"]}')[
                'power_control']

    def power_off(self, node_id):
        task_id = self.client.start_task(
            f'/v1/nodes/{node_id}/actions/power-off', {'type': 'hard'})
        return self.client.wait_for_task(task_id, 60)

    def fails(self, code, node_id, at_once=True):
        """Switch a node off in vain; return what is told of it."""
        start = time.monotonic()
        task = self.power_off(node_id)
        seconds = time.monotonic() - start
        self.assertEqual('FAILURE', task['status'])
        (entry,) = self.client.call(
            'GET', f'/v1/nodes/{node_id}/power-actions/')['power_actions']
        told = (task['result'], entry['error'],
                self.control(node_id)['last_error'])
        for text in told:
            self.assertEqual(f'cloudmanager.power.{code}',
                             text.partition(': ')[0], told)
        if at_once:
            self.assertLess(seconds, AT_ONCE)
        else:
            self.assertIn('did not confirm power_off within 12 s', told[0])
        return told[0]

    def answers(self, status, headers=None, body=b'{}', path=None):
        """Return a hook that answers so, whatever is asked for."""
        return lambda request: ((status, headers or {}, body)
                                if path is None
                                or request.path.endswith(path) else None)


class AtOnceTestCase(CausesCase):
    """FP2: what is final is told at once."""

    def test_host_name_does_not_resolve(self):
        """FP2: neither task nor log say that it did not confirm."""
        text = self.fails('unresolvable', self.enrol('bmc.invalid', 443))
        self.assertNotIn('did not confirm', text)

    def test_refused(self):
        """FP2: HTTP 500 and 400 at ComputerSystem.Reset."""
        for status in (500, 400):
            service = self.serve(self.answers(
                status, body=redfish_peer.error('Vendor', 'not now'),
                path=RESET))
            text = self.fails('refused', self.enrol_read('127.0.0.1',
                                                         service.port))
            self.assertIn(f'HTTP status {status}, not now', text)

    def test_refused_by_the_emulator(self):
        """FP2: what a peer of another make says is told."""
        emulator = self.useFixture(redfish_emulator.Emulator(
            PASSWORD, refuses_off=True,
            systems={redfish_emulator.FIRST: 'On'}))
        text = self.fails('refused', self.enrol_read(
            emulator.host, emulator.port, options={'ca': emulator.ca}))
        self.assertIn('disabled', text)

    def test_refused_while_it_is_off(self):
        """FP2: that is no failure."""
        service = self.serve(self.answers(500, path=RESET),
                             power={'1': 'Off'})
        node_id = self.enrol('127.0.0.1', service.port)
        self.assertEqual('SUCCESS', self.power_off(node_id)['status'])
        self.assertIsNone(self.control(node_id)['last_error'])

    def test_redirect_elsewhere(self):
        """FP2: nothing is sent there."""
        other = self.serve()
        service = self.serve(self.answers(302, {
            'Location': f'http://127.0.0.1:{other.port}/redfish/v1/'}))
        self.fails('protocol', self.enrol('127.0.0.1', service.port))
        self.assertEqual([], other.requests)

    def test_endless_body(self):
        """FP2: so much is read, and no more."""
        def flood(connection):
            connection.recv(4096)
            connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{')
            while not peer.stopping.is_set():
                connection.sendall(b' ' * 65536)

        peer = self.useFixture(peers.RawPeer(flood))
        self.assertIn('more than', self.fails('protocol', self.enrol(
            '127.0.0.1', peer.port)))

    def test_credentials(self):
        """FP2: they are tried once, besides the look that comes first."""
        service = self.serve()
        self.fails('credentials', self.enrol('127.0.0.1', service.port,
                                             password='another'))
        self.assertLessEqual(service.logins, 2)

    def test_unsupported(self):
        service = self.serve(resets=['On'])
        self.fails('unsupported', self.enrol_read('127.0.0.1', service.port))


class StatesTestCase(CausesCase):
    """FP7: states that are not written as the schema has them."""

    def status(self, node_id):
        return self.client.call('GET', f'/v1/nodes/{node_id}')['node'][
            'power_status']

    def test_any_case(self):
        for text in ('On', 'on', 'ON'):
            service = self.serve(power={'1': text})
            node_id = self.enrol('127.0.0.1', service.port)
            cloud.wait(lambda node_id=node_id: self.status(node_id) == 'on',
                       20, f'{text} is on', 0.1)
            self.assertIsNone(self.control(node_id)['last_error'])
            self.assertEqual('SUCCESS', self.power_off(node_id)['status'])

    def test_neither(self):
        """FP7: the node is unknown, and the control says why."""
        for text in ('PoweringOn', 'Unspecified', None):
            service = self.serve(power={'1': text})
            node_id = self.enrol('127.0.0.1', service.port)
            cloud.wait(lambda node_id=node_id:
                       self.status(node_id) == 'error', 20,
                       f'{text} is told', 0.1)
            control = self.control(node_id)
            self.assertEqual(0, control['failures'])
            self.assertIn(f'cloudmanager.power.unclear: redfish://Redfish@'
                          f'127.0.0.1:{service.port} is neither on nor off: '
                          f'its power state is '
                          f'{chr(34) + text + chr(34) if text else "missing"}',
                          control['last_error'])

    def test_that_does_not_pass(self):
        """FP7: and the task says why."""
        service = self.serve(lambda request: (204, {}, {}) if
                             request.path.endswith(RESET) else None,
                             power={'1': 'PoweringOff'})
        self.fails('unclear', self.enrol('127.0.0.1', service.port),
                   at_once=False)


class FullTestCase(CausesCase):
    """FP3: a device that has no room for another session."""

    def wait_for_status(self, node_id, status):
        cloud.wait(lambda: self.client.call(
            'GET', f'/v1/nodes/{node_id}')['node']['power_status'] == status,
            20, f'it is {status}', 0.1)

    def test_the_password_does_it(self):
        """FP3: auth is auto, and the device takes passwords."""
        service = self.serve(most_sessions=0)
        node_id = self.enrol('127.0.0.1', service.port)
        self.wait_for_status(node_id, 'on')
        self.assertIsNone(self.control(node_id)['last_error'])
        self.assertEqual('SUCCESS', self.power_off(node_id)['status'])
        self.assertLessEqual(service.logins, 2)

    def test_nothing_does(self):
        """FP3: few logins, one error, and the node is not unchecked."""
        for number, values in enumerate(({'takes_basic': False}, {})):
            service = self.serve(most_sessions=0, **values)
            node_id = self.enrol('127.0.0.1', service.port, options={
                'scheme': 'http', 'auth': ('auto', 'session')[number]})
            self.wait_for_status(node_id, 'error')
            text = self.fails('busy', node_id, at_once=False)
            self.assertIn('opens no session now: HTTP status 503',
                          text)
            self.assertLessEqual(service.logins, 4)
            sent = [path for _, path, headers, _ in service.seen
                    if 'Authorization' in headers]
            # The root, which all may read, and what was refused then.
            self.assertEqual(0 if number else 2, len(sent), sent)

    def test_room_again(self):
        """FP3: the session that it has then is closed in the end."""
        service = self.serve(most_sessions=0, takes_basic=False)
        node_id = self.enrol('127.0.0.1', service.port)
        task_id = self.client.start_task(
            f'/v1/nodes/{node_id}/actions/power-off', {'type': 'hard'})
        cloud.wait(lambda: service.logins, 20, 'it was asked', 0.1)
        service.most_sessions = 1
        self.assertEqual('SUCCESS', self.client.wait_for_task(
            task_id, 60)['status'])
        self.assertEqual(1, len(service.sessions))
        conductor = self.installation.processes[0]
        conductor.stop()
        self.addCleanup(conductor.start)
        self.assertEqual({}, service.sessions)


class InTheEndTestCase(CausesCase):
    """FP2: what may pass is tried until the time is over, and told."""

    def test_wrong_address(self):
        self.fails('unreachable', self.enrol(
            '127.0.0.1', peers.free_port()), at_once=False)

    def test_silent(self):
        """FP2: it takes the connection and says nothing."""
        silent = peers.RawPeer(lambda connection: silent.silence(connection))
        self.useFixture(silent)
        self.fails('timeout', self.enrol('127.0.0.1', silent.port),
                   at_once=False)

    def test_silent_and_back(self):
        """FP2: what passes in time is no failure."""
        emulator = self.useFixture(redfish_emulator.Emulator(
            PASSWORD, systems={redfish_emulator.FIRST: 'On'}))
        node_id = self.enrol(emulator.host, emulator.port,
                             options={'ca': emulator.ca})
        emulator.pause()
        task_id = self.client.start_task(
            f'/v1/nodes/{node_id}/actions/power-off', {'type': 'hard'})
        cloud.wait(lambda: 'did not answer in time' in
                   self.installation.processes[0].text(), 20,
                   'it was asked in vain', 0.1)
        emulator.resume()
        self.assertEqual('SUCCESS', self.client.wait_for_task(
            task_id, 60)['status'])

    def test_busy(self):
        service = self.serve(self.answers(503, path=RESET))
        self.fails('busy', self.enrol('127.0.0.1', service.port),
                   at_once=False)
