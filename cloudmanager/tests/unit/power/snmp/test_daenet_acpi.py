# SPDX-License-Identifier: Apache-2.0
"""The driver that presses buttons, and machines that react to them."""

import threading
import time

import jsonschema

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.snmp import daenet_acpi
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import agents
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power.snmp import test_daenet

ON, OFF, UNKNOWN = states.POWER_ON, states.POWER_OFF, states.UNKNOWN
BUTTON = agents.output(1, 1)
# Seconds after which a machine takes a press for a long one; far from both
# kinds, for machines that are slow.
OVERRIDE = 0.8
SHORT, LONG = 0.1, 1.0


class RackTestCase(test_daenet.BoardTestCase):

    driver_class = daenet_acpi.DaenetACPIDriver
    control_type = 'DaenetIP2_ACPI'

    def setUp(self):
        super().setUp()
        self.patch(daenet_acpi, 'GAP_SECONDS', 0.05)
        # After the driver is done with it.
        self.addCleanup(self.check_buttons)

    def check_buttons(self):
        """No test may leave a button pressed."""
        self.assertEqual([0] * 8, [self.board.objects[agents.output(1, pin)]
                                   for pin in range(1, 9)])

    def make_board(self):
        return agents.Rack(base.PASSWORD, OVERRIDE)

    def make_device(self, **values):
        options = {'sense_inputs': [1, 2, 3, 4, 5, 6, 7, 8],
                   'short_press_ms': int(SHORT * 1000),
                   'long_press_ms': int(LONG * 1000)}
        return super().make_device(**{
            **values, 'options': {**options, **values.get('options', {})}})

    def pressed(self):
        """Return what was pressed, and whether long enough to cut off."""
        return [(number, seconds >= OVERRIDE)
                for number, seconds in self.board.presses]


class ButtonsTestCase(RackTestCase):

    def test_state_is_that_of_the_machine(self):
        """Not that of the output."""
        self.board.on[3] = True
        self.assertEqual([OFF, ON], [self.state('1'), self.state('3')])
        self.assertEqual(
            {'2': OFF, '3': ON}, self.driver.states(self.device, ['2', '3']))
        self.assertEqual([], self.board.sets())

    def test_on(self):
        self.driver.power_on(self.device, '1')
        self.assertEqual(ON, self.state())
        self.assertEqual([(1, False)], self.pressed())

    def test_soft_off(self):
        self.board.on[1] = True
        self.driver.power_off(self.device, '1', soft=True)
        self.assertEqual(OFF, self.state())
        self.assertEqual([(1, False)], self.pressed())

    def test_hard_off(self):
        self.board.on[1] = True
        self.driver.power_off(self.device, '1')
        self.assertEqual(OFF, self.state())
        self.assertEqual([(1, True)], self.pressed())
        self.assertGreaterEqual(self.board.presses[0][1], LONG)

    def test_what_is_so_already_is_not_pressed(self):
        """A press would do the opposite."""
        self.driver.power_off(self.device, '1')
        self.driver.power_off(self.device, '1', soft=True)
        self.board.on[2] = True
        self.driver.power_on(self.device, '2')
        self.assertEqual([], self.board.sets())

    def test_inverted_outputs(self):
        for pin in range(1, 9):
            self.board.objects[agents.output(1, pin)] = 1
        device = self.with_options(inverted=True)
        self.driver.power_on(device, '1')
        self.assertEqual([((1, 1), 0), ((1, 1), 1)], self.board.sets())
        for pin in range(1, 9):
            self.board.objects[agents.output(1, pin)] = 0

    def test_other_pins(self):
        device = self.with_options(outputs=['P3.5'], sense_inputs=[5])
        self.driver.power_on(device, '1')
        self.assertEqual([(5, False)], self.pressed())
        self.assertEqual(ON, self.state('1', device))
        self.fails(exceptions.PowerNoOutput, self.driver.power_on, device,
                   '2')

    def test_outputs(self):
        self.assertEqual([str(number) for number in range(1, 9)],
                         self.driver.outputs(self.device))
        self.fails(exceptions.PowerNoOutput, self.driver.power_on,
                   self.device, '9')
        self.assertRaises(jsonschema.ValidationError, self.with_options,
                          outputs=[f'P5.{pin}' for pin in range(1, 9)]
                          + ['P3.1'])

    def test_defaults_are_allowed(self):
        for schema in self.driver.options_schema.values():
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(schema['default'], schema)

    def test_pw18_soft_then_hard(self):
        self.board.shutdown = 3600
        self.board.on[1] = True
        self.conf.config(group='power', soft_timeout=5.0)
        feed = confirm.Feed(self.driver, self.device, '1')
        confirm.switch_off([feed], pause=self.clock.sleep)
        self.assertEqual([(1, False), (1, True)], self.pressed())
        self.assertEqual(OFF, self.state())

    def test_a_reset_is_a_long_and_a_short_press(self):
        self.board.on[1] = True
        confirm.reset([confirm.Feed(self.driver, self.device, '1')],
                      pause=self.clock.sleep)
        self.assertEqual([(1, True), (1, False)], self.pressed())
        self.assertEqual(ON, self.state())

    def test_eight_are_held_at_the_same_time(self):
        """One after the other they would not be done in time."""
        for number in self.board.on:
            self.board.on[number] = True
        start = time.monotonic()
        outcome = tests_base.Together(8, lambda number: (
            self.driver.power_off(self.device, str(number + 1))))
        self.assertEqual([], outcome.raised)
        self.assertLess(time.monotonic() - start, 4 * LONG)
        self.assertEqual({OFF}, set(self.driver.states(
            self.device, self.driver.outputs(self.device)).values()))

    def test_others_are_read_while_one_is_held(self):
        self.board.on[1] = True
        thread = threading.Thread(target=self.driver.power_off,
                                  args=(self.device, '1'))
        thread.start()
        tests_base.wait_for(lambda: self.board.objects[BUTTON])
        start = time.monotonic()
        self.assertEqual(OFF, self.state('2'))
        self.assertLess(time.monotonic() - start, LONG / 2)
        # But the same button is not pressed by two.
        self.fails(exceptions.PowerBusy, self.driver.power_on, self.device,
                   '1')
        thread.join()
        self.assertEqual([(1, True)], self.pressed())


class UnknownTestCase(RackTestCase):
    """Without an input that tells the state, nobody knows it."""

    def test_unknown_is_never_off(self):
        for inputs in ([], [None], [None, 2]):
            device = self.with_options(sense_inputs=inputs)
            self.assertEqual(UNKNOWN, self.state('1', device))

    def test_readings_between_the_levels(self):
        """A wire that is broken must not read as off."""
        for value, expected, opposite in (
                (0, OFF, ON), (255, OFF, ON), (256, UNKNOWN, UNKNOWN),
                (512, UNKNOWN, UNKNOWN), (767, UNKNOWN, UNKNOWN),
                (768, ON, OFF), (1023, ON, OFF),
                (b'', UNKNOWN, UNKNOWN)):
            self.board.read = {agents.output(3, 1): value, BUTTON: 0}.get
            self.assertEqual(expected, self.state())
            self.assertEqual(opposite, self.state(
                device=self.with_options(sense_inverted=True)))

    def test_levels_are_options(self):
        self.board.read = {agents.output(3, 1): 400, BUTTON: 0}.get
        for below, above, expected in ((401, 700, OFF), (100, 399, ON),
                                       (500, 300, UNKNOWN)):
            self.assertEqual(expected, self.state(device=self.with_options(
                sense_off_below=below, sense_on_above=above)))

    def test_no_short_press(self):
        """It could switch on what shall be off, and the other way round."""
        device = self.with_options(sense_inputs=[])
        self.fails(exceptions.PowerUnsupported, self.driver.power_on, device,
                   '1')
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   device, '1', True)
        self.assertEqual([], self.board.sets())

    def test_a_long_press_ends_with_off_in_any_case(self):
        device = self.with_options(sense_inputs=[])
        for power in (True, False):
            self.board.on[1] = power
            self.driver.power_off(device, '1')
            self.assertFalse(self.board.on[1])

    def test_confirm_says_that_it_is_unknown(self):
        device = self.with_options(sense_inputs=[])
        self.board.on[1] = True
        error = self.assertRaises(
            exceptions.PowerTimeout, confirm.fence,
            [confirm.Feed(self.driver, device, '1')],
            pause=self.clock.sleep)
        self.assertIn('last read: unknown', str(error))
        # It was asked once, as nothing tells whether that was not enough.
        self.assertEqual([(1, True)], self.pressed())

    def test_blindly_if_that_is_wanted(self):
        device = self.with_options(sense_inputs=[], blind_power_on=True)
        self.driver.power_on(device, '1')
        self.assertTrue(self.board.on[1])
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   device, '1', True)

    def test_an_input_that_the_board_has_not(self):
        del self.board.objects[agents.output(3, 1)]
        self.board.read = self.board.objects.get
        for function in (self.driver.state, self.driver.power_on,
                         self.driver.power_off, self.driver.check):
            self.fails(exceptions.PowerUnsupported, function, self.device,
                       '1')
        self.assertEqual([], self.board.sets())


class ReleaseTestCase(RackTestCase):
    """A button must not stay pressed."""

    def forget(self, pin=1):
        """Press a button as somebody who then died."""
        self.board.write(agents.output(1, pin), 1)

    def test_a_reading_releases_after_a_while(self):
        self.patch(daenet_acpi, 'FORGOTTEN_SECONDS', 0.0)
        self.board.on[1] = True
        self.forget()
        self.state()
        self.assertEqual([], self.board.sets())
        time.sleep(LONG)
        self.assertEqual(OFF, self.state())
        self.assertEqual([((1, 1), 0)], self.board.sets())
        self.assertIn('P3.1', self.logger.output)

    def test_without_an_input_as_well(self):
        self.patch(daenet_acpi, 'FORGOTTEN_SECONDS', -LONG)
        self.forget(2)
        self.assertEqual(UNKNOWN, self.state(
            '2', self.with_options(sense_inputs=[])))

    def test_what_cannot_be_released_is_read_all_the_same(self):
        self.patch(daenet_acpi, 'FORGOTTEN_SECONDS', -LONG)
        self.forget()
        self.board.status = 5
        self.assertEqual(ON, self.state())
        self.assertIn('P3.1 may still be pressed', self.logger.output)
        self.board.status = 0
        self.state()

    def test_a_press_by_another_conductor_is_left_alone(self):
        """As long as it may still be one."""
        for _ in range(3):
            self.forget()
            self.state()
            self.board.write(BUTTON, 0)
            self.state()
        self.assertEqual([], self.board.sets())
        self.assertEqual({}, self.driver._pressed_since)

    def test_the_next_press_releases_first(self):
        self.forget()
        time.sleep(OVERRIDE)
        self.board.on[1] = False
        self.driver.power_on(self.device, '1')
        self.assertEqual([((1, 1), value) for value in (0, 1, 0)],
                         self.board.sets())
        self.assertTrue(self.board.on[1])

    def test_lost_answer_to_a_press(self):
        """It is not sent again, but looked for."""
        self.board.on[1] = True

        def lose(answer):
            self.board.loses_answers = 1
            return answer
        # Answers to: is it up, is it on; then comes the press.
        self.board.answers = [lambda answer: answer, lose]
        self.driver.power_off(self.device, '1', soft=True)
        self.assertEqual([((1, 1), 1), ((1, 1), 0)], self.board.sets())
        self.assertEqual(OFF, self.state())

    def test_lost_press(self):
        def lose(answer):
            self.board.ignores = 1
            return answer
        self.board.answers = [lambda answer: answer, lose]
        self.fails(exceptions.PowerSilent, self.driver.power_on,
                   self.device, '1')
        # It may have been late, so it is released all the same.
        self.assertEqual([((1, 1), 0)], self.board.sets())

    def test_silence_in_mid_press(self):
        for soft in (True, False):
            self.board.on[1] = True
            self.board.shutdown = 3600

            def fall_silent(answer):
                if self.board.objects[BUTTON]:
                    self.board.silent = True
                return answer
            self.board.answers = [fall_silent] * 9
            error = self.fails(exceptions.PowerError, self.driver.power_off,
                               self.device, '1', soft)
            self.assertIn('P3.1 may still be pressed', str(error))
            self.board.silent, self.board.answers = False, []
            # What comes next cleans it up.
            self.driver.power_off(self.device, '1')
            self.driver.power_on(self.device, '1')
            self.assertEqual(0, self.board.objects[BUTTON])

    def test_a_button_that_stays_down(self):
        real = self.board.write
        self.board.on[1] = True
        self.board.write = lambda identifier, value: (
            real(identifier, value) if value else None)
        error = self.fails(exceptions.PowerUnchanged, self.driver.power_off,
                           self.device, '1', True)
        self.assertIn('P3.1 off', str(error))
        real(BUTTON, 0)

    def test_community_that_may_only_read(self):
        device = self.make_device(password='public')
        for machine_on, function, arguments in (
                (False, self.driver.power_on, ()),
                (True, self.driver.power_off, (True,)),
                (True, self.driver.power_off, (False,))):
            self.board.on[1] = machine_on
            self.fails(exceptions.PowerCredentials, function, device, '1',
                       *arguments)

    def test_refused_press(self):
        self.board.status = 5
        self.board.on[1] = True
        for soft in (True, False):
            self.fails(exceptions.PowerRefused, self.driver.power_off,
                       self.device, '1', soft)
        self.assertEqual([], self.board.presses)

    def test_press_that_does_not_fit_into_the_deadline(self):
        self.board.on[1] = True
        self.conf.config(group='power', call_deadline=3.5)
        self.fails(exceptions.PowerUnsupported, self.driver.power_off,
                   self.device, '1')
        # Here it would, had others not been waited for.
        self.conf.config(group='power', call_deadline=4.1)
        self.board.delay = 0.15
        self.fails(exceptions.PowerBusy, self.driver.power_off, self.device,
                   '1')
        self.assertEqual([], self.board.sets())
