# SPDX-License-Identifier: Apache-2.0
"""Actions on hosts: plans, progress, Ctrl-C and confirmations.

A cloud is what the tests do not have, so its answers are played.
"""

import io
import json
from unittest import mock

import requests_mock

from cloudmanagerclient.osc import follow
from cloudmanagerclient.tests import base
from cloudmanagerclient.tests import plans


class HostCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        # The endpoint is discovered before answers are played.
        self.client.get_info()
        self.played = requests_mock.Mocker(real_http=True)
        self.played.start()
        self.addCleanup(self.played.stop)
        self.useFixture(base.fixtures.MockPatch('time.sleep'))

    def play(self, method, path, answers):
        """Answer requests for a path in turn, the last one again."""
        self.played.register_uri(
            method, f'{self.service.url}/v1{path}',
            [{'json': answer} for answer in answers])

    def play_task(self, *answers):
        self.play('GET', f'/tasks/{answers[0]["id"]}', answers)
        return answers[0]['id']


class DryRunTestCase(HostCase):

    def test_budget(self):
        """A row says until when a budget is used up, and what helps."""
        text = ('its budget of 1 moves a day is used up until '
                '2026-11-02T10:00:00')
        self.play('POST', '/hosts/cmp1/actions/shutdown', [{'plan': {
            **plans.EMPTY, 'feasible': False, 'servers': [plans.entry(
                'web1', fits=False, blockers=[{
                    'code': 'budget-spent', 'text': text,
                    'until': '2026-11-02T10:00:00'}])]}}])
        outcome = self.run_command('host shutdown cmp1 --dry-run -f json')
        row, = json.loads(outcome.stdout.getvalue())
        self.assertEqual((text, 'wait, or --force'),
                         (row['Blockers'], row['Way Out']))
        self.assertEqual(1, outcome.code)

    def test_rows(self):
        self.play('POST', '/hosts/cmp1/actions/shutdown',
                  [{'plan': plans.SHUTDOWN}])
        outcome = self.run_command(
            'host shutdown cmp1 --dry-run -f json')
        self.assertEqual(1, outcome.code)
        self.assertEqual({'dry_run': True},
                         self.played.last_request.json())
        rows = json.loads(outcome.stdout.getvalue())
        self.assertEqual(['web1', 'web2'], [row['Server'] for row in rows])
        self.assertEqual(['cmp2', None],
                         [row['Destination'] for row in rows])
        self.assertEqual('uptime', rows[1]['Loses'])
        self.assertEqual('It is stopped.', rows[1]['Blockers'])
        self.assertEqual('--allow-off-vm', rows[1]['Way Out'])
        told = outcome.stderr.getvalue()
        for text in ('cmp1: NOT empty', 'web9 was resized.',
                     'confirm or revert its resize', 'above 90 %',
                     '50.0%', '95.0%'):
            self.assertIn(text, told)

    def test_feasible(self):
        self.play('POST', '/hosts/cmp1/actions/evacuate',
                  [{'plan': plans.EMPTY}])
        outcome = self.run_command('host evacuate cmp1 --dry-run --long '
                                   '-f json')
        self.assertEqual(0, outcome.code)
        row = json.loads(outcome.stdout.getvalue())[0]
        self.assertEqual(('id-of-web1', 'it fits'),
                         (row['ID'], row['Reason']))

    def test_restart(self):
        self.play('POST', '/hosts/actions/restart',
                  [{'plan': plans.RESTART}])
        outcome = self.run_command(
            'host restart cmp1 cmp2 --dry-run -f json')
        self.assertEqual(1, outcome.code)
        self.assertEqual(3, len(json.loads(outcome.stdout.getvalue())))
        for text in ('Wave 1: cmp1', 'Blocked: cmp3', 'Not begun: cmp4',
                     'cmp5: it is disabled', '1 servers move more'):
            self.assertIn(text, outcome.stderr.getvalue())


class ConfirmTestCase(HostCase):

    def start(self, **kwargs):
        self.play('POST', '/hosts/cmp1/actions/shutdown', [
            {'task_id': plans.task('PENDING')['id']}])
        self.play_task(plans.task('PENDING'))
        return self.run_command('host shutdown cmp1 -f json', **kwargs)

    def test_nobody_there(self):
        outcome = self.start()
        self.assertIn('--yes', str(outcome.error))
        self.assertFalse(self.played.called)

    def test_another_name(self):
        outcome = self.start(stdin='cmp11\n')
        self.assertIn('nothing was done', str(outcome.error))
        self.assertFalse(self.played.called)

    def test_the_name(self):
        outcome = self.start(stdin='cmp1\n')
        self.assertIsNone(outcome.error)
        row = json.loads(outcome.stdout.getvalue())[0]
        self.assertEqual('PENDING', row['Status'])
        self.assertIn(f'task show --follow {row["Task"]}',
                      outcome.stderr.getvalue())

    def test_several(self):
        self.play('POST', '/hosts/actions/restart', [
            {'task_id': plans.task('PENDING')['id']}])
        self.play_task(plans.task('PENDING'))
        self.assertIsNotNone(self.run_command(
            'host restart cmp1 cmp2', stdin='cmp1\n').error)
        self.assertIsNone(self.run_command(
            'host restart cmp1 cmp2', stdin='cmp1 cmp2\n').error)


class WaitTestCase(HostCase):

    def wait(self, *answers):
        self.play('POST', '/hosts/cmp1/actions/shutdown', [
            {'task_id': answers[0]['id']}])
        self.play_task(*answers)
        return self.run_command(
            'host shutdown cmp1 --yes --wait -f json')

    def test_success(self):
        """A line for each change; the servers at the end; code 0."""
        outcome = self.wait(
            plans.task('STARTED', [plans.item('web1', 'PENDING')]),
            plans.task('STARTED', [plans.item('web1', 'RUNNING')]),
            plans.task('STARTED', [plans.item('web1', 'RUNNING')]),
            plans.task('SUCCESS', [plans.item('web1', 'DONE')],
                       result='All moved.'))
        self.assertEqual(0, outcome.code)
        self.assertEqual([{
            'Server': 'web1', 'Action': 'live-migrate', 'Source': 'cmp1',
            'Destination': 'cmp2', 'State': 'DONE', 'Error': None}],
            json.loads(outcome.stdout.getvalue()))
        told = outcome.stderr.getvalue()
        self.assertEqual(1, told.count('web1: RUNNING'))
        self.assertIn('web1: DONE, live-migrate, cmp1 -> cmp2', told)
        self.assertIn('All moved.', told)

    def test_exit_codes(self):
        for status, code in (('FAILURE', 1), ('REVOKED', 3)):
            outcome = self.wait(plans.task(status, result='x'))
            self.assertEqual(code, outcome.code, status)

    def test_follow(self):
        task_id = self.play_task(
            plans.task('STARTED'), plans.task('FAILURE', result='no room'))
        outcome = self.run_command(
            f'task show --follow {task_id} -f json')
        self.assertEqual(1, outcome.code)
        self.assertEqual('no room', json.loads(
            outcome.stdout.getvalue())['result'])


class InterruptTestCase(HostCase):
    """Ctrl-C asks whether to cancel the task or to leave it running."""

    def follow(self, typed, *, terminal=True):
        task = plans.task('STARTED')
        self.play('GET', f'/tasks/{task["id"]}', [task])
        self.play('POST', f'/tasks/{task["id"]}/actions/cancel', [{}])
        real, calls = self.client.follow_task, []

        def follow_task(task_id, interval=1.0):
            calls.append(task_id)
            if len(calls) == 1:
                raise KeyboardInterrupt
            self.play('GET', f'/tasks/{task_id}', [plans.task('REVOKED')])
            return real(task_id, interval=interval)

        self.useFixture(base.fixtures.MockPatchObject(
            self.client, 'follow_task', follow_task))
        stderr = base.Terminal() if terminal else io.StringIO()
        with mock.patch('sys.stderr', stderr), mock.patch(
                'sys.stdin', base.Terminal(typed)):
            found = follow.follow(self.client, task['id'])
        return (*found, stderr.getvalue(), [
            request.path for request in self.played.request_history
            if request.method == 'POST'])

    def test_cancel(self):
        task, code, _, posts = self.follow('c\n')
        self.assertEqual(('REVOKED', 3), (task.status, code))
        self.assertEqual(1, len(posts))
        self.assertTrue(posts[0].endswith('/actions/cancel'))

    def test_leave(self):
        task, code, told, posts = self.follow('l\n')
        self.assertEqual(('STARTED', 130), (task.status, code))
        self.assertIn(f'task show --follow {task.id}', told)
        self.assertEqual([], posts)

    def test_go_on(self):
        task, code, _, posts = self.follow('\n')
        self.assertEqual(('REVOKED', 3, []), (task.status, code, posts))

    def test_no_terminal(self):
        _, code, told, posts = self.follow('c\n', terminal=False)
        self.assertEqual((130, []), (code, posts))
        self.assertIn('goes on', told)


class PictureTestCase(HostCase):

    def test_live(self):
        """At a terminal there is a bar, and a line for each server."""
        many = [plans.item(f'web{number}', 'PENDING')
                for number in range(30)]
        many[29]['state'] = 'FAILED'
        many[29]['error'] = '[bold]no room'
        task_id = self.play_task(
            plans.task('STARTED', many),
            plans.task('FAILURE', many, result='1 is left.'))
        stderr = base.Terminal()
        with mock.patch('sys.stderr', stderr), mock.patch.dict(
                'os.environ', {'TERM': 'xterm', 'COLUMNS': '120',
                               'LINES': '50'}):
            task, code = follow.follow(self.client, task_id)
        self.assertEqual(('FAILURE', 1), (task.status, code))
        told = stderr.getvalue()
        # Texts of users are no markup.
        for text in ('web29', '[bold]no room', 'and 10 more', '1 is left.'):
            self.assertIn(text, told)
