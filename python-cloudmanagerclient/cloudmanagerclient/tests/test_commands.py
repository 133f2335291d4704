# SPDX-License-Identifier: Apache-2.0
"""Commands, against a real service."""

import csv
import io
import json
import logging
import pathlib
import re
import subprocess
import sys
from unittest import mock

import fixtures
from keystoneauth1 import exceptions as ksa_exc
import requests_mock

from cloudmanagerclient.osc import errors
from cloudmanagerclient.tests import base


class ProgramTestCase(base.ClientCase):
    """The program openstack itself."""

    def openstack(self, *words):
        return subprocess.run(
            [sys.executable, '-m', 'openstackclient.shell', '--os-auth-type',
             'none', '--os-endpoint', self.service.url, 'cloudmanager',
             *words], capture_output=True, text=True, check=False,
            timeout=120)

    def test_formats(self):
        node = self.node(rack_number=7)
        done = self.openstack('node', 'list', '--name', node.name, '-f',
                              'csv', '-c', 'ID', '-c', 'Name', '-c',
                              'Rack Number')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(
            [['ID', 'Name', 'Rack Number'], [str(node.id), node.name, '7']],
            list(csv.reader(io.StringIO(done.stdout))))

    def test_error(self):
        done = self.openstack('node', 'show', 'nope')
        self.assertEqual(1, done.returncode)
        self.assertIn('Node nope could not be found.', done.stderr)
        self.assertIn('openstack cloudmanager node list', done.stderr)
        self.assertNotIn('Traceback', done.stderr)


class HelpTestCase(base.ClientCase):

    def test_all(self):
        """Every command and every option is told of."""
        for words, entry in base.commands().items():
            command = entry.load()(mock.Mock(), None)
            self.assertTrue(command.get_description(), words)
            parser = command.get_parser(words)
            for action in parser._actions:
                self.assertTrue(action.help, (words, action.dest))
                self.assertFalse(
                    {'--password', '--ssh-key'} & set(action.option_strings)
                    and action.nargs != 0, words)
            # A formatting character in a help text would break --help.
            self.assertIn(words, parser.format_help())


class NodesTestCase(base.ClientCase):

    def test_create_set_unset(self):
        name = self.name()
        made = self.result(
            f'node create {name} --rack 3 --ram 2048 --reserved '
            '--ip-address 10.1.1.1 --ip-address 10.1.1.2')
        self.assertEqual(
            (3, 2048, True, ['10.1.1.1', '10.1.1.2']),
            (made['rack_number'], made['ram_mb'], made['is_reserved'],
             made['ip_addresses']))
        self.assertIsNone(self.run_command(
            f'node set {name} --no-reserved --title T').error)
        self.assertIsNone(self.run_command(
            f'node unset {name} --rack').error)
        found = self.result(f'node show {made["id"]}')
        self.assertEqual((None, False, 'T'), (
            found['rack_number'], found['is_reserved'], found['title']))
        outcome = self.run_command(f'node set {name}')
        self.assertIn('at least one option', str(outcome.error))

    def test_guests(self):
        """Guests have a row of their own, and a line each."""
        name = self.node().name
        guests = [{'id': f'id-{state}', 'name': f'instance-{state}',
                   'state': state} for state in ('running', 'paused')]
        answer = {'node': {'id': 1, 'name': name, 'agent': {
            'is_reachable': True, 'guests': guests}}}
        with requests_mock.Mocker(real_http=True) as played:
            played.get(re.compile(f'/nodes/{name}'), json=answer)
            found = self.result(f'node show {name}')
            self.assertEqual((guests, {'is_reachable': True}),
                             (found['guests'], found['agent']))
            table = self.run_command(f'node show {name} -c guests')
            lines = table.stdout.getvalue().splitlines()
            for guest in guests:
                self.assertEqual(1, sum(
                    f' {guest["id"]} {guest["state"]} ' in line
                    for line in lines), lines)
            answer['node']['agent']['guests'] = None
            self.assertIsNone(self.result(f'node show {name}')['guests'])

    def test_list(self):
        node = self.powered(rack_number=9, title=self.name('title'))
        row, = self.result(f'node list --title {node.title}')
        self.assertEqual((node.name, 'hypervisor', 'out of service', 9), (
            row['Name'], row['Node Class'], row['Condition'],
            row['Rack Number']))
        self.assertIn('MAC Address', self.result(
            f'node list --long --title {node.title}')[0])
        self.assertEqual({'count': 1}, self.result(
            f'node count --title {node.title}'))

    def test_limit(self):
        title = self.name('title')
        for _ in range(3):
            self.node(title=title)
        self.assertEqual(2, len(self.result(
            f'node list --title {title} --limit 2')))

    def test_delete_several(self):
        """Each that can be deleted is; the others are told."""
        first, second = self.node(), self.node()
        logs = self.useFixture(fixtures.FakeLogger())
        outcome = self.run_command(
            ['node', 'delete', first.name, 'nope', str(second.id), '--yes'])
        self.assertIn('1 of 3', str(outcome.error))
        self.assertIn('nope', logs.output)
        self.assertEqual(0, self.client.count_nodes(
            name=f'in:{first.name},{second.name}'))

    def test_reserve(self):
        node = self.node()
        for word, wanted in (('reserve', True), ('unreserve', False)):
            self.assertIsNone(self.run_command(
                f'node {word} {node.name}').error)
            self.assertIs(wanted,
                          self.client.get_node(node).is_reserved)


class FilesTestCase(base.ClientCase):

    def test_there_and_back(self):
        """What is exported can be imported, in both forms."""
        for kind in ('jsonl', 'csv'):
            title = self.name('title')
            node = self.node(
                title=title, rack_number=4, ram_mb=512, is_reserved=True,
                ip_addresses=['10.2.0.1', '10.2.0.2'],
                description='two\nlines, "quoted"')
            path = pathlib.Path(self.useFixture(
                fixtures.TempDir()).path) / f'nodes.{kind}'
            self.assertIsNone(self.run_command([
                'node', 'export', '--file-type', kind, '--title', title,
                '--file', str(path)]).error)
            self.client.delete_node(node)
            row, = self.result(['node', 'import', str(path)])
            self.assertEqual(node.name, row['Name'])
            found = self.client.get_node(node.name)
            for field in ('title', 'rack_number', 'ram_mb', 'is_reserved',
                          'ip_addresses', 'description'):
                self.assertEqual(node[field], found[field], (kind, field))

    def test_export_to_output(self):
        node = self.node(title=self.name('title'))
        outcome = self.run_command(f'node export --title {node.title}')
        self.assertEqual(node.name, json.loads(
            outcome.stdout.getvalue())['name'])

    def test_wrong_lines(self):
        path = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path) / 'nodes.jsonl'
        name = self.name()
        path.write_text(f'{{"name": "{name}"}}\n{{"nme": 1}}\n')
        outcome = self.run_command(['node', 'import', str(path)])
        self.assertIn('Line 2', str(outcome.error))
        self.assertEqual(0, self.client.count_nodes(name=name))

    def test_no_file(self):
        outcome = self.run_command('node import /nowhere/nodes.csv')
        self.assertIn('cannot be read: No such file',
                      str(outcome.error))


class PowerTestCase(base.ClientCase):

    def test_wait(self):
        node = self.powered()
        task = self.result(f'node power off {node.name} --yes --wait '
                           '--type hard')
        self.assertEqual('SUCCESS', task['status'])
        self.assertEqual('power_off',
                         self.client.get_node(node).power_state)
        row = self.result(f'node power action list {node.name}')[0]
        self.assertEqual(('power-off', 'success'),
                         (row['Action'], row['Result']))

    def test_confirmation(self):
        node = self.powered()
        outcome = self.run_command(f'node power off {node.name}',
                                   stdin='no\n')
        self.assertIn('nothing was done', str(outcome.error))
        self.assertEqual([], list(self.client.node_power_actions(node)))

    def test_several(self):
        nodes = [self.powered(), self.node()]
        outcome = self.run_command([
            'node', 'power', 'on', *(node.name for node in nodes), '--wait',
            '-f', 'json'])
        # One has no power control, which is told and shown by the code.
        self.assertEqual(1, outcome.code, outcome.text)
        found = json.loads(outcome.stdout.getvalue())
        self.assertEqual([nodes[1].id], found['failed'])
        self.assertEqual('power_on',
                         self.client.get_node(nodes[0]).power_state)

    def test_conflict(self):
        """What is in the way, and what can be done about it."""
        node = self.powered()
        task = self.client.power_off_node(node, type='soft', soft_timeout=60)
        outcome = self.run_command(f'node power on {node.name}')
        self.assertIn(f'task show --follow {task.id}', str(outcome.error))
        self.assertIn(f'task cancel {task.id}', str(outcome.error))
        self.assertIsNone(self.run_command(f'task cancel {task.id}').error)

    def test_outputs(self):
        control = self.control()
        node = self.node()
        self.result(f'node power control add {node.name} {control.id} 1')
        row, = self.result(f'node power control list {node.name}')
        self.assertEqual((control.id, '1'), (
            row['Power Control ID'], row['Power Control Port']))
        row, = self.result(['power', 'control', 'node', 'list',
                            control.title])
        self.assertEqual(node.name, row['Name'])


class SecretsTestCase(base.ClientCase):
    """Passwords come from a prompt, a file or the environment."""

    def create(self, *words):
        sent = []
        real = self.client.create_power_control

        def create(**attrs):
            sent.append(attrs)
            return real(**attrs)

        self.useFixture(fixtures.MockPatchObject(
            self.client, 'create_power_control', create))
        outcome = self.run_command([
            'power', 'control', 'create', '--type', 'FakeDevice', '--host',
            f'{self.name("bmc")}.example.org', '--port', '1', *words, '-f',
            'json'])
        self.assertIsNone(outcome.error)
        self.assertNotIn('geheim', outcome.text)
        return sent[0]

    def test_file(self):
        path = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path) / 'secret'
        path.write_text('geheim\n')
        sent = self.create('--password-file', str(path))
        self.assertEqual(('geheim', 'fake'),
                         (sent['password'], sent['protocol_type']))

    def test_prompt(self):
        self.useFixture(fixtures.MockPatch('getpass.getpass',
                                           return_value='geheim'))
        self.assertEqual('geheim',
                         self.create('--password-prompt')['password'])

    def test_environment(self):
        self.useFixture(fixtures.EnvironmentVariable('BMC', 'geheim'))
        self.assertEqual('geheim',
                         self.create('--password-env', 'BMC')['password'])

    def test_missing(self):
        control = self.control()
        for words, text in (
                (['--password-env', 'NOTHING_THERE'], 'NOTHING_THERE'),
                (['--password-file', '/nowhere/x'], 'cannot be read')):
            outcome = self.run_command(
                ['power', 'control', 'set', str(control.id), *words])
            self.assertIn(text, str(outcome.error))

    def test_unset(self):
        control = self.control(login='root', password='geheim')
        self.assertIsNone(self.run_command(
            f'power control unset {control.id} --login --password').error)
        found = self.result(f'power control show {control.id}')
        self.assertIsNone(found['login'])
        self.assertNotIn('password', found)

    def test_unknown_type(self):
        outcome = self.run_command(
            'power control create --type Nope --host h --port 1')
        self.assertIn('power control type list', str(outcome.error))


class RackTestCase(base.ClientCase):

    def test_picture(self):
        row = 1 + int(self.name()[-6:], 16) % 90
        names = [self.node(rack_number=5, row_number=row, unit_number=unit,
                           title=self.name('title')).name
                 for unit in (3, 1, None)]
        outcome = self.run_command(f'rack show 5 --row {row}')
        self.assertIsNone(outcome.error)
        lines = outcome.stdout.getvalue().splitlines()
        self.assertEqual(f'row {row}, rack 5', lines[0])
        self.assertEqual(7, len(lines))
        # From the top down, with the free unit; what has none is last.
        for line, text in zip(lines[2:], (names[0], '  2 ', names[1],
                                          names[2]), strict=False):
            self.assertIn(text, line)
            self.assertEqual(len(lines[1]), len(line))
        self.assertIn('out of service', lines[2])

    def test_none(self):
        outcome = self.run_command('rack show 77')
        self.assertIn('node set --rack', str(outcome.error))


class InventoryTestCase(base.ClientCase):

    def test_types(self):
        name = self.name('class')
        made = self.result(f'node class create {name} --type a --type b')
        self.assertEqual(name, made['name'])
        self.result(f'node type create {name} c')
        self.assertIsNone(self.run_command(
            f'node type set {name} c --name d').error)
        self.assertIsNone(self.run_command(
            f'node type delete {name} a --yes').error)
        self.assertEqual(['b', 'd'], sorted(
            row['Name'] for row in self.result(f'node type list {name}')))
        outcome = self.run_command(f'node type delete {name} nope --yes')
        self.assertIn(f'node type list {name}', str(outcome.error))

    def test_storage(self):
        name = self.name('storage')
        node = self.node()
        self.result(f'storage create {name} --compute-path /{name} '
                    f'--controller-path /{name}')
        self.assertIsNone(self.run_command(
            f'storage node add {name} {node.name}').error)
        found = self.result(f'storage show {name}')
        self.assertEqual([node.name], [each['name']
                                       for each in found['nodes']])
        self.assertIsNone(self.run_command(
            f'node storage remove {node.name} {name}').error)
        self.assertEqual([], self.result(f'storage show {name}')['nodes'])

    def test_image(self):
        path = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path) / 'boot.ipxe'
        path.write_text('#!ipxe\n')
        name, node = self.name('image'), self.node()
        self.result(['node', 'image', 'create', name, '--file', str(path)])
        self.assertIsNone(self.run_command(
            f'node image assign {node.name} {name}').error)
        found = self.result(f'node image show {name}')
        self.assertEqual('#!ipxe\n', found['file_data'])
        self.assertEqual(found['id'], self.client.get_node(node).image_id)


class WarningsTestCase(base.ClientCase):
    """What an answer lacks is told beside the result."""

    def told(self, method, path, answer, line):
        logged = self.useFixture(fixtures.FakeLogger(
            'cloudmanagerclient', logging.WARNING))
        with requests_mock.Mocker(real_http=True) as played:
            played.register_uri(method, re.compile(path), json=answer)
            return self.result(line), logged.output

    def test_targets(self):
        node, storage = self.node().name, self.node().name
        found, told = self.told(
            'POST', '/actions/discovery-nas$', {
                'targets': {'192.0.2.1:3260': ['iqn.a']},
                'warnings': ['192.0.2.2 did not answer.']},
            f'node target discover {node} {storage}')
        self.assertEqual([{'Portal': '192.0.2.1:3260', 'Target': 'iqn.a'}],
                         found)
        self.assertEqual('192.0.2.2 did not answer.\n', told)

    def test_empty_list(self):
        found, told = self.told(
            'GET', '/v1/volumes', {
                'volumes': [], 'warnings': ['The agent on cmp1 is away.']},
            'volume list')
        self.assertEqual([], found)
        self.assertEqual('The agent on cmp1 is away.\n', told)


class NotYetTestCase(base.ClientCase):

    def test_hint(self):
        """What an older service cannot do is told, and where to look."""
        node = self.node().name
        answer = {'errors': [{'status': 501, 'detail': 'It cannot do that.',
                              'code': 'cloudmanager.not_implemented'}]}
        with requests_mock.Mocker(real_http=True) as played:
            played.post(re.compile('/actions/repair-locks$'),
                        status_code=501, json=answer)
            outcome = self.run_command(f'node lock repair {node} --yes')
        self.assertIn('It cannot do that', str(outcome.error))
        self.assertIn('openstack cloudmanager info show',
                      str(outcome.error))


class NextStepTestCase(base.ClientCase):
    """What a user is told to do next."""

    def test_no_such_object(self):
        for line, noun, listed in (
                ('power control show nope', 'power control',
                 'power control list'),
                ('node class show nope', 'node class', 'node class list'),
                ('storage show nope', 'availability storage',
                 'storage list')):
            told = str(self.run_command(line).error)
            self.assertEqual(
                f'There is no {noun} nope.\nSee what there is: openstack '
                f'cloudmanager {listed}', told)

    def test_no_power_control(self):
        told = str(self.run_command(
            f'node power on {self.node().name}').error)
        self.assertIn('node power control add', told)

    def test_no_server(self):
        told = str(self.run_command('server repair web1 --yes').error)
        self.assertIn('openstack server list', told)

    def test_fields_are_options(self):
        """What an error tells callers of the API to send has an option."""
        node = self.node().name
        for detail, option in (
                ('Empty it first, or send "force": true.', '--force'),
                ('Switch it off and send "fenced": true.', '--fenced'),
                ('Shut it down, or say `force`: it is up.', '--force'),
                ('Await them, or send "wait": true.',
                 '--wait-for-operations')):
            answer = {'errors': [{'status': 409, 'detail': detail,
                                  'code': 'cloudmanager.conflict'}]}
            with requests_mock.Mocker(real_http=True) as played:
                played.post(re.compile('/actions/update-system$'),
                            status_code=409, json=answer)
                told = str(self.run_command(
                    f'node system update {node} --yes').error)
            self.assertEqual(
                f'{detail}\nAs an option of the command that is {option}.',
                told)

    def test_nobody_answers(self):
        told = str(errors.explained(ksa_exc.DiscoveryFailure('Nothing.')))
        self.assertIn('Is the service running', told)

    def test_nothing_to_change(self):
        node, control = self.node(), self.control()
        self.client.add_node_power_control(node, control, '1')
        outcome = self.run_command(
            f'node power control set {node.name} {control.id}')
        self.assertIn('at least one option', str(outcome.error))

    def test_limit_of_none(self):
        command, _ = base.command_of(['node', 'list'])
        parser = command.load()(None, None).get_parser('node list')
        with mock.patch('sys.stderr', io.StringIO()) as told:
            for text in ('0', '-1', 'x'):
                self.assertRaises(SystemExit, parser.parse_args,
                                  [f'--limit={text}'])
        self.assertIn('at least 1: 0', told.getvalue())
        self.assertEqual(7, parser.parse_args(['--limit=7']).limit)

    def test_cancel_several(self):
        """One that cannot be cancelled does not save the others."""
        node = self.powered()
        task = self.client.power_off_node(node, type='soft', soft_timeout=60)
        logs = self.useFixture(fixtures.FakeLogger())
        outcome = self.run_command(f'task cancel nope {task.id}')
        self.assertIn('1 of 2 were not cancelled', str(outcome.error))
        self.assertIn('nope', logs.output)
        self.assertIsNotNone(self.client.get_task(task.id).cancel)
