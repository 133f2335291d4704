# SPDX-License-Identifier: Apache-2.0
"""The driver of ET-7067 and a module that answers as it is told."""

import socket
import struct

import jsonschema

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import states
from cloudmanager.power.modbus import client as modbus
from cloudmanager.power.modbus import et7067
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power import modules

ON, OFF = states.POWER_ON, states.POWER_OFF


class ModuleTestCase(base.DriverTestCase):

    patience = 5

    def setUp(self):
        super().setUp()
        self.patch(network, 'CONNECT_SECONDS', 0.6)
        self.patch(modbus, 'ANSWER_SECONDS', 0.6)
        self.conf.config(group='power', call_deadline=4.0)
        self.module = self.useFixture(modules.Module())
        self.driver = et7067.ET7067Driver()
        self.device = self.make_device()

    def make_device(self, module=None, **values):
        module = module or self.module
        return base.device(**{
            'host': module.host, 'port': module.port,
            'control_type': 'ET7067', 'protocol_type': 'modbus', **values})

    def with_options(self, module=None, **options):
        for name, value in options.items():
            jsonschema.validate(value, self.driver.options_schema[name])
        return self.make_device(module, options=options)

    def fails(self, kind, function, *arguments):
        """Return the error of a call, which is of this kind and no other."""
        error = super().fails(kind, function, *arguments)
        self.assertIs(kind, type(error))
        return error

    def state(self, output='1', device=None):
        return self.driver.state(device or self.device, output)


class SwitchingTestCase(ModuleTestCase):

    def test_outputs_are_the_coils_from_0_on(self):
        for number in range(1, 9):
            self.driver.power_on(self.device, str(number))
        self.assertEqual([(coil, True) for coil in range(8)],
                         self.module.writes())
        self.assertEqual([str(number) for number in range(1, 9)],
                         self.driver.outputs(self.device))

    def test_on_and_off(self):
        self.driver.power_on(self.device, '8')
        self.assertEqual([OFF, ON], [self.state('7'), self.state('8')])
        self.driver.power_off(self.device, '8')
        self.assertEqual(OFF, self.state('8'))
        # Off again is no error.
        self.driver.power_off(self.device, '8')

    def test_states_in_one_request(self):
        self.module.coils[1] = True
        self.assertEqual({'1': OFF, '2': ON, '8': OFF},
                         self.driver.states(self.device, ['1', '2', '8']))
        self.assertEqual([(1, 1, 0, 8)], self.module.asked)

    def test_a_connection_is_closed_after_use(self):
        """The module serves one, so others would wait for ever."""
        self.driver.power_on(self.device, '1')
        with socket.create_connection((self.module.host, self.module.port),
                                      5) as other:
            other.sendall(bytes.fromhex('000100000006010100000008'))
            self.assertEqual(bytes.fromhex('00010000000401010101'),
                             other.recv(100))

    def test_options(self):
        module = self.useFixture(modules.Module(first=100))
        device = self.with_options(module, unit=17, first_coil=100,
                                   inverted=True)
        self.assertEqual(ON, self.state('2', device))
        self.driver.power_off(device, '2')
        self.assertEqual([(101, True)], module.writes())
        self.assertEqual(OFF, self.state('2', device))
        self.assertEqual({17}, {unit for unit, *_ in module.asked})

    def test_options_that_make_no_sense_are_refused(self):
        for name, value in (('unit', 0), ('unit', 256), ('unit', '1'),
                            ('first_coil', -1), ('first_coil', 65529),
                            ('inverted', 'no')):
            self.assertRaises(jsonschema.ValidationError, self.with_options,
                              **{name: value})

    def test_defaults_are_allowed(self):
        for schema in self.driver.options_schema.values():
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(schema['default'], schema)

    def test_unknown_outputs(self):
        for output in ('0', '9', '-1', 'one', '', '1 '):
            for function in (self.driver.state, self.driver.power_on,
                             self.driver.power_off):
                self.fails(exceptions.PowerNoOutput, function, self.device,
                           output)
        self.assertEqual(0, self.module.connections)

    def test_what_the_module_cannot_do(self):
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   self.device, '1', True)
        self.fails(exceptions.PowerUnsupported, self.driver.reset,
                   self.device, '1')
        self.assertFalse(self.driver.supports_soft)

    def test_a_reset_is_off_and_on(self):
        self.module.coils[0] = True
        confirm.reset([confirm.Feed(self.driver, self.device, '1')],
                      pause=self.clock.sleep)
        self.assertEqual([(0, False), (0, True)], self.module.writes())

    def test_check(self):
        self.driver.check(self.device)
        self.driver.check(self.device, '8')
        self.fails(exceptions.PowerNoOutput, self.driver.check, self.device,
                   '9')
        self.assertEqual([], self.module.writes())


class FailuresTestCase(ModuleTestCase):

    def test_exceptions_of_the_protocol(self):
        for code, kind in ((1, exceptions.PowerUnsupported),
                           (2, exceptions.PowerUnsupported),
                           (3, exceptions.PowerRefused),
                           (4, exceptions.PowerRefused),
                           (5, exceptions.PowerBusy),
                           (6, exceptions.PowerBusy),
                           (10, exceptions.PowerUnreachable),
                           (11, exceptions.PowerUnreachable),
                           (77, exceptions.PowerRefused)):
            self.module.refusal = code
            self.fails(kind, self.driver.power_on, self.device, '1')

    def test_coils_that_are_not_there(self):
        module = self.useFixture(modules.Module(coils=4))
        device = self.make_device(module)
        self.fails(exceptions.PowerUnsupported, self.state, '1', device)
        error = self.fails(exceptions.PowerUnsupported, self.driver.power_on,
                           device, '5')
        self.assertIn('output 5 on', str(error))

    def test_a_relay_that_does_not_move(self):
        self.module.stuck = True
        error = self.fails(exceptions.PowerUnchanged, self.driver.power_on,
                           self.device, '1')
        self.assertIn('did not change', str(error))

    def test_closed_port(self):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.fails(exceptions.PowerUnreachable, self.state, '1',
                   self.make_device(port=port))

    def test_unknown_host(self):
        self.fails(exceptions.PowerUnresolvable, self.state, '1',
                   self.make_device(host='a..b'))

    def test_pw1_silence_and_back(self):
        self.module.silent = True
        for function in (self.driver.state, self.driver.power_on,
                         self.driver.power_off, self.driver.check):
            self.fails(exceptions.PowerSilent, function, self.device,
                       '1')
        self.module.silent = False
        self.assertEqual(OFF, self.state())

    def test_silent_in_mid_visit(self):
        def fall_silent(answer):
            self.module.silent = True
            return answer
        self.module.answers = [fall_silent]
        self.fails(exceptions.PowerSilent, self.driver.power_on,
                   self.device, '1')
        self.module.silent = False
        self.assertEqual(ON, self.state())

    def test_connection_lost(self):
        """That is noticed at once, not at the end of the time."""
        self.patch(modbus, 'ANSWER_SECONDS', 60)
        self.conf.config(group='power', call_deadline=60.0)
        for part in (0, 3, 8):
            self.module.answers = [
                lambda answer, part=part: modules.Last(answer[:part])]
            self.fails(exceptions.PowerUnreachable, self.state)

    def test_pw2_dripping(self):
        """Octet by octet no single wait is long."""
        self.module.drip = 0.2
        self.fails(exceptions.PowerSilent, self.state)
        self.module.drip = 0.01
        self.assertEqual(OFF, self.state())

    def test_late_answer_to_an_earlier_request(self):
        def late(answer):
            transaction = struct.unpack('>H', answer[:2])[0] ^ 1
            return struct.pack('>H', transaction) + bytes.fromhex(
                '0000000401 0101ff') + answer
        self.module.answers = [late]
        self.assertEqual(OFF, self.state())

    def test_only_wrong_transactions(self):
        self.module.answers = [lambda answer: bytes([answer[0] ^ 1])
                               + answer[1:]]
        self.fails(exceptions.PowerSilent, self.state)

    def test_nonsense(self):
        for alter in (
                lambda answer: b'HTTP/1.1 400 Bad Request\r\n\r\n',
                lambda answer: answer[:2] + b'\x00\x01' + answer[4:],
                # Lengths: none, no function, too much.
                lambda answer: answer[:4] + b'\x00\x00' + answer[6:],
                lambda answer: answer[:4] + b'\x00\x01' + answer[6:],
                lambda answer: answer[:4] + b'\xff\xff' + answer[6:],
                # Another unit, another function, of all and of errors.
                lambda answer: answer[:6] + b'\x02' + answer[7:],
                lambda answer: answer[:7] + b'\x02' + answer[8:],
                lambda answer: answer[:7] + b'\x82' + answer[8:],
                lambda answer: answer[:7] + b'\x63' + answer[8:],
                # Nothing in it, too little, too much.
                lambda answer: answer[:5] + b'\x03\x01\x01\x00',
                lambda answer: answer[:5] + b'\x05\x01\x01\x02\x00\x00'):
            self.module.answers = [alter]
            self.fails(exceptions.PowerProtocol, self.state)

    def test_an_echo_of_something_else(self):
        for alter in (
                lambda answer: answer[:9] + b'\x07' + answer[10:],
                lambda answer: answer[:10] + b'\x00' + answer[11:]):
            self.module.answers = [alter]
            self.fails(exceptions.PowerProtocol, self.driver.power_on,
                       self.device, '1')

    def test_slow_module(self):
        self.module.delay = 0.3
        self.driver.power_on(self.device, '1')
        self.assertEqual(ON, self.state())

    def test_one_visit_at_a_time(self):
        outcome = tests_base.Together(
            8, lambda number: self.driver.power_on(self.device,
                                                   str(number + 1)))
        self.assertEqual([], outcome.raised)
        self.assertEqual(8, self.module.connections)
        # Each is read back before the next is written.
        self.assertEqual([5, 1] * 8,
                         [function for _, function, *_ in self.module.asked])

    def test_a_dead_module_delays_no_other(self):
        """PW1: each has its own turn and its own time."""
        other = self.useFixture(modules.Module())
        self.module.silent = True
        outcome = tests_base.Together(8, lambda number: self.state(
            '1', self.device if number else self.make_device(other)))
        self.assertEqual(OFF, outcome.results[0])
        self.assertEqual(7, len(outcome.raised))

