# SPDX-License-Identifier: Apache-2.0
"""The wheels contain what runs, and nothing of the tests."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import fixtures

import cloudmanager
from cloudmanager.tests import base

ROOT = pathlib.Path(cloudmanager.__file__).parents[1]
#: Folder of each distribution, its package, and what it has besides modules.
DISTRIBUTIONS = (
    ('.', 'cloudmanager', {'py.typed', 'db/migration/script.py.mako'}),
    ('python-cloudmanagerclient', 'cloudmanagerclient', {'py.typed'}),
    ('cloudmanager-tempest-plugin', 'cloudmanager_tempest_plugin', set()))
BUILD = 'import pbr.build, sys; pbr.build.build_wheel(sys.argv[1])'


class WheelsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.copy = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for folder, package, _ in DISTRIBUTIONS:
            shutil.copytree(
                ROOT / folder / package, self.copy / folder / package,
                ignore=shutil.ignore_patterns('__pycache__', '*.egg-info'))
            for name in ('pyproject.toml', 'setup.cfg', 'setup.py',
                         'README.md', 'LICENSE', 'requirements.txt'):
                shutil.copy(ROOT / folder / name, self.copy / folder)
        # pbr asks git which files are data of packages.
        for words in (('init', '--quiet'), ('add', '--all')):
            self.run_there('git', *words)

    def run_there(self, *words, cwd='.'):
        subprocess.run(  # noqa: S603
            words, cwd=self.copy / cwd, check=True, timeout=120,
            capture_output=True, env={**os.environ, 'PBR_VERSION': '1.0.0'})

    def content(self, folder):
        """Build a wheel and return the names of its files."""
        out = self.copy / 'out' / folder
        self.run_there(sys.executable, '-c', BUILD, str(out), cwd=folder)
        (wheel,) = out.glob('*.whl')
        with zipfile.ZipFile(wheel) as archive:
            return {name for name in archive.namelist()
                    if '.dist-info/' not in name}

    def test_content(self):
        for folder, package, data in DISTRIBUTIONS:
            source = self.copy / folder / package
            modules = {path.relative_to(source.parent).as_posix()
                       for path in source.rglob('*.py')}
            if package != 'cloudmanager_tempest_plugin':
                modules = {name for name in modules if not name.startswith(
                    f'{package}/tests/')}
            self.assertEqual(
                modules | {f'{package}/{name}' for name in data},
                self.content(folder), package)
