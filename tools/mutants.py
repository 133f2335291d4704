#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the unit tests notice when a line is wrong?

Changes one thing in each line of the modules where a mistake costs most,
one line at a time, and runs the unit tests that belong to them. A changed
line (a mutant) that no test notices survives: it shows a test that is
missing, or a line that has no effect.

Each mutant runs in a process of its own, forked from one that has already
imported the libraries. Run it from an environment with the requirements of
the tests; it writes nothing into the tree.
"""

import argparse
import ast
import collections
import concurrent.futures
import copy
import fnmatch
import importlib
import importlib.abc
import importlib.machinery
import itertools
import os
import pathlib
import random
import select
import signal
import sys
import time
import traceback
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# Pattern of modules, and the tests that must notice.
UNIT = 'cloudmanager.tests.unit.'
FUNCTIONAL = 'cloudmanager.tests.functional.'
TARGETS = {
    'common.secrets': [UNIT + 'common.test_secrets'],
    'api.auth': [FUNCTIONAL + 'test_auth', FUNCTIONAL + 'test_http_basic',
                 FUNCTIONAL + 'test_access'],
    'api.passwords': [FUNCTIONAL + 'test_http_basic'],
    'api.guesses': [FUNCTIONAL + 'test_http_basic'],
    'policies.*': [UNIT + 'policies.*', FUNCTIONAL + 'test_access'],
    'common.policy': [UNIT + 'common.test_policy', UNIT + 'policies.*'],
    'clients.retry': [UNIT + 'clients.test_retry'],
    'power.web': [UNIT + 'power.test_web'],
    'conductor.engine.*': [UNIT + 'conductor.engine.*',
                           UNIT + 'conductor.test_service'],
    **dict.fromkeys(
        (f'conductor.moves.{name}' for name in (
            'arrivals', 'asking', 'follower', 'looks', 'watching')),
        [UNIT + 'conductor.moves.*', UNIT + 'conductor.steps.test_hosts']),
    'planning.drs.*': [UNIT + 'planning.drs.*'],
    'planning.*': [UNIT + 'planning.test_*', UNIT + 'planning.cloud.*'],
}
COMPARISONS = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is}
SUMS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv,
        ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.Mult,
        ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr}
Mutant = collections.namedtuple('Mutant', 'module line words code')


def _negated(node, field):
    setattr(node, field, ast.UnaryOp(ast.Not(), getattr(node, field)))


def _operators(node):
    """Yield functions, each of which puts another operator into a node."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            yield lambda: setattr(node, 'ops',
                                  [COMPARISONS[type(operator)]()])
        case ast.BinOp() if type(node.op) in SUMS:
            yield lambda: setattr(node, 'op', SUMS[type(node.op)]())
        case ast.BoolOp():
            other = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield lambda: setattr(node, 'op', other())
        case ast.If() | ast.While() | ast.IfExp():
            yield lambda: _negated(node, 'test')
        case ast.comprehension(ifs=[_, *_]):
            yield lambda: setattr(node, 'ifs', node.ifs[1:])


def _values(node):
    """Yield functions, each of which puts another value into a node."""
    match node:
        case (ast.Return(value=ast.Constant())
              | ast.keyword(value=ast.Constant(value=bool()))):
            # Its value is changed below; False and None are much the same.
            pass
        case ast.Return(value=ast.expr()) | ast.keyword(arg=str()):
            yield lambda: setattr(node, 'value', ast.Constant(None))
        case ast.Constant(value=bool()):
            yield lambda: setattr(node, 'value', not node.value)
        case ast.Constant(value=int() | float()):
            yield lambda: setattr(node, 'value', node.value + 1)
        case ast.Constant(value=str()) if ' ' not in node.value:
            yield lambda: setattr(node, 'value', node.value + 'X')


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value,
                                                     ast.Constant)


def _is_log(node):
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func).startswith('LOG.'))


def _is_for_people(call):
    name = ast.unparse(call.func)
    return name == '_' or name.startswith(('exception.', 'exceptions.'))


def _names(call):
    """Return what a call is given that is a name for people, or a habit.

    The encoding of files is UTF-8 wherever the tests run, said or not.
    """
    name = ast.unparse(call.func)
    found = [each for each in call.keywords
             if each.arg in ('encoding', 'thread_name_prefix')
             or (name.endswith('dataclass')
                 and each.arg in ('frozen', 'slots', 'kw_only'))
             or (name.startswith('tempfile.') and each.arg == 'prefix')
             or (name.endswith('Thread') and each.arg == 'name')]
    if name.endswith('ContextVar'):
        found += call.args[:1]
    if name.endswith('TypeVar'):
        found += [*call.args, *call.keywords]
    return found


def _last(block):
    """Give the statements that can be the last one of a block."""
    match block:
        case [*_, ast.If() as last]:
            parts = [last.body, last.orelse]
        case [*_, ast.With() as last]:
            parts = [last.body]
        case [*_, ast.Try() as last]:
            parts = [last.orelse or last.body,
                     *(each.body for each in last.handlers)]
        case [*_, last]:
            yield last
            return
        case _:
            return
    for part in parts:
        yield from _last(part)


def _without(block, statement):
    block[block.index(statement)] = ast.copy_location(ast.Pass(), statement)


def _removals(node, ignored):
    """Yield (line, function), each of which leaves out one statement."""
    for field in ('body', 'orelse', 'finalbody'):
        block = getattr(node, field, None)
        if not isinstance(block, list):
            continue
        for statement in block:
            if isinstance(statement, ast.Expr | ast.Raise | ast.AugAssign
                          | ast.Delete | ast.Continue | ast.Break) and (
                    id(statement) not in ignored):
                yield statement.lineno, (
                    lambda block=block, statement=statement:
                    _without(block, statement))


def _ignored(tree):
    """Return the nodes that no test could notice, such as texts."""
    found = set()
    for node in ast.walk(tree):
        away = []
        match node:
            case ast.ClassDef(bases=[ast.Attribute(attr='Enum')]):
                # Members of these stand for themselves.
                away = [each.value for each in node.body
                        if isinstance(each, ast.Assign)]
            case ast.Expr() if _is_text(node) or _is_log(node):
                away = [node]
            case ast.FunctionDef():
                away = node.decorator_list + [each.annotation for each in
                        (*node.args.args, *node.args.kwonlyargs)]
                away.append(node.returns)
            case ast.AnnAssign():
                away = [node.annotation]
            case ast.Call() if _is_for_people(node):
                away = [*node.args, *node.keywords]
            case ast.Call():
                away = _names(node)
            case ast.For() | ast.While():
                # Without it the loop goes on all the same.
                away = [each for each in _last(node.body)
                        if isinstance(each, ast.Continue)]
        for each in filter(None, away):
            found.update(map(id, ast.walk(each)))
    return found


def _line(node):
    """Return the line of a node, or of what it is about."""
    return next((each.lineno for each in (
        node, getattr(node, 'target', None), getattr(node, 'value', None))
        if getattr(each, 'lineno', None)), None)


def changes(tree):
    """Yield (line, function), each of which changes a tree in one place."""
    ignored = _ignored(tree)
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        yield from _removals(node, ignored)
        for change in (*_operators(node), *_values(node)):
            yield _line(node), change


def _changed(original, number):
    """Return a copy of a tree with one of its changes made."""
    tree = copy.deepcopy(original)
    _, change = next(itertools.islice(changes(tree), number, None))
    change()
    return ast.fix_missing_locations(tree)


def _difference(old, new):
    """Return two lines that differ, and little of what they share."""
    same = len(os.path.commonprefix((old, new)))
    begin = max(0, same - 60) if len(old) > 120 else 0
    return '  ->  '.join(each if len(each) <= 120 else
                         each[begin:same + 60] for each in (old, new))


def mutants(module, chosen):
    """Return one mutant for each line of a module that can be changed.

    :param chosen: random.Random that picks among the changes of a line
    """
    path = ROOT / (module.replace('.', '/') + '.py')
    original = ast.parse(path.read_text())
    before = ast.unparse(original).splitlines()
    places = collections.defaultdict(list)
    for number, (line, _) in enumerate(changes(copy.deepcopy(original))):
        places[line].append(number)
    found = []
    for line, numbers in sorted(places.items()):
        chosen.shuffle(numbers)
        for number in numbers:
            tree = _changed(original, number)
            pairs = itertools.zip_longest(
                before, ast.unparse(tree).splitlines(), fillvalue='')
            words = next((_difference(old.strip(), new.strip())
                          for old, new in pairs if old != new), None)
            # What is None already cannot become None.
            if words:
                found.append(Mutant(module, line, words,
                                    compile(tree, str(path), 'exec')))
                break
    return found


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with other code."""

    def __init__(self, mutant):
        self._mutant = mutant

    def find_spec(self, name, path=None, target=None):
        if name != self._mutant.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader = self
        return spec

    def exec_module(self, module):
        exec(self._mutant.code, module.__dict__)  # noqa: S102


def _modules(pattern):
    """Return the full names of the modules that a pattern means."""
    return [name for name in (
        '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for path in sorted((ROOT / 'cloudmanager').rglob('*.py')))
        if fnmatch.fnmatchcase(name, pattern)
        and not name.endswith('__init__')]


def _names_of_tests(target, module):
    """Return the modules of the tests of a target.

    :param module: whose own tests are to come first, by their names
    """
    own = module.rpartition('.')[2]
    found = [name for pattern in TARGETS[target] for name in _modules(pattern)
             if name.rpartition('.')[2].startswith('test_')]
    return sorted(found, key=lambda name: own not in name.rpartition('.')[2])


def _run(tests):
    """Run tests until the first that fails.

    :returns: whether all were well
    """
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(map(loader.loadTestsFromName, tests))
    if loader.errors:
        return False
    result = unittest.TestResult()
    result.failfast = True
    suite.run(result)
    if os.environ.get('MUTANTS_SHOW'):
        for test, text in result.errors + result.failures:
            print(test, text, file=sys.__stderr__)
    return result.wasSuccessful() and result.testsRun > 0


def _child(mutant, tests, verdict):
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        if not os.environ.get('MUTANTS_SHOW'):
            os.dup2(silence, stream)
    try:
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(mutant))
        well = _run(tests)
    except BaseException:
        if os.environ.get('MUTANTS_SHOW'):
            traceback.print_exc()
        well = False
    os.write(verdict, b'survived' if well else b'noticed')
    os._exit(0)


def judge(mutant, tests, limit):
    """Run the tests on a mutant in a process of its own.

    :param limit: seconds after which the process is ended
    :returns: 'noticed', 'survived' or 'endless'
    """
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        _child(mutant, tests, write)
    os.close(write)
    ready, _, _ = select.select([read], [], [], limit)
    answer = os.read(read, 20).decode() if ready else 'endless'
    os.close(read)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)
    return answer or 'noticed'


def _warm(tests):
    """Import the libraries that the tests want, and nothing of ours."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        before = set(sys.modules)
        for name in tests:
            importlib.import_module(name)
        os.write(write, '\n'.join(
            name for name in sys.modules if name not in before and
            not name.startswith('cloudmanager')).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as names:
        found = names.read().split()
    os.waitpid(pid, 0)
    # It chooses threads for all that comes after it.
    importlib.import_module('cloudmanager.tests')
    for name in found:
        try:
            importlib.import_module(name)
        except Exception:
            continue


def hunt(module, tests, options):
    """Judge one mutant a line of a module.

    :param options: of the command line
    :returns: counts by verdict, and the survivors
    """
    found = [mutant for mutant in mutants(
        module, random.Random(options.seed))[::options.every]
        if options.line in (None, mutant.line)]
    begun = time.monotonic()
    if judge(None, tests, 600) != 'survived':
        raise SystemExit(f'The tests of {module} fail as they are.')
    limit = 20 + 2 * (time.monotonic() - begun)
    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        verdicts = list(pool.map(lambda each: judge(each, tests, limit),
                                 found))
    return collections.Counter(verdicts), [
        mutant for mutant, verdict in zip(found, verdicts, strict=True)
        if verdict == 'survived']


def _target(name):
    """Return the target that a module is of."""
    for target in TARGETS:
        if fnmatch.fnmatchcase(name, target):
            return target
    raise SystemExit(f'{name} is of none of ' + ', '.join(TARGETS))


def _print(name, counts):
    share = 100 * counts['survived'] / max(1, counts.total())
    print(f'{name}: {counts.total()} mutants, {counts["survived"]} survive '
          f'({share:.1f} %), {counts["endless"]} endless', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', default=list(TARGETS),
                        help='modules, or patterns of modules, of '
                             + ', '.join(TARGETS))
    parser.add_argument('--seed', type=int, default=1,
                        help='which of the changes of a line')
    parser.add_argument('--every', type=int, default=1,
                        help='only one in so many mutants of a module')
    parser.add_argument('--workers', type=int, default=os.cpu_count())
    parser.add_argument('--line', type=int, help='this line alone')
    options = parser.parse_args()
    chosen = [(module, _names_of_tests(
        _target(module.removeprefix('cloudmanager.')), module))
        for name in options.names
        for module in _modules('cloudmanager.' + name)]
    _warm({test for _, tests in chosen for test in tests})
    total = collections.Counter()
    for module, tests in chosen:
        counts, survivors = hunt(module, tests, options)
        total.update(counts)
        _print(module.removeprefix('cloudmanager.'), counts)
        for mutant in survivors:
            print(f'  {mutant.line}: {mutant.words}', flush=True)
    _print('all', total)


if __name__ == '__main__':
    main()
