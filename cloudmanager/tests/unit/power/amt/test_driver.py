# SPDX-License-Identifier: Apache-2.0
import dataclasses
import time

import fixtures
import jsonschema

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import options
from cloudmanager.power import states
from cloudmanager.power.amt import driver as amt
from cloudmanager.power.amt import wsman
from cloudmanager.tests.unit.power import amt_peer
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power import peers

ON, OFF = states.POWER_ON, states.POWER_OFF
_SLEEPS = {3: 'light sleep', 4: 'deep sleep', 7: 'hibernate'}
DEADLINE = 0.5


class AMTTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.conf.config(group='power', call_deadline=20.0)
        self.driver = amt.AMTDriver()

    def device_at(self, port, **values):
        return base.device('127.0.0.1', port, control_type='IntelAMT',
                           protocol_type='intel_amt', **values)


class MachineTestCase(AMTTestCase):

    def setUp(self):
        super().setUp()
        self.machine = self.useFixture(amt_peer.AMT(base.PASSWORD))
        self.device = self.device_at(self.machine.port)

    def state(self):
        return self.driver.state(self.device, '1')

    def off(self, **values):
        self.driver.power_off(self.device, '1', **values)


class VerbsTestCase(MachineTestCase):

    def test_off_on_reset(self):
        self.assertEqual(ON, self.state())
        self.off()
        self.assertEqual(OFF, self.state())
        self.driver.power_on(self.device, '1')
        self.assertEqual(ON, self.state())
        self.driver.reset(self.device, '1')
        self.assertEqual([8, 2, 10], self.machine.asked)

    def test_what_is_neither_on_nor_off(self):
        """Sleep and hibernation too: memory or disks may come to life."""
        for number in (0, 1, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 16, 999):
            answer = (f'<Envelope xmlns="{amt_peer.SOAP}"><Body>'
                      f'<CIM_AssociatedPowerManagementService xmlns="'
                      f'{wsman.ASSOCIATION}"><PowerState>{number}'
                      f'</PowerState></CIM_AssociatedPowerManagementService>'
                      f'</Body></Envelope>').encode()
            peer = self.useFixture(peers.HTTPPeer(
                lambda request, answer=answer: (200, {}, answer)))
            error = self.assertRaises(
                exceptions.PowerUnclear, self.driver.state,
                self.device_at(peer.port), '1')
            self.assertIn(_SLEEPS.get(number, str(number)), str(error))

    def test_asleep_is_woken_and_switched_off(self):
        for sleep in (amt_peer.SLEEP, amt_peer.HIBERNATE):
            self.machine.power = sleep
            self.assertRaises(exceptions.PowerUnclear, self.state)
            self.driver.power_on(self.device, '1')
            self.assertEqual(ON, self.state())
            self.machine.power = sleep
            self.off()
            self.assertEqual(OFF, self.state())

    def test_soft(self):
        self.off(soft=True)
        self.assertEqual([amt_peer.GRACEFUL_OFF], self.machine.asked)
        self.assertEqual(OFF, self.state())

    def test_soft_when_off_asks_for_nothing(self):
        self.machine.power = amt_peer.OFF
        self.off(soft=True)
        self.assertEqual([], self.machine.asked)

    def test_pw18_soft_without_an_agent(self):
        self.machine.agent = False
        self.fails(exceptions.PowerUnsupported, self.off, soft=True)
        self.assertEqual([], self.machine.asked)
        # One that does not tell has to be tried.
        self.machine.tells = False
        self.fails(exceptions.PowerUnsupported, self.off, soft=True)
        self.assertEqual([amt_peer.GRACEFUL_OFF], self.machine.asked)
        self.assertEqual(ON, self.state())

    def test_boot_device(self):
        for name, source in (('pxe', 'Force PXE Boot'),
                             ('disk', 'Force Hard-drive Boot'),
                             ('cdrom', 'Force CD/DVD Boot')):
            self.driver.set_boot_device(self.device, '1', name)
            self.assertEqual(f'Intel(r) AMT: {source}',
                             self.machine.boot_source)
            self.assertTrue(self.machine.boot_once)
        for name, persistent in (('pxe', True), ('tape', False)):
            self.assertRaises(exceptions.PowerUnsupported,
                              self.driver.set_boot_device, self.device, '1',
                              name, persistent)

    def test_what_it_has_not(self):
        self.assertRaises(exceptions.PowerUnsupported, self.driver.health,
                          self.device)

    def test_check(self):
        self.driver.check(self.device)
        self.assertEqual(['1'], self.driver.outputs(self.device))


class RefusalsTestCase(MachineTestCase):

    def test_off_while_somebody_is_at_its_console(self):
        self.machine.redirection = True
        error = self.fails(exceptions.PowerRefused, self.off)
        self.assertIn('session of SOL', str(error))
        self.assertEqual(ON, self.state())
        # It would take effect in the end, so it is no reason to give up.
        self.driver.reset(self.device, '1')

    def test_returned_values(self):
        for value, kind in ((1, exceptions.PowerUnsupported),
                            (2, exceptions.PowerRefused),
                            (4, exceptions.PowerRefused),
                            (6, exceptions.PowerBusy),
                            (4097, exceptions.PowerRefused),
                            (4099, exceptions.PowerBusy),
                            (2057, exceptions.PowerRefused)):
            self.machine.values = [value]
            error = self.fails(kind, self.driver.power_on, self.device, '1')
            if kind is exceptions.PowerRefused:
                self.assertIn(f'(value {value})', str(error))

    def test_a_reset_is_sent_once(self):
        self.machine.values = [4, 4, 4]
        self.fails(exceptions.PowerRefused, self.driver.reset, self.device,
                   '1')
        self.assertEqual([amt_peer.RESET], self.machine.asked)

    def test_pw8_slow_off(self):
        self.machine.delay = 0.3
        confirm.fence([confirm.Feed(self.driver, self.device, '1')],
                      pause=lambda seconds: time.sleep(0.1))
        self.assertEqual([amt_peer.OFF], self.machine.asked)

    def test_already_off(self):
        """It refuses, and what is read afterwards decides."""
        self.machine.power = amt_peer.OFF
        self.fails(exceptions.PowerRefused, self.off)
        confirm.fence([confirm.Feed(self.driver, self.device, '1')],
                      pause=lambda seconds: None)


class CredentialsTestCase(MachineTestCase):

    def test_wrong(self):
        for values in ({'password': 'wrong'}, {'login': 'nobody'},
                       {'password': None}, {'password': ''},
                       {'login': None}):
            wrong = dataclasses.replace(self.device, **values)
            self.fails(exceptions.PowerCredentials, self.driver.state,
                       wrong, '1')
            self.fails(exceptions.PowerCredentials, self.driver.power_off,
                       wrong, '1')
        self.assertEqual([], self.machine.asked)

    def test_pw4_changed_password(self):
        self.assertEqual(ON, self.state())
        self.machine.password = 'another-one'
        self.fails(exceptions.PowerCredentials, self.state)
        self.assertEqual(ON, self.driver.state(dataclasses.replace(
            self.device, password='another-one'), '1'))

    def test_letters_of_all_kinds(self):
        self.machine.password = 'pä"ss:wörd '
        self.assertEqual(ON, self.driver.state(dataclasses.replace(
            self.device, password='pä"ss:wörd '), '1'))

    def test_the_password_is_never_sent(self):
        """Not even to a device that asks for it."""
        peer = self.useFixture(peers.HTTPPeer(lambda request: (
            401, {'WWW-Authenticate': 'Basic realm="x"'}, b'')))
        self.fails(exceptions.PowerCredentials, self.driver.state,
                   self.device_at(peer.port), '1')
        self.assertNotIn('Authorization', peer.seen[0][2])


class TLSTestCase(AMTTestCase):

    def setUp(self):
        super().setUp()
        self.authority = peers.Authority(
            self.useFixture(fixtures.TempDir()).path)
        self.machine = self.useFixture(amt_peer.AMT(
            base.PASSWORD, context=self.authority.context()))

    def state(self, **options):
        return self.driver.state(self.device_at(self.machine.port,
                                                options=options), '1')

    def test_tls(self):
        self.assertEqual(ON, self.state(tls=True, ca=self.authority.pem))
        self.assertEqual(ON, self.state(
            tls=True, fingerprint=self.authority.fingerprint))
        self.assertEqual(ON, self.state(tls=True, verify=False))

    def test_stranger(self):
        self.fails(exceptions.PowerUntrusted, self.state, tls=True)
        self.assertEqual([], self.machine.seen)

    def test_pw15_by_default_the_port_tells(self):
        self.patch(amt, 'TLS_PORT', self.machine.port)
        self.assertEqual(ON, self.state(ca=self.authority.pem))
        self.fails((exceptions.PowerProtocol, exceptions.PowerUnreachable),
                   self.state, tls=False)

    def test_options(self):
        schema = {'type': 'object', 'properties': options.AMT,
                  'additionalProperties': False}
        for good in ({}, {'tls': True, 'verify': False},
                     {'fingerprint': self.authority.fingerprint},
                     {'fingerprint': 'ab' * 32},
                     {'ca': self.authority.pem}):
            jsonschema.validate(good, schema)
        for bad in ({'tls': 1}, {'fingerprint': 'ab' * 31}, {'x': 1},
                    {'ca': '/etc/passwd'}):
            self.assertRaises(jsonschema.ValidationError,
                              jsonschema.validate, bad, schema)


class PeersTestCase(AMTTestCase):
    """What is at the address is no AMT, or not a good one."""

    def answer(self, status, body):
        """Return the errors of a reading and a request to such a peer."""
        peer = self.useFixture(peers.HTTPPeer(
            lambda request: (status, {}, body)))
        device = self.device_at(peer.port)
        return (self.fails(exceptions.PowerError, self.driver.state, device,
                           '1'),
                self.fails(exceptions.PowerError, self.driver.power_off,
                           device, '1'))

    def kinds(self, status, body=b''):
        return {type(error) for error in self.answer(status, body)}

    def test_statuses(self):
        for status, kind in ((401, exceptions.PowerCredentials),
                             (403, exceptions.PowerCredentials),
                             (503, exceptions.PowerBusy),
                             (429, exceptions.PowerBusy),
                             (404, exceptions.PowerProtocol),
                             (302, exceptions.PowerStrange),
                             (200, exceptions.PowerProtocol),
                             (500, exceptions.PowerProtocol)):
            self.assertEqual({kind}, self.kinds(status), status)

    def fault(self, code, reason='because'):
        return (f'<a:Envelope xmlns:a="{amt_peer.SOAP}"><a:Body><a:Fault>'
                f'<a:Code><a:Value>a:Sender</a:Value><a:Subcode><a:Value>'
                f'w:{code}</a:Value></a:Subcode></a:Code><a:Reason>'
                f'<a:Text>{reason}</a:Text></a:Reason></a:Fault></a:Body>'
                f'</a:Envelope>').encode()

    def test_faults(self):
        for code, kind in (('AccessDenied', exceptions.PowerCredentials),
                           ('Concurrency', exceptions.PowerBusy),
                           ('QuotaLimit', exceptions.PowerBusy),
                           ('ActionNotSupported',
                            exceptions.PowerUnsupported),
                           ('InternalError', exceptions.PowerRefused)):
            self.assertEqual({kind}, self.kinds(400, self.fault(code)))

    def test_se2_a_fault_that_repeats_the_password(self):
        for error in self.answer(400, self.fault(
                'InternalError', f'{base.PASSWORD}\n is wrong')):
            self.assertIn('*** is wrong', str(error))

    def test_nonsense(self):
        soap = f'<a:Envelope xmlns:a="{amt_peer.SOAP}"><a:Body>%s' \
               '</a:Body></a:Envelope>'
        state = f'<CIM_AssociatedPowerManagementService xmlns="' \
                f'{wsman.ASSOCIATION}">%s' \
                '</CIM_AssociatedPowerManagementService>'
        for body in ('', 'nonsense', '<a/>', '<a', '\x00', soap % '',
                     soap % '<PowerState>8</PowerState>',
                     soap % state % '',
                     soap % state % '<PowerState>off</PowerState>',
                     soap % state % '<PowerState>-8</PowerState>',
                     soap % state % '<PowerState/>',
                     soap % state % ('<PowerState>2</PowerState>'
                                     '<PowerState>8</PowerState>'),
                     soap % (state % '<PowerState>8</PowerState>'
                             + state % '<PowerState>2</PowerState>'),
                     soap % '<x:R_OUTPUT xmlns:x="y"/>',
                     soap % ('<x:R_OUTPUT xmlns:x="y"><x:ReturnValue>ok'
                             '</x:ReturnValue></x:R_OUTPUT>')):
            self.assertEqual({exceptions.PowerProtocol},
                             self.kinds(200, body.encode()), body[:200])
        self.assertEqual({exceptions.PowerStrange},
                         self.kinds(200, b'x' * 200000))

    def test_xml_that_does_more_than_say_something(self):
        """No entity is expanded, no file read, nothing fetched."""
        other = self.useFixture(peers.HTTPPeer(
            lambda request: (200, {}, b'8')))
        state = f'<CIM_AssociatedPowerManagementService xmlns="' \
                f'{wsman.ASSOCIATION}"><PowerState>&e;</PowerState>' \
                '</CIM_AssociatedPowerManagementService>'
        message = f'<a:Envelope xmlns:a="{amt_peer.SOAP}"><a:Body>' \
                  f'{state}</a:Body></a:Envelope>'
        url = f'http://127.0.0.1:{other.port}/'
        laughs = ''.join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">'
                         for number in range(1, 10))
        for entities in ('<!ENTITY e "8">', f'<!ENTITY e SYSTEM "{url}">',
                         '<!ENTITY e SYSTEM "file:///etc/hostname">',
                         f'<!ENTITY % p SYSTEM "{url}"> %p;',
                         f'<!ENTITY e0 "8">{laughs}<!ENTITY e "&e9;">'):
            body = f'<!DOCTYPE a [{entities}]>{message}'
            self.assertEqual({exceptions.PowerProtocol},
                             self.kinds(200, body.encode()), entities)
            self.assertEqual({exceptions.PowerProtocol}, self.kinds(
                200, body.encode('utf-16')), entities)
        self.assertEqual([], other.seen)

    def test_pw1_deadline(self):
        self.conf.config(group='power', call_deadline=DEADLINE)
        silent = peers.RawPeer(lambda connection: silent.silence(connection))
        self.useFixture(silent)
        slow = self.useFixture(peers.HTTPPeer(
            lambda request: request.drip(b'HTTP/1.1 200 OK\r\n\r\n<a>')))
        for port in (silent.port, slow.port, peers.free_port()):
            device = self.device_at(port)
            for function in (self.driver.state, self.driver.power_on,
                             self.driver.power_off, self.driver.reset):
                self.fails(exceptions.PowerUnreachable, function, device,
                           '1')
