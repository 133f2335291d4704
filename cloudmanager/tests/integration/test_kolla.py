# SPDX-License-Identifier: Apache-2.0
"""Images and role for Kolla, by Kolla's own programs, without containers.

What the role renders is what the containers would get; the programs start
with it on the mini cloud. Actions are run as a whole, against a container
engine that only writes down what it is asked.
"""

import configparser
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import uuid

from cryptography import fernet
import testtools
import yaml

from cloudmanager.agent.privileged import programs
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import kolla_role
from cloudmanager.tests.integration import kolla_tools
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers
from cloudmanager.tests.integration.kolla_container import Container
from cloudmanager.tests.integration.kolla_role import COMPUTE
from cloudmanager.tests.integration.kolla_role import CONTROLLERS
from cloudmanager.tests.integration.kolla_role import KOLLA
from cloudmanager.tests.integration.kolla_role import ROLE
from cloudmanager.tests.unit.power import peers

IMAGES = ('base', 'api', 'conductor', 'agent')
# As kolla-ansible calls them; genconfig is config.
ACTIONS = ('check', 'config', 'config_validate', 'deploy',
           'deploy-containers', 'precheck', 'pull', 'reconfigure', 'stop',
           'upgrade')
CONTROL = ('cloudmanager_api', 'cloudmanager_conductor')
PLAYBOOK = '''\
- hosts: all
  tasks:
'''
IMPORT = '''\
    - ansible.builtin.import_role:
        name: cloudmanager
        tasks_from: {name}
'''
OTHERS = '''\
- hosts: control
  roles:
    - cron
    - fluentd
  tasks:
    - ansible.builtin.copy:
        content: "{{ prometheus_blackbox_exporter_endpoints_custom
                     | select | to_json }}"
        dest: "{{ node_config_directory }}/endpoints.json"
'''
#: On PATH before that of util-linux, which needs root.
NSENTER = '''\
#!/bin/bash
while [[ $1 != -- ]]; do shift; done
exec "${@:2}"
'''


class KollaTestCase(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tools = kolla_tools.environment()

    def setUp(self):
        super().setUp()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix='cm-kolla-'))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.port = processes.free_port()
        # Most tests render files only, and leave the clouds to others.
        self.address = place.LOOPBACK

    def ansible(self, **variables):
        passwords = self.tools / ('share/kolla-ansible/etc_examples/kolla/'
                                  'passwords.yml')
        return kolla_role.Ansible(self.work, self.tools, {
            **dict.fromkeys(yaml.safe_load(passwords.read_text()), 'word'),
            'enable_cloudmanager': True,
            'config_owner_user': 'root', 'config_owner_group': 'root',
            'ansible_become': False,
            'network_interface': 'lo', 'api_interface': 'lo',
            'api_interface_address': self.address,
            'kolla_internal_vip_address': self.address,
            'kolla_same_external_internal_vip': True,
            'database_password': '', 'rabbitmq_password': 'guest',
            'cloudmanager_api_port': str(self.port),
            'cloudmanager_database_password': '',
            'cloudmanager_keystone_password': 'secret',
            'cloudmanager_agent_host_directories': [
                str(self.work / 'host/etc/iscsi')],
            'cloudmanager_encryption_keys': [
                fernet.Fernet.generate_key().decode() for _ in range(2)],
            **variables})

    def ansible_of_cloud(self, **variables):
        """Return a role whose service has the mini cloud as its cloud."""
        self.addCleanup(place.release)
        cloud.start()
        self.address = place.address()
        name = f'cm_kolla_{uuid.uuid4().hex[:8]}'
        bus = servers.MessageBus(name)
        self.addCleanup(bus.stop)
        processes.mysql(f'CREATE DATABASE {name}')
        self.addCleanup(processes.mysql, f'DROP DATABASE {name}')
        keystone = f'http://{self.address}:5000'
        return self.ansible(**{
            'database_address': '127.0.0.1', 'database_user': 'root',
            'cloudmanager_database_user': 'root',
            'cloudmanager_database_name': name,
            'rpc_transport_url': bus.url,
            'keystone_internal_url': keystone,
            'keystone_public_url': keystone,
            'cloudmanager_api_workers': 1, **variables})

    def container(self, ansible, host, name):
        made = Container(ansible.out / host / f'cloudmanager-{name}',
                         self.work / name)
        self.addOnException(lambda exc_info: self.addDetail(
            f'log of {made.name}',
            testtools.content.text_content(made.log())))
        self.addCleanup(made.stop)
        return made

    @staticmethod
    def options(ansible, host, name, file='cloudmanager.conf'):
        """Return what a rendered file of options says."""
        found = configparser.ConfigParser(interpolation=None)
        found.read(ansible.out / host / f'cloudmanager-{name}' / file)
        return found

    def validate(self, ansible):
        """Check that there are no other options than those that we read."""
        for host, name in ((CONTROLLERS[0], 'api'),
                           (CONTROLLERS[0], 'conductor'),
                           (COMPUTE[0], 'agent')):
            done = subprocess.run(
                [sys.executable, '-m', 'oslo_config.validator',
                 '--config-file',
                 str(cloud.ROOT / 'etc/cloudmanager/config-generator.conf'),
                 '--input-file', str(
                     ansible.out / host / f'cloudmanager-{name}'
                     / 'cloudmanager.conf')],
                capture_output=True, text=True, timeout=300,
                stdin=subprocess.DEVNULL)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    # Images

    def test_images(self):
        """kolla-build renders the images."""
        config = self.work / 'kolla-build.conf'
        config.write_text((KOLLA / 'kolla-build.conf').read_text().replace(
            '/path/to/cloudmanager', str(cloud.ROOT)))
        for distribution in ('debian', 'rocky'):
            work = self.work / distribution
            subprocess.run(
                [str(self.tools / 'bin/kolla-build'), '--config-file',
                 str(config), '--docker-dir', str(KOLLA / 'docker'),
                 '--base', distribution, '--template-only', '--work-dir',
                 str(work), '--engine', 'docker', '^cloudmanager'],
                check=True, capture_output=True, timeout=900,
                stdin=subprocess.DEVNULL)
            made = work / 'docker/cloudmanager'
            texts = {image: (made / f'cloudmanager-{image}/Dockerfile'
                             ).read_text() for image in IMAGES}
            for image, text in texts.items():
                parent = 'openstack' if image == 'base' else 'cloudmanager'
                self.assertIn(f'/{parent}-base:', text.splitlines()[0])
                self.assertNotRegex(text, '{[{%#]')
                for file in re.findall('^COPY (.+?) ', text, re.M):
                    self.assertTrue(
                        (made / f'cloudmanager-{image}' / file).exists())
            self.assertIn('42490', texts['base'])

    def test_programs_of_the_host(self):
        """The agent's container has those programs that the host has."""
        links = self.work / 'host-programs'
        here = self.work / 'programs'
        here.mkdir()
        given = KOLLA / 'docker/cloudmanager/cloudmanager-agent'
        on_host = here / 'on_host'
        shutil.copy(given / 'on_host.sh', on_host)
        on_host.chmod(0o755)
        script = (given / 'extend_start.sh').read_text().replace(
            '/usr/local/host-programs', str(links)).replace(
            '/usr/local/libexec/on_host', str(on_host))
        offered = set(re.search(r'for program in (.+?);', script,
                                re.S)[1].replace('\\', '').split())
        # virsh is in the image, and a job that outlives the container cannot
        # be started from it.
        self.assertEqual(programs.PROGRAMS - {'virsh', 'systemd-run'},
                         offered)
        for name, text in (('nsenter', NSENTER),
                           ('lvs', '#!/bin/bash\necho "lvs $*"\n')):
            (here / name).write_text(text)
            (here / name).chmod(0o755)
        for name in ('bash', 'sh', 'mkdir', 'ln', 'rm', 'basename'):
            (here / name).symlink_to(shutil.which(name))
        environment = {'PATH': str(here)}
        links.mkdir()
        # One that the host does not have any more.
        (links / 'multipath').symlink_to(on_host)
        for _ in range(2):
            subprocess.run(
                ['bash', '-euo', 'pipefail', '-c', script], check=True,
                env=environment, stdin=subprocess.DEVNULL, timeout=60)
            self.assertEqual(['lvs'], [path.name for path in links.iterdir()])
        found = subprocess.run(
            [str(links / 'lvs'), '--a', 'b c'], check=True, text=True,
            stdout=subprocess.PIPE, env=environment, timeout=60,
            stdin=subprocess.DEVNULL)
        self.assertEqual('lvs --a b c\n', found.stdout)

    # Role

    def test_role(self):
        """ansible-lint and the syntax of all tasks."""
        ansible = self.ansible()
        playbook = self.work / 'all.yml'
        names = sorted(path.stem for path in (ROLE / 'tasks').glob('*.yml'))
        playbook.write_text(PLAYBOOK + ''.join(
            IMPORT.format(name=name) for name in names if name != 'main'))
        ansible.play(playbook, '--syntax-check')
        self.assertEqual(set(ACTIONS), set(ACTIONS) & set(names))
        ansible.run('ansible-lint', '--offline', '-q', str(ROLE),
                    str(KOLLA / 'ansible/cloudmanager.yml'))

    def test_documentation(self):
        """The page of the documentation has each variable."""
        page = (cloud.ROOT / 'doc/source/install/kolla.rst').read_text()
        told = set(re.findall('``([a-z_<>]+)``', page))
        for file in (ROLE / 'defaults/main.yml',
                     KOLLA / 'ansible/group_vars/all/cloudmanager.yml'):
            for name in yaml.safe_load(file.read_text()):
                # Those of each container and each healthcheck are alike.
                general = re.sub('cloudmanager_(api|conductor|agent)_',
                                 'cloudmanager_<name>_', name)
                self.assertTrue({name, general} & told, name)

    def test_actions(self):
        """Each action does what it should, and in that order."""
        ansible = self.ansible(cloudmanager_agent_host='cmp1.example.org')
        ansible.action('precheck')
        ansible.action('pull')
        self.assertEqual(
            {(host, name) for host in CONTROLLERS
             for name in ('api', 'conductor')} | {('cmp1', 'agent')},
            {(call['host'],
              re.search('cloudmanager-(.+):', call['arguments']['image'])[1])
             for call in ansible.calls()
             if call['arguments']['action'] == 'pull_image'})
        self.assertIn('are missing or not running',
                      ansible.refusal('check'))
        ansible.calls()

        ansible.action('deploy')
        self.check_deployed(ansible, ansible.calls())
        for action in ('check', 'config_validate', 'reconfigure'):
            ansible.action(action)
            calls = ansible.calls()
            # Nothing has changed, so nothing is restarted.
            self.assertEqual([], kolla_role.containers(
                calls, 'recreate_or_restart_container', 'stop_container'))
        ansible.action('upgrade', '-e', 'kolla_serial=1')
        self.check_upgraded(ansible.calls())
        ansible.action('stop', '-e', 'kolla_action_stop_ignore_missing=false')
        self.assertEqual(
            {(host, name) for host in CONTROLLERS for name in CONTROL}
            | {('cmp1', 'cloudmanager_agent')},
            {found[1:] for found in kolla_role.containers(
                ansible.calls(), 'stop_container')})
        ansible.action('deploy-containers')
        self.assertEqual(5, len(kolla_role.containers(
            ansible.calls(), 'recreate_or_restart_container')))

    def check_deployed(self, ansible, calls):
        asked = [call['arguments'] for call in calls
                 if call['module'] == 'kolla_toolbox']
        by_name = {}
        for one in asked:
            by_name.setdefault(one['module_name'].rpartition('.')[2],
                               []).append(one['module_args'])
        url = f'http://{self.address}:{self.port}'
        self.assertEqual({('internal', url), ('public', url)},
                         {(one['endpoint_interface'], one['url'])
                          for one in by_name['endpoint']})
        self.assertEqual(['cloudmanager'], [
            one['service_type'] for one in by_name['catalog_service']])
        self.assertEqual({'admin', 'cloudmanager_reader'}, {
            one['name'] for one in by_name['identity_role']})
        self.assertEqual({('cloudmanager', 'admin'),
                          ('cloudmanager', 'service')},
                         {(one['user'], one['role'])
                          for one in by_name['role_assignment']})
        self.assertEqual(['cloudmanager.*:ALL'],
                         [one['priv'] for one in by_name['mysql_user']])
        done = kolla_role.containers(calls, 'start_container',
                                     'recreate_or_restart_container')
        # The database first, then those who use it, then agents.
        self.assertEqual(('start_container', 'ctl1',
                          'bootstrap_cloudmanager'), done[0])
        self.assertEqual({(host, name) for host in CONTROLLERS
                          for name in CONTROL},
                         {one[1:] for one in done[1:5]})
        self.assertEqual([('cmp1', 'cloudmanager_agent')],
                         [one[1:] for one in done[5:]])
        (enrolled,) = [call['arguments']['argv'] for call in calls
                       if call['module'] == 'engine']
        self.assertEqual('exec cloudmanager_conductor cloudmanager-manage '
                         'agent enrol cmp1.example.org', enrolled)
        key = ansible.out / 'cmp1/cloudmanager-agent/agent.key'
        self.assertEqual('0123abcd:key-of-cmp1.example.org\n',
                         key.read_text())
        self.assertEqual(0o600, key.stat().st_mode & 0o777)
        self.assertTrue((self.work / 'host/etc/iscsi').is_dir())
        (agent,) = [call['arguments'] for call in calls
                    if call['arguments'].get('name') == 'cloudmanager_agent'
                    and call['arguments']['action'].startswith('recreate')]
        self.assertTrue(agent['privileged'])
        self.assertEqual('host', agent['pid_mode'])
        iscsi = self.work / 'host/etc/iscsi'
        for volume in ('/dev:/dev', '/run:/run:shared', f'{iscsi}:{iscsi}',
                       'nova_compute:/var/lib/nova/:ro'):
            self.assertIn(volume, agent['volumes'])

    def check_upgraded(self, calls):
        done = kolla_role.containers(
            calls, 'stop_container', 'start_container',
            'recreate_or_restart_container')
        bootstrap = next(number for number, one in enumerate(done)
                         if one[2] == 'bootstrap_cloudmanager')
        # Nobody is left who does not know the new tables.
        self.assertEqual(
            {('stop_container', host, name) for host in CONTROLLERS
             for name in CONTROL}, set(done[:bootstrap]))
        restarted = [one[1:] for one in done if one[0].startswith('recreate')]
        self.assertEqual({(host, name) for host in CONTROLLERS
                          for name in CONTROL}, set(restarted))

    def test_prechecks(self):
        """What would fail later is told at once."""
        ansible = self.ansible()
        # First, while there are no facts of it yet.
        said = ansible.refusal('upgrade', '-e', json.dumps({
            'ansible_connection': "{{ 'ssh' if inventory_hostname == 'ctl2'"
                                  " else 'local' }}",
            'ansible_host': '127.0.0.1', 'ansible_port': 1}))
        self.assertIn('Not reached: ctl2', said)
        self.assertEqual([], kolla_role.containers(
            ansible.calls(), 'stop_container', 'start_container'))
        for arguments, reason in (
                ({'cloudmanager_encryption_keys': ['short']},
                 'URL-safe Base64'),
                ({'cloudmanager_drs_source': 'prometheus',
                  'enable_prometheus': True}, 'prometheus_instance_label')):
            # Ansible breaks lines of what it says.
            said = re.sub(r'\s+', ' ', ansible.refusal(
                'precheck', '-e', json.dumps(arguments)))
            self.assertIn(reason, said)
        ansible.action('precheck', '-e', json.dumps({
            'cloudmanager_drs_source': 'prometheus',
            'enable_prometheus': True,
            'prometheus_instance_label': '{{ ansible_facts.nodename }}'}))

    # What it renders

    def test_config(self):
        """The service starts with what the role renders."""
        ansible = self.ansible_of_cloud(
            cloudmanager_nova_database_name=place.database('nova_api'),
            cloudmanager_nova_database_user='root',
            nova_api_database_password='')
        ansible.action('config', '--check')
        self.assertEqual([], list(ansible.out.rglob('cloudmanager*')))
        ansible.action('config')
        self.check_files(ansible)
        self.validate(ansible)
        self.check_others(ansible)
        self.check_service(ansible)

    def check_files(self, ansible):
        haproxy = (ansible.out / 'ctl1/haproxy/services.d/'
                                 'cloudmanager-api.cfg').read_text()
        self.assertIn('option httpchk GET /healthcheck', haproxy)
        self.assertEqual(2, haproxy.count(f':{self.port} check'))
        agent = (ansible.out / 'cmp1/cloudmanager-agent/cloudmanager.conf'
                 ).read_text()
        for secret in ('password', 'mysql', 'keystone'):
            self.assertNotIn(secret, agent)
        # Secrets are where they are needed only.
        api, conductor = (self.options(ansible, 'ctl1', name)
                          for name in ('api', 'conductor'))
        for section in ('nova_database', 'drs', 'identity'):
            self.assertFalse(api.has_section(section))
        self.assertTrue(conductor.has_section('nova_database'))
        # There is no Cinder unless it is asked for.
        self.assertFalse(conductor.has_section('cinder_database'))
        for found in (api, conductor):
            self.assertEqual('true', found['keystone_authtoken'][
                'service_token_roles_required'])
            rabbit = found['oslo_messaging_rabbit']
            for option in ('rabbit_quorum_queue', 'use_queue_manager',
                           'rabbit_transient_quorum_queue'):
                self.assertEqual('true', rabbit[option])
        users = (ansible.out / 'ctl1/proxysql/users/cloudmanager.yaml')
        self.assertTrue(users.exists())

    def check_others(self, ansible):
        """What roles of kolla-ansible do for the service."""
        playbook = self.work / 'others.yml'
        playbook.write_text(OTHERS)
        ansible.play(playbook, '-e', 'kolla_action=config')
        given = ansible.out / 'ctl1'
        self.assertEqual(
            [f'cloudmanager:http_2xx:http://{self.address}:{self.port}'
             '/healthcheck'],
            json.loads((given / 'endpoints.json').read_text()))
        self.assertIn('"/var/log/kolla/cloudmanager/*.log"',
                      (given / 'cron/logrotate.conf').read_text())
        fluentd = (given / 'fluentd/fluentd.conf').read_text()
        for path in ('/var/log/kolla/cloudmanager/*.log',
                     '/var/log/kolla/cloudmanager/*-uwsgi.log',
                     '/var/log/kolla/nova/*.log'):
            self.assertIn(path, fluentd)

    def check_service(self, ansible):
        api, conductor = (self.container(ansible, 'ctl1', name)
                          for name in ('api', 'conductor'))
        agent = self.container(ansible, 'cmp1', 'agent')
        self.assertEqual([], api.missing + conductor.missing)
        # It is made when the conductor runs.
        self.assertEqual(['agent.key'], agent.missing)
        api.manage('db', 'upgrade')
        for container in (api, conductor):
            container.start()
        agent.key_file.write_text(conductor.manage(
            'agent', 'enrol', agent.option('host')))
        agent.start()
        client = processes.Client(self.port)
        cloud.wait(client.answers, 60, 'the API answers')
        client.enrol_fake('bmc')
        node = f'/v1/nodes/{client.node(agent.option("host"))}'
        cloud.wait(lambda: client.call('GET', node)['node']['agent'][
            'is_reachable'], 60, 'the agent')
        cloud.wait(lambda: client.call('GET', '/v1/nodes/?name=cmp1')[
            'nodes'], 60, 'what Nova has')

    def test_other_config(self):
        """TLS everywhere, other peers, files of the operator."""
        certificates = self.work / 'certificates'
        (certificates / 'ca').mkdir(parents=True)
        authority = peers.Authority(certificates)
        (certificates / 'ca/own.crt').write_text(authority.pem)
        both = pathlib.Path(authority.issue(self.address)).read_text()
        for name in ('cert', 'key'):
            (certificates / f'cloudmanager-{name}.pem').write_text(both)
        ansible = self.ansible(
            database_address='127.0.0.1', database_user='root',
            kolla_certificates_dir=str(certificates),
            kolla_enable_tls_backend=True, kolla_enable_tls_internal=True,
            kolla_copy_ca_into_containers=True,
            kolla_same_external_internal_vip=False,
            kolla_external_vip_address='192.0.2.7',
            openstack_cacert=str(certificates / 'ca/own.crt'),
            enable_cinder=True, enable_prometheus=True,
            cloudmanager_drs_source='prometheus',
            cloudmanager_pxe_config_dir=str(self.work / 'pxe'),
            cloudmanager_agent_storages=['/mnt/states/'],
            cloudmanager_agent_types=['storage'],
            kolla_container_engine='podman')
        (ansible.custom / 'keystone/domains').mkdir(parents=True)
        (ansible.custom / 'keystone/domains/keystone.people.conf').write_text(
            '[ldap]\nurl = ldap://directory.example.org\n')
        (ansible.custom / 'keystone.conf').write_text(
            '[identity]\ndomain_configurations_from_database = false\n')
        (ansible.custom / 'cloudmanager').mkdir()
        for name, text in (
                ('ssh_known_hosts', '192.0.2.9 ssh-ed25519 AAAA\n'),
                ('policy.yaml', '"node:list": "role:admin"\n'),
                ('cloudmanager-agent.conf',
                 '[nas]\nchap_username = node\nchap_password = word\n')):
            (ansible.custom / 'cloudmanager' / name).write_text(text)
        ansible.action('config')
        self.validate(ansible)
        self.check_conductor(ansible)
        self.check_agent(ansible)
        self.check_tls(ansible)

    def check_conductor(self, ansible):
        conductor = self.options(ansible, 'ctl1', 'conductor')
        address = self.address
        tls = f'?ssl_ca={self.work}/certificates/ca/own.crt'
        self.assertEqual(
            f'mysql+pymysql://cinder:word@127.0.0.1:3306/cinder{tls}',
            conductor['cinder_database']['connection'])
        for section in ('database', 'nova_database'):
            self.assertTrue(conductor[section]['connection'].endswith(tls))
        prometheus = conductor['prometheus']
        self.assertEqual(f'https://{address}:9091', prometheus['url'])
        self.assertEqual(('http_basic', 'admin', 'word', 'instance_id'),
                         tuple(prometheus[name] for name in (
                             'auth_type', 'username', 'password',
                             'server_label')))
        given = self.work / 'conductor-of-others'
        made = Container(ansible.out / 'ctl1/cloudmanager-conductor', given)
        self.assertEqual([], made.missing)
        etc = given / 'etc/cloudmanager'
        self.assertEqual('ldap://directory.example.org', re.search(
            'url = (.+)', (etc / 'domains/keystone.people.conf').read_text()
        )[1])
        keystone = (etc / 'keystone.conf').read_text()
        self.assertIn(f'domain_config_dir = {etc}/domains', keystone)
        self.assertIn('domain_configurations_from_database', keystone)
        self.assertTrue((etc / 'ssh_known_hosts').exists())
        self.assertTrue((etc / 'policy.yaml').exists())

    def check_agent(self, ansible):
        agent = self.options(ansible, 'cmp1', 'agent')
        # Nobody is asked for guests where there are none.
        self.assertEqual('', agent['agent']['libvirt_uri'])
        self.assertEqual('node', agent['nas']['chap_username'])
        ansible.action('deploy', '--limit', 'cmp1', '-e',
                       'cloudmanager_copy_certs=false')
        (volumes,) = [call['arguments']['volumes'] for call in ansible.calls()
                      if call['arguments'].get('action')
                      == 'recreate_or_restart_container'
                      and call['host'] == 'cmp1']
        for volume in ('/mnt/states:/mnt/states:rslave', '/run:/run',
                       '/run/libvirt:/run/libvirt:shared'):
            self.assertIn(volume, volumes)
        self.assertNotIn('nova_compute', ' '.join(volumes))

    def check_tls(self, ansible):
        haproxy = (ansible.out / 'ctl1/haproxy/services.d/'
                                 'cloudmanager-api.cfg').read_text()
        self.assertEqual(4, haproxy.count('ssl verify required'))
        playbook = self.work / 'others.yml'
        playbook.write_text(OTHERS)
        ansible.play(playbook, '-e', 'kolla_action=config')
        self.assertEqual(
            [f'cloudmanager:http_2xx:http://192.0.2.7:{self.port}'
             '/healthcheck',
             f'cloudmanager_internal:http_2xx:https://{self.address}:'
             f'{self.port}/healthcheck'],
            json.loads((ansible.out / 'ctl1/endpoints.json').read_text()))
        given = self.work / 'api-with-tls'
        api = Container(ansible.out / 'ctl1/cloudmanager-api', given)
        self.assertEqual([], api.missing)
        etc = given / 'etc/cloudmanager'
        # uWSGI of the wheel does not know TLS, so it is not started.
        (served,) = re.findall('^https = (.+)$', (
            etc / 'cloudmanager-api-uwsgi.ini').read_text(), re.M)
        address, certificate, key = served.split(',')
        self.assertEqual(f'{self.address}:{self.port}', address)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            certificate, key)
        self.assertTrue(
            (given / 'var/lib/kolla/share/ca-certificates/own.crt').exists())
