# SPDX-License-Identifier: Apache-2.0
import asyncio
import binascii
import concurrent.futures
import dataclasses
import pathlib
import time

import asyncssh
import fixtures
import jsonschema

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import options
from cloudmanager.power import states
from cloudmanager.power.ssh import driver as ssh
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power import peers
from cloudmanager.tests.unit.power import ssh_peer

ON, OFF = states.POWER_ON, states.POWER_OFF
DEADLINE = 0.5
PASSPHRASE = base.PASSWORD


class SSHTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.known_hosts = self.directory / 'known_hosts'
        self.conf.config(group='power', call_deadline=20.0,
                         ssh_known_hosts=str(self.known_hosts))
        # What is there must not be looked at.
        home = pathlib.Path(self.useFixture(fixtures.TempHomeDir()).path)
        self.ssh_home = home / '.ssh'
        self.ssh_home.mkdir()
        self.driver = ssh.SSHDriver()

    def serve(self, password=base.PASSWORD, **values):
        return self.useFixture(ssh_peer.Hypervisor(password, **values))

    def device_of(self, hypervisor, options=None, **values):
        if options is None:
            options = {'host_key': hypervisor.public_key}
        return base.device('127.0.0.1', hypervisor.port, **{
            'control_type': 'SshDevice', 'protocol_type': 'ssh',
            'login': 'operator', 'options': options, **values})


class HypervisorTestCase(SSHTestCase):

    def setUp(self):
        super().setUp()
        self.hypervisor = self.serve()
        self.device = self.device_of(self.hypervisor)

    def state(self, output='vm-1'):
        return self.driver.state(self.device, output)


class VerbsTestCase(HypervisorTestCase):

    def test_off_on_reset(self):
        self.assertEqual(ON, self.state())
        self.driver.power_off(self.device, 'vm-1')
        self.assertEqual(OFF, self.state())
        self.driver.power_on(self.device, 'vm-1')
        self.assertEqual(ON, self.state())
        self.driver.reset(self.device, 'vm-1')
        self.driver.power_off(self.device, 'vm-1', soft=True)
        self.assertEqual(['domstate', 'destroy', 'domstate', 'start',
                          'domstate', 'reset', 'shutdown'],
                         [words[8] for words in self.hypervisor.commands])

    def test_states(self):
        for said, expected in (
                ('running', ON), ('idle', ON), ('paused', ON),
                ('in shutdown', ON), ('crashed', ON), ('shut off', OFF)):
            self.hypervisor.domains['vm-1'] = said
            self.assertEqual(expected, self.state(), said)
        for said in ('pmsuspended', 'no state', '', 'shut offs',
                     'shut off\nrunning', 'ausgeschaltet'):
            self.hypervisor.domains['vm-1'] = said
            error = self.fails(exceptions.PowerUnclear, self.state)
            self.assertIn(said.split('\n')[0], str(error))

    def test_several_in_one_login(self):
        self.assertEqual(
            {'vm-1': ON, 'vm-2': OFF},
            self.driver.states(self.device, ['vm-1', 'vm-2']))
        self.assertEqual(1, self.hypervisor.logins)

    def test_outputs(self):
        """Those that cannot be named here are left out."""
        self.hypervisor.domains.update(dict.fromkeys(
            ('7', 'a b', '--help', 'x' * 65, 'a;b', 'instance-00000001')))
        self.assertEqual(['instance-00000001', 'vm-1', 'vm-2'],
                         self.driver.outputs(self.device))

    def test_check(self):
        self.driver.check(self.device)
        self.driver.check(self.device, 'vm-2')
        self.assertRaises(exceptions.PowerNoOutput, self.driver.check,
                          self.device, 'vm-3')

    def test_what_it_has_not(self):
        self.assertRaises(exceptions.PowerUnsupported,
                          self.driver.set_boot_device, self.device, 'vm-1',
                          'pxe')
        self.assertRaises(exceptions.PowerUnsupported, self.driver.health,
                          self.device)

    def test_pw15_settings_of_the_device(self):
        device = dataclasses.replace(self.device, options={
            **self.device.options, 'uri': 'lxc:///'})
        self.conf.config(group='power', call_deadline=7.5)
        self.driver.state(device, 'vm-1')
        self.assertEqual(
            ['env', 'LC_ALL=C', 'timeout', '8', 'virsh', '--quiet',
             '--connect', 'lxc:///', 'domstate', '--domain', 'vm-1'],
            self.hypervisor.commands[0])


class OutputsTestCase(HypervisorTestCase):

    def test_nothing_that_a_shell_or_virsh_understands_is_sent(self):
        for name in ('', '1', '77', '--help', '-c', 'a b', 'a;id', '$(id)',
                     '`id`', "a'b", 'a"b', 'a|b', 'a\nb', 'a\x00b', '../x',
                     'ä', 'x' * 65, 'a/b', '*', 'a&b', 'a>b', '~'):
            for function in (self.driver.state, self.driver.power_on,
                             self.driver.power_off, self.driver.reset):
                self.fails(exceptions.PowerNoOutput, function, self.device,
                           name)
        self.assertEqual([], self.hypervisor.commands)

    def test_names_that_are_usual(self):
        for name in ('instance-0000002a', 'vm_1.example.org', 'a', '_b',
                     'win10:clone+1@site',
                     '3f2504e0-4f89-11d3-9a0c-0305e82c3301'):
            self.hypervisor.domains[name] = 'shut off'
            self.assertEqual(OFF, self.state(name))

    def test_unknown_domain(self):
        for function in (self.driver.state, self.driver.power_off):
            error = self.fails(exceptions.PowerNoOutput, function,
                               self.device, 'vm-3')
            self.assertIn('no output vm-3', str(error))


class FailuresTestCase(HypervisorTestCase):

    def outcome(self, kind, status, errors):
        self.hypervisor.outcome = status, 'shut off', errors
        return {str(self.fails(kind, function, self.device, 'vm-1'))
                for function in (self.driver.state, self.driver.power_off)}

    def test_what_virsh_says(self):
        for kind, status, errors in (
                (exceptions.PowerBusy, 124, ''),
                (exceptions.PowerBusy, 1, 'error: Timed out during '
                 'operation: cannot acquire state change lock'),
                (exceptions.PowerError, 1, 'error: failed to connect to '
                 'the hypervisor\nerror: Failed to connect socket'),
                (exceptions.PowerUnsupported, 1, 'error: this function is '
                 'not supported by the connection driver: virDomainReset'),
                (exceptions.PowerRefused, 1, 'error: access denied'),
                (exceptions.PowerRefused, 126, 'refused'),
                (exceptions.PowerRefused, 127, 'virsh: not found'),
                (exceptions.PowerRefused, 255, '')):
            for text in self.outcome(kind, status, errors):
                if kind is exceptions.PowerRefused and errors:
                    self.assertIn(errors, text)

    def test_a_status_that_is_not_0_is_never_off(self):
        """PW12: whatever it prints."""
        self.hypervisor.domains['vm-1'] = 'shut off'
        self.outcome(exceptions.PowerRefused, 1, 'error: Unspecified error')

    def test_se2_it_repeats_the_password(self):
        for text in self.outcome(exceptions.PowerRefused, 1,
                                 f'wrong: {base.PASSWORD}\n'):
            self.assertIn('wrong: ***', text)

    def test_killed(self):
        async def behaviour(process):
            process.exit_with_signal('KILL')

        self.hypervisor.behaviour = behaviour
        self.fails(exceptions.PowerRefused, self.state)

    def test_flood(self):
        async def behaviour(process):
            while True:
                process.stdout.write('x' * 65536)
                await process.stdout.drain()

        self.hypervisor.behaviour = behaviour
        self.fails(exceptions.PowerProtocol, self.state)

    def test_already_off_and_already_on(self):
        self.fails(exceptions.PowerRefused, self.driver.power_off,
                   self.device, 'vm-2')
        self.fails(exceptions.PowerRefused, self.driver.power_on,
                   self.device, 'vm-1')
        confirm.fence([confirm.Feed(self.driver, self.device, 'vm-2')],
                      pause=lambda seconds: None)

    def test_pw1_silence_in_the_middle(self):
        """It lets us in, and then a command does not end."""
        self.conf.config(group='power', call_deadline=DEADLINE)

        async def silent(process):
            await asyncio.sleep(3600)

        async def slow(process):
            while True:
                process.stdout.write('x')
                await asyncio.sleep(0.05)

        for behaviour in (silent, slow):
            self.hypervisor.behaviour = behaviour
            for function in (self.driver.state, self.driver.reset):
                self.fails(exceptions.PowerUnreachable, function,
                           self.device, 'vm-1')
        self.hypervisor.behaviour = None
        self.conf.config(group='power', call_deadline=20.0)
        self.assertEqual(ON, self.state())

    def test_pw1_no_answer(self):
        self.conf.config(group='power', call_deadline=DEADLINE)
        silent = peers.RawPeer(lambda connection: silent.silence(connection))
        self.useFixture(silent)
        slow = peers.RawPeer(lambda connection: slow.drip(connection,
                                                          b'SSH-2.0-'))
        self.useFixture(slow)
        banners = peers.RawPeer(
            lambda connection: banners.drip(connection, b'a\r\n' * 50))
        self.useFixture(banners)
        for port in (silent.port, slow.port, banners.port,
                     peers.free_port()):
            self.fails((exceptions.PowerUnreachable,
                        exceptions.PowerProtocol), self.driver.state,
                       dataclasses.replace(self.device, port=port), 'vm-1')
        self.fails(exceptions.PowerUnresolvable, self.driver.state,
                   dataclasses.replace(self.device, host='a..b'),
                   'vm-1')

    def test_pw1_many_that_are_silent_delay_nobody(self):
        """They share a loop with those that answer, and no more."""
        silent = peers.RawPeer(lambda connection: silent.silence(connection),
                               '0.0.0.0')
        self.useFixture(silent)
        self.conf.config(group='power', call_deadline=5.0)
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            lost = [pool.submit(self.driver.state, dataclasses.replace(
                self.device, host=f'127.0.1.{number}', port=silent.port),
                'vm-1') for number in range(1, 50)]
            tests_base.wait_for(lambda: len(silent.connections) == 49)
            start = time.monotonic()
            self.assertEqual(ON, self.state())
            self.assertLess(time.monotonic() - start, self.patience)
            kinds = {type(each.exception()) for each in lost}
        self.assertEqual({exceptions.PowerSilent}, kinds)
        self.assertLess(time.monotonic() - begun, 5 + self.patience)

    def test_no_ssh(self):
        for text in (b'HTTP/1.1 400 Bad Request\r\n\r\n', b'\x00' * 2000,
                     b'SSH-1.5-old\r\n', b'SSH-2.0-x\r\n' + b'\xff' * 999):
            def serve(connection, text=text):
                connection.sendall(text)
                connection.recv(4096)

            peer = self.useFixture(peers.RawPeer(serve))
            self.fails((exceptions.PowerProtocol,
                        exceptions.PowerUnreachable), self.driver.state,
                       dataclasses.replace(self.device, port=peer.port),
                       'vm-1')


class CredentialsTestCase(SSHTestCase):

    def test_wrong_password(self):
        hypervisor = self.serve()
        for values in ({'password': 'wrong'}, {'login': 'nobody'},
                       {'password': None}, {'login': None},
                       {'login': ''}):
            self.fails(exceptions.PowerCredentials, self.driver.state,
                       self.device_of(hypervisor, **values), 'vm-1')
        self.assertEqual([], hypervisor.commands)

    def test_pw4_changed_password(self):
        hypervisor = self.serve()
        device = self.device_of(hypervisor)
        self.assertEqual(ON, self.driver.state(device, 'vm-1'))
        hypervisor.password = 'another'
        self.fails(exceptions.PowerCredentials, self.driver.state, device,
                   'vm-1')
        self.assertEqual(ON, self.driver.state(dataclasses.replace(
            device, password='another'), 'vm-1'))

    def test_a_password_that_is_asked_for(self):
        """Keyboard-interactive, as where PAM does the authentication."""
        hypervisor = self.serve(asks=True)
        device = self.device_of(hypervisor)
        self.assertEqual(ON, self.driver.state(device, 'vm-1'))
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   dataclasses.replace(device, password='wrong'), 'vm-1')

    def test_keys(self):
        for kind in ('ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'):
            key = asyncssh.generate_private_key(kind)
            hypervisor = self.serve(None, key=key.convert_to_public())
            for text, password in (
                    (key.export_private_key('openssh'), None),
                    (key.export_private_key('openssh'), 'not needed'),
                    (key.export_private_key('openssh', PASSPHRASE,
                                            rounds=16), PASSPHRASE),
                    (key.export_private_key('pkcs8-pem')
                     if kind != 'ssh-ed25519' else
                     key.export_private_key('openssh'), None)):
                device = self.device_of(hypervisor, ssh_key=text.decode(),
                                        password=password)
                self.assertEqual(ON, self.driver.state(device, 'vm-1'))

    def test_wrong_key(self):
        hypervisor = self.serve(None, key=asyncssh.generate_private_key(
            'ssh-ed25519').convert_to_public())
        other = asyncssh.generate_private_key('ssh-ed25519')
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   self.device_of(hypervisor, ssh_key=other.
                                  export_private_key().decode()), 'vm-1')

    def test_a_key_is_used_and_the_password_is_not_sent(self):
        """It is the passphrase, which is none of the device's business."""
        key = asyncssh.generate_private_key('ssh-ed25519')
        hypervisor = self.serve(PASSPHRASE)
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   self.device_of(
                       hypervisor, ssh_key=key.export_private_key(
                           'openssh', PASSPHRASE, rounds=16).decode()),
                   'vm-1')
        self.assertEqual(0, hypervisor.logins)

    def test_keys_that_are_none(self):
        hypervisor = self.serve()
        key = asyncssh.generate_private_key('ssh-ed25519')
        good = key.export_private_key('openssh', PASSPHRASE,
                                      rounds=16).decode()
        for text in ('nonsense', '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n'
                     '-----END OPENSSH PRIVATE KEY-----', good[:200],
                     key.convert_to_public().export_public_key().decode(),
                     key.export_private_key('pkcs8-pem', PASSPHRASE
                                            ).decode(),
                     with_rounds(good, 1_000_000)):
            error = self.fails(exceptions.PowerCredentials,
                               self.driver.state, self.device_of(
                                   hypervisor, ssh_key=text), 'vm-1')
            self.assertIn('private key', str(error))
            self.assertNotIn(text, base.everything_of(error))
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   self.device_of(hypervisor, ssh_key=good,
                                  password='wrong'), 'vm-1')
        self.assertEqual(0, hypervisor.logins)

    def test_nothing_of_the_account_is_used(self):
        """Neither its keys, nor its configuration."""
        key = asyncssh.generate_private_key('ssh-ed25519')
        key.write_private_key(self.ssh_home / 'id_ed25519')
        (self.ssh_home / 'config').write_text('User root\nPort 1\n')
        hypervisor = self.serve(key=key.convert_to_public())
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   self.device_of(hypervisor, password='wrong'), 'vm-1')
        self.assertEqual(ON, self.driver.state(self.device_of(hypervisor),
                                               'vm-1'))


def with_rounds(text, rounds):
    """Return a private key that claims so many rounds of bcrypt."""
    head, *lines, tail = text.strip().splitlines()
    data = binascii.a2b_base64(''.join(lines))
    # Behind the name: length of the options, length of the salt, the salt.
    where = data.index(b'bcrypt') + len('bcrypt') + 4 + 4 + 16
    data = data[:where] + rounds.to_bytes(4, 'big') + data[where + 4:]
    return '\n'.join([head, binascii.b2a_base64(
        data, newline=False).decode(), tail])


class HostKeysTestCase(SSHTestCase):
    """None is trusted that was not entered, and none at first use."""

    def setUp(self):
        super().setUp()
        self.hypervisor = self.serve()
        self.other = asyncssh.generate_private_key('ssh-ed25519')

    def state(self, options=None):
        return self.driver.state(self.device_of(
            self.hypervisor, options=options or {}), 'vm-1')

    def refused(self, text, options=None):
        error = self.fails(exceptions.PowerUntrusted, self.state, options)
        self.assertIn(text, str(error))
        # Nobody logged in: the password stayed here.
        self.assertEqual(0, self.hypervisor.logins)
        return error

    def enter(self, line):
        self.known_hosts.write_text(
            f'# comment\n\n[other]:22 {self.hypervisor.public_key}\n{line}\n')

    def test_pinned_key(self):
        self.assertEqual(ON, self.state(
            {'host_key': self.hypervisor.public_key}))

    def test_pinned_fingerprint(self):
        self.assertEqual(ON, self.state(
            {'host_key': self.hypervisor.fingerprint}))

    def test_several_pins(self):
        self.assertEqual(ON, self.state({'host_key': '\n'.join((
            self.other.get_fingerprint(), self.hypervisor.public_key))}))

    def test_other_kinds_of_keys(self):
        for kind in ('ecdsa-sha2-nistp384', 'ssh-rsa'):
            self.hypervisor = self.serve(
                host_key=asyncssh.generate_private_key(kind))
            for pin in (self.hypervisor.public_key,
                        self.hypervisor.fingerprint):
                self.assertEqual(ON, self.state({'host_key': pin}))

    def test_another_key_than_pinned(self):
        for pin in (self.other.export_public_key().decode(),
                    self.other.get_fingerprint()):
            self.refused(self.hypervisor.fingerprint, {'host_key': pin})
        # And the file has no say in it.
        self.enter(f'[127.0.0.1]:{self.hypervisor.port} '
                   f'{self.hypervisor.public_key}')
        self.refused('option host_key',
                     {'host_key': self.other.get_fingerprint()})

    def test_pins_that_are_none(self):
        for pin in ('nonsense', 'SHA256:short', 'ssh-ed25519 AAAA', ' ',
                    'MD5:00:11'):
            self.refused('cannot be used', {'host_key': pin})

    def test_known_hosts(self):
        for host in (f'[127.0.0.1]:{self.hypervisor.port}', '127.0.0.1',
                     '127.0.0.*'):
            self.enter(f'{host} {self.hypervisor.public_key}')
            self.assertEqual(ON, self.state())

    def test_unknown(self):
        """And what ~/.ssh knows does not count."""
        (self.ssh_home / 'known_hosts').write_text(
            f'* {self.hypervisor.public_key}\n')
        self.refused('unknown')
        self.enter('')
        self.refused(self.hypervisor.fingerprint)

    def test_changed(self):
        self.enter(f'[127.0.0.1]:{self.hypervisor.port} '
                   f'{self.other.export_public_key().decode()}')
        self.refused('has changed')

    def test_revoked(self):
        self.enter(f'@revoked * {self.hypervisor.public_key}\n'
                   f'127.0.0.1 {self.hypervisor.public_key}')
        self.refused('revoked')

    def test_file_that_cannot_be_read(self):
        self.known_hosts.mkdir()
        self.refused('[power] ssh_known_hosts cannot be used')
        self.known_hosts.rmdir()
        self.known_hosts.write_text('nonsense\n')
        self.refused('[power] ssh_known_hosts cannot be used')

    def test_it_ends_an_attempt(self):
        feed = confirm.Feed(self.driver, self.device_of(
            self.hypervisor, options={}), 'vm-1')
        self.fails(exceptions.PowerUntrusted, confirm.fence, [feed])

    def test_a_server_that_takes_anybody(self):
        """One that asks for no password does not have the account."""
        class Server(asyncssh.SSHServer):
            def begin_auth(self, username):
                return False

        hypervisor = self.serve()
        hypervisor._server.close()

        async def listen():
            return await asyncssh.listen(
                '127.0.0.1', 0, server_factory=Server,
                server_host_keys=[hypervisor.host_key],
                process_factory=hypervisor._process)

        hypervisor._server = hypervisor._run(listen())
        hypervisor.port = hypervisor._server.sockets[0].getsockname()[1]
        self.fails(exceptions.PowerError, self.driver.state,
                   self.device_of(hypervisor), 'vm-1')
        self.assertEqual([], hypervisor.commands)


class OptionsTestCase(SSHTestCase):

    def test_schema(self):
        schema = {'type': 'object', 'properties': options.SSH,
                  'additionalProperties': False}
        for good in ({}, {'uri': 'qemu:///system'}, {'uri': 'xen:///'},
                     {'uri': 'qemu+unix:///system?socket=/run/x'},
                     {'host_key': 'SHA256:x'}):
            jsonschema.validate(good, schema)
        for bad in ({'uri': 'qemu+ssh://root@other/system'},
                    {'uri': 'qemu+ext:///system?command=/bin/sh'},
                    {'uri': 'qemu://other/system'}, {'uri': '--help'},
                    {'uri': 'qemu:///system?command=x'},
                    {'uri': 'qemu:///system;id'}, {'host_key': ''},
                    {'host_key': None}, {'x': 1}):
            self.assertRaises(jsonschema.ValidationError,
                              jsonschema.validate, bad, schema)
