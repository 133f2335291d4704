# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-manage."""

import datetime

import fixtures
from oslo_config import cfg
import sqlalchemy as sa

from cloudmanager.agent import keys as agent_keys
from cloudmanager.cmd import manage
from cloudmanager.common import clock
from cloudmanager.common import secrets
from cloudmanager.conductor.agents import contacts
from cloudmanager.db import agents
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import models
from cloudmanager.db import power_controls
from cloudmanager.db import services
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import agent_reports
from cloudmanager.tests import base

CONF = cfg.CONF


class ManageCase(base.DbTestCase):

    def run_command(self, *words):
        """Run the program in this process and return what it printed.

        What it ends with is kept in ``said``.
        """
        path = self.directory / 'manage.conf'
        path.write_text(f'[DEFAULT]\nstate_path = {self.directory}\n'
                        f'[database]\nconnection = {self.url}\n')
        self.useFixture(fixtures.MonkeyPatch('sys.argv', [
            'cloudmanager-manage', '--config-file', str(path), *words]))
        output = self.useFixture(fixtures.StringStream('stdout')).stream
        CONF.reset()
        db_api.reset()
        try:
            with fixtures.MonkeyPatch('sys.stdout', output):
                self.said = manage.main()
        finally:
            CONF.reset()
            CONF.unregister_opt(CONF._opts['command']['opt'])
            CONF([], project='cloudmanager', default_config_files=[],
                 default_config_dirs=[])
            self.config(state_path=str(self.directory))
            self.config(group='database', connection=self.url)
            db_api.reset()
            db_api.configure()
        output.seek(0)
        return output.read()


class DatabaseTestCase(ManageCase):

    migrated = False

    def test_upgrade_and_version(self):
        self.assertEqual('none\n', self.run_command('db', 'version'))
        for _ in range(2):
            self.assertIn(migration.head(),
                          self.run_command('db', 'upgrade'))
        self.assertEqual(f'{migration.head()}\n',
                         self.run_command('db', 'version'))
        self.assertLessEqual({'tasks', 'logbooks'}, set(
            sa.inspect(db_api.get_engine()).get_table_names()))

    def test_upgrade_to_a_revision(self):
        self.run_command('db', 'upgrade', '0001')
        self.assertEqual('0001_initial\n',
                         self.run_command('db', 'version'))

    def test_upgrade_of_tables_from_elsewhere(self):
        self.run_command('db', 'upgrade')
        self.execute(sa.update(sa.table(
            migration.VERSION_TABLE, sa.column('version_num'))).values(
                version_num='0009'))

        self.run_command('db', 'upgrade')

        self.assertIn('[database] connection cannot be used: its tables are '
                      'at revision 0009', self.said)
        self.assertEqual('0009\n', self.run_command('db', 'version'))
        self.assertIsNone(self.said)

    def test_no_command(self):
        self.assertRaises(SystemExit, self.run_command, 'db')


class PurgeTestCase(ManageCase):

    def _ended(self, days):
        task, _ = db_tasks.create_task(self.context, 'demo',
                                       targets=[str(days)], params={})
        self.execute(sa.update(models.Task).where(
            models.Task.id == task['id']).values(
                status='SUCCESS', finished_at=clock.utcnow()
                - datetime.timedelta(days=days)))

    def test_purge(self):
        """CC13"""
        for days in (1, 8, 40):
            self._ended(days)
        self.assertEqual('1 tasks removed.\n',
                         self.run_command('db', 'purge'))
        self.assertEqual('1 tasks removed.\n',
                         self.run_command('db', 'purge', '--days', '7'))
        self.assertEqual(1, len(self.execute(sa.select(models.Task.id))))

    def test_purge_of_nothing_is_refused(self):
        """A number that would remove tasks of today is an error."""
        self._ended(1)
        for days in ('0', '-1', 'x'):
            self.assertRaises(SystemExit, self.run_command, 'db', 'purge',
                              '--days', days)
        self.assertEqual(1, len(self.execute(sa.select(models.Task.id))))


class SecretsTestCase(ManageCase):

    def test_rotate_and_prune(self):
        self.assertIn('keys/0', self.run_command('secrets', 'create-key'))
        control = power_controls.create_control(self.context, {
            'title': 'c', 'control_type': 'FakeDevice',
            'protocol_type': 'fake', 'host': 'h', 'port_number': 1,
            'password': secrets.encrypt('plain')})['id']

        said = self.run_command('secrets', 'rotate')

        self.assertIn('keys/1', said)
        self.assertIn('1 power controls re-encrypted', said)
        self.run_command('secrets', 'create-key')
        self.assertIn('keys/0', self.run_command('secrets', 'prune'))
        self.assertEqual('plain', secrets.decrypt(
            power_controls.get_device(self.context, control)['password']))


class AgentsTestCase(ManageCase):

    def setUp(self):
        super().setUp()
        secrets.create_key()

    def enrol(self):
        """Enrol an agent and return its key, as it is to be put there."""
        printed = self.run_command('agent', 'enrol', 'CMP1')
        self.assertIn('agent.key on cmp1: mode 0600', printed)
        (key,) = agent_keys.parse(printed)
        return printed, key

    def test_enrol(self):
        printed, key = self.enrol()
        self.assertNotIn('old key', printed)
        agent = agents.find(self.context, 'cmp1')
        self.assertEqual(key.secret, contacts.keys_of(agent)[key.id])
        self.assertIn('cmp1 never - enrolled',
                      self.run_command('agent', 'list'))

    def test_log(self):
        """What is printed goes into the file of a key: no log is in it."""
        seen = []
        self.useFixture(fixtures.MonkeyPatch(
            'oslo_log.log.setup', lambda *arguments: seen.append(
                (CONF.use_stderr, CONF.log_file))))
        self.enrol()
        self.run_command('--log-file', str(self.directory / 'log'), 'agent',
                         'list')
        self.assertEqual([(True, None),
                          (False, str(self.directory / 'log'))], seen)

    def test_again(self):
        _, old = self.enrol()
        printed, new = self.enrol()
        self.assertIn('old key stays valid', printed)
        agent = agents.find(self.context, 'cmp1')
        self.assertEqual((old.id, new.id),
                         (agent['key_id'], agent['next_key_id']))
        self.assertIn('rotating', self.run_command('agent', 'list'))

    def test_revoke(self):
        self.enrol()
        self.run_command('agent', 'revoke', 'cmp1')
        self.assertIsNone(agents.find(self.context, 'cmp1'))
        error = self.assertRaises(SystemExit, self.run_command, 'agent',
                                  'revoke', 'cmp1')
        self.assertIn('no agent', error.code)

    def test_wrong_host(self):
        self.assertRaises(SystemExit, self.run_command, 'agent', 'enrol',
                          'a b')

    def test_refused(self):
        services.heartbeat(self.context, 'cloudmanager-conductor', 'ctl1')
        services.report(self.context, 'cloudmanager-conductor', 'ctl1',
                        'agents', {'refused': {'reports': {'forged': 3}}})
        self.enrol()
        key_id = agents.find(self.context, 'cmp1')['key_id']
        agent_reports.record(self.context, 'cmp1', key_id, 1.0,
                             refused={'forged': 0, 'old': 0})
        found = self.run_command('agent', 'list')
        self.assertIn('refused by ctl1: reports: forged=3', found)
        self.assertNotIn('by the agent', found)
        agent_reports.record(self.context, 'cmp1', key_id, 2.0, digest='y',
                             refused={'forged': 0, 'old': 2})
        self.assertIn('refused by the agent on cmp1: requests: forged=0 '
                      'old=2', self.run_command('agent', 'list'))

    def test_reencrypt(self):
        _, key = self.enrol()
        self.assertIn('of 1 agents', self.run_command('secrets', 'rotate'))
        secrets.prune_keys(keep=1)
        agent = agents.find(self.context, 'cmp1')
        self.assertEqual(key.secret, contacts.keys_of(agent)[key.id])
