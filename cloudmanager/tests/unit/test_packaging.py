# SPDX-License-Identifier: Apache-2.0
"""What the package says that it needs, it needs, and nothing else."""

import ast
from importlib import metadata
import pathlib
import re
import sys

import cloudmanager
from cloudmanager.tests import base

PACKAGE = pathlib.Path(cloudmanager.__file__).parent
REQUIREMENTS = PACKAGE.parent / 'requirements.txt'
#: Loaded by their names in a URL or an entry point, or by keystonemiddleware
#: when its cache is configured, never imported.
BY_NAME = {'pymysql', 'python-memcached'}


def _normal(name):
    """Return the name of a distribution as package indexes write it."""
    return re.sub('[-_.]+', '-', name).lower()


def required():
    """Return the distributions that are required, by their normal names."""
    lines = (line.partition('#')[0].strip()
             for line in REQUIREMENTS.read_text().splitlines())
    return {_normal(re.match(r'[\w.-]+', line)[0])
            for line in lines if line}


def imported():
    """Return the modules that are imported at run time, outermost names."""
    found = set()
    for path in PACKAGE.rglob('*.py'):
        if PACKAGE / 'tests' in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    return {name.partition('.')[0] for name in found}


class RequirementsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.modules = {}
        for module, names in metadata.packages_distributions().items():
            for name in names:
                self.modules.setdefault(_normal(name), set()).add(module)

    def test_each_is_of_use(self):
        """No package is installed that is not imported when it runs."""
        used = imported()
        idle = {name for name in required() - BY_NAME
                if not self.modules[name] & used}
        self.assertEqual(set(), idle)

    def test_each_import_is_required(self):
        """Nothing is imported that only happens to be installed."""
        there = set().union(*(self.modules[name] for name in required()))
        others = (imported() - set(sys.stdlib_module_names)
                  - {'cloudmanager'} - there)
        self.assertEqual(set(), others)


class SystemPackagesTestCase(base.TestCase):

    def test_ci_installs_what_bindep_names(self):
        """A test with a real peer fails where its package is missing."""
        root = PACKAGE.parent
        named = set(re.findall(r'^(\S+) \[platform:dpkg test\]$',
                               (root / 'bindep.txt').read_text(), re.M))
        script = (root / '.ci/run').read_text()
        installs = script[script.index('install_missing() {'):]
        installs = installs[:installs.index('\n}\n')]
        pairs = re.findall(r'[\w-]+:([a-z0-9-]+)', installs)
        more = re.findall(r'packages\+=\(([a-z][\w -]*)\)', installs)
        found = {*pairs, *' '.join(more).split()} - {'python3-venv'}
        self.assertEqual(named, found - {'gcc'})
