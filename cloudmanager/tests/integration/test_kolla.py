# SPDX-License-Identifier: Apache-2.0
"""Images and role for Kolla, by Kolla's own programs, without containers.

What the role renders is what the containers would get; the programs start
with it on the mini cloud.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import uuid

from cryptography import fernet
import testtools

from cloudmanager.agent.privileged import programs
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import kolla_tools
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

KOLLA = cloud.ROOT / 'kolla'
ROLE = KOLLA / 'ansible/roles/cloudmanager'
IMAGES = ('base', 'api', 'conductor', 'agent')
INVENTORY = '''\
[control]
localhost ansible_connection=local ansible_python_interpreter={python}
[compute:children]
control
[loadbalancer:children]
control
[memcached:children]
control
[rabbitmq:children]
control
[mariadb:children]
control
[mariadb_shard_0:children]
control
[cron:children]
control
'''
PLAYBOOK = '''\
- hosts: localhost
  tasks:
'''
IMPORT = '''\
    - ansible.builtin.import_role:
        name: cloudmanager
        tasks_from: {name}
'''
OTHERS = '''\
- hosts: localhost
  roles:
    - cron
  tasks:
    - ansible.builtin.debug:
        var: prometheus_blackbox_exporter_endpoints_custom
'''


class Ansible:
    """kolla-ansible's playbooks on this machine, files in one directory.

    :param work: the directory
    :param variables: what globals.yml and passwords.yml say
    """

    def __init__(self, work: pathlib.Path, tools: pathlib.Path,
                 variables: dict[str, object]) -> None:
        self.work = work
        self.out = work / 'out'
        self._bin = tools / 'bin'
        self.given = tools / 'share/kolla-ansible/ansible'
        self._variables = work / 'variables.json'
        self._variables.write_text(json.dumps(variables))
        (work / 'inventory').write_text(
            INVENTORY.format(python=self._bin / 'python')
            + (KOLLA / 'ansible/inventory').read_text())
        groups = work / 'group_vars/all'
        groups.mkdir(parents=True)
        for path in (*(self.given / 'group_vars/all').iterdir(),
                     *(KOLLA / 'ansible/group_vars/all').iterdir()):
            (groups / path.name).symlink_to(path)

        # kolla-ansible's role for HAProxy names a module of a collection that
        # is in no package by itself. Nothing here runs it.
        modules = work / 'ansible_collections/ansible/posix/plugins/modules'
        modules.mkdir(parents=True)
        (modules / 'firewalld.py').write_text('raise NotImplementedError\n')

    def run(self, program: str, *arguments: str) -> str:
        environment = {
            'PATH': f'{self._bin}:{os.environ["PATH"]}',
            'HOME': str(self.work), 'LANG': 'C.UTF-8',
            'ANSIBLE_HOME': str(self.work / 'ansible'),
            'ANSIBLE_ROLES_PATH': f'{KOLLA}/ansible/roles:'
                                  f'{self.given}/roles',
            'ANSIBLE_COLLECTIONS_PATH': str(self.work),
            'ANSIBLE_LIBRARY': str(self.given / 'library'),
            'ANSIBLE_ACTION_PLUGINS': str(self.given / 'action_plugins'),
            'ANSIBLE_FILTER_PLUGINS': str(self.given / 'filter_plugins'),
            'ANSIBLE_MODULE_UTILS': str(self.given / 'module_utils'),
            'ANSIBLE_DISPLAY_SKIPPED_HOSTS': '0',
            'ANSIBLE_DEPRECATION_WARNINGS': '0'}
        done = subprocess.run(
            [str(self._bin / program), *arguments], text=True,
            cwd=self.work, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        if done.returncode:
            raise AssertionError(f'{program}: {done.stdout[-6000:]}')
        return done.stdout

    def play(self, playbook: pathlib.Path, *arguments: str) -> str:
        return self.run(
            'ansible-playbook', '-i', str(self.work / 'inventory'), '-e',
            f'@{self._variables}', *arguments, str(playbook))


class Container:
    """What a container would be: files where its config.json says, a command.

    Absolute paths of the container are below a directory, in the content of
    the files as well, and the user of the test is the only one.

    :param source: directory of configuration that the role has rendered
    :param root: that directory
    """

    def __init__(self, source: pathlib.Path, root: pathlib.Path) -> None:
        self.name = source.name
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        text = (source / 'config.json').read_text()
        config = json.loads(text)
        self._command = self._moved(config['command']).split()
        for path in ('etc/cloudmanager', 'var/log/kolla/cloudmanager',
                     'var/lib/cloudmanager'):
            (root / path).mkdir(parents=True)
        for entry in config['config_files']:
            given = source / pathlib.Path(entry['source']).name
            target = pathlib.Path(self._moved(entry['dest']))
            target.parent.mkdir(exist_ok=True)
            if given.exists():
                target.write_text(self._moved(given.read_text()))
                target.chmod(int(entry['perm'], 8))
        self.key_file = root / 'etc/cloudmanager/agent.key'
        self.key_file.touch(mode=0o600)
        self._config = root / 'etc/cloudmanager/cloudmanager.conf'
        # Defaults that are paths of the container too.
        own = root / 'own.conf'
        own.write_text(f'[agent]\nuser =\nkey_file = {self.key_file}\n'
                       f'jobs_path = {root}/jobs\n')
        self._files = (self._config, own)

    def _moved(self, text: str) -> str:
        return re.sub('^uid = .*$', '', re.sub(
            '(?<![A-Za-z0-9])/(etc/cloudmanager|var/log/kolla|'
            'var/lib/cloudmanager)', rf'{self._root}/\1', text), flags=re.M)

    def option(self, name: str) -> str:
        found = re.search(f'^{name} = (.+)$', self._config.read_text(),
                          re.M)
        assert found is not None
        return found[1]

    def _environment(self) -> dict[str, str]:
        return {'PATH': f'{processes.PROGRAMS}:{os.environ["PATH"]}:'
                        f'{place.BASE}/venv/bin',
                'OS_CLOUDMANAGER_CONFIG_FILES': ':'.join(
                    str(file) for file in self._files)}

    def manage(self, *command: str) -> str:
        done = subprocess.run(
            ['cloudmanager-manage', '--config-file', str(self._config),
             *command], env=self._environment(), capture_output=True,
            text=True, timeout=120, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr + self.log())
        return done.stdout

    def start(self) -> None:
        argv = self._command
        if argv[0] == 'uwsgi':
            argv = [*argv, '--venv', sys.prefix]
        else:
            argv = [*argv, '--config-file', str(self._files[1])]
        with (self._root / 'output').open('wb') as output:
            self._process = subprocess.Popen(
                argv, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def log(self) -> str:
        files = [self._root / 'output', *self._root.rglob('*.log')]
        return '\n'.join(
            line for file in files if file.exists()
            for line in file.read_text().splitlines()[-40:])


class KollaTestCase(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tools = kolla_tools.environment()

    def setUp(self):
        super().setUp()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix='cm-kolla-'))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def ansible(self, **variables):
        return Ansible(self.work, self.tools, {
            'enable_cloudmanager': True,
            'node_config_directory': str(self.work / 'out'),
            'node_config': str(self.work / 'out'),
            'node_custom_config': str(KOLLA / 'config'),
            'config_owner_user': 'root', 'config_owner_group': 'root',
            'ansible_become': False,
            'network_interface': 'lo', 'api_interface': 'lo',
            'api_interface_address': place.address(),
            'kolla_internal_vip_address': place.address(),
            'kolla_same_external_internal_vip': True,
            'database_password': '', 'rabbitmq_password': 'guest',
            'memcache_secret_key': 'word', 'keystone_admin_password': 'x',
            'cloudmanager_database_password': '',
            'cloudmanager_keystone_password': 'secret',
            'cloudmanager_encryption_keys': [
                fernet.Fernet.generate_key().decode() for _ in range(2)],
            **variables})

    def test_images(self):
        """kolla-build renders the images; the agent's programs are known."""
        config = self.work / 'kolla-build.conf'
        config.write_text((KOLLA / 'kolla-build.conf').read_text().replace(
            '/path/to/cloudmanager', str(cloud.ROOT)))
        for distribution, not_there in (('debian', {'dnf'}),
                                        ('rocky', {'apt-get', 'dpkg'})):
            work = self.work / distribution
            subprocess.run(
                [str(self.tools / 'bin/kolla-build'), '--config-file',
                 str(config), '--docker-dir', str(KOLLA / 'docker'),
                 '--base', distribution, '--template-only', '--work-dir',
                 str(work), '--engine', 'docker', '^cloudmanager'],
                check=True, capture_output=True, timeout=300,
                stdin=subprocess.DEVNULL)
            made = work / 'docker/cloudmanager'
            texts = {image: (made / f'cloudmanager-{image}/Dockerfile'
                             ).read_text() for image in IMAGES}
            for image, text in texts.items():
                parent = 'openstack' if image == 'base' else 'cloudmanager'
                self.assertIn(f'/{parent}-base:', text.splitlines()[0])
                self.assertNotRegex(text, '{[{%#]')
            self.assertIn('42490', texts['base'])
            linked = re.search('for program in (.+?);', texts['agent'])
            # virsh is in the image, and a job that outlives the container
            # cannot be started from it.
            not_linked = {'virsh', 'systemd-run', *not_there}
            self.assertEqual(programs.PROGRAMS - not_linked,
                             set(linked[1].split()))

    def test_role(self):
        """ansible-lint and the syntax of the tasks of each action."""
        ansible = self.ansible()
        playbook = self.work / 'all.yml'
        names = sorted(path.stem for path in (ROLE / 'tasks').glob('*.yml'))
        playbook.write_text(PLAYBOOK + ''.join(
            IMPORT.format(name=name) for name in names if name != 'main'))
        ansible.play(playbook, '--syntax-check')
        for action in ('bootstrap', 'check', 'config', 'deploy', 'precheck',
                       'pull', 'reconfigure', 'stop', 'upgrade'):
            self.assertIn(action, names)
        ansible.run('ansible-lint', '--offline', '-q', str(ROLE),
                    str(KOLLA / 'ansible/cloudmanager.yml'))

    def test_config(self):
        """The service starts with what the role renders."""
        cloud.start()
        name = f'cm_kolla_{uuid.uuid4().hex[:8]}'
        bus = servers.MessageBus(name)
        self.addCleanup(bus.stop)
        processes.mysql(f'CREATE DATABASE {name}')
        self.addCleanup(processes.mysql, f'DROP DATABASE {name}')
        port = processes.free_port()
        ansible = self.ansible(
            cloudmanager_api_port=str(port), database_address='127.0.0.1',
            database_user='root', cloudmanager_database_user='root',
            cloudmanager_database_name=name, rpc_transport_url=bus.url,
            keystone_internal_url=f'http://{place.address()}:5000',
            keystone_public_url=f'http://{place.address()}:5000',
            cloudmanager_api_workers=1)
        playbook = KOLLA / 'ansible/cloudmanager.yml'
        # Those of other roles, which come first.
        for directory in ('haproxy/services.d', 'proxysql/users',
                          'proxysql/rules', 'cron'):
            (ansible.out / directory).mkdir(parents=True)
        ansible.play(playbook, '-e', 'kolla_action=config', '--check')
        self.assertEqual([], list(ansible.out.rglob('cloudmanager*')))
        ansible.play(playbook, '-e', 'kolla_action=config')
        self.check_files(ansible, port)
        self.check_service(ansible.out, port)

    def check_files(self, ansible, port):
        haproxy = (ansible.out / 'haproxy/services.d/cloudmanager-api.cfg'
                   ).read_text()
        self.assertIn('option httpchk GET /healthcheck', haproxy)
        self.assertIn(f':{port} check', haproxy)
        agent = (ansible.out / 'cloudmanager-agent/cloudmanager.conf'
                 ).read_text()
        for secret in ('password', 'mysql', 'keystone'):
            self.assertNotIn(secret, agent)
        for name in ('api', 'agent'):
            self.validate(
                ansible.out / f'cloudmanager-{name}/cloudmanager.conf')
        others = self.work / 'others.yml'
        others.write_text(OTHERS)
        said = ansible.play(others, '-e', 'kolla_action=config')
        self.assertIn(f'cloudmanager:http_2xx:http://{place.address()}:'
                      f'{port}/healthcheck', said)
        self.assertIn('"/var/log/kolla/cloudmanager/*.log"',
                      (ansible.out / 'cron/logrotate.conf').read_text())

    def validate(self, config):
        """Check that there are no other options than those that we read."""
        done = subprocess.run(
            [sys.executable, '-m', 'oslo_config.validator', '--config-file',
             str(cloud.ROOT / 'etc/cloudmanager/config-generator.conf'),
             '--input-file', str(config)], capture_output=True, text=True,
            timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def check_service(self, out, port):
        api, conductor, agent = (
            Container(out / f'cloudmanager-{name}', self.work / name)
            for name in ('api', 'conductor', 'agent'))
        api.manage('db', 'upgrade')
        for container in (api, conductor):
            self.addCleanup(container.stop)
            container.start()
        agent.key_file.write_text(conductor.manage(
            'agent', 'enrol', agent.option('host')))
        self.addCleanup(agent.stop)
        agent.start()
        self.addOnException(lambda exc_info: [self.addDetail(
            f'log of {container.name}',
            testtools.content.text_content(container.log()))
            for container in (api, conductor, agent)])
        client = processes.Client(port)
        cloud.wait(client.answers, 60, 'the API answers')
        client.enrol_fake('bmc')
        node = f'/v1/nodes/{client.node(agent.option("host"))}'
        cloud.wait(lambda: client.call('GET', node)['node']['agent'][
            'is_reachable'], 60, 'the agent')
        cloud.wait(lambda: client.call('GET', '/v1/nodes/?name=cmp1')[
            'nodes'], 60, 'what Nova has')
