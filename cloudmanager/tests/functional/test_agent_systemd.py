# SPDX-License-Identifier: Apache-2.0
"""Modes of an agent on a real systemd, and logs by real rsyslogs."""

import socket
import subprocess

from cloudmanager.tests.functional import systemd_box
from cloudmanager.tests.functional import test_agent

SENDER = """\
module(load="imuxsock" SysSock.Name="/run/log")
action(type="omfile" file="/run/local")
include(file="/etc/rsyslog.d/*.conf" mode="optional")
"""
RECEIVER = """\
module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
action(type="omfile" file="/run/received")
"""
RSYSLOG = '/usr/sbin/rsyslogd -n -f /etc/{name}.conf -i /run/{name}.pid'
WRAPPER = '#!/bin/sh\nexec {words} systemctl "$@"\n'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class SystemdTestCase(test_agent.AgentCase):

    def setUp(self):
        super().setUp()
        if systemd_box.why_not():
            self.skipTest(systemd_box.why_not())
        port = free_port()
        self.box = self.useFixture(systemd_box.Box(
            {'snmpd.service': '/usr/bin/sleep infinity',
             'nova-compute.service': '/usr/bin/sleep infinity',
             'rsyslog.service': RSYSLOG.format(name='rsyslog'),
             'receiver.service': RSYSLOG.format(name='receiver')},
            {'etc/rsyslog.conf': SENDER, 'etc/rsyslog.d/.keep': '',
             'etc/receiver.conf': RECEIVER.format(port=port)}))
        self.node.program('systemctl', WRAPPER.format(
            words=' '.join(self.box.enter)))
        self.node.rsyslog = self.box.root / 'etc/rsyslog.d/90-cm.conf'
        self.node.options.update(log_port=port, ssh_unit='gone.service')

    def states(self, unit):
        return (self.box.show(unit, 'UnitFileState'),
                self.box.show(unit, 'ActiveState'))

    def test_units(self):
        """Units are switched, put right again, and told of."""
        self.begin()
        self.assertIs(True, self.wish(snmp=True)['snmp']['actual'])
        self.assertEqual(('enabled', 'active'), self.states('snmpd.service'))
        # Somebody else stops it.
        self.box.run('systemctl', 'stop', 'snmpd.service')
        self.node.wait(lambda: self.states('snmpd.service')
                       == ('enabled', 'active'), 'the unit again')
        self.assertIs(False, self.wish(snmp=False)['snmp']['actual'])
        self.assertEqual(('disabled', 'inactive'),
                         self.states('snmpd.service'))
        # A unit that is gone is told of, and does not keep others.
        found = self.wish(ssh=True, snmp=True)
        self.assertIn('no unit gone.service', found['ssh']['reason'])
        self.assertIs(True, found['snmp']['actual'])

    def test_logs(self):
        """What is logged on the node arrives, until it is not wished."""
        self.box.run('systemctl', 'start', 'receiver.service',
                     'rsyslog.service')
        self.begin()
        before = self.box.show('rsyslog.service', 'MainPID')
        found = self.wish(log_redirection='127.0.0.1')['log_redirection']
        self.assertEqual((None, '127.0.0.1'),
                         (found['reason'], found['actual']))
        # Restarted by systemd, since its configuration is another one.
        self.assertNotEqual(before, self.box.show('rsyslog.service',
                                                  'MainPID'))
        self.node.wait(lambda: self.arrives('one'), 'a line')
        self.assertIsNone(self.wish(log_redirection=None)
                          ['log_redirection']['actual'])
        # The receiver is asked by way of a line of its own.
        for _ in range(5):
            self.assertFalse(self.arrives('two'))

    def arrives(self, text):
        """Log a line on the node; tell whether one has arrived."""
        subprocess.run(['logger', '--socket', str(self.box.root / 'run/log'),
                        '--', text], check=True, timeout=20)
        path = self.box.root / 'run/received'
        return path.exists() and f': {text}' in path.read_text()
