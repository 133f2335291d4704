# SPDX-License-Identifier: Apache-2.0
"""The SSH driver, OpenSSH, and libvirt with its test driver."""

import concurrent.futures
import dataclasses
import pathlib
import subprocess
import threading
import time

import asyncssh
import fixtures

from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.ssh import driver as ssh
from cloudmanager.tests.integration import hypervisor
from cloudmanager.tests.integration import power_case
from cloudmanager.tests.unit.power import base as unit_base
from cloudmanager.tests.unit.power import peers

ON, OFF = states.POWER_ON, states.POWER_OFF
PASSWORD = unit_base.PASSWORD
DOMAIN = hypervisor.DOMAIN
DEADLINE = 3.0
# Seconds within which a call that needs no waiting is over.
PROMPT = 3.0


class SSHTestCase(power_case.PowerDriverTestCase):

    deadline = DEADLINE
    prompt = PROMPT

    def setUp(self):
        super().setUp()
        self.known_hosts = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path) / 'known_hosts'
        self.conf.config(group='power', call_deadline=DEADLINE,
                         confirm_timeout=10.0, soft_timeout=3.0,
                         ssh_known_hosts=str(self.known_hosts))
        self.driver = ssh.SSHDriver()
        self.peer = self.useFixture(hypervisor.Hypervisor(PASSWORD))
        self.device = base.Device(
            'SshDevice', 'ssh', self.peer.host, self.peer.port,
            self.peer.user, PASSWORD,
            options={'host_key': self.peer.host_key, 'uri': self.peer.uri})

    def state(self, device=None):
        return self.driver.state(device or self.device, DOMAIN)

    def feeds(self):
        return [confirm.Feed(self.driver, self.device, DOMAIN)]

    def fence(self):
        confirm.fence(self.feeds(), pause=self.pause)


class RequestsTestCase(SSHTestCase):

    def test_state_as_virsh_sees_it(self):
        for verb, said, expected in (
                ('destroy', 'shut off', OFF), ('start', 'running', ON),
                ('suspend', 'paused', ON), ('resume', 'running', ON)):
            self.peer.virsh(verb, DOMAIN)
            self.assertEqual(said, self.peer.state())
            self.assertEqual(expected, self.state())

    def test_verbs(self):
        self.driver.power_off(self.device, DOMAIN)
        self.assertEqual('shut off', self.peer.state())
        self.driver.power_on(self.device, DOMAIN)
        self.assertEqual('running', self.peer.state())
        self.driver.power_off(self.device, DOMAIN, soft=True)
        self.assertEqual('shut off', self.peer.state())
        self.assertEqual(OFF, self.state())
        self.driver.power_on(self.device, DOMAIN)
        self.driver.reset(self.device, DOMAIN)
        self.assertEqual(ON, self.state())

    def test_outputs(self):
        self.assertEqual([DOMAIN], self.driver.outputs(self.device))
        self.driver.check(self.device)
        self.driver.check(self.device, DOMAIN)
        for name in ('nothing', '1', '--help', 'x' * 65):
            self.fails(exceptions.PowerNoOutput, self.driver.check,
                       self.device, name)

    def test_keys(self):
        key = asyncssh.generate_private_key('ssh-ed25519')
        self.peer.authorize(key.export_public_key().decode().strip())
        for text, password in (
                (key.export_private_key(), None),
                (key.export_private_key('openssh', PASSWORD, rounds=16),
                 PASSWORD)):
            self.assertEqual(ON, self.state(dataclasses.replace(
                self.device, ssh_key=text.decode(), password=password)))

    def test_a_key_of_ssh_keygen(self):
        """With as many rounds as it takes by default."""
        path = self.peer.directory / 'key'
        subprocess.run(['ssh-keygen', '-q', '-t', 'rsa', '-b', '2048',
                        '-f', str(path), '-N', PASSWORD], check=True,
                       timeout=60, stdin=subprocess.DEVNULL)
        self.peer.authorize(path.with_suffix('.pub').read_text().strip())
        self.assertEqual(ON, self.state(dataclasses.replace(
            self.device, ssh_key=path.read_text())))


class ConfirmTestCase(SSHTestCase):

    def test_pw8_slow_off(self):
        self.peer.mark('slow', '1.5')
        self.fence()
        self.assertEqual('shut off', self.peer.state())

    def test_refused_off(self):
        self.conf.config(group='power', confirm_timeout=1.5)
        self.peer.mark('refuse')
        error = self.fails(exceptions.PowerRefused, self.driver.power_off,
                           self.device, DOMAIN)
        self.assertIn('a job is active', str(error))
        # Not at the end of the time but at once (FP2).
        self.conf.config(group='power', confirm_timeout=60.0)
        error = self.fails(exceptions.PowerRefused, self.fence, within=8)
        self.assertIn('a job is active', str(error))

    def test_already_off(self):
        self.peer.virsh('destroy', DOMAIN)
        self.fails(exceptions.PowerRefused, self.driver.power_off,
                   self.device, DOMAIN)
        self.fence()

    def test_soft_and_reset(self):
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual('shut off', self.peer.state())
        confirm.switch_on(self.feeds(), pause=self.pause)
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertEqual('running', self.peer.state())


class TrustTestCase(SSHTestCase):

    def test_wrong_password(self):
        for values in ({'password': 'wrong'}, {'login': 'root'}):
            self.fails(exceptions.PowerCredentials, self.state,
                       dataclasses.replace(self.device, **values))
        self.assertEqual(ON, self.state())

    def test_wrong_key(self):
        key = asyncssh.generate_private_key('ssh-ed25519')
        self.fails(exceptions.PowerCredentials, self.state,
                   dataclasses.replace(
                       self.device,
                       ssh_key=key.export_private_key().decode()))

    def test_pw4_changed_password(self):
        self.assertEqual(ON, self.state())
        self.peer.set_password('another')
        self.fails(exceptions.PowerCredentials, self.state)
        self.assertEqual(ON, self.state(dataclasses.replace(
            self.device, password='another')))

    def test_host_key(self):
        """Pinned, then in the file, and another one after a restart."""
        old = self.peer.host_key
        uri = {'uri': self.peer.uri}
        unpinned = dataclasses.replace(self.device, options=uri)
        self.fails(exceptions.PowerUntrusted, self.state, unpinned)
        self.known_hosts.write_text(
            f'[{self.peer.host}]:{self.peer.port} {old}\n')
        self.assertEqual(ON, self.state(unpinned))
        self.peer.new_host_key()
        self.peer.restart_sshd()
        error = self.fails(exceptions.PowerUntrusted, self.state, unpinned)
        self.assertIn('has changed', str(error))
        self.fails(exceptions.PowerUntrusted, self.state)
        found = asyncssh.import_public_key(
            self.peer.host_key).get_fingerprint('sha256')
        self.assertIn(found, str(error))
        self.assertEqual(ON, self.state(dataclasses.replace(
            self.device, options=uri | {'host_key': found})))

    def test_the_gate(self):
        """The account can do nothing else, by any client."""
        path = self.peer.directory / 'key'
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                        '-f', str(path)], check=True, timeout=20,
                       stdin=subprocess.DEVNULL)
        self.peer.authorize(path.with_suffix('.pub').read_text().strip())
        self.known_hosts.write_text(
            f'[{self.peer.host}]:{self.peer.port} {self.peer.host_key}\n')

        def run(command):
            return subprocess.run(
                ['ssh', '-F', 'none', '-o', 'BatchMode=yes', '-o',
                 f'UserKnownHostsFile={self.known_hosts}', '-i', str(path),
                 '-p', str(self.peer.port),
                 f'{self.peer.user}@{self.peer.host}', *command],
                capture_output=True, text=True, timeout=20,
                stdin=subprocess.DEVNULL)

        prefix = 'env LC_ALL=C timeout 5 virsh --quiet --connect x '
        good = run([prefix + f'domstate --domain {DOMAIN}'])
        self.assertEqual((0, 'running'), (good.returncode,
                                          good.stdout.strip()))
        for command in ('id', '', 'sh', prefix + f'undefine --domain '
                        f'{DOMAIN}', prefix + 'domstate --domain $(id)',
                        prefix + f'domstate --domain {DOMAIN}; id',
                        prefix + f'domstate --domain {DOMAIN} && id',
                        prefix + 'domstate --domain --help',
                        prefix + f'domstate {DOMAIN}',
                        prefix + 'list --all --uuid',
                        prefix.replace('5', '99999') + 'list --all --name',
                        prefix.replace('virsh', 'bash')
                        + 'list --all --name'):
            found = run([command] if command else [])
            self.assertEqual((126, ''), (found.returncode, found.stdout),
                             command)
        self.assertEqual('running', self.peer.state())


class FailuresTestCase(SSHTestCase):

    def test_pw1_unreachable(self):
        self.peer.stop_sshd()
        self.fails(exceptions.PowerUnreachable, self.state)

    def test_pw10_back_again(self):
        self.peer.stop_sshd()
        self.fails(exceptions.PowerUnreachable, self.state)
        self.peer.restart_sshd()
        self.assertEqual(ON, self.state())

    def test_pw10_silent_in_mid_session_and_back(self):
        relay = self.useFixture(peers.TCPRelay(self.peer.host,
                                               self.peer.port))
        device = dataclasses.replace(self.device, port=relay.port)
        self.assertEqual(ON, self.state(device))
        relay.silence_after(None)
        self.assertEqual(ON, self.state(device))
        whole = relay.answered
        with self.short_deadline():
            # At the greeting, in the key exchange, and at the very end.
            for count in (0, 30, 1200, whole - 200):
                relay.silence_after(count)
                self.fails(exceptions.PowerUnreachable, self.state, device)
        relay.silence_after(None)
        start = time.monotonic()
        self.assertEqual(ON, self.state(device))
        self.assertLess(time.monotonic() - start, PROMPT)

    def test_libvirt_hangs(self):
        """No virsh outlives its call there."""
        self.peer.mark('hang')
        with self.short_deadline():
            self.fails((exceptions.PowerUnreachable, exceptions.PowerBusy),
                       self.state)
        self.peer.unmark('hang')
        self.assertEqual(ON, self.state())
        deadline = time.monotonic() + PROMPT
        while 'sleep 60' in command_lines(hypervisor.NOBODY):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_se2_no_secret_in_a_list_of_processes(self):
        seen = []
        self.peer.mark('hang')
        done = threading.Event()

        def look():
            while not done.wait(0.02):
                seen.append(command_lines())

        thread = threading.Thread(target=look)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)
        self.fails((exceptions.PowerUnreachable, exceptions.PowerBusy),
                   self.state, within=DEADLINE + PROMPT)
        self.assertIn('domstate', ''.join(seen))
        self.assertNotIn(PASSWORD, ''.join(seen))

    def test_ten_calls_leave_nothing(self):
        self.leaves_nothing(lambda: self.assertEqual(ON, self.state()), 10)

    def test_many_threads_and_one_hypervisor(self):
        self.conf.config(group='power', call_deadline=30.0)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            found = list(pool.map(lambda _: self.state(), range(12)))
        self.assertEqual([ON] * 12, found)


def command_lines(uid=None):
    """Return the command lines of all processes, or those of a user."""
    found = []
    for directory in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if uid is None or directory.stat().st_uid == uid:
                found.append((directory / 'cmdline').read_bytes().replace(
                    b'\0', b' ').decode(errors='replace'))
        except OSError:
            continue    # it has ended meanwhile
    return '\n'.join(found)
