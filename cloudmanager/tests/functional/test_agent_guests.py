# SPDX-License-Identifier: Apache-2.0
"""What agents tell of guests: to conductors, and to storages of which one
hangs. The guests are those of a real libvirt with QEMU.
"""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.db import availability_storages as db_storages
from cloudmanager.db import load_samples
from cloudmanager.domain import state_files
from cloudmanager.tests import base
from cloudmanager.tests import hung_mount
from cloudmanager.tests.functional import test_agent

DOMAIN = '''\
<domain type='qemu'>
  <name>{name}</name><uuid>{id}</uuid>
  <memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <devices><emulator>{emulator}</emulator></devices>
</domain>
'''
GUEST = '17b15142-1123-409b-a645-64c739f7f506'
OTHER = '27b15142-1123-409b-a645-64c739f7f506'
PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


def why_no_libvirt():
    """Return why no libvirt with QEMU can be had here, if so."""
    for name in ('libvirtd', 'virsh', 'qemu-system-x86_64', 'setpriv'):
        if shutil.which(name, path=PATH) is None:
            return f'{name} is missing'
    return 'only root can start it as nobody' if os.geteuid() else None


class Libvirt:
    """A libvirt of the user ``nobody``, with guests of QEMU."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='cm-libvirt-'))
        nobody = pwd.getpwnam('nobody')
        os.chown(self.home, nobody.pw_uid, nobody.pw_gid)
        configuration = self.home / 'libvirtd.conf'
        configuration.write_text(
            f'log_outputs = "3:file:{self.home}/log"\n')
        self._process = subprocess.Popen(
            ['setpriv', f'--reuid={nobody.pw_uid}',
             f'--regid={nobody.pw_gid}', '--clear-groups', 'libvirtd',
             '--config', str(configuration), '--pid-file',
             str(self.home / 'pid')], cwd=self.home,
            env={'PATH': PATH, 'HOME': str(self.home),
                 'XDG_RUNTIME_DIR': str(self.home / 'run')},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        socket = self.home / 'run/libvirt/libvirt-sock'
        self.uri = f'qemu+unix:///session?socket={socket}'
        base.wait_for(socket.exists, 30, 'libvirt')

    def virsh(self, *words):
        return subprocess.run(['virsh', '--connect', self.uri, *words],
                              check=True, capture_output=True, text=True,
                              timeout=60).stdout

    def define(self, key, name):
        path = self.home / 'domain.xml'
        path.write_text(DOMAIN.format(
            id=key, name=name,
            emulator=shutil.which('qemu-system-x86_64', path=PATH)))
        self.virsh('define', str(path))

    def stop(self):
        for name in self.virsh('list', '--name').split('\n'):
            if name:
                self.virsh('destroy', name)
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)


class GuestsTestCase(test_agent.AgentCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.libvirt = None
        if why_no_libvirt() is None:
            cls.libvirt = Libvirt()
            cls.addClassCleanup(cls.libvirt.stop)
            cls.libvirt.define(GUEST, "it's one")
            cls.libvirt.define(OTHER, 'two')
            cls.libvirt.virsh('start', "it's one")

    def setUp(self):
        super().setUp()
        if self.libvirt is None:
            self.go_without(why_no_libvirt())
        # On another file system than /, as a share is.
        self.shared = pathlib.Path(tempfile.mkdtemp(dir='/dev/shm'))
        self.addCleanup(shutil.rmtree, self.shared)
        (self.node.root / 'bin' / 'virsh').unlink()
        # Only events and reports are soon enough for what is waited for.
        self.node.options.update(
            libvirt_uri=self.libvirt.uri, state_interval=3600,
            load_interval=1, storage_timeout=1, command_timeout=30)
        self.config(group='agent', load_interval=1)

    def states(self):
        """Return what the file on the storage tells, verified."""
        path = self.shared / state_files.name_of('cmp1')
        if not path.exists():
            return None
        verifier = signing.Verifier(
            signing.CONTROL, lambda host: {self.key.id: self.key.secret},
            60, signing.Nonces(60), signing.Refusals())
        return verifier.verify(state_files.unpack(path.read_bytes()),
                               signing.Kind.STATE).body

    def assign(self, *paths):
        for path in paths:
            made = db_storages.create_storage(self.context, {
                'name': str(path), 'compute_path': str(path),
                'controller_path': str(path)})
            db_storages.assign_nodes(self.context, made['id'],
                                     [self.node_id])

    def of_file(self, key):
        """Return the state of a guest in the file."""
        found = self.states()
        return found and {guest['id']: guest['state']
                          for guest in found['guests']}.get(key)

    def wait_for(self, key, state):
        self.node.wait(lambda: self.of_file(key) == state, f'{key} {state}')

    def test_changes(self):
        """From a guest that is paused to the file, while a storage hangs."""
        paths = [self.shared]
        hangs = hung_mount.why_not() is None
        if hangs:
            hung = self.directory / 'hung'
            hung.mkdir()
            mount = self.useFixture(hung_mount.HungMount(hung))
            paths.insert(0, hung)
        self.assign(*paths)
        self.begin()
        self.wait_for(GUEST, 'running')
        first = self.states()
        self.assertEqual(('cmp1', 3600.0, None, "it's one"), (
            first['host'], first['interval'], first['reason'],
            first['guests'][0]['name']))
        self.assertEqual('stopped', self.of_file(OTHER))
        self.libvirt.virsh('suspend', "it's one")
        self.wait_for(GUEST, 'paused')
        self.libvirt.virsh('start', 'two')
        self.wait_for(OTHER, 'running')
        self.libvirt.virsh('resume', "it's one")
        self.wait_for(GUEST, 'running')
        self.assertGreater(self.states()['generation'], first['generation'])
        self.node.wait(lambda: {
            guest['id']: guest['state'] for guest in
            self.agent()['guests'] or ()} == {
                GUEST: 'running', OTHER: 'running'}, 'the report')
        if hangs:
            self.node.wait(lambda: 'hangs since' in str(
                self.reasons()[0]), 'the storage that hangs')
            mount.let_go()
        self.assertIsNone(self.reasons()[-1])
        sample = self.node.wait(self.sample, 'a sample of both guests')
        self.assertGreater(sample.guests[GUEST]['memory_mb'], 1)
        self.assertGreater(sample.host['memory_mb'], 1)
        generation = self.states()['generation']
        self.node.kill()
        self.node.start()
        self.node.wait(lambda: self.states()['generation'] > generation,
                       'a file of the next life')
        self.libvirt.virsh('destroy', 'two')
        self.wait_for(OTHER, 'stopped')

    def sample(self):
        """Return the newest sample, if it has both guests."""
        found = load_samples.latest(self.context, ['cmp1']).get('cmp1')
        return (found if found is not None
                and {GUEST, OTHER} <= set(found.guests) else None)

    def reasons(self):
        """Return why each storage fails, as it was reported."""
        return [storage['reason']
                for storage in self.agent()['facts']['storages']]

    def test_not_assigned(self):
        """What the operation is told is checked, and taken away again."""
        self.begin()
        for wrong in ('x', [{'id': 1, 'path': 'relative'}]):
            self.assertRaises(exception.Invalid, self.call,
                              'storages.apply', storages=wrong)
        self.call('storages.apply', storages=[
            {'id': 1, 'path': str(self.shared)}])
        # The node has none assigned, which its next report brings about.
        self.node.wait(lambda: self.agent()['facts']['storages'] == [],
                       'no storage')
