# SPDX-License-Identifier: Apache-2.0
"""A real systemd, as the first process of namespaces of its own.

Programs are those of this machine, read-only. ``/etc``, ``/run`` and ``/var``
are the box's own, so nothing of it reaches the machine.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

import fixtures

from cloudmanager.tests import base

SYSTEMD = '/lib/systemd/systemd'
NEEDED = ('unshare', 'nsenter', 'chroot', 'systemctl', 'rsyslogd', 'logger')
PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
# What happens before systemd, in its namespaces.
PREPARE = r"""
set -e
box=$1
mount --make-rprivate /
mount -t tmpfs box "$box"
cp -a "$2/." "$box"
cd "$box"
mkdir -p usr var/log run tmp proc sys dev root
for name in bin sbin lib lib64; do
    [ ! -L "/$name" ] || cp -a "/$name" .
done
mount --rbind -o ro /usr usr
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs cgroup sys/fs/cgroup
mount -t cgroup2 cgroup sys/fs/cgroup
exec env -i PATH=/usr/sbin:/usr/bin container=lxc chroot . \
    /lib/systemd/systemd --system --unit=box.target --show-status=no \
    --log-target=console
"""
UNIT = """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart={command}
[Install]
WantedBy=box.target
"""


def why_not():
    """Return why there can be no such box here, if so."""
    if os.geteuid():
        return 'only root can make namespaces'
    if not os.path.exists(SYSTEMD):
        return 'systemd is missing'
    for name in NEEDED:
        if shutil.which(name, path=PATH) is None:
            return f'{name} is missing'
    if any(not os.path.islink(f'/{name}') for name in ('bin', 'sbin')):
        return '/bin and /sbin are not in /usr'
    return None


class Box(fixtures.Fixture):
    """A systemd with some units.

    :param units: commands by name
    :param files: contents of other files, by path below ``/``
    """

    def __init__(self, units, files):
        self.units, self.files = units, files

    def _setUp(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix='cm-systemd-'))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        own = work / 'files'
        files = {'etc/systemd/system/box.target':
                 '[Unit]\nDefaultDependencies=no\n',
                 'etc/machine-id': f'{"0123456789abcdef" * 2}\n',
                 'etc/passwd': 'root:x:0:0::/root:/bin/sh\n',
                 'etc/group': 'root:x:0:\n', **self.files}
        for name, command in self.units.items():
            files[f'etc/systemd/system/{name}'] = UNIT.format(
                command=command)
        for name, text in files.items():
            path = own / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (work / 'box').mkdir()
        self.log = work / 'log'
        with self.log.open('wb') as log:
            self._process = subprocess.Popen(
                ['unshare', '--pid', '--fork', '--mount', '--uts', '--ipc',
                 '--cgroup', '--kill-child', 'sh', '-c', PREPARE, 'sh',
                 str(work / 'box'), str(own)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        self.addCleanup(self._end)
        children = pathlib.Path(
            f'/proc/{self._process.pid}/task/{self._process.pid}/children')
        (self.pid,) = base.wait_for(
            lambda: children.read_text().split(), 20, 'the first process')
        self.root = pathlib.Path(f'/proc/{self.pid}/root')
        try:
            base.wait_for(self._answers, 30, 'systemd')
        except AssertionError as exc:
            raise AssertionError(f'{exc}: {self.log.read_text()}') from exc

    def _answers(self):
        return self.run('systemctl', 'show', '--property=Version',
                        check=False).returncode == 0

    @property
    def enter(self):
        """The words that run a program inside."""
        return ['nsenter', f'--target={self.pid}', '--mount', '--pid',
                f'--root={self.root}', f'--wd={self.root}']

    def run(self, *words, check=True):
        return subprocess.run([*self.enter, *words], check=check, text=True,
                              capture_output=True, timeout=60)

    def show(self, unit, name):
        """Return a property of a unit."""
        return self.run('systemctl', 'show', f'--property={name}',
                        '--value', '--', unit).stdout.strip()

    def _end(self):
        self._process.kill()
        self._process.wait(30)
