# SPDX-License-Identifier: Apache-2.0
"""Requests for one object: what is sent, and what is believed."""

import socket
import time

from pysnmp.proto import api

from cloudmanager.power import network
from cloudmanager.power.snmp import client as snmp
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.unit.power import agents
from cloudmanager.tests.unit.power import base

PIN = agents.output(1, 1)
# Seconds for what takes less than one on an idle machine.
PATIENCE = 5
# A sequence in a sequence in a sequence, and so on.
NESTED = b'\x30\x80' * 900
NONSENSE = [b'', b'\x00', b'\x30', b'\xff' * 2000, NESTED, b'0' * 100,
            b'\x30\x84\xff\xff\xff\xff', b'\x30\x03\x02\x01\x00']


class AgentTestCase(tests_base.TestCase):

    def setUp(self):
        super().setUp()
        self.patch(network, 'CONNECT_SECONDS', 0.8)
        self.patch(snmp, 'RESEND_SECONDS', 0.2)
        self.board = self.useFixture(agents.Agent(base.PASSWORD))
        self.start = time.monotonic()
        self.addCleanup(self.check_time)

    def check_time(self):
        self.assertLess(time.monotonic() - self.start, PATIENCE)

    def agent(self, community=base.PASSWORD, port=None, seconds=PATIENCE,
              version='1'):
        made = snmp.Agent(
            base.device('127.0.0.1', port or self.board.port), community,
            time.monotonic() + seconds, version)
        self.addCleanup(made.__exit__)
        return made

    def altered(self, change):
        """Make an answer that differs in one thing from the right one."""
        def alter(answer):
            module = api.PROTOCOL_MODULES[0]
            message = agents.decoder.decode(
                answer, asn1Spec=module.Message())[0]
            change(module, message, module.apiMessage.get_pdu(message))
            return agents.encoder.encode(message)
        return alter


class RequestsTestCase(AgentTestCase):

    def test_octets_of_a_request(self):
        """Compared with what RFC 1157 says, written out by hand."""
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(peer.close)
        peer.bind(('127.0.0.1', 0))
        self.patch(snmp.secrets, 'randbelow', lambda limit: 0x11223344)
        agent = self.agent('abc', peer.getsockname()[1], seconds=0.1)
        self.assertRaises(TimeoutError, agent.set, (1, 3, 6, 1, 2), 1)
        self.assertEqual(bytes.fromhex(
            '3023' '020100' '0403616263'        # version 1, community
            'a319' '020411223344' '020100' '020100'     # set, status, index
            '300b' '3009' '06042b060102' '020101'),     # one object: 1
            peer.recv(1000))
        self.assertRaises(TimeoutError, self.agent(
            'abc', peer.getsockname()[1], seconds=0.1).get, (1, 3, 6, 1, 2))
        self.assertEqual(bytes.fromhex(
            '3022' '020100' '0403616263'
            'a018' '020411223344' '020100' '020100'
            '300a' '3008' '06042b060102' '0500'), peer.recv(1000))

    def test_read_and_write(self):
        for version in snmp.VERSIONS:
            agent = self.agent(version=version)
            agent.set(PIN, 1)
            self.assertEqual(1, agent.get(PIN))
            agent.set(PIN, 0)
            self.assertEqual(0, agent.get(PIN))
            self.assertEqual(b'DAEnetIP2 v3.1', agent.get(snmp.SYS_DESCR))
        self.assertEqual({0, 1}, self.board.versions)

    def test_large_and_negative_numbers(self):
        for value in (-1, 1023, 2 ** 31 - 1):
            self.board.objects[PIN] = value
            self.assertEqual(value, self.agent().get(PIN))

    def test_any_community_is_taken_as_it_is(self):
        for community in ('$(id)', 'a\x00b\n', '\N{SNOWMAN}', 'x' * 255,
                          '"\'\\', '\ud800'):
            self.board.community = community.encode('utf-8',
                                                    'surrogatepass')
            self.assertEqual(0, self.agent(community).get(PIN))


class AnswersTestCase(AgentTestCase):

    def test_no_such_object(self):
        """Version 2c says so in the value, with a status of success."""
        for version in snmp.VERSIONS:
            agent = self.agent(version=version)
            self.assertRaises(snmp.NoSuchObject, agent.get,
                              agents.output(1, 9))

    def test_refusals(self):
        for number, name in ((3, 'badValue'), (5, 'genErr'),
                             (13, 'resourceUnavailable')):
            self.board.status = number
            error = self.assertRaises(snmp.ErrorStatus, self.agent().set,
                                      PIN, 1)
            self.assertEqual(name, error.status)
        for number in (200, -3):
            answer = self.altered(lambda module, message, pdu, number=number:
                                  pdu.setComponentByPosition(
                                      1, number, verifyConstraints=False))
            self.board.answers = [answer]
            error = self.assertRaises(snmp.ErrorStatus, self.agent().get,
                                      PIN)
            self.assertEqual(f'status {number}', error.status)

    def test_late_answer_to_an_earlier_request(self):
        """It comes first, says the opposite, and is not believed."""
        def late(answer):
            earlier = self.altered(
                lambda module, message, pdu: (
                    module.apiPDU.set_request_id(pdu, int(
                        module.apiPDU.get_request_id(pdu)) ^ 1),
                    module.apiPDU.set_varbinds(
                        pdu, [(PIN, module.Integer(1))])))(answer)
            return [earlier, answer]
        self.board.answers = [late]
        self.assertEqual(0, self.agent().get(PIN))

    def test_answers_to_others_are_no_answers(self):
        def other_community(module, message, pdu):
            module.apiMessage.set_community(message, b'other')

        def other_version(module, message, pdu):
            module.apiMessage.set_version(message, 1)

        def no_response(module, message, pdu):
            request = module.GetRequestPDU()
            module.apiPDU.set_defaults(request)
            module.apiPDU.set_request_id(
                request, module.apiPDU.get_request_id(pdu))
            module.apiMessage.set_pdu(message, request)

        for change in (other_community, other_version, no_response):
            self.board.answers = [self.altered(change)] * 10
            self.assertRaises(TimeoutError, self.agent(seconds=0.4).get, PIN)

    def test_answers_about_something_else(self):
        def other_object(module, message, pdu):
            module.apiPDU.set_varbinds(pdu, [(agents.output(1, 2),
                                              module.Integer(1))])

        def two_objects(module, message, pdu):
            module.apiPDU.set_varbinds(pdu, [(PIN, module.Integer(1))] * 2)

        def no_object(module, message, pdu):
            module.apiPDU.set_varbinds(pdu, [])

        def other_type(module, message, pdu):
            module.apiPDU.set_varbinds(pdu, [(PIN, module.Null(''))])

        for change in (other_object, two_objects, no_object, other_type):
            self.board.answers = [self.altered(change)] * 10
            self.assertRaises(snmp.Malformed, self.agent(seconds=0.4).get,
                              PIN)

    def test_nonsense(self):
        for answer in NONSENSE:
            self.board.answers = [answer] * 10
            self.assertRaises(snmp.Malformed, self.agent(seconds=0.3).get,
                              PIN)

    def test_nonsense_before_the_answer(self):
        self.board.answers = [lambda answer: [*NONSENSE, answer]]
        self.assertEqual(0, self.agent().get(PIN))

    def test_pw2_a_flood_does_not_move_the_deadline(self):
        self.board.answers = [[NONSENSE[1]] * 3000 + [NESTED] * 3000] * 9
        self.assertRaises(snmp.Malformed, self.agent(seconds=0.5).get, PIN)


class SilenceTestCase(AgentTestCase):

    def test_lost_packets(self):
        for lost in ('ignores', 'loses_answers'):
            setattr(self.board, lost, 1)
            self.assertEqual(0, self.agent().get(PIN))

    def test_what_must_not_be_repeated_is_sent_once(self):
        self.board.loses_answers = 1
        self.assertRaises(TimeoutError, self.agent().set, PIN, 1, False)
        self.assertEqual([((1, 1), 1)], self.board.sets())

    def test_pw1_silence(self):
        self.board.silent = True
        self.assertRaises(TimeoutError, self.agent(seconds=60).get, PIN)
        self.board.silent = False
        self.assertEqual(0, self.agent().get(PIN))

    def test_wrong_community_is_silence(self):
        self.assertRaises(TimeoutError, self.agent('wrong').get, PIN)

    def test_slow_agent(self):
        """Its answer to the first packet is taken, however late."""
        self.board.delay = 0.3
        self.assertEqual(0, self.agent().get(PIN))

    def test_closed_port(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.assertRaises(ConnectionRefusedError, self.agent(
            port=port, seconds=60).get, PIN)

    def test_deadline_that_has_passed(self):
        self.assertRaises(TimeoutError, self.agent, seconds=-1)
