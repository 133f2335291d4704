# SPDX-License-Identifier: Apache-2.0
"""What a container of Kolla would be, without a container engine."""

import json
import os
import pathlib
import re
import subprocess
import sys

from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes


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
        #: Files that the container would not start without.
        self.missing: list[str] = []
        for entry in config['config_files']:
            given = source / pathlib.Path(entry['source']).name
            target = pathlib.Path(self._moved(entry['dest']))
            target.parent.mkdir(exist_ok=True, parents=True)
            if given.exists():
                self._copy(given, target, int(entry['perm'], 8))
            elif entry.get('optional') is not True:
                self.missing.append(given.name)
        self.key_file = root / 'etc/cloudmanager/agent.key'
        self.key_file.touch(mode=0o600)
        self._config = root / 'etc/cloudmanager/cloudmanager.conf'
        # Defaults that are paths of the container too.
        own = root / 'own.conf'
        own.write_text(f'[agent]\nuser =\nkey_file = {self.key_file}\n'
                       f'jobs_path = {root}/jobs\n')
        self._files = (self._config, own)

    def _copy(self, given: pathlib.Path, target: pathlib.Path,
              mode: int) -> None:
        if given.is_dir():
            target.mkdir()
            for path in given.iterdir():
                self._copy(path, target / path.name, mode)
            return
        target.write_text(self._moved(given.read_text()))
        target.chmod(mode)

    def _moved(self, text: str) -> str:
        # There is one user, and the tests' MariaDB has no certificate.
        text = re.sub(r'^uid = .*$|\?ssl_ca=\S+', '', text, flags=re.M)
        return re.sub('(?<![A-Za-z0-9])/(etc/cloudmanager|var/log/kolla|'
                      'var/lib/cloudmanager|var/lib/kolla)',
                      rf'{self._root}/\1', text)

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
