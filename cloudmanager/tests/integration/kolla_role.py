# SPDX-License-Identifier: Apache-2.0
"""The role for kolla-ansible, run by ansible-playbook on this machine.

All hosts of the inventory are this machine. The container engine is one that
only writes down what it is asked (``kolla/module.py``).
"""

from collections.abc import Iterable
import json
import os
import pathlib
import shutil
import subprocess
from typing import Any

from cloudmanager.tests.integration import cloud

HERE = pathlib.Path(__file__).parent / 'kolla'
KOLLA = cloud.ROOT / 'kolla'
ROLE = KOLLA / 'ansible/roles/cloudmanager'
PLAYBOOK = KOLLA / 'ansible/cloudmanager.yml'
CONTROLLERS, COMPUTE = ('ctl1', 'ctl2'), ('cmp1',)
MODULES = ('kolla_container', 'kolla_container_facts', 'kolla_toolbox')
INVENTORY = '''\
[all:vars]
ansible_connection=local
ansible_python_interpreter={python}
[control]
{controllers}
[compute]
{compute}
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
[tls-backend:children]
control
[cron:children]
control
[fluentd:children]
control
'''


class Ansible:
    """kolla-ansible's playbooks on this machine, files in one directory.

    :param work: the directory
    :param tools: the environment with kolla-ansible
    :param variables: what globals.yml and passwords.yml say
    """

    def __init__(self, work: pathlib.Path, tools: pathlib.Path,
                 variables: dict[str, object]) -> None:
        self.work = work
        self.out = work / 'out'
        self.custom = work / 'custom'
        self._log = work / 'engine.log'
        self._bin = tools / 'bin'
        self.given = tools / 'share/kolla-ansible/ansible'
        self._variables = work / 'variables.json'
        self._variables.write_text(json.dumps({
            'node_config_directory':
            f'{self.out}/{{{{ inventory_hostname }}}}',
            'node_custom_config': str(self.custom),
            'ansible_remote_tmp':
            f'{work}/hosts/{{{{ inventory_hostname }}}}/tmp',
            **variables}))
        shutil.copytree(KOLLA / 'config', self.custom)
        (work / 'inventory').write_text(INVENTORY.format(
            python=self._bin / 'python',
            controllers='\n'.join(CONTROLLERS), compute='\n'.join(COMPUTE))
            + (KOLLA / 'ansible/inventory').read_text())
        groups = work / 'group_vars/all'
        groups.mkdir(parents=True)
        for path in (*(self.given / 'group_vars/all').iterdir(),
                     *(KOLLA / 'ansible/group_vars/all').iterdir()):
            (groups / path.name).symlink_to(path)
        library = work / 'library'
        library.mkdir()
        text = (HERE / 'module.py').read_text()
        for name in MODULES:
            (library / f'{name}.py').write_text(text.replace(
                '@NAME@', name).replace('@LOG@', str(self._log)))
        programs = work / 'bin'
        programs.mkdir()
        for name in ('docker', 'podman'):
            shutil.copy(HERE / 'engine.sh', programs / name)
        # Directories of other roles, which come first.
        for host in CONTROLLERS:
            for path in ('haproxy/services.d', 'proxysql/users',
                         'proxysql/rules', 'cron', 'fluentd'):
                (self.out / host / path).mkdir(parents=True)
        for host in COMPUTE:
            (self.out / host).mkdir()

        # kolla-ansible's role for HAProxy names a module of a collection that
        # is in no package by itself. Nothing here runs it.
        modules = work / 'ansible_collections/ansible/posix/plugins/modules'
        modules.mkdir(parents=True)
        (modules / 'firewalld.py').write_text('raise NotImplementedError\n')

    def execute(self, program: str, *arguments: str
                ) -> subprocess.CompletedProcess[str]:
        """Run one of Ansible's programs, and return how it ended."""
        environment = {
            'PATH': f'{self.work}/bin:{self._bin}:{os.environ["PATH"]}',
            'HOME': str(self.work), 'LANG': 'C.UTF-8',
            'ENGINE_LOG': str(self._log),
            'ANSIBLE_HOME': str(self.work / 'ansible'),
            'ANSIBLE_ROLES_PATH': f'{KOLLA}/ansible/roles:'
                                  f'{self.given}/roles',
            'ANSIBLE_COLLECTIONS_PATH': str(self.work),
            'ANSIBLE_LIBRARY': f'{self.work}/library:{self.given}/library',
            'ANSIBLE_ACTION_PLUGINS': str(self.given / 'action_plugins'),
            'ANSIBLE_FILTER_PLUGINS': str(self.given / 'filter_plugins'),
            'ANSIBLE_MODULE_UTILS': str(self.given / 'module_utils'),
            # Facts are looked for once.
            'ANSIBLE_CACHE_PLUGIN': 'jsonfile',
            'ANSIBLE_CACHE_PLUGIN_CONNECTION': str(self.work / 'facts'),
            'ANSIBLE_GATHERING': 'smart',
            'ANSIBLE_PIPELINING': '1',
            'ANSIBLE_DISPLAY_SKIPPED_HOSTS': '0',
            'ANSIBLE_DEPRECATION_WARNINGS': '0'}
        return subprocess.run(
            [str(self._bin / program), *arguments], text=True,
            cwd=self.work, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)

    def run(self, program: str, *arguments: str) -> str:
        done = self.execute(program, *arguments)
        if done.returncode:
            raise AssertionError(f'{program}: {done.stdout[-6000:]}')
        return done.stdout

    def _play(self, playbook: pathlib.Path, *arguments: str) -> list[str]:
        return ['-i', str(self.work / 'inventory'), '-e',
                f'@{self._variables}', *arguments, str(playbook)]

    def play(self, playbook: pathlib.Path, *arguments: str) -> str:
        return self.run('ansible-playbook',
                        *self._play(playbook, *arguments))

    def action(self, name: str, *arguments: str) -> str:
        """Run an action of the role, as kolla-ansible does."""
        return self.play(PLAYBOOK, '-e', f'kolla_action={name}', *arguments)

    def refusal(self, action: str, *arguments: str) -> str:
        """Return why an action fails."""
        done = self.execute('ansible-playbook', *self._play(
            PLAYBOOK, '-e', f'kolla_action={action}', *arguments))
        if not done.returncode:
            raise AssertionError(f'{action} did not fail')
        return done.stdout

    def calls(self) -> list[dict[str, Any]]:
        """Return what the container engine was asked since the last time."""
        if not self._log.exists():
            return []
        seen = getattr(self, '_seen', 0)
        lines = self._log.read_text().splitlines()
        self._seen = len(lines)
        return [json.loads(line) for line in lines[seen:]]


def containers(calls: Iterable[dict[str, Any]], *actions: str
               ) -> list[tuple[str, str, str]]:
    """Return what was done with our containers: action, host and name."""
    return [(call['arguments']['action'], call['host'],
             call['arguments']['name']) for call in calls
            if call['module'] == 'kolla_container'
            and call['arguments']['action'] in actions]
