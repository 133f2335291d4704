# SPDX-License-Identifier: Apache-2.0
"""What lists and shows write is for programs, in each format.

All commands are walked by their entry points. What needs a cloud or an agent
is played.
"""

import csv
import io
import json
import re

from cliff import lister
from cliff import show
import yaml

from cloudmanagerclient.osc import lines
from cloudmanagerclient.tests import base
from cloudmanagerclient.tests import plans
from cloudmanagerclient.tests import test_documents

SERVER = test_documents.SERVER
#: Verbs of the commands that only tell something.
VERBS = ('list', 'show', 'count', 'status')
# What commands need besides; words in braces are objects of the test.
ARGUMENTS = {
    'node show': '{node} --hypervisor --hardware',
    'node health show': '{node}', 'node power control list': '{node}',
    'node power control show': '{node} {control}',
    'node power action list': '{node}',
    'node power action show': '{node} {action}',
    'node class show': 'hypervisor', 'node type list': 'hypervisor',
    'node image show': 'default', 'storage show': '{storage}',
    'power control show': '{control}', 'power control node list': '{control}',
    'task show': plans.task('SUCCESS')['id'],
    'audit show': '99', 'audit status': '7 99', 'volume show': SERVER,
    'aggregate policy show': '7',
    'server system metadata show': SERVER}
#: These print documents and pictures, which have no columns.
OTHERS = {'openapi show', 'rack show'}
#: Lists that this service has nothing for; their filters are tested elsewhere.
EMPTY = {'power event list'}
# How Python writes what JSON writes otherwise, and how terminals colour.
WRONG = re.compile(r"^(None|True|False)$|^[\[{]'|\x1b|: None|<[\w.]+ object")


class FormatsTestCase(test_documents.DocumentsCase):

    def setUp(self):
        super().setUp()
        node = self.powered(rack_number=7, ip_addresses=['10.3.0.1'],
                            title=self.name('title'))
        control = next(self.client.node_power_controls(node))
        name = self.name('storage')
        storage = self.client.create_storage(
            name=name, compute_path=f'/{name}', controller_path=f'/{name}')
        self.client.add_node_storages(node, [storage])
        self.client.wait_for_task(self.client.power_on_node(node),
                                  interval=0.1)
        action = next(self.client.node_power_actions(node))
        self.words = {'node': node.name, 'storage': name,
                      'control': control.power_control_id,
                      'action': action.id}

    def commands(self):
        """Return all commands that tell something, with their classes."""
        found = {words: entry.load()
                 for words, entry in base.commands().items()
                 if words.split()[-1] in VERBS and words not in OTHERS}
        self.assertGreater(len(found), 40)
        self.assertEqual(set(), set(ARGUMENTS) - set(found))
        for words, kind in found.items():
            self.assertTrue(issubclass(kind, lister.Lister | show.ShowOne),
                            words)
            self.assertIn('--format', kind(None, None).get_parser(
                words).format_help(), words)
        return found

    def written(self, words, *more):
        """Return what a command writes."""
        line = f'{words} {ARGUMENTS.get(words, "")}'.format(**self.words)
        outcome = self.run_command([*line.split(), *more])
        self.assertIsNone(outcome.error, (line, outcome.text))
        return outcome.stdout.getvalue()

    def test_walk(self):
        wrong = []
        for words, kind in self.commands().items():
            try:
                self.check(words, issubclass(kind, lister.Lister))
            except AssertionError as exc:
                wrong.append(f'{words}: {exc}')
        self.assertEqual([], wrong, '\n'.join(wrong))

    def check(self, words, is_list):
        found = json.loads(self.written(words, '-f', 'json'))
        self.assertIsInstance(found, list if is_list else dict)
        if words not in EMPTY:
            self.assertTrue(found, 'nothing is listed')
        self.assert_machine_readable(found)
        self.assertEqual(found, yaml.safe_load(
            self.written(words, '-f', 'yaml')))
        rows = found if is_list else [found]
        for name in list(rows[0])[:1] + list(rows[0])[-1:] if rows else ():
            # A list gives its rows, in the same order.
            chosen = json.loads(self.written(words, '-f', 'json', '-c', name))
            self.assertEqual(
                [{name} for _ in rows],
                [set(row) for row in (chosen if is_list else [chosen])])
        for line in self.written(words, '-f', 'value').splitlines():
            self.assertNotRegex(line, r"^[\[{]'|\x1b")
            self.assertNotIn('None', line.split(' '))
        if is_list:
            self.check_csv(words, found)
        else:
            told = self.written(words, '-f', 'shell')
            self.assertNotIn('="None"', told)

    def check_csv(self, words, found):
        names, *rows = csv.reader(io.StringIO(
            self.written(words, '-f', 'csv')), escapechar='\\')
        self.assertEqual(len(found), len(rows))
        for row, values in zip(rows, found, strict=True):
            self.assertEqual(list(values), names)
            for text, value in zip(row, values.values(), strict=True):
                if isinstance(value, list | dict):
                    self.assertEqual(value, json.loads(text))
                else:
                    self.assertEqual('' if value is None else str(value),
                                     text)

    def assert_machine_readable(self, value):
        """Check that all texts are texts, and not forms of other values."""
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for inner in value:
                self.assert_machine_readable(inner)
        elif isinstance(value, str):
            self.assertNotRegex(value, WRONG)

    def test_tables(self):
        """People see nothing where there is nothing."""
        told = self.written('node list', '--name', self.words['node'])
        self.assertNotIn('None', told)
        self.assertIn(self.words['node'], told)

    def test_lines(self):
        """Each part of an object has a line, which is short enough."""
        told = self.written('power control show').splitlines()
        self.assertIn('coil_map', '\n'.join(told))
        self.assertTrue(any('node name: ' + self.words['node'] in line
                            for line in told), told)
        self.assertNotIn('name', [line.split('|')[1].strip()
                                  for line in told if '|' in line])

    def test_nothing_in_lines(self):
        """What says nothing has neither a line nor a place in one."""
        told = lines.LinesColumn({
            'modes': {'actual': {'mode': None}, 'at': 1, 'names': []},
            'nothing': {'a': {'b': None}}, 'none': None, 'zero': 0,
            'no': False, 'several': ['a', {'b': [1, 2], 'c': ''}]})
        self.assertEqual(
            ['modes: at: 1', 'zero: 0', 'no: False', 'several: a',
             'several: b: 1 2'], told.human_readable().split('\n'))

    def test_sorted(self):
        """Rows sort by their values, not by what is written of them."""
        title = self.name('sorted')
        for number in (10, 9, None):
            self.node(title=title, rack_number=number)
        rows = self.written('node list', '--title', title, '--sort-column',
                            'Rack Number', '-f', 'csv', '-c', 'Rack Number')
        self.assertEqual(['"Rack Number"', '9', '10', '""'], rows.split('\n')[
            :-1])
