# SPDX-License-Identifier: Apache-2.0
"""Actions on single servers of a real OpenStack, whatever their state."""

import time

from testtools import content

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import nova_db

ACTIONS = {'balance': ('balance', {}), 'recover': ('recover', {}),
           'repair': ('repair', {}), 'reset': ('reset-reboot', {}),
           'reboot': ('reset-reboot', {'reboot': True}),
           'wakeup': ('wakeup', {})}
# Seconds after which a task in Nova counts as stuck here.
STALE = 5

# Of each state what becomes of each action: its status, that of the server
# afterwards, and what Nova was asked for meanwhile. Just a number is the
# status of the answer, and nothing is done.
OK, BAD = 'SUCCESS', 'FAILURE'
REBOOTED = (OK, 'ACTIVE', ['resetState', 'reboot'])
RESET = (OK, 'ACTIVE', ['resetState'])
MOVED = (OK, 'ACTIVE', ['live-migration'])


def same(status):
    return OK, status, []


TABLE = {
    'ACTIVE': {
        'balance': MOVED, 'recover': REBOOTED, 'repair': same('ACTIVE'),
        'reset': RESET, 'reboot': REBOOTED, 'wakeup': same('ACTIVE')},
    'SHUTOFF': {
        'balance': (OK, 'SHUTOFF', ['migrate', 'confirmResize']),
        'recover': REBOOTED, 'repair': same('SHUTOFF'),
        'reset': RESET, 'reboot': REBOOTED,
        'wakeup': (OK, 'ACTIVE', ['start'])},
    'PAUSED': {
        'balance': (OK, 'PAUSED', ['live-migration']), 'recover': REBOOTED,
        'repair': same('PAUSED'), 'reset': RESET, 'reboot': REBOOTED,
        'wakeup': (OK, 'ACTIVE', ['unpause'])},
    'SUSPENDED': {
        'balance': 409, 'recover': REBOOTED, 'repair': same('SUSPENDED'),
        'reset': RESET, 'reboot': REBOOTED,
        'wakeup': (OK, 'ACTIVE', ['resume'])},
    'SHELVED': {
        'balance': 409, 'recover': 409, 'repair': same('SHELVED'),
        'reset': 409, 'reboot': 409,
        'wakeup': (OK, 'ACTIVE', ['unshelve'])},
    'SHELVED_OFFLOADED': {
        'balance': 409, 'recover': 409, 'repair': same('SHELVED_OFFLOADED'),
        'reset': 409, 'reboot': 409,
        'wakeup': (OK, 'ACTIVE', ['unshelve'])},
    'RESCUE': {
        'balance': 409, 'recover': REBOOTED, 'repair': same('RESCUE'),
        'reset': RESET, 'reboot': REBOOTED,
        'wakeup': (OK, 'ACTIVE', ['unrescue'])},
    'ERROR': {
        'balance': 409, 'recover': REBOOTED, 'repair': RESET,
        'reset': RESET, 'reboot': REBOOTED, 'wakeup': 409},
    'VERIFY_RESIZE': {
        'balance': 409, 'recover': 409,
        'repair': (OK, 'ACTIVE', ['confirmResize']), 'reset': 409,
        'reboot': 409, 'wakeup': same('VERIFY_RESIZE')},
    # A task in Nova that nobody works on.
    'stuck': {
        'balance': (BAD, 'ACTIVE', []), 'recover': REBOOTED, 'repair': RESET,
        'reset': RESET, 'reboot': REBOOTED, 'wakeup': 409},
    # It stopped behind Nova's back.
    'crashed': {
        'balance': 409, 'recover': REBOOTED,
        'repair': (OK, 'ACTIVE', ['reboot']), 'reset': RESET,
        'reboot': REBOOTED, 'wakeup': 409},
    'locked': {
        'balance': (OK, 'SHUTOFF', ['migrate', 'confirmResize']),
        'recover': REBOOTED, 'repair': same('SHUTOFF'),
        'reset': RESET, 'reboot': REBOOTED,
        'wakeup': (OK, 'ACTIVE', ['start'])},
}


class ServersCase(base.IntegrationCase):

    more = (f'[server_tasks]\nstale_after = {STALE}\nbalance_gain = 0\n'
            '[host_tasks]\nsettle_timeout = 10\nadopt_grace = 2\n')

    def act(self, action, server_id, **body):
        """Begin an action; return the answer."""
        return self.client.request(
            'POST', f'/v1/servers/{server_id}/actions/{action}', body)

    def begin(self, action, server_id, **body):
        """Begin an action that must be accepted; return its task's id."""
        answer = self.act(action, server_id, **body)
        self.assertEqual(202, answer.status_code, answer.text)
        return answer.headers['Location'].rpartition('/')[2]

    def history(self, server_id):
        """Return what Nova was asked for, the oldest first."""
        return [action.action for action in
                reversed(self.cloud.nova.instance_action.list(server_id))]


class TableCase(ServersCase):

    def make(self):
        """Boot a server for each row; return ids by state and action."""
        rows = [(state, action) for state, actions in TABLE.items()
                for action in actions]
        # Those that are to be balanced are on the fullest host.
        others = [row for row in rows if row[1] != 'balance']
        made = dict(zip([row for row in rows if row not in others],
                        self.cloud.boot('cmp1', len(rows) - len(others)),
                        strict=True))
        shares = {host: others[number::len(cloud.COMPUTES)]
                  for number, host in enumerate(cloud.COMPUTES)}
        booted = self.cloud.boot_each({host: len(share) for host, share
                                       in shares.items()})
        for host, share in shares.items():
            made.update(zip(share, booted[host], strict=True))
        nova = self.cloud.nova.servers
        changes = {
            'SHUTOFF': nova.stop, 'locked': nova.stop, 'PAUSED': nova.pause,
            'SUSPENDED': nova.suspend, 'SHELVED': nova.stop,
            'SHELVED_OFFLOADED': nova.shelve, 'RESCUE': nova.rescue,
            'ERROR': lambda server: nova.reset_state(server, 'error'),
            'VERIFY_RESIZE': nova.migrate}
        for (state, _), server in made.items():
            if state in changes:
                changes[state](server)
        self.await_states(made, {'SHELVED': 'SHUTOFF', 'locked': 'SHUTOFF',
                                 'stuck': 'ACTIVE', 'crashed': 'ACTIVE'})
        for (state, _), server in made.items():
            if state == 'locked':
                nova.lock(server)
        for state, values in (
                ('SHELVED', {'vm_state': 'shelved'}),
                ('stuck', {'task_state': 'powering-off'}),
                ('crashed', {'power_state': 4})):
            nova_db.update([server for row, server in made.items()
                            if row[0] == state], **values)
        return made

    def await_states(self, made, other):
        """Wait until each server has its state.

        :param other: statuses of states that are called otherwise
        """
        def ready():
            found = self.cloud.all_servers()
            return all(
                found[server].status == other.get(state, state)
                and getattr(found[server], 'OS-EXT-STS:task_state') is None
                for (state, _), server in made.items())

        cloud.wait(ready, 120, 'servers have their states', 1)

    def test_every_state(self):
        """Each action on each state (EV10, DR23)."""
        made = self.make()
        before = {server: self.history(server) for server in made.values()}
        # Until then what is stuck may be at work.
        time.sleep(STALE + 1)
        answers = {
            row: self.act(ACTIONS[row[1]][0], server, **ACTIONS[row[1]][1])
            for row, server in made.items()}
        wrong = []
        for row, answer in answers.items():
            expected = TABLE[row[0]][row[1]]
            status = (expected if isinstance(expected, int) else 202)
            if answer.status_code != status:
                wrong.append((row, answer.status_code, answer.text))
            elif status == 409:
                # The reason is there, and what helps.
                self.assertIn(made[row], answer.text)
        self.assertEqual([], wrong)
        for row, answer in answers.items():
            found = self.outcome(row, answer, made[row], before)
            if found != TABLE[row[0]][row[1]]:
                wrong.append((row, found))
        self.assertEqual([], wrong)
        found = self.cloud.all_servers()
        for (state, _), server in made.items():
            self.assertEqual(state == 'locked', found[server].locked)

    def outcome(self, row, answer, server, before):
        """Return what came of a row, to be compared with the table."""
        if answer.status_code != 202:
            return answer.status_code
        task_id = answer.headers['Location'].rpartition('/')[2]
        task = self.client.wait_for_task(task_id, 120)
        self.addDetail(str(row), content.text_content(str(task['result'])))
        self.assertEqual(server, task['items'][0]['id'])
        self.assertIn(server, task['result'])
        return (task['status'], self.cloud.server(server).status,
                self.history(server)[len(before[server]):])


class FailuresCase(ServersCase):

    more = ServersCase.more + 'max_moves = 1\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node = cls.client.enrol_fake('cmp4', 1)

    def test_unknown_server(self):
        """What is deleted, or never was, is not there."""
        (server,) = self.cloud.boot('cmp1', 1)
        self.cloud.nova.servers.force_delete(server)
        cloud.wait(lambda: server not in self.cloud.all_servers(), 60,
                   'the server is deleted')
        for action in ('balance', 'recover', 'repair', 'reset-reboot',
                       'wakeup'):
            for name in (server, '7c8fbc6c-468d-4afb-a292-e70a3d475edc',
                         'vm'):
                answer = self.act(action, name)
                self.assertEqual(404, answer.status_code, answer.text)

    def test_two_requests(self):
        """AP12: a second click finds the same task; another action is
        told of it."""
        (server,) = self.cloud.boot('cmp4', 1)
        self.cloud.nova.servers.stop(server)
        cloud.wait(lambda: self.cloud.server(server).status == 'SHUTOFF',
                   30, 'it is off')
        cloud.minicloud('pause', 'cmp4')
        self.addCleanup(cloud.minicloud, 'resume', 'cmp4')
        first = self.begin('wakeup', server)
        self.assertEqual(first, self.begin('wakeup', server))
        self.refused('recover', server, first)
        cloud.minicloud('resume', 'cmp4')
        self.finish(first)
        self.assertEqual(['create', 'stop', 'start'], self.history(server))

    def test_drain_has_the_server(self):
        """Nor is a server acted on while its host is being emptied."""
        servers = self.cloud.boot('cmp4', 6)
        self.addCleanup(self.power, 'power-on')
        drain = self.shutdown('cmp4')

        def waits():
            return [item['id'] for item in self.client.task(drain)['items']
                    if item['state'] == 'PENDING']

        waiting = cloud.wait(waits, 30, 'the drain has its items', 0.1)
        self.refused('balance', waiting[-1], drain)
        self.finish(drain)
        self.assert_moved_once(servers, 'cmp4')

    def refused(self, action, server_id, task_id):
        """Check that a task is in the way of an action."""
        answer = self.act(action, server_id)
        self.assertEqual(409, answer.status_code, answer.text)
        self.assertIn(task_id, answer.text)

    def test_balance_of_nothing_to_gain(self):
        """A success that says why nothing was moved."""
        (server,) = self.cloud.boot('cmp1', 1)
        for host in ('cmp2', 'cmp3', 'cmp4'):
            self.cloud.nova.services.disable(self.cloud.service(host).id)
        task = self.finish(self.begin('balance', server))
        self.assertIn('3 disabled', task['result'])
        self.assertEqual([], self.cloud.migrations(server))

    def test_group_is_kept(self):
        group = self.cloud.nova.server_groups.create('p', 'anti-affinity')
        booted = self.cloud.boot_each(
            dict.fromkeys(('cmp1', 'cmp2', 'cmp3'), 1),
            scheduler_hints={'group': group.id})
        self.cloud.boot('cmp1', 3)
        (server,) = booted['cmp1']
        self.finish(self.begin('balance', server))
        self.assertEqual('cmp4', self.cloud.host_of(
            self.cloud.server(server)))

    def power(self, action):
        self.finish(self.client.start_task(
            f'/v1/nodes/{self.node}/actions/{action}'))

    def test_dead_host(self):
        """Nothing leaves a host that is not proven to be off."""
        servers = self.cloud.boot('cmp4', 3)
        self.addCleanup(self.power, 'power-on')
        self.cloud.lose('cmp4')
        for action in ('wakeup', 'balance'):
            self.assertEqual(409, self.act(action, servers[0]).status_code)
        task = self.finish(self.begin('recover', servers[0]), BAD)
        self.assertIn('not seen to be off', task['result'])
        self.assertEqual([], self.cloud.migrations(servers[0]))
        self.power('power-off')
        tasks = [self.begin(action, server) for action, server in zip(
            ('recover', 'repair', 'repair'), servers, strict=True)]
        for task_id in tasks:
            self.assertIn('evacuate', self.finish(task_id)['result'])
        for server in servers:
            found = self.cloud.server(server)
            self.assertEqual('ACTIVE', found.status)
            self.assertNotEqual('cmp4', self.cloud.host_of(found))
            self.assertFalse(found.locked)
            self.assertEqual(1, len(self.cloud.actions(server, 'evacuate')))
        # The host belongs to others as well: it is left as it is.
        self.assertFalse(self.cloud.service('cmp4').forced_down)
        self.assertEqual('enabled', self.cloud.service('cmp4').status)

    def test_dead_host_without_power(self):
        """An administrator's word counts where no device answers."""
        (server,) = self.cloud.boot('cmp3', 1)
        self.cloud.lose('cmp3')
        answer = self.act('recover', server)
        self.assertEqual(409, answer.status_code)
        self.assertIn('no power control', answer.text)
        self.finish(self.begin('recover', server, fenced=True))
        self.assertNotEqual('cmp3', self.cloud.host_of(
            self.cloud.server(server)))
