# SPDX-License-Identifier: Apache-2.0
"""The agent's operations on targets: open-iscsi, tgt and multipath of a real
Debian machine, which is node and storage in one."""

import time

import testtools

from cloudmanager.tests.integration import nas_machine
from cloudmanager.tests.integration.nas_machine import FIRST
from cloudmanager.tests.integration.nas_machine import PASSWORD
from cloudmanager.tests.integration.nas_machine import PREFIX
from cloudmanager.tests.integration.nas_machine import SECOND

INSIDE = 'cloudmanager.tests.integration.nas_inside'
KIND = {'vendor': 'IET', 'product': 'VIRTUAL-DISK'}
SECONDS = 60


class TargetsTestCase(testtools.TestCase):
    """A storage with three targets on two portals, and a node."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        nas_machine.require(cls)
        cls.machine = nas_machine.get()

    @classmethod
    def sh(cls, text):
        return cls.machine.run('sh', '-c', text)

    def setUp(self):
        super().setUp()
        self.number = 0
        self.restart()
        self.addCleanup(self.forget)

    def forget(self):
        """Leave the node as it was."""
        nas_machine.tidy()
        self.sh('rm -rf /root/agent')

    def restart(self, **options):
        """Let a new agent begin, with options of its group nas."""
        self.machine.call(f'{INSIDE}:begin', directory='/root/agent',
                          **{'device_timeout': 5, 'chap_username': '',
                             'chap_password': '', 'chap_discovery': False,
                             **options})

    def ask(self, name, **arguments):
        """Have the agent carry out an operation; return its result."""
        answer = self.machine.call(f'{INSIDE}:operation',
                                   name=f'nas.{name}', arguments=arguments)
        self.assertNotIn(PASSWORD, str(answer))
        self.assertNotIn('error', answer)
        return answer['result']

    def attach(self, targets, **more):
        """Attach targets; return why each could not be."""
        self.number += 1
        until = time.monotonic() + SECONDS
        while True:
            found = self.ask('attach', request=f'{self.id()}/{self.number}',
                             targets=targets, **more)
            if not found['running']:
                self.assertIsNone(found['error'])
                return {(portal, target): why
                        for portal, target, why in found['outcomes']}
            self.assertLess(time.monotonic(), until, found)
            time.sleep(0.1)

    def sessions(self):
        return self.ask('sessions')['targets']

    def records(self):
        return self.sh('find /etc/iscsi/nodes /etc/iscsi/send_targets '
                       '-type f 2>/dev/null; true').split()

    def test_attached(self):
        """Found, attached, again, and by two paths that are one disk."""
        found = self.ask('discover', portals=[FIRST, SECOND, f'{FIRST}:1'])
        names = ['closed', 'empty', 'plain']
        self.assertEqual({FIRST: names, SECOND: names}, found['targets'])
        self.assertEqual([f'{FIRST}:1'], list(found['errors']))
        self.assertEqual([], self.records())
        self.assertEqual({(FIRST, 'plain'): None},
                         self.attach({FIRST: ['plain']}))
        before = self.sh('iscsiadm -m session')
        self.restart()
        self.assertEqual({(FIRST, 'plain'): None},
                         self.attach({FIRST: ['plain']}))
        self.assertEqual(before, self.sh('iscsiadm -m session'))
        both = {FIRST: ['plain'], SECOND: ['plain']}
        self.assertEqual([None, None], list(self.attach(both, **KIND)
                                            .values()))
        self.assertEqual({FIRST: [f'{PREFIX}plain'],
                          SECOND: [f'{PREFIX}plain']}, self.sessions())
        told = self.sh('multipath -ll')
        self.assertEqual(2, told.count('active ready running'), told)
        # Both in one group, as our settings have it and no default.
        self.assertEqual(1, told.count('policy='), told)

    def test_half_done(self):
        """CHAP without a password and with a wrong one, a target without
        disks, and one that is not there: nothing is left of them."""
        found = self.attach({FIRST: ['closed', 'empty', 'nope'],
                             '192.0.2.1': ['plain'],
                             f'{FIRST}:1': ['plain']})
        self.assertIn('CHAP', found[FIRST, 'closed'])
        self.assertIn('no disk', found[FIRST, 'empty'])
        self.assertIn('no such target', found[FIRST, 'nope'])
        self.assertIn('no connection', found[f'{FIRST}:1', 'plain'])
        self.restart(chap_username='node', chap_password='wrong-password')
        self.assertIn('CHAP', self.attach({FIRST: ['closed']})[
            FIRST, 'closed'])
        self.assertEqual(({}, []), (self.sessions(), self.records()))

    def test_credentials(self):
        """CHAP, of discoveries too, and what logs in at the next boot."""
        self.sh('tgtadm --lld iscsi --mode account --op bind --user node')
        self.addCleanup(self.sh, 'tgtadm --lld iscsi --mode account --op '
                                 'unbind --user node')
        found = self.ask('discover', portals=[FIRST])
        self.assertIn(FIRST, found['errors'], found)
        self.restart(chap_username='node', chap_password=PASSWORD,
                     chap_discovery=True)
        found = self.ask('discover', portals=[FIRST])
        self.assertIn(FIRST, found['targets'], found)
        self.assertEqual([], self.records())
        self.assertEqual({(FIRST, 'closed'): None},
                         self.attach({FIRST: ['closed']}))
        record, = self.records()
        self.assertEqual('600', self.sh(f'stat -c %a "{record}"').strip())
        self.sh('iscsiadm -m node --logout')
        self.assertEqual({}, self.sessions())
        # As open-iscsi's unit does when the node starts.
        self.sh('iscsiadm -m node --loginall=automatic')
        self.assertEqual({FIRST: [f'{PREFIX}closed']}, self.sessions())
