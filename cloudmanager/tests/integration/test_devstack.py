# SPDX-License-Identifier: Apache-2.0
"""The DevStack plugin, phase by phase, on the mini cloud.

DevStack itself is in no package, so the plugin meets functions that stand for
DevStack's own (``devstack/functions.sh``). CLOUDMANAGER_TEST_DEVSTACK names a
checkout of DevStack to take the real ones from.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

import testtools

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

HERE = pathlib.Path(__file__).parent / 'devstack'
DEVSTACK = os.environ.get('CLOUDMANAGER_TEST_DEVSTACK', '')
CONTROLLER = ('key,mysql,rabbit,n-api,n-cpu,c-api,tempest,'
              'cloudmanager-ipmisim')
APACHE = '''\
ServerRoot {work}
ServerName localhost
PidFile run/apache.pid
Listen {address}:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_uwsgi_module {modules}/mod_proxy_uwsgi.so
User {user}
Group nogroup
ErrorLog log/apache.log
IncludeOptional apache/enabled/*.conf
'''
CLOUD = '''\
  {name}:
    auth: {{auth_url: 'http://{address}:5000', username: admin,
           password: secret, user_domain_name: Default, {scope}}}
    region_name: RegionOne
'''


class Plugin:
    """The plugin on one machine, whose files are in one directory.

    :param work: the directory
    :param services: those that stack.sh would have enabled
    :param variables: what local.conf says
    """

    def __init__(self, work: pathlib.Path, name: str, services: str,
                 **variables: str) -> None:
        self.work = work
        self._environment = {
            # What the tests need is beside their Python: uwsgi loads the
            # service with that one.
            'PATH': f'{processes.PROGRAMS}:{os.environ["PATH"]}:'
                    f'{place.BASE}/venv/bin',
            'HOME': str(work),
            'LANG': 'C.UTF-8',
            'WORK': str(work), 'REPOSITORY': str(cloud.ROOT),
            'PROGRAMS': str(processes.PROGRAMS),
            'VIRTUAL_ENV': sys.prefix,
            'DEVSTACK_DIR': DEVSTACK,
            'MINICLOUD_NUMBER': str(place.number()),
            'OWN_NAME': name,
            'OS_CLIENT_CONFIG_FILE': str(work / 'clouds.yaml'),
            'ENABLED_SERVICES': services,
            'SERVICE_HOST': place.address(), 'REGION_NAME': 'RegionOne',
            'KEYSTONE_URI': f'http://{place.address()}:5000',
            'ADMIN_PASSWORD': 'secret', 'SERVICE_PASSWORD': 'devstack-word',
            'DATABASE_USER': 'root', 'DATABASE_PASSWORD': '',
            'RABBIT_HOST': '127.0.0.1', 'RABBIT_USERID': 'guest',
            'RABBIT_PASSWORD': 'guest',
            'CLOUDMANAGER_CONF_DIR': str(work / 'etc/cloudmanager'),
            'CLOUDMANAGER_AGENT_JOBS': str(work / 'jobs'),
            'CLOUDMANAGER_NOVA_DROP_IN': str(work / 'nova/90.conf'),
            'CLOUDMANAGER_RSYSLOG_DROP_IN': str(work / 'rsyslog/90.conf'),
            **variables}

    @property
    def etc(self) -> pathlib.Path:
        return self.work / 'etc/cloudmanager'

    def run(self, *argv: str, **environment: str) -> None:
        done = subprocess.run(
            argv, env={**self._environment, **environment}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=900)
        if done.returncode:
            raise AssertionError(f'{" ".join(argv)}:\n{done.stdout[-6000:]}')

    def phase(self, mode: str, phase: str = '') -> None:
        self.run('bash', str(HERE / 'phase.sh'), mode, phase)

    def upgrade(self, script: str, *arguments: str) -> None:
        """Run one of the scripts for Grenade."""
        self.run(str(cloud.ROOT / 'devstack/upgrade' / script), *arguments,
                 GRENADE_DIR=str(HERE / 'grenade'),
                 TOP_DIR=str(self.work / 'devstack'),
                 OS_CLOUD='devstack-admin')

    def pids(self) -> dict[str, int]:
        return {path.stem: int(path.read_text())
                for path in (self.work / 'run').glob('cloudmanager-*.pid')}

    def calls(self) -> str:
        return (self.work / 'log/calls').read_text()

    def kill(self) -> None:
        """End what a failed test has left."""
        for pid in self.pids().values():
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        subprocess.run(
            [str(cloud.ROOT / 'tools/ipmisim'), 'stop', '--dir',
             str(self.work / 'data/cloudmanager/ipmisim')],
            stdin=subprocess.DEVNULL, capture_output=True)


class DevstackTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(place.release)
        cloud.start()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix='cm-devstack-'))
        # Apache has a user of its own.
        self.work.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.addOnException(self.attach_logs)
        self.name = f'cm_devstack_{uuid.uuid4().hex[:8]}'
        bus = servers.MessageBus(self.name)
        self.addCleanup(bus.stop)
        self.addCleanup(processes.mysql,
                        f'DROP DATABASE IF EXISTS {self.name}')
        self.port = processes.free_port()
        self.identity = cloud.session()
        self.set_aside_records()
        (self.work / 'clouds.yaml').write_text('clouds:\n' + ''.join(
            CLOUD.format(name=name, address=place.address(), scope=scope)
            for name, scope in (
                ('devstack-admin', 'project_name: admin, '
                                   'project_domain_name: Default'),
                ('devstack-system-admin', 'system_scope: all'))))
        self.start_apache()

    def attach_logs(self, exc_info):
        for log in self.work.rglob('log/*'):
            lines = log.read_text(errors='replace').splitlines()[-60:]
            self.addDetail(
                f'log of {log.stem}',
                testtools.content.text_content('\n'.join(lines)))

    # What is on the machine beside the plugin

    def keystone(self, method, path, body=None):
        answer = self.identity.request(
            f'{place.auth_url()}/{path}', method, json=body)
        return answer.json() if answer.content else None

    def set_aside_records(self):
        """Take the service out of the cloud's catalog for the test."""
        self.remove_records()
        self.addCleanup(self.restore_records)

    def remove_records(self):
        for kind, name in (('services', 'cloudmanager'),
                           ('users', self.name)):
            for found in self.keystone('GET', f'{kind}?name={name}')[kind]:
                self.keystone('DELETE', f'{kind}/{found["id"]}')

    def restore_records(self):
        self.remove_records()
        made = self.keystone('POST', 'services', {'service': {
            'name': 'cloudmanager', 'type': 'cloudmanager'}})
        for interface in ('public', 'internal'):
            self.keystone('POST', 'endpoints', {'endpoint': {
                'service_id': made['service']['id'], 'interface': interface,
                'region_id': 'RegionOne',
                'url': f'http://{place.address()}:9362'}})

    def start_apache(self):
        (self.work / 'run').mkdir()
        (self.work / 'log').mkdir()
        config = self.work / 'apache.conf'
        config.write_text(APACHE.format(
            work=self.work, address=place.address(), port=self.port,
            user='nobody', modules='/usr/lib/apache2/modules'))
        process = subprocess.Popen(
            ['/usr/sbin/apache2', '-DFOREGROUND', '-f', str(config)],
            stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)
        cloud.wait((self.work / 'run/apache.pid').exists, 30,
                   'Apache has started')

    # What the plugin leaves

    def plugin(self, services, directory='', **variables):
        work = self.work / directory
        made = Plugin(work, self.name, services, **variables,
                      CLOUDMANAGER_IPMISIM_PORT=str(self.port),
                      CLOUDMANAGER_SERVICE_USER=self.name,
                      CLOUDMANAGER_SERVICE_HOST=f'{place.address()}:'
                                                f'{self.port}')
        self.addCleanup(made.kill)
        return made

    def node(self, name):
        """Return a node, by the endpoint in the catalog; none if not there."""
        # The catalog comes with a token, so a new one is needed.
        answer = cloud.session().get(
            f'/v1/nodes/{name}', raise_exc=False,
            endpoint_filter={'service_type': 'cloudmanager'})
        return answer.json().get('node')

    def wait_for_node(self, name, condition, what):
        cloud.wait(lambda: condition(self.node(name) or {}), 60,
                   f'{name}: {what}', 0.5)

    def packages(self, directory, **variables):
        """Return what a compute host gets before anything is installed."""
        plugin = self.plugin('n-cpu', directory, **variables)
        plugin.phase('stack', 'pre-install')
        return set(re.findall('install_package (.+)', plugin.calls()))

    def test_packages(self):
        """The programs of the agent come with the host."""
        common = {'dmidecode', 'pciutils', 'lvm2'}
        debian = common | {'open-iscsi', 'multipath-tools'}
        red_hat = common | {'iscsi-initiator-utils',
                            'device-mapper-multipath'}
        locks = {'sanlock', 'lvm2-lockd'}
        self.assertEqual(debian | locks, self.packages('debian'))
        self.assertEqual(debian, self.packages(
            'without', CLOUDMANAGER_VOLUME_LOCKS='False'))
        if DEVSTACK:
            # It finds out by itself what distribution this is.
            return
        self.assertEqual(red_hat, self.packages(
            'red-hat', DISTRIBUTION='rocky'))
        self.assertEqual(red_hat | locks, self.packages(
            'asked', DISTRIBUTION='rocky', CLOUDMANAGER_VOLUME_LOCKS='yes'))

    def check_files(self, plugin):
        for name in ('cloudmanager.conf', 'cloudmanager-agent.conf',
                     'agent.key'):
            mode = (plugin.etc / name).stat().st_mode & 0o777
            self.assertEqual(0o600, mode, name)
        agent = (plugin.etc / 'cloudmanager-agent.conf').read_text()
        self.assertNotIn('devstack-word', agent)
        for option in ('host = cmp1', 'nova_unit = devstack@n-cpu.service'):
            self.assertIn(option, agent)
        tempest = (plugin.work / 'etc/tempest.conf').read_text()
        self.assertIn('cloudmanager = True', tempest)

    def check_service(self, plugin):
        """Nodes of Nova, an agent and a BMC are there, through Apache."""
        self.wait_for_node('cmp1', lambda node: (
            node.get('agent') or {}).get('is_reachable'), 'its agent')
        self.wait_for_node('cloudmanager-bmc2', lambda node: (
            node.get('power_state') == 'power_on'), 'its power')
        self.wait_for_node('cmp3', bool, 'found in Nova')

    def test_life(self):
        """From stack.sh over an upgrade to clean.sh."""
        plugin = self.plugin(CONTROLLER, CLOUDMANAGER_AGENT_HOST='cmp1',
                             CLOUDMANAGER_AGENT_HOSTS='cmp2')
        for phase in ('pre-install', 'install', 'post-config', 'extra',
                      'test-config'):
            plugin.phase('stack', phase)
        self.assertEqual(
            {'cloudmanager-api', 'cloudmanager-agent',
             'cloudmanager-conductor-1', 'cloudmanager-conductor-2'},
            set(plugin.pids()))
        self.check_files(plugin)
        self.check_service(plugin)

        self.check_upgrade(plugin)
        self.check_compute(plugin)

        plugin.phase('unstack')
        self.assertEqual({}, plugin.pids())
        plugin.phase('clean')
        self.assertEqual([], [path for path in (
            plugin.etc, plugin.work / 'data/cloudmanager',
            plugin.work / 'jobs') if path.exists()])
        self.assertEqual([], list((plugin.work / 'apache').rglob('*.conf')))

    def check_upgrade(self, plugin):
        """Grenade's scripts keep what was there."""
        before = plugin.pids()
        plugin.upgrade('resources.sh', 'create')
        plugin.upgrade('shutdown.sh')
        self.assertEqual({}, plugin.pids())
        plugin.upgrade('upgrade.sh')
        after = plugin.pids()
        self.assertEqual(set(before), set(after))
        self.assertEqual(set(), set(before.values()) & set(after.values()))
        plugin.upgrade('resources.sh', 'verify')
        plugin.upgrade('resources.sh', 'destroy')
        self.assertIsNone(self.node('cloudmanager-grenade'))

    def check_compute(self, controller):
        """Another machine has an agent only, and fetches its key."""
        keys = controller.work / 'data/cloudmanager/agent-keys'
        plugin = self.plugin('n-cpu', 'compute',
                             CLOUDMANAGER_AGENT_HOST='cmp2',
                             CLOUDMANAGER_AGENT_KEY_SOURCE=f'{keys}/cmp2')
        for phase in ('pre-install', 'install', 'post-config', 'extra'):
            plugin.phase('stack', phase)
        self.assertEqual(['cloudmanager-agent'], list(plugin.pids()))
        self.assertEqual({'agent.key', 'cloudmanager-agent.conf'},
                         {path.name for path in plugin.etc.iterdir()})
        self.wait_for_node('cmp2', lambda node: (
            node.get('agent') or {}).get('is_reachable'), 'its agent')
        plugin.phase('unstack')
        plugin.phase('clean')
        self.assertFalse(plugin.etc.exists())
