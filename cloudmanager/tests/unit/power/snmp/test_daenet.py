# SPDX-License-Identifier: Apache-2.0
"""The driver of DAEnetIP2 and a board that answers as it is told."""


import jsonschema

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import states
from cloudmanager.power.snmp import client as snmp
from cloudmanager.power.snmp import daenet
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import agents
from cloudmanager.tests.unit.power import base

ON, OFF, UNKNOWN = states.POWER_ON, states.POWER_OFF, states.UNKNOWN


class BoardTestCase(base.DriverTestCase):
    """Has a board, a driver, and all logs down to those of libraries."""

    driver_class = daenet.DaenetDriver
    control_type = 'DaenetIP2'
    patience = 8

    def setUp(self):
        super().setUp()
        self.patch(network, 'CONNECT_SECONDS', 0.6)
        self.patch(snmp, 'RESEND_SECONDS', 0.2)
        self.conf.config(group='power', call_deadline=5.0)
        self.board = self.useFixture(self.make_board())
        self.driver = self.driver_class()
        self.device = self.make_device()

    def make_board(self):
        return agents.Agent(base.PASSWORD)

    def make_device(self, **values):
        return base.device(**{
            'host': self.board.host, 'port': self.board.port,
            'control_type': self.control_type, 'protocol_type': 'snmp',
            'login': None, **values})

    def with_options(self, **options):
        """Return the device with options, which have to be allowed ones."""
        for name, value in options.items():
            jsonschema.validate(value,
                                self.driver_class.options_schema[name])
        return self.make_device(options=options)

    def fails(self, kind, function, *arguments):
        """Return the error of a call, which is of this kind and no other."""
        error = super().fails(kind, function, *arguments)
        self.assertIs(kind, type(error))
        return error

    def state(self, output='1', device=None):
        return self.driver.state(device or self.device, output)


class SwitchingTestCase(BoardTestCase):

    def test_outputs_are_p3_and_p5(self):
        for number in range(1, 17):
            self.driver.power_on(self.device, str(number))
        self.assertEqual(
            [((port, pin), 1) for port in (1, 2) for pin in range(1, 9)],
            self.board.sets())
        self.assertEqual([str(number) for number in range(1, 17)],
                         self.driver.outputs(self.device))

    def test_states(self):
        for value, expected in ((0, OFF), (1, ON), (2, UNKNOWN),
                                (-1, UNKNOWN), (b'1', UNKNOWN)):
            self.board.objects[agents.output(2, 4)] = value
            self.assertEqual(expected, self.state('12'))

    def test_states_in_one_visit(self):
        """One object a request, but all of them from one port."""
        self.board.objects[agents.output(1, 2)] = 1
        self.assertEqual(
            {'1': OFF, '2': ON, '16': OFF},
            self.driver.states(self.device, ['1', '2', '16']))
        self.assertEqual(1, len(self.board.senders))
        self.assertEqual(3, len(self.board.asked))

    def test_on_and_off(self):
        self.driver.power_on(self.device, '3')
        self.assertEqual(ON, self.state('3'))
        self.driver.power_off(self.device, '3')
        self.assertEqual(OFF, self.state('3'))
        # Off again is no error.
        self.driver.power_off(self.device, '3')
        self.assertEqual([((1, 3), 1), ((1, 3), 0), ((1, 3), 0)],
                         self.board.sets())

    def test_order_of_outputs_is_an_option(self):
        device = self.with_options(outputs=['P5.8', 'P3.2'])
        self.driver.power_on(device, '1')
        self.driver.power_on(device, '2')
        self.assertEqual([((2, 8), 1), ((1, 2), 1)], self.board.sets())
        self.assertEqual(['1', '2'], self.driver.outputs(device))

    def test_inverted(self):
        device = self.with_options(inverted=True)
        self.assertEqual(ON, self.state(device=device))
        self.driver.power_off(device, '1')
        self.assertEqual([((1, 1), 1)], self.board.sets())
        self.assertEqual(OFF, self.state(device=device))

    def test_version_2c(self):
        device = self.with_options(version='2c')
        self.driver.power_on(device, '1')
        self.assertEqual(ON, self.state(device=device))
        self.assertEqual({1}, self.board.versions)

    def test_options_that_make_no_sense_are_refused(self):
        for name, value in (('version', '3'), ('outputs', []),
                            ('outputs', ['P6.1']), ('outputs', ['P3.9']),
                            ('outputs', ['P3.1', 'P3.1']), ('outputs', [1]),
                            ('inverted', 1), ('identity', None)):
            self.assertRaises(jsonschema.ValidationError, self.with_options,
                              **{name: value})

    def test_defaults_are_allowed(self):
        for schema in self.driver.options_schema.values():
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(schema['default'], schema)

    def test_unknown_outputs(self):
        for output in ('0', '17', '-1', 'one', '', '1 ', '\N{DIGIT ONE}\n'):
            for function in (self.driver.state, self.driver.power_on,
                             self.driver.power_off, self.driver.check):
                if function == self.driver.check and not output:
                    continue
                self.fails(exceptions.PowerNoOutput, function, self.device,
                           output)
        self.assertEqual([], self.board.asked)

    def test_a_pin_that_the_board_has_not(self):
        for version in ('1', '2c'):
            device = self.with_options(version=version)
            del self.board.objects[agents.output(1, 1)]
            for function in (self.driver.state, self.driver.power_on):
                self.fails(exceptions.PowerUnsupported, function, device,
                           '1')
            self.board.objects[agents.output(1, 1)] = 0

    def test_what_the_board_cannot_do(self):
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   self.device, '1', True)
        self.fails(exceptions.PowerUnsupported, self.driver.reset,
                   self.device, '1')
        self.fails(exceptions.PowerUnsupported, self.driver.health,
                   self.device)
        self.assertFalse(self.driver.supports_soft)

    def test_a_reset_is_off_and_on(self):
        self.driver.power_on(self.device, '1')
        confirm.reset([confirm.Feed(self.driver, self.device, '1')],
                      pause=self.clock.sleep)
        self.assertEqual([1, 0, 1],
                         [value for _, value in self.board.sets()])


class FailuresTestCase(BoardTestCase):

    def test_refused(self):
        self.board.status = 5
        error = self.fails(exceptions.PowerRefused, self.driver.power_on,
                           self.device, '1')
        self.assertIn('output 1 on: genErr', str(error))

    def test_an_output_that_does_not_move(self):
        """It is read back: the board's word is not enough."""
        self.board.write = lambda identifier, value: None
        error = self.fails(exceptions.PowerUnchanged, self.driver.power_on,
                           self.device, '1')
        self.assertIn('did not change', str(error))

    def test_a_lost_answer_is_no_failure(self):
        self.board.loses_answers = 1
        self.driver.power_on(self.device, '1')
        self.assertEqual([((1, 1), 1)] * 2, self.board.sets())

    def test_pw1_silence_and_back(self):
        self.board.silent = True
        for function in (self.driver.state, self.driver.power_on,
                         self.driver.power_off, self.driver.check):
            self.fails(exceptions.PowerSilent, function, self.device,
                       '1')
        self.board.silent = False
        self.assertEqual(OFF, self.state())

    def test_silent_after_the_write(self):
        def fall_silent(answer):
            self.board.silent = True
            return answer
        self.board.answers = [fall_silent]
        self.fails(exceptions.PowerSilent, self.driver.power_on,
                   self.device, '1')
        self.board.silent = False
        self.assertEqual(ON, self.state())

    def test_nonsense(self):
        self.board.answers = [b'\x30\x82garbage'] * 50
        for function in (self.driver.state, self.driver.power_on,
                         self.driver.check):
            self.fails(exceptions.PowerProtocol, function, self.device, '1')

    def test_unknown_host(self):
        self.fails(exceptions.PowerUnresolvable, self.state, '1',
                   self.make_device(host='a..b'))

    def test_one_visit_at_a_time(self):
        """Each visit has a port of its own; they never mix."""
        self.board.delay = 0.01
        seen = []
        real = self.board._handle

        def handle(packet):
            seen.append(set(self.board.senders))
            self.board.senders.clear()
            return real(packet)

        self.board._handle = handle
        outcome = tests_base.Together(8, lambda number: self.driver.states(
            self.device, ['1', '2', '3']))
        self.assertEqual([], outcome.raised)
        senders = [each for each, in seen]
        changes = sum(one != two for one, two
                      in zip(senders, senders[1:], strict=False))
        self.assertEqual(7, changes)


class CommunityTestCase(BoardTestCase):

    def test_pw4_changed_community(self):
        self.board.community = b'another'
        self.fails(exceptions.PowerSilent, self.state)
        self.assertEqual(OFF, self.state(device=self.make_device(
            password='another')))

    def test_password_before_login_before_the_default(self):
        for community, values in (
                ('one', {'password': 'one', 'login': 'two'}),
                ('two', {'password': None, 'login': 'two'}),
                ('two', {'password': '', 'login': 'two'}),
                ('private', {'password': None, 'login': None})):
            self.board.community = community.encode()
            self.assertEqual(OFF, self.state(
                device=self.make_device(**values)))

    def test_community_that_may_only_read(self):
        for version in ('1', '2c'):
            device = self.make_device(password='public',
                                      options={'version': version})
            self.assertEqual(OFF, self.state(device=device))
            for function in (self.driver.power_on, self.driver.power_off):
                self.fails(exceptions.PowerCredentials, function, device,
                           '1')
        self.assertEqual([0] * 16, [
            self.board.objects[agents.output(port, pin)]
            for port in (1, 2) for pin in range(1, 9)])

    def test_check_tells_a_wrong_community_from_a_dead_board(self):
        wrong = self.make_device(password='wrong')
        self.fails(exceptions.PowerCredentials, self.driver.check, wrong)
        # Where no other community is answered, nobody can tell.
        self.board.read_only = b'secret-too'
        self.fails(exceptions.PowerSilent, self.driver.check, wrong)

    def test_check_of_a_board_that_comes_up_meanwhile(self):
        """It answers the second question: the community is not blamed."""
        real = self.board._handle

        def handle(packet):
            if b'public' in packet:
                self.board._handle = real
                return real(packet)
            return None

        self.board._handle = handle
        self.driver.check(self.device)


class CheckTestCase(BoardTestCase):

    def test_well(self):
        self.driver.check(self.device)
        self.driver.check(self.device, '16')
        self.assertEqual([], self.board.sets())

    def test_something_else(self):
        """The enterprise number alone proves nothing."""
        self.board.objects[agents.SYS_DESCR] = b'Radio link \x1b[31m' * 9
        error = self.fails(exceptions.PowerUnsupported, self.driver.check,
                           self.device)
        self.assertIn('the type DaenetIP2: it says that it is "Radio link '
                      '[31mRadio', str(error))
        self.assertLess(len(str(error)), 350)

    def test_identity_is_an_option(self):
        self.board.objects[agents.SYS_DESCR] = b'DAENET 2 by Denkovi'
        self.fails(exceptions.PowerUnsupported, self.driver.check,
                   self.device)
        for identity in ('denkovi', ''):
            self.driver.check(self.with_options(identity=identity))

    def test_a_board_that_does_not_say_what_it_is(self):
        for version in ('1', '2c'):
            self.board.objects.pop(agents.SYS_DESCR, None)
            self.driver.check(self.with_options(version=version))
        self.board.objects[agents.SYS_DESCR] = 7
        self.fails(exceptions.PowerUnsupported, self.driver.check,
                   self.device)
