# SPDX-License-Identifier: Apache-2.0
"""The agent's operations on targets: open-iscsi, tgt and multipath of a real
Debian machine, which is node and storage in one."""

import pathlib
import shutil
import sys
import tempfile
import time

import testtools

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / 'tools'))

import nodevmlib  # noqa: E402

INSIDE = 'cloudmanager.tests.integration.nas_inside'
PREFIX = 'iqn.2010-10.org.openstack:'
PASSWORD = 'correct-horse-12'
FIRST, SECOND = '10.9.0.2', '10.9.0.3'
KIND = {'vendor': 'IET', 'product': 'VIRTUAL-DISK'}
SECONDS = 60
STORAGE = f"""\
set -e
ip link set lo up
ip address add {FIRST}/32 dev lo
ip address add {SECOND}/32 dev lo
echo InitiatorName=iqn.2026-01.org.example:node >/etc/iscsi/initiatorname.iscsi
iscsid
tgtd
tell() {{ tgtadm --lld iscsi "$@"; }}
until tell --mode target --op show >/dev/null 2>&1; do sleep 0.1; done
number=0
for name in plain closed empty; do
    number=$((number + 1))
    tell --mode target --op new --tid $number --targetname {PREFIX}$name
    tell --mode target --op bind --tid $number --initiator-address ALL
done
for number in 1 2; do
    truncate -s 64M /root/disk$number
    tell --mode logicalunit --op new --tid $number --lun 1 \\
        --backing-store /root/disk$number
done
tell --mode account --op new --user node --password {PASSWORD}
tell --mode account --op bind --tid 2 --user node
"""


class TargetsTestCase(testtools.TestCase):
    """A storage with three targets on two portals, and a node."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lacking = nodevmlib.missing()
        if lacking:
            raise cls.skipException(
                f'packages are missing: {", ".join(lacking)}')
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-nas-'))
        cls.addClassCleanup(shutil.rmtree, cls.directory,
                            ignore_errors=True)
        cls.machine = nodevmlib.Machine(
            [], nodevmlib.build(), cls.directory / 'vm', lifetime=400)
        cls.addClassCleanup(cls.machine.kill)
        cls.machine.start()
        cls.machine.use(str(ROOT), *nodevmlib.site_directories())
        cls.sh(STORAGE)

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
        self.sh('multipath -F; iscsiadm -m node --logout; iscsiadm -m node '
                '--op delete; rm -rf /etc/multipath/conf.d/* /root/agent; '
                'true')

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
