# SPDX-License-Identifier: Apache-2.0
"""Every command that a page shows is carried out.

Against a real service; what needs a cloud or an agent is played.
"""

import os
import pathlib
import re
import shlex

import requests_mock

from cloudmanagerclient.tests import base
from cloudmanagerclient.tests import plans
from cloudmanagerclient.tests import test_hosts

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = (*sorted((ROOT / 'doc' / 'source').rglob('*.rst')),
         ROOT / 'README.md', ROOT / 'python-cloudmanagerclient' / 'README.md')
SERVER = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'
TASK = plans.task('SUCCESS')['id']
# What a reader has to put there himself.
STANDS_FOR = {'$TASK': TASK, '<task>': TASK, '$SERVER': SERVER,
              '$VOLUME': SERVER, '$DOMAIN': 'd' * 32, '$(hostname)': 'cmp1'}
COMMAND = re.compile(r'^ *\$ (openstack (?:.*\\\n)*.*)$', re.MULTILINE)
#: Options of openstack itself may stand before ours.
OURS = re.compile(r'openstack\s+(?:--[\w-]+\s+\S+\s+)*cloudmanager\s')
#: Work of conductors and agents that there are none of.
PLAYED = re.compile(
    r'/v1/((hosts|servers|aggregates|audits|volumes|volume-backends|domains'
    r'|system_metadata)\b.*'
    r'|nodes/actions/(attach|detach|power-off|reset)'
    r'|nodes/[^/]+/(actions/(repair-locks|attach-targets|discovery-nas'
    r'|reserve)'
    r'|health)'
    rf'|tasks/{TASK}.*|tasks/[^/]+/actions/undo)$')
VOLUME = {
    'volume_id': SERVER, 'volume_backend_name': 'lvm', 'host': 'cmp1',
    'thin_enabled': False, 'logical_volume': {
        'lv_name': 'volume-1', 'mirror_count': '1', 'lv_status': None}}
AUDIT = {'id': 99, 'aggregate_id': 7, 'status': 'DONE', 'conclusion': None,
         'before': None, 'after': None, 'reached': None, 'moves': []}
# What is answered, by the end of the path.
ANSWERS = {
    '/backtest': {'backtest': {'rounds': 24}},
    '/get-audit-status': {'audit': AUDIT},
    '/totp-allowed': {'totp_allowed': True},
    '/get-store': {'store': 'file'},
    '/discovery-nas': {'targets': {'10.40.38.2': ['volume-1']}},
    '/policy': {'policy': {'mode': 'automatic'}},
    '/health': {'health': {'power_supplies': []}},
    '/volumes': {'volumes': [VOLUME]},
    f'/volumes/{SERVER}': {'volume': {
        **VOLUME, 'lock_hosts': ['cmp1'], 'lock_exclusive': True}},
    '/volume-backends': [{
        'volume_backend_name': 'lvm', 'host': 'cmp1', 'vg_name': 'vol',
        'protocol': 'iSCSI', 'free_size': '9.00g', 'total_size': '10.00g',
        'physical_volumes': [{'pv_name': '/dev/a'}],
        'logical_volumes': []}]}
COMMANDS = 100


def planned(path):
    """Return the plan of the action of a path."""
    if path.endswith('/undo'):
        return plans.UNDO
    if '/volumes/' in path:
        return plans.MIRROR
    return plans.RESTART if 'restart' in path else plans.EMPTY


def commands(text):
    """Return the commands of a page: what follows openstack cloudmanager."""
    for found in COMMAND.findall(text):
        line = found.replace('\\\n', ' ')
        for word, value in STANDS_FOR.items():
            line = line.replace(word, value)
        ours = OURS.match(line)
        if ours:
            yield shlex.split(line[ours.end():], comments=True)


class DocumentsCase(test_hosts.HostCase):

    def setUp(self):
        super().setUp()
        self.played.register_uri(
            requests_mock.ANY, PLAYED, json=self.answer, headers={
                'Location': f'{self.service.url}/v1/tasks/{TASK}'})
        directory = self.useFixture(base.fixtures.TempDir()).path
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(directory)
        pathlib.Path('nodes.csv').write_text(f'name\n{self.name()}\n')
        pathlib.Path('bookworm.cfg').write_text('DEFAULT linux\n')
        pathlib.Path('secret').write_text('a secret\n')
        self.useFixture(base.fixtures.EnvironmentVariable('BMC_PASSWORD',
                                                          'a secret'))
        self.useFixture(base.fixtures.MockPatch('getpass.getpass',
                                                return_value='a secret'))

    @staticmethod
    def answer(request, context):
        """Answer as the service does where there is a cloud."""
        body = (request.json() if request.body else None) or {}
        path = request.path
        if '/v1/tasks/' in path and request.method == 'GET':
            return plans.task('SUCCESS')
        if '/audits' in path or path.endswith('/execute-audit'):
            return ({'audits': [AUDIT]} if path.rstrip('/').endswith('audits')
                    else {'audit': AUDIT})
        for ending, found in ANSWERS.items():
            if path.rstrip('/').endswith(ending):
                return found
        if 'system_metadata' in path:
            return {'metadata': {'image_min_ram': '1'}}
        if body.get('dry_run'):
            return {'plan': planned(path)}
        context.status_code = 202
        return {'task_id': TASK}

    def scene(self):
        """Make what the pages speak of, as far as it is not there."""
        for number in (1, 2, 3):
            for name in (f'cmp{number}', f'mnode{number}'):
                if not self.client.count_nodes(name=name):
                    node = self.client.create_node(name=name, rack_number=7,
                                                   row_number=2)
                    self.client.add_node_power_control(
                        node, self.control(), '1')


class PagesTestCase(DocumentsCase):

    def test_commands(self):
        self.scene()
        wrong, count = [], 0
        for page in PAGES:
            for words in commands(page.read_text()):
                count += 1
                outcome = self.carried_out(words)
                if outcome is not None:
                    wrong.append((page.name, ' '.join(words), outcome))
            self.take_device_away()
        self.assertEqual([], wrong)
        self.assertGreater(count, COMMANDS)

    def take_device_away(self):
        """Let cmp1 be switched again, though a page gave it a real BMC."""
        for control in self.client.node_power_controls('cmp1'):
            if control.power_control_title == 'bmc-cmp1':
                self.client.remove_node_power_control(
                    'cmp1', control.power_control_id)

    def carried_out(self, words):
        """Return what went wrong with a command, or nothing."""
        for shown in ('power control set 7', 'power control output off pdu1'):
            known = shown.split()
            if words[:len(known)] == known:
                words = [*known[:-1], str(self.control().id),
                         *words[len(known):]]
        try:
            outcome = self.run_command(words, stdin=self.answer_of(words))
        except (AssertionError, SystemExit) as exc:
            return f'no such command or option: {exc}'
        # A plan that does not work out says so by the exit code.
        if outcome.error is not None or (outcome.code
                                         and '--dry-run' not in words):
            return outcome.text
        return None

    @staticmethod
    def answer_of(words):
        """Return what the user types to confirm a command."""
        entry, rest = base.command_of(words)
        command = entry.load()(None, None)
        if not command.question:
            return ''
        asked = getattr(command.get_parser('').parse_args(rest),
                        command.asked)
        return (asked if isinstance(asked, str) else ' '.join(asked)) + '\n'

    def test_paths(self):
        """What the README names in the repository is there."""
        found = set(re.findall(
            r'\b((?:doc|tools|api-ref|python-cloudmanagerclient|'
            r'cloudmanager-tempest-plugin)/[\w./-]+\w)',
            (ROOT / 'README.md').read_text()))
        self.assertGreater(len(found), 5)
        self.assertEqual([], [path for path in sorted(found)
                              if not (ROOT / path).exists()])
