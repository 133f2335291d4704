# SPDX-License-Identifier: Apache-2.0
"""Cinder's own driver for LVM, on volume groups of this machine.

LVM and Cinder are real. Where the kernel has no device-mapper volumes are only
made in the metadata of their group, and never active: so they are here
everywhere.
"""

import os
import pathlib
import shutil
import subprocess
from typing import Any
import uuid

from cinderclient import client as cinder_client
import fixtures

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place

PROGRAMS = ('lvs', 'vgs', 'pvs', 'lvdisplay', 'lvcreate', 'lvremove',
            'lvextend', 'lvrename', 'lvchange', 'lvconvert', 'pvmove',
            'pvcreate', 'vgcreate')
LVM_CONF = '''\
devices {{
    filter = [ {filters}, "r|.*|" ]
    use_devicesfile = 0
    obtain_device_list_from_udev = 0
    external_device_info_source = "none"
}}
global {{
    activation = 0
    locking_dir = "{directory}/lock"
    use_lvmpolld = 0
    event_activation = 0
}}
activation {{
    udev_sync = 0
    udev_rules = 0
    monitoring = 0
}}
backup {{
    backup = 0
    archive = 0
}}
'''
PROGRAM = '''\
#!/bin/sh
export LVM_SYSTEM_DIR={directory} LVM_SUPPRESS_FD_WARNINGS=1
exec {path} "$@"
'''
CINDER_CONF = '''\
[DEFAULT]
host = {host}
enabled_backends = {names}
'''
BACKEND_CONF = '''
[{name}]
volume_driver = cinder.volume.drivers.lvm.LVMVolumeDriver
volume_backend_name = {name}
volume_group = {group}
lvm_type = default
volume_clear = none
target_helper = fake
'''
DEVICE_BYTES = 8 * 1024 ** 3


def run(*words: str) -> str:
    """Run a program to its end and return its output."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AssertionError(f'{words}: {done.stdout}{done.stderr}')
    return done.stdout.strip()


class LocalLVM(fixtures.Fixture):
    """Programs of LVM that see nothing but volume groups of their own.

    :param count: of groups, each on a sparse file
    :ivar bin: directory of the programs
    :ivar groups: names
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def _setUp(self) -> None:
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.bin = self.directory / 'bin'
        self.bin.mkdir()
        devices = [self._device(number) for number in range(self._count)]
        (self.directory / 'lvm.conf').write_text(LVM_CONF.format(
            directory=self.directory,
            filters=', '.join(f'"a|^{device}$|"' for device in devices)))
        for name in PROGRAMS:
            self._program(name)
        self.groups = []
        for device in devices:
            group = f'cm-{uuid.uuid4().hex[:8]}'
            self.run('pvcreate', device)
            self.run('vgcreate', group, device)
            self.groups.append(group)

    def _device(self, number: int) -> str:
        """Return a block device whose contents are in a file."""
        path = self.directory / f'device{number}'
        with path.open('wb') as device:
            device.truncate(DEVICE_BYTES)
        found = run('losetup', '--find', '--show', str(path))
        self.addCleanup(run, 'losetup', '--detach', found)
        return found

    def _program(self, name: str) -> None:
        found = shutil.which(name, path=f'{os.environ["PATH"]}:/usr/sbin')
        if found is None:
            raise AssertionError(f'{name} is missing: apt-get install lvm2')
        path = self.bin / name
        path.write_text(PROGRAM.format(directory=self.directory, path=found))
        path.chmod(0o755)

    def run(self, name: str, *arguments: str) -> str:
        """Run a program of LVM."""
        return run(str(self.bin / name), *arguments)

    def sizes(self, group: str) -> dict[str, str]:
        """Return the sizes of volumes in GiB, by their names."""
        lines = self.run('lvs', '--noheadings', '--units', 'g', '--nosuffix',
                         '-o', 'lv_name,lv_size', group).splitlines()
        return {words[0]: words[1] for words in map(str.split, lines)}


class VolumeService(fixtures.Fixture):
    """One more cinder-volume, with a back end on each volume group.

    :param lvm: programs and groups
    :param host: name of its host in Cinder
    :ivar names: of back ends; volume types have the same names
    """

    def __init__(self, lvm: LocalLVM, host: str) -> None:
        self._lvm = lvm
        self.host = host
        self.names = [f'lvm-{group}' for group in lvm.groups]

    def _setUp(self) -> None:
        self.admin = cinder_client.Client('3.70', session=cloud.session())
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        settings = self.directory / 'lvm.conf'
        settings.write_text(
            CINDER_CONF.format(host=self.host, names=','.join(self.names))
            + ''.join(BACKEND_CONF.format(name=name, group=group)
                      for name, group in zip(self.names, self._lvm.groups,
                                             strict=True)))
        venv = place.BASE / 'venv' / 'bin'
        stubs = cloud.ROOT / 'tools' / 'minicloudlib' / 'stubs'
        self.log = self.directory / 'log'
        with self.log.open('ab') as log:
            self._process = subprocess.Popen(
                [str(venv / 'cinder-volume'),
                 f'--config-file={place.state() / "etc" / "cinder.conf"}',
                 f'--config-file={settings}'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, 'PATH': ':'.join((
                    str(self._lvm.bin), str(stubs), str(venv),
                    os.environ['PATH']))})
        self.addCleanup(self._stop)
        for name in self.names:
            kind = self.admin.volume_types.create(name)
            self.addCleanup(self.admin.volume_types.delete, kind)
            kind.set_keys({'volume_backend_name': name})
        try:
            cloud.wait(self._reported, 90, 'Cinder knows the back ends', 0.5)
        except AssertionError as exc:
            raise AssertionError(f'{exc}\n{self.log.read_text()[-4000:]}'
                                 ) from exc

    def _reported(self) -> bool:
        return set(self.names) <= {
            getattr(pool, 'volume_backend_name', None)
            for pool in self.admin.pools.list(detailed=True)}

    def _stop(self) -> None:
        """End the service, and have Cinder forget it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        for name in self.names:
            run(str(place.BASE / 'venv' / 'bin' / 'cinder-manage'),
                f'--config-file={place.state() / "etc" / "cinder.conf"}',
                'service', 'remove', 'cinder-volume', f'{self.host}@{name}')

    def pool(self, number: int) -> str:
        """Return Cinder's name of a back end's pool."""
        name = self.names[number]
        return f'{self.host}@{name}#{name}'

    def volume(self, volume_id: str) -> Any:
        """Return a volume as an administrator sees it."""
        return self.admin.volumes.get(volume_id)
