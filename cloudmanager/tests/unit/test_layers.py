# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: the top may import down, never up."""

import ast
import importlib.util
import pathlib

import cloudmanager
from cloudmanager.tests import base

ROOT = pathlib.Path(cloudmanager.__file__).parent
ANYTHING = ('',)
LOW = ('domain', 'common', 'conf')
# How things are done, which steps, checks and endpoints put together.
CONDUCTOR_ROOMS = tuple(f'conductor.{room}' for room in (
    'agents', 'audits', 'clones', 'hosts', 'moves', 'power', 'servers',
    'volumes'))
# The longest prefix of a module decides. Each may import itself too.
RULES = {
    'cmd': ANYTHING,
    'wsgi': ANYTHING,
    'tests': ANYTHING,
    'api': ('conductor.rpcapi', 'db', 'policies', 'version', *LOW),
    'api.backends': ('api.refreshed', 'clients', *LOW),
    'conductor': (),
    'conductor.rpcapi': LOW,
    'conductor.service': ('conductor', 'agent.rpcapi', 'clients', 'db',
                          'power', *LOW),
    'conductor.manager': ('conductor.actions', *CONDUCTOR_ROOMS,
                          'conductor.engine', 'conductor.tools', *LOW),
    'conductor.actions': ('conductor.flows', 'version',
                          'common.exception', 'common.json_types'),
    'conductor.tools': ('conductor.engine', 'conductor.checked_plans',
                        'clients', 'db', 'power', *LOW),
    'conductor.endpoints': (*CONDUCTOR_ROOMS, 'conductor.tools', 'clients',
                            'db', *LOW),
    'conductor.periodics': ('conductor.power', 'conductor.engine', 'clients',
                            'db', 'power', *LOW),
    'conductor.pxe': ('db', *LOW),
    'conductor.flows': ('conductor.steps', 'conductor.audits.checks',
                        'conductor.hosts.checks',
                        'conductor.servers.checks',
                        'conductor.agents.binding',
                        'conductor.agents.checks',
                        'conductor.volumes.checks',
                        'conductor.moves.early_plan',
                        'conductor.engine.run', 'conductor.tools',
                        'common.exception', 'common.json_types'),
    'conductor.steps': (*CONDUCTOR_ROOMS, 'conductor.engine',
                        'conductor.records', 'conductor.tools',
                        'conductor.cloud_model', 'db', 'power', 'clients',
                        'planning', *LOW),
    'conductor.cloud_model': ('planning', 'clients', *LOW),
    'conductor.checked_plans': ('planning', *LOW),
    'conductor.engine': ('conductor.records', 'db', *LOW),
    'conductor.records': ('clients', 'planning', *LOW),
    'planning': ('domain',),
    'agent': ('version', *LOW),
    'power': LOW,
    'clients': LOW,
    'db': LOW,
    'policies': (),
    'domain': ('common', 'conf'),
    'common': ('conf', 'policies', 'version'),
    'conf': (),
    'version': (),
}
RULES.update(dict.fromkeys(CONDUCTOR_ROOMS, (
    *CONDUCTOR_ROOMS, 'conductor.engine', 'conductor.records',
    'conductor.tools', 'conductor.cloud_model', 'agent.rpcapi', 'db',
    'power', 'clients', 'planning', *LOW)))


def _module(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def _covers(prefix, module):
    return not prefix or module == prefix or module.startswith(prefix + '.')


def _longest(module):
    """Return the rule that a module comes under."""
    found = [layer for layer in RULES if _covers(layer, module)]
    return max(found, key=len, default=None)


def absolute(node, package):
    """Return the full names that an import statement means."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    start = node.module or ''
    if node.level:
        start = importlib.util.resolve_name('.' * node.level + start,
                                            package)
    return [f'{start}.{alias.name}' for alias in node.names]


def imports(source, package='cloudmanager'):
    """Return what of ours a source imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.extend(name.partition('.')[2]
                         for name in absolute(node, package)
                         if name.split('.')[0] == 'cloudmanager')
    return found


def broken(module, names):
    """Return those of some imports that a module must not have."""
    layer = _longest(module)
    if layer is None:
        return [f'{module} is in no layer']
    allowed = (layer, *RULES[layer])
    return [f'{module} imports {name}' for name in names
            if not any(_covers(prefix, name) for prefix in allowed)]


class LayersTestCase(base.TestCase):

    def test_imports(self):
        found = []
        for path in sorted(ROOT.rglob('*.py')):
            module = _module(path)
            if not module:
                continue
            package = 'cloudmanager.' + (
                module if path.name == '__init__.py'
                else module.rpartition('.')[0])
            found += broken(module, imports(path.read_text(), package))
        self.assertEqual([], found)

    def test_every_rule_is_of_use(self):
        modules = [_module(path) for path in ROOT.rglob('*.py')]
        unused = [layer for layer in RULES if not any(
            _covers(layer, module) for module in modules)]
        self.assertEqual([], unused)

    def test_flows_read_no_options(self):
        for path in (ROOT / 'conductor' / 'flows').glob('*.py'):
            self.assertNotIn('oslo_config', path.read_text(), path)

    def test_what_is_seen(self):
        """The rule does find what it is there for."""
        for module, source in (
                ('api.app', 'import cloudmanager.conductor.manager'),
                ('api.app', 'from cloudmanager.power import ipmi'),
                ('api.controllers.v1.nodes',
                 'from cloudmanager.clients import nova'),
                ('api.backends', 'from cloudmanager.db import nodes'),
                ('api.a.b', 'from cloudmanager.conductor import flows'),
                ('conductor.flows.hosts',
                 'def f():\n    from cloudmanager.db import tasks'),
                ('db.tasks', 'from cloudmanager import conductor'),
                ('common.x', 'from cloudmanager.db import api'),
                ('planning.x', 'from cloudmanager.conf import api')):
            self.assertEqual(1, len(broken(module, imports(source))),
                             source)
        self.assertEqual(['conductor.manager'], imports(
            'from ..conductor import manager', 'cloudmanager.api'))
        self.assertEqual([], broken('api.app', imports(
            'from cloudmanager.conductor import rpcapi\n'
            'from cloudmanager.db import nodes\nimport json')))
