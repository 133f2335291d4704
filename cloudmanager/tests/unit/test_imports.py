# SPDX-License-Identifier: Apache-2.0
"""Modules do not import each other in circles, and mostly at their top."""

import ast
import graphlib
import pathlib

import cloudmanager
from cloudmanager.tests import base
from cloudmanager.tests.unit import test_layers

ROOT = pathlib.Path(cloudmanager.__file__).parents[1]
# The Tempest plugin is made of tests; those of the service are left out.
PACKAGES = {ROOT / 'cloudmanager': ('tests',),
            ROOT / 'python-cloudmanagerclient/cloudmanagerclient': (),
            ROOT / 'cloudmanager-tempest-plugin/cloudmanager_tempest_plugin':
                ()}


def sources(package):
    """Return the sources of a package by module."""
    found = {}
    for path in package.rglob('*.py'):
        parts = path.relative_to(package.parent).with_suffix('').parts
        if parts[1] not in PACKAGES[package]:
            found['.'.join(parts).removesuffix('.__init__')] = path.read_text()
    return found


def graph(modules):
    """Return what each module imports of the others, wherever in it.

    Imports in functions and those that only type checkers see count too.
    """
    found = {}
    for module, source in modules.items():
        has_modules = any(name.startswith(f'{module}.') for name in modules)
        package = module if has_modules else module.rpartition('.')[0]
        names = [name for node in ast.walk(ast.parse(source))
                 if isinstance(node, ast.Import | ast.ImportFrom)
                 for name in test_layers.absolute(node, package)]
        found[module] = {
            name if name in modules else name.rpartition('.')[0]
            for name in names} & set(modules) - {module}
    return found


def circle(modules):
    """Return a circle of imports, an empty list if there is none."""
    try:
        graphlib.TopologicalSorter(graph(modules)).prepare()
    except graphlib.CycleError as exc:
        return exc.args[1]
    return []


def unexplained(source):
    """Return the lines of imports in functions without a comment above.

    One comment serves all imports that follow it directly.
    """
    lines = source.split('\n')
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                above = node.lineno - 2
                while lines[above].lstrip().startswith(('import ', 'from ')):
                    above -= 1
                if not lines[above].lstrip().startswith('#'):
                    found.append(node.lineno)
    return found


class ImportsTestCase(base.TestCase):

    def test_no_circles(self):
        for package in PACKAGES:
            self.assertEqual([], circle(sources(package)), package.name)

    def test_imports_in_functions_say_why(self):
        found = {module: lines for package in PACKAGES
                 for module, source in sources(package).items()
                 if (lines := unexplained(source))}
        self.assertEqual({}, found)

    def test_what_is_seen(self):
        """The rules do find what they are there for."""
        for back in ('import p.a', 'from p import a', 'from p.a import x',
                     'from . import a', 'from .a import x',
                     'def f():\n    from p import a',
                     'if TYPE_CHECKING:\n    from p.a import x'):
            self.assertEqual({'p.a', 'p.b'}, set(circle(
                {'p.a': 'from p import b', 'p.b': back})), back)
        self.assertEqual([], circle({'p.a': 'from p import b', 'p.b': ''}))
        self.assertEqual([3], unexplained('import a\ndef f():\n    import b'))
        self.assertEqual([], unexplained(
            'def f():\n    # It is costly.\n    import a\n    import b'))
