# SPDX-License-Identifier: Apache-2.0
"""Agents as processes, over a real message bus."""

import atexit
import functools
import json
import logging
import shutil
import signal
import socket
import threading
import time
import uuid

import fixtures
import kombu
from oslo_config import cfg

from cloudmanager.agent import keys as agent_keys
from cloudmanager.agent import rpcapi
from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.common import rpc
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.conductor.agents import contacts
from cloudmanager.conductor.agents import reports
from cloudmanager.conductor.endpoints import agents as endpoint
from cloudmanager.db import agents as db_agents
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests import agent_reports
from cloudmanager.tests import base
from cloudmanager.tests import clocks
from cloudmanager.tests.functional import nodes
from cloudmanager.tests.integration import servers

CONF = cfg.CONF
PASSTHROUGH = {'mode': 'host-passthrough', 'model': None}


def why_no_bus():
    """Return why no message bus can be made here, if so."""
    if shutil.which('rabbitmqctl', path='/usr/sbin:/usr/bin') is None:
        return 'rabbitmqctl is missing'
    try:
        socket.create_connection(('127.0.0.1', 5672), 3).close()
    except OSError as exc:
        return f'no RabbitMQ answers: {exc}'
    return None


@functools.cache
def own_bus():
    """Return the message bus of this process's tests."""
    bus = servers.MessageBus(f'cm-agent-{uuid.uuid4().hex[:8]}')
    atexit.register(bus.stop)
    return bus


class AgentCase(base.DbTestCase):
    """A conductor's part that speaks to agents, and a node."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bus = None if why_no_bus() else own_bus()

    def setUp(self):
        super().setUp()
        if self.bus is None:
            self.go_without(why_no_bus())
        secrets.create_key()
        rpc.cleanup()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.rpc._URL', None))
        rpc.init(self.bus.url)
        self.addCleanup(rpc.cleanup)
        self.config(group='agent', rpc_timeout=10)
        self.server = None
        self.node_id = db_nodes.create_node(self.context,
                                            {'name': 'cmp1'})['id']
        self.node = self.useFixture(nodes.Node(self.bus.url))

    def serve(self):
        """Take the reports of agents as a conductor does."""
        if self.server is not None:
            return
        self.agents = rpcapi.AgentAPI(contacts.DatabaseContacts())
        self.reports = reports.Reports(self.agents)
        self.reports.start()
        self.addCleanup(self.reports.stop)
        self.server = rpc.get_server(rpc.CONDUCTOR_TOPIC, 'conductor1',
                                     [endpoint.Agents(self.reports)])
        self.server.start()
        self.addCleanup(self.leave)

    def leave(self):
        if self.server is not None:
            self.server.stop()
            self.server.wait()
            self.server = None

    def enrol(self):
        key = signing.new_key()
        db_agents.enrol(self.context, 'cmp1', key)
        self.node.put_key(agent_keys.line(key))
        return key

    def agent(self):
        return db_agents.find(self.context, 'cmp1')

    def begin(self):
        """Have a conductor and an agent that know each other."""
        self.serve()
        self.key = self.enrol()
        self.node.start()
        self.node.wait(lambda: (self.agent()['modes'] or {}).get('snmp'),
                       'the first report')

    def call(self, operation, **arguments):
        return self.agents.call(self.context, 'cmp1', operation, arguments)

    def wish(self, **changes):
        """Wish something of the node, and have the agent told."""
        wished = db_settings.change(self.context, self.node_id, changes)
        return self.call('modes.apply', **wished)['modes']

    def reported(self, mode, seconds=20, **values):
        """Wait until a mode is reported to be so."""
        def is_so():
            state = (self.agent()['modes'] or {}).get(mode, {})
            return all(state.get(name) == value
                       for name, value in values.items())
        self.node.wait(is_so, f'{mode} {values}', seconds)


class ContactTestCase(AgentCase):

    def test_report_and_call(self):
        self.begin()
        agent = self.agent()
        self.assertEqual('apt-get', agent['capabilities']['packages'])
        self.assertEqual(rpcapi.RPC_API_VERSION, agent['interface'])
        self.assertIn('modes.apply', agent['operations'])
        self.assertIs(False, agent['modes']['snmp']['actual'])
        found = self.call('modes.plan', settings={'snmp': True})
        self.assertEqual({'snmp': [
            'run: systemctl enable --now -- snmpd.service']}, found)
        self.assertEqual(('disabled', 'inactive'),
                         self.node.unit('snmpd.service'))

    def test_errors_are_what_was_raised(self):
        self.begin()
        for kind, operation, arguments in (
                (exception.Invalid, 'modes.plan', {'settings': {'x': 1}}),
                (exception.Invalid, 'modes.plan', {}),
                (exception.Invalid, 'modes.plan', {'settings': {},
                                                   'more': 1}),
                (exception.Conflict, 'modes.plan', {
                    'settings': {'cpu_mode': {'mode': 'custom',
                                              'model': 'Z80'}}}),
                (exception.AgentOperationUnknown, 'shell.run', {})):
            self.assertRaises(kind, self.call, operation, **arguments)

    def test_large_answer(self):
        """Some nodes have more to tell than a mebibyte."""
        disks = [{'name': f'disk{number}', 'model': 'x' * 100}
                 for number in range(10000)]
        # Not each message twice in the log of the test.
        logging.disable(logging.DEBUG)
        self.addCleanup(logging.disable, logging.NOTSET)
        (self.node.root / 'disks').write_text(json.dumps(
            {'blockdevices': disks}))
        self.node.program('lsblk', f'#!/bin/sh\ncat {self.node.root}/disks\n')
        self.begin()
        self.assertEqual(disks, self.call('facts.hwinfo')['disks'])

    def test_out_of_reach(self):
        self.serve()
        error = self.assertRaises(exception.AgentUnreachable, self.call,
                                  'modes.plan', settings={})
        self.assertEqual((503, 'cloudmanager.agent.unreachable'),
                         (error.code, error.error_code))
        self.assertIn('never', str(error))
        self.begin()
        self.node.kill()
        self.config(group='agent', rpc_timeout=1)
        error = self.assertRaises(exception.AgentUnreachable, self.call,
                                  'modes.plan', settings={})
        self.assertIn('within 1 s', str(error))
        self.assertIn(str(self.agent()['contact_at'].date()), str(error))
        self.config(group='agent', heartbeat_timeout=1)
        time.sleep(1.5)
        error = self.assertRaises(exception.AgentUnreachable, self.call,
                                  'modes.plan', settings={})
        self.assertIn('not reported', str(error))

    def test_rotation(self):
        """The old key is good until the agent has used the new one."""
        self.begin()
        old = self.agent()
        new = signing.new_key()
        db_agents.enrol(self.context, 'cmp1', new)
        self.call('modes.plan', settings={})
        seen = self.agent()['reported_at']
        self.node.wait(lambda: self.agent()['reported_at'] > seen,
                       'a report with the old key')
        self.assertEqual(old['key_id'], self.agent()['key_id'])
        self.node.put_key(agent_keys.line(new))
        self.node.wait(lambda: self.agent()['key_id'] == new.id,
                       'a report with the new key')
        self.assertIsNone(self.agent()['next_key'])
        self.call('modes.plan', settings={})

    def test_revoked(self):
        self.begin()
        db_agents.revoke(self.context, 'cmp1')
        self.node.wait(lambda: self.reports.refused['unknown_key'],
                       'a report that is refused')
        self.assertIsNone(self.agent())

    def test_open_key_file(self):
        """An agent does not start with a key that others can read."""
        self.enrol()
        self.node.key_file.chmod(0o644)
        self.node.forged = False
        self.node.start()
        self.assertEqual(1, self.node.process.wait(60))
        self.assertIn('others have access', self.node.log.read_text())

    def test_systemd(self):
        """It tells systemd when it is ready, lives, and stops."""
        path = self.directory / 'notify'
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.bind(str(path))
        told.settimeout(60)
        self.enrol()
        self.node.forged = False
        self.node.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC='400000')
        self.assertEqual(b'READY=1', told.recv(100))
        for _ in range(3):
            self.assertEqual(b'WATCHDOG=1', told.recv(100))
        self.node.process.send_signal(signal.SIGTERM)
        while (found := told.recv(100)) == b'WATCHDOG=1':
            continue
        self.assertEqual(b'STOPPING=1', found)
        self.assertEqual(0, self.node.process.wait(30))


REPORT = {'version': '1', 'interface': '1.0', 'operations': {},
          'capabilities': {}, 'modes': {}, 'refused': {}, 'generation': 7,
          'types': []}


class HostileTestCase(AgentCase):
    """Whoever is on the message bus can do nothing (SE6)."""

    def send(self, envelope):
        """Send a request as anybody on the bus can, and return the answer.
        """
        return rpc.get_client(rpcapi.TOPIC, '1.0').prepare(
            server='cmp1', timeout=10).call(self.context, 'carry_out',
                                            envelope=envelope)

    def report(self, envelope):
        rpc.get_client(rpc.CONDUCTOR_TOPIC, '1.0').prepare(
            namespace=rpc.AGENTS_NAMESPACE).cast(self.context, 'report',
                                                 envelope=envelope)

    def request(self, key=None, **changes):
        body = {'operation': 'modes.apply', 'arguments': {
            'generation': 99, 'settings': {'ssh': True}}}
        return {**signing.sign(key or self.key, signing.Kind.REQUEST,
                               signing.CONTROL, 'cmp1', body), **changes}

    def test_requests(self):
        self.begin()
        with clocks.set_wrong(-3600):
            old = self.request()
        for why, envelope in (
                ('unknown_key', self.request(signing.new_key())),
                ('forged', self.request(code='0' * 64)),
                ('forged', self.request(body='{"operation": "modes.plan"}')),
                ('old', old), ('malformed', 'x'), ('malformed', {})):
            self.assertEqual({'refused': why}, self.send(envelope))
        self.assertEqual(('disabled', 'inactive'),
                         self.node.unit('ssh.service'))
        # A report may have been sent while the requests came in.
        self.node.wait(lambda: self.agent()['refused'] == {
            'unknown_key': 1, 'forged': 2, 'old': 1, 'malformed': 2,
            'replayed': 0, 'late': 0, 'redelivered': 0}, 'the counts')

    def test_replayed_request(self):
        """Not even a restart of the agent makes a request count twice."""
        self.begin()
        good = self.request()
        self.assertIn('code', self.send(good))
        self.assertEqual('enabled', self.node.unit('ssh.service')[0])
        self.assertEqual({'refused': 'replayed'}, self.send(good))
        self.node.kill()
        self.node.start()
        seen = self.agent()['reported_at']
        self.node.wait(lambda: self.agent()['reported_at'] > seen,
                       'the agent again')
        self.assertEqual({'refused': 'replayed'}, self.send(good))

    def test_reports(self):
        self.serve()
        key = self.enrol()

        def sign(body=REPORT, key=key, sender='cmp1'):
            return signing.sign(key, signing.Kind.REPORT, sender,
                                signing.CONTROL, body)

        for why, envelope in (
                ('unknown_key', sign(key=signing.new_key())),
                ('unknown_key', sign(sender='cmp2')),
                ('forged', {**sign(), 'body': '{}'}),
                ('malformed', sign(body={'version': 1})),
                ('malformed', 'x')):
            before = self.reports.refused[why]
            self.report(envelope)
            # The agent of another test may have sent more in its last moment;
            # nobody knows its key any more.
            base.wait_for(lambda b=before, w=why:
                          self.reports.refused[w] > b, 40, why)
        self.assertIsNone(self.agent()['contact_at'])
        first, second = sign(), sign()
        self.report(second)
        base.wait_for(lambda: self.agent()['generation'] == 7)
        seen = self.agent()['contact_at']
        # Replayed to this conductor, to another one, and one overtaken.
        self.report(second)
        base.wait_for(lambda: self.reports.refused['replayed'] == 1)
        other = reports.Reports(self.agents)
        for envelope in (second, first):
            other.take(envelope)
            other.store(self.context)
        self.assertEqual((1, 1), (other.refused['replayed'],
                                  other.refused['late']))
        self.assertEqual(seen, self.agent()['contact_at'])

    def test_redelivered_report(self):
        """A conductor takes a report and its connection breaks at once.

        The broker gives the report to another conductor, and nobody has done
        anything wrong.
        """
        self.serve()
        key = self.enrol()
        first = self.reports
        self.leave()
        envelope = signing.sign(key, signing.Kind.REPORT, 'cmp1',
                                signing.CONTROL, REPORT)
        with kombu.Connection(
                self.bus.url.replace('rabbit:', 'amqp:')) as connection:
            channel = connection.channel()
            # Agents of other tests may have left some.
            channel.queue_purge(rpc.CONDUCTOR_TOPIC)
            self.report(envelope)
            base.wait_for(
                lambda: channel.basic_get(rpc.CONDUCTOR_TOPIC) is not None)
            first.take(envelope)
            first.store(self.context)
            self.assertEqual(7, self.agent()['generation'])
        self.serve()
        base.wait_for(lambda: self.reports.refused['redelivered'] == 1)
        self.assertEqual(0, self.reports.refused['replayed'])
        # The same, published once more, is an attack.
        self.report(envelope)
        base.wait_for(lambda: self.reports.refused['replayed'] == 1)
        self.assertEqual(1, self.reports.refused['redelivered'])

    def test_forged_answer(self):
        """Somebody else on the bus answers in the place of the agent."""
        self.serve()
        self.enrol()
        agent_reports.record(self.context, 'cmp1', self.agent()['key_id'],
                             1.0, operations={'modes.plan': '1.0'})
        stranger = signing.new_key()
        answers = []

        class Liar:
            target = endpoint.messaging.Target(version='1.0')

            def carry_out(self, context, envelope):
                found = answers.pop()
                if isinstance(found, Exception):
                    raise found
                return found(envelope)

        server = rpc.get_server(rpcapi.TOPIC, 'cmp1', [Liar()])
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

        def sign(envelope, key=stranger):
            return signing.sign(
                key, signing.Kind.ANSWER, 'cmp1', signing.CONTROL,
                {'result': 'gotcha'}, answer_to=envelope['nonce'])

        for answer, word in ((sign, 'unknown_key'),
                             (lambda e: {'result': 'gotcha'}, 'malformed'),
                             (lambda e: {'refused': 'old'}, 'clocks'),
                             (exception.Forbidden(action='x'),
                              'not signed')):
            answers.append(answer)
            error = self.assertRaises(exception.AgentUnreachable, self.call,
                                      'modes.plan', settings={})
            self.assertIn(word, str(error))


class ModesTestCase(AgentCase):

    def test_units(self):
        self.begin()
        found = self.wish(snmp=True, ssh=False)
        self.assertEqual((True, True, None), (
            found['snmp']['desired'], found['snmp']['actual'],
            found['snmp']['reason']))
        self.assertEqual(('enabled', 'active'),
                         self.node.unit('snmpd.service'))
        # Somebody stops it by hand.
        self.node.set_unit('snmpd.service', 'enabled', 'failed')
        self.node.wait(lambda: self.node.unit('snmpd.service')[1]
                       == 'active', 'the unit again')
        self.wish(snmp=False)
        self.assertEqual(('disabled', 'inactive'),
                         self.node.unit('snmpd.service'))

    def test_unit_that_fails(self):
        """The reason is reported; it is tried again, and works."""
        self.begin()
        self.node.fail('enable', 'Job for snmpd.service failed.')
        found = self.wish(snmp=True)['snmp']
        self.assertEqual(False, found['actual'])
        self.assertIn('Job for snmpd.service failed.', found['reason'])
        self.reported('snmp', desired=True, actual=False)
        self.node.mend('enable')
        self.reported('snmp', actual=True, reason=None)

    def test_unit_that_hangs(self):
        self.node.options['command_timeout'] = 1
        self.begin()
        self.node.delay('enable', 30)
        found = self.wish(snmp=True)['snmp']
        self.assertIn('within 1 s', found['reason'])

    def test_drop_ins(self):
        """Programs are restarted when their files have changed only."""
        self.begin()
        self.wish(cpu_mode=PASSTHROUGH, log_redirection='log.example.org')
        text = self.node.nova.read_text()
        self.assertIn('cloudmanager-agent', text.splitlines()[0])
        self.assertIn('cpu_mode = host-passthrough', text)
        self.assertIn('target="log.example.org"',
                      self.node.rsyslog.read_text())
        self.assertEqual(0o644, private.mode(self.node.nova))
        self.reported('cpu_mode', actual=PASSTHROUGH)
        time.sleep(1.5)
        self.assertEqual((1, 1), (
            self.node.restarts('nova-compute.service'),
            self.node.restarts('rsyslog.service')))
        self.wish(cpu_mode={'mode': 'custom', 'model': 'Skylake-Server'})
        self.assertIn('cpu_models = Skylake-Server',
                      self.node.nova.read_text())
        self.wish(cpu_mode={'mode': None, 'model': None},
                  log_redirection=None)
        self.assertFalse(self.node.nova.exists())
        self.assertFalse(self.node.rsyslog.exists())
        self.assertEqual((3, 2), (
            self.node.restarts('nova-compute.service'),
            self.node.restarts('rsyslog.service')))

    def test_file_of_somebody_else(self):
        self.node.rsyslog.write_text('*.* @@old.example.org\n')
        self.begin()
        found = self.wish(log_redirection='log.example.org')
        self.assertIn('was not written by the agent',
                      found['log_redirection']['reason'])
        found = self.wish(log_redirection=None)
        self.assertEqual('*.* @@old.example.org\n',
                         self.node.rsyslog.read_text())

    def test_changed_by_hand(self):
        """What is ours comes back, and what is gone, too."""
        self.begin()
        self.wish(cpu_mode=PASSTHROUGH)
        good = self.node.nova.read_text()
        self.node.nova.write_text(good.replace('passthrough', 'model'))
        self.node.wait(lambda: self.node.nova.read_text() == good,
                       'the old content')
        self.node.nova.unlink()
        self.node.wait(self.node.nova.exists, 'the file')

    def test_without_dcc(self):
        self.begin()
        self.wish(dcc=False)
        found = self.wish(cpu_mode=PASSTHROUGH, snmp=True)
        self.assertIn('is off', found['cpu_mode']['reason'])
        self.assertIs(True, found['snmp']['actual'])
        self.assertFalse(self.node.nova.exists())
        self.wish(dcc=True)
        self.assertTrue(self.node.nova.exists())

    def test_restart_that_was_due(self):
        """nova-compute reads what was written before a crash."""
        self.begin()
        self.node.fail('try-restart', 'no')
        self.wish(cpu_mode=PASSTHROUGH)
        self.assertTrue(self.node.nova.exists())
        self.node.kill()
        self.node.mend('try-restart')
        self.node.start()
        self.node.wait(
            lambda: self.node.restarts('nova-compute.service') == 1,
            'the restart')
        self.reported('cpu_mode', actual=PASSTHROUGH, reason=None)

    def test_nodesafe_is_kept(self):
        """It is not said to be on, which nothing on the node sees to."""
        self.begin()
        found = self.wish(nodesafe=True)['nodesafe']
        self.assertEqual((True, False), (found['desired'], found['actual']))
        self.assertIn('watchdog', found['reason'])


class AloneTestCase(AgentCase):
    """Conductors come and go."""

    def test_restart_without_conductor_and_bus(self):
        self.begin()
        self.wish(snmp=True, cpu_mode=PASSTHROUGH)
        self.leave()
        self.node.kill()
        self.node.nova.unlink()
        self.node.set_unit('snmpd.service', 'disabled', 'inactive')
        self.node.bus = 'rabbit://guest:guest@127.0.0.1:9/'
        self.node.start()
        self.node.wait(self.node.nova.exists, 'the drop-in')
        self.node.wait(lambda: self.node.unit('snmpd.service')
                       == ('enabled', 'active'), 'the unit')

    def test_wished_meanwhile(self):
        """An agent that was away gets what was wished of it."""
        self.begin()
        self.node.kill()
        db_settings.change(self.context, self.node_id, {'snmp': True})
        self.node.start()
        self.reported('snmp', desired=True, actual=True)
        self.assertEqual(1, self.agent()['generation'])

    def test_older_wish_comes_late(self):
        self.begin()
        first = db_settings.change(self.context, self.node_id,
                                   {'snmp': True})
        self.wish(snmp=False)
        found = self.call('modes.apply', **first)
        self.assertEqual(2, found['generation'])
        self.assertIs(False, found['modes']['snmp']['desired'])

    def test_killed_again_and_again(self):
        """Killed at any moment it finds its files whole, and goes on."""
        self.begin()
        stop = threading.Event()
        models = ({'mode': 'custom', 'model': 'qemu64'}, PASSTHROUGH)

        def wish():
            number = 0
            while not stop.is_set():
                number += 1
                wished = db_settings.change(
                    self.context, self.node_id, {
                        'cpu_mode': models[number % 2],
                        'log_redirection': f'log{number}.example.org'})
                try:
                    self.agents.tell(self.context, 'cmp1', 'modes.apply',
                                     wished)
                except exception.Unavailable:
                    pass
                time.sleep(0.05)

        wishing = threading.Thread(target=wish, daemon=True)
        wishing.start()
        for number in range(4):
            seen = self.agent()['reported_at']
            self.node.wait(lambda s=seen: self.agent()['reported_at'] > s,
                           'a report')
            time.sleep(0.13 * number)
            self.node.kill()
            for path in (self.node.nova, self.node.rsyslog):
                if path.exists():
                    self.assertTrue(path.read_text().startswith(
                        '# Written by cloudmanager-agent'))
            self.node.start()
        stop.set()
        wishing.join(10)
        wished = db_settings.get(self.context, self.node_id)
        self.node.wait(
            lambda: self.agent()['generation'] == wished['generation'],
            'the last wish')
        self.reported('cpu_mode', actual=wished['settings']['cpu_mode'])
        self.reported('log_redirection', reason=None,
                      actual=wished['settings']['log_redirection'])
        for path in (self.node.nova, self.node.rsyslog):
            self.assertEqual([path], [
                one for one in path.parent.iterdir()])


class UpgradeTestCase(AgentCase):

    def ended(self, job):
        def status():
            found = self.call('packages.status', job=job)
            return found if found['state'] != 'running' else None
        return self.node.wait(status, 'the end of the upgrade')

    def test_upgrade(self):
        self.begin()
        self.assertEqual(['libc6'], self.call('packages.plan')['packages'])
        job = str(uuid.uuid4())
        self.assertEqual('unknown', self.call('packages.status',
                                              job=job)['state'])
        self.call('packages.upgrade', job=job)
        self.call('packages.upgrade', job=job)
        found = self.ended(job)
        self.assertEqual(('done', 0, True), (
            found['state'], found['code'], found['reboot_required']))
        self.assertIn('Setting up libc6', found['output'])
        self.assertEqual(1, sum(
            'upgrade' in call and '--simulate' not in call
            for call in self.node.calls))

    def test_failure(self):
        self.begin()
        self.node.fail('upgrade', 'E: no space left')
        job = str(uuid.uuid4())
        self.call('packages.upgrade', job=job)
        found = self.ended(job)
        self.assertEqual(('failed', 100), (found['state'], found['code']))
        self.assertIn('E: no space left', found['output'])

    def test_agent_is_killed(self):
        """The upgrade goes on without the agent, and is found again."""
        self.begin()
        self.node.delay('upgrade', 3)
        job = str(uuid.uuid4())
        self.call('packages.upgrade', job=job)
        self.node.kill()
        self.node.start()
        seen = self.agent()['reported_at']
        self.node.wait(lambda: self.agent()['reported_at'] > seen,
                       'the agent again')
        self.assertEqual('done', self.ended(job)['state'])

    def test_ids(self):
        self.begin()
        for job in ('../x', '', 'x' * 99, None, 7, 'a/b'):
            self.assertRaises(exception.Invalid, self.call,
                              'packages.upgrade', job=job)
