# SPDX-License-Identifier: Apache-2.0
"""Small repositories of packages, and roots that packages are installed in.

The programs are the real ones. Options have them work below a directory.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess

PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
APT_CONFIGURATION = '''\
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
DPkg::Options {{ "--root={root}"; }};
APT::Sandbox::User "root";
'''
CONTROL = '''\
Package: one
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: a package
'''
SPEC = '''\
Name: one
Version: {version}
Release: 1
Summary: a package
License: none
BuildArch: noarch
%description
A package.
%install
mkdir -p %{{buildroot}}/etc
echo {version} > %{{buildroot}}/etc/one.conf
%files
%config(noreplace) /etc/one.conf
'''


def run(*words, **options):
    subprocess.run(words, check=True, capture_output=True, timeout=120,
                   env={'PATH': PATH, 'LC_ALL': 'C', 'HOME': '/root'},
                   **options)


def why_not(*names):
    """Return why these programs cannot be used here, if so."""
    if os.geteuid():
        return 'only root can install packages'
    for name in names:
        if shutil.which(name, path=PATH) is None:
            return f'{name} is missing'
    return None


class Apt:
    """A root with version 1 of a package, and a repository.

    :param directory: empty
    """

    PROGRAMS = ('apt-get', 'dpkg', 'dpkg-deb')

    def __init__(self, directory):
        self.root, self.repository = directory / 'root', directory / 'deb'
        for name in ('var/lib/dpkg/info', 'var/lib/dpkg/updates',
                     'var/lib/apt/lists/partial',
                     'var/cache/apt/archives/partial', 'var/log/apt',
                     'etc/apt/apt.conf.d', 'etc/apt/preferences.d',
                     'etc/apt/trusted.gpg.d'):
            (self.root / name).mkdir(parents=True)
        (self.root / 'var/lib/dpkg/status').touch()
        self.repository.mkdir()
        (self.root / 'etc/apt/sources.list').write_text(
            f'deb [trusted=yes] file:{self.repository} ./\n')
        self._configuration = directory / 'apt.conf'
        self._configuration.write_text(
            APT_CONFIGURATION.format(root=self.root))
        run('dpkg', f'--root={self.root}', '--install',
            str(self._build('1')))

    def _build(self, version):
        tree = self.repository.parent / f'tree{version}'
        (tree / 'DEBIAN').mkdir(parents=True)
        (tree / 'DEBIAN/control').write_text(CONTROL.format(version=version))
        (tree / 'DEBIAN/conffiles').write_text('/etc/one.conf\n')
        (tree / 'etc').mkdir()
        (tree / 'etc/one.conf').write_text(version)
        path = self.repository / f'one_{version}.deb'
        run('dpkg-deb', '--root-owner-group', '--build', str(tree),
            str(path))
        return path

    def publish(self, version):
        """Put a version of the package into the repository."""
        path = self._build(version)
        content = path.read_bytes()
        (self.repository / 'Packages').write_text(
            CONTROL.format(version=version)
            + f'Filename: ./{path.name}\nSize: {len(content)}\n'
            f'SHA256: {hashlib.sha256(content).hexdigest()}\n')

    def programs(self):
        """Return programs for a node, by their names."""
        return {
            'apt-get': '#!/bin/sh\nexport APT_CONFIG='
                       f'{self._configuration}\nexec /usr/bin/apt-get "$@"\n',
            'dpkg': f'#!/bin/sh\nexec /usr/bin/dpkg --root={self.root} '
                    '"$@"\n'}

    def version(self):
        """Return which version is installed, and whether as a whole."""
        text = (self.root / 'var/lib/dpkg/status').read_text()
        values = dict(line.split(': ', 1) for line in text.splitlines()
                      if ': ' in line)
        return values['Version'], values['Status']


class Dnf:
    """The same with RPM.

    :param directory: empty
    """

    PROGRAMS = ('dnf', 'rpmbuild', 'createrepo_c', 'rpm')

    def __init__(self, directory):
        self._directory = directory
        self.root, self.repository = directory / 'root', directory / 'rpm'
        (self.root / 'etc').mkdir(parents=True)
        self.repository.mkdir()
        (directory / 'repos').mkdir()
        (directory / 'repos/own.repo').write_text(
            f'[own]\nname=own\nbaseurl=file://{self.repository}\n'
            'gpgcheck=0\n')
        self.publish('1')
        run(*self._dnf(), '--assumeyes', 'install', 'one')

    def publish(self, version):
        spec = self._directory / 'one.spec'
        spec.write_text(SPEC.format(version=version))
        run('rpmbuild', '-bb', '--define', f'_topdir {self._directory}/top',
            '--define', f'_rpmdir {self.repository}', str(spec))
        run('createrepo_c', str(self.repository))

    def _dnf(self):
        return ('/usr/bin/dnf', f'--installroot={self.root}',
                f'--setopt=reposdir={self._directory}/repos',
                f'--setopt=cachedir={self._directory}/cache',
                f'--setopt=logdir={self._directory}', '--releasever=1')

    def programs(self):
        """Return programs for a node, by their names."""
        return {'dnf': f'#!/bin/sh\nexec {" ".join(self._dnf())} "$@"\n'}

    def version(self):
        """Return which version is installed."""
        return subprocess.run(
            ['/usr/bin/rpm', f'--root={self.root}', '-q', '--qf', '%{VERSION}',
             'one'], capture_output=True, text=True, timeout=60,
            # Some keep their database in it.
            env={'PATH': PATH, 'HOME': '/root'}).stdout


def configuration(root: pathlib.Path) -> pathlib.Path:
    """Return the file that somebody changes."""
    return root / 'etc/one.conf'
