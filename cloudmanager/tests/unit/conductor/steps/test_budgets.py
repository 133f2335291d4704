# SPDX-License-Identifier: Apache-2.0
"""Budgets of moves, which all that moves servers keeps to."""

import dataclasses
import threading
from unittest import mock

from cloudmanager.common import exception
from cloudmanager.db import counted_moves
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import test_flows
from cloudmanager.tests.unit.conductor.steps import test_audits
from cloudmanager.tests.unit.conductor.steps import test_restart

ONCE = {'max_moves_per_day': '1'}
NEVER = {'max_moves_per_day': '0'}


class BudgetMixin:

    def projects(self, **budgets):
        """Give projects budgets."""
        self.tools = dataclasses.replace(
            self.tools, project_budgets=lambda: budgets)

    def item(self, server_id):
        return next(item for item in db_tasks.items(
            self.context, [self.task_id])[self.task_id]
            if item['object_id'] == server_id)


class DrainTestCase(BudgetMixin, test_flows.FlowCase):

    def drain(self, status, name='host.shutdown', **params):
        self.task_id = None
        row = self.run_flow(self.run_of(name, **params))
        self.assertEqual(status, row['status'], row['result'])
        return row['result']

    def back(self):
        """Take the host into use again, with its servers."""
        self.nova.computes['src'].status = 'enabled'
        for vm in self.nova.vms.values():
            vm.host = 'src'

    def test_within(self):
        self.nova.add('vm1', metadata=ONCE)
        self.drain('SUCCESS')
        self.assertEqual({'vm1': 1}, counted_moves.of_servers(self.context))

    def test_used_up(self):
        """A second drain of the day leaves the server, and says so."""
        self.nova.add('vm1', metadata=ONCE)
        self.nova.add('vm2')
        self.drain('SUCCESS')
        self.back()
        result = self.drain('FAILURE')
        self.assertIn('(vm1): not moved: its budget of 1 moves a day is '
                      'used up', result)
        self.assertEqual(1, self.nova.count('live_migrate', 'vm1'))
        self.assertEqual(2, self.nova.count('live_migrate', 'vm2'))
        self.assertEqual(['vm1'], self.nova.on('src'))
        self.clock.sleep(86400)
        self.back()
        self.drain('SUCCESS')

    def test_forced(self):
        """With force it is moved, which the task tells."""
        self.nova.add('vm1', metadata=NEVER)
        result = self.drain('SUCCESS', force=True)
        told = 'its budget of 0 moves a day is used up'
        self.assertIn(f'moved all the same: name-vm1 (vm1): {told}', result)
        self.assertEqual(told, self.item('vm1')['memory']['overridden'])
        # That counts, too.
        self.assertEqual({'vm1': 1}, counted_moves.of_servers(self.context))

    def test_moved_by_others(self):
        """Nova's records tell of moves that nobody asked this service for."""
        self.nova.add('vm1', metadata={'max_moves_per_day': '2'})
        for host in ('dst1', 'src'):
            self.nova.live_migrate('vm1', host)
            self.clock.sleep(60)
        self.assertEqual(['vm1'], self.nova.on('src'))
        self.assertIn('budget of 2 moves', self.drain('FAILURE'))

    def test_not_fenced_for_it(self):
        """A server that may not be moved is not rebuilt instead."""
        self.nova.add('vm1', metadata=NEVER)
        self.drain('FAILURE', allow_evacuate=True)
        self.assertEqual(0, self.nova.count('evacuate'))
        self.assertEqual([], self.driver.asked)

    def test_evacuated(self):
        """A dead host is evacuated whatever budgets say; that is told."""
        self.nova.add('vm1', metadata=NEVER)
        self.nova.die('src')
        self.assertIn('moved all the same: name-vm1',
                      self.drain('SUCCESS', 'host.evacuate', force=False))

    def test_slips(self):
        """What is no number sets no budget."""
        for text in ('', '-1', 'x', '1.5', '１'):
            self.nova.reset()
            self.nova.add('vm1', metadata={'max_moves_per_day': text})
            self.drain('SUCCESS')

    def test_project(self):
        """All servers of a project share its budget."""
        self.projects(mine=2)
        self.nova.add('vm1', 'vm2', 'vm3', project_id='mine')
        self.nova.add('vm4', project_id='other')
        result = self.drain('FAILURE')
        self.assertIn('project mine of 2 moves a day', result)
        self.assertEqual((3, 1), (self.nova.count('live_migrate'),
                                  len(self.nova.on('src'))))
        self.assertEqual({'mine': 2}, counted_moves.of_projects(self.context))

    def test_keystone_away(self):
        """A drain is not kept from being made because Keystone is away."""
        self.tools = dataclasses.replace(
            self.tools, project_budgets=mock.Mock(
                side_effect=exception.CloudUnreachable(service='Keystone',
                                                       reason='503')))
        self.nova.add('vm1')
        self.drain('SUCCESS')

    def test_failed_moves(self):
        """A move that was not made does not count."""
        self.projects(mine=1)
        self.nova.add('vm1', project_id='mine', metadata=ONCE)
        self.nova.script['live_migrate', 'vm1'] = [
            exception.CloudRequestRefused('no')] * 20
        self.drain('FAILURE')
        self.assertEqual(({}, {}), (
            counted_moves.of_projects(self.context),
            counted_moves.of_servers(self.context)))
        self.nova.script.clear()
        self.back()
        self.drain('SUCCESS')

    def test_kills(self):
        """Whenever a conductor dies: as many are moved as may be."""
        def prepare():
            self.projects(mine=1)
            self.nova.add('vm1', 'vm2', project_id='mine')

        def check(where):
            self.assertEqual(1, self.nova.count('live_migrate'), where)
            self.assertEqual({'mine': 1}, counted_moves.of_projects(
                self.context), where)

        self.walk(prepare, lambda: self.create('host.shutdown'), check,
                  status='FAILURE')

    def test_two_tasks(self):
        """The last move of a budget is taken by one of many tasks."""
        takes = []
        for number in range(8):
            task, _ = db_tasks.create_task(
                self.context, 'host.shutdown', targets=[f'x:{number}'],
                params={})
            token = db_tasks.set_post_token(self.context, task['id'], None,
                                            0)
            held = db_tasks.claim(self.context, task['id'], token, 'me')
            db_tasks.add_items(self.context, task['id'], held['generation'],
                               [{'kind': 'server', 'object_id': f's{number}',
                                 'state': 'PENDING'}])
            takes.append((task['id'], held['generation'],
                          counted_moves.Wanted(f's{number}', 'mine', None,
                                               3)))
        found = []
        threads = [threading.Thread(target=lambda take=take: found.append(
            counted_moves.take(self.context, *take))) for take in takes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(3, found.count(''))
        self.assertEqual({'mine': 3}, counted_moves.of_projects(self.context))
        # Whoever has one is not asked twice.
        admitted = takes[0] if not found[0] else None
        if admitted:
            self.assertEqual('', counted_moves.take(self.context, *admitted))


class RestartTestCase(BudgetMixin, test_restart.RestartCase):

    def test_not_brought_back(self):
        """The way back after a restart is a move, too."""
        self.nova.add('once', metadata=ONCE)
        self.nova.add('twice', metadata={'max_moves_per_day': '2'})
        row = self.restart(return_servers=True)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.assertEqual(['twice'], self.nova.on('src'))
        self.assertEqual((1, 2), (self.nova.count('live_migrate', 'once'),
                                  self.nova.count('live_migrate', 'twice')))

    def test_stays(self):
        """A host whose servers may not be moved is not restarted."""
        self.nova.add('vm1', metadata=NEVER)
        row = self.restart()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('budget of 0 moves', row['result'])
        self.assertEqual([], self.driver.asked)


class AuditTestCase(BudgetMixin, test_audits.AuditCase):

    def test_server(self):
        """A server whose moves are used up stays, and the audit says why."""
        for key in ('vm1', 'vm2', 'vm3', 'vm4', 'vm5'):
            self.nova.set(key, metadata=NEVER)
        self.execute_audit(auto_apply=True)
        self.assertEqual(1, self.nova.count('live_migrate'))
        self.assertIn('whose moves of a day are used up',
                      self.audit['hot']['src'])

    def test_project(self):
        """An audit plans no more than is left, of other projects instead."""
        self.projects(mine=1)
        for key in ('vm1', 'vm2', 'vm3', 'vm4'):
            self.nova.set(key, project_id='mine')
        self.execute_audit(auto_apply=True)
        self.assertEqual('APPLIED', self.audit['status'])
        self.assertEqual(3, self.nova.count('live_migrate'))
        self.assertEqual(1, sum(
            self.nova.vms[row['server_id']].project_id == 'mine'
            for row in self.moves()))
        self.assertEqual({'mine': 1}, counted_moves.of_projects(self.context))
        # Another one finds that all of it is used up.
        self.config(group='drs', cooldown=0.0)
        self.nova.add('n1', 'n2', 'n3', 'n4', flavor=test_audits.LARGE,
                      project_id='mine')
        self.execute_audit(auto_apply=True)
        self.assertEqual({'mine': 1}, counted_moves.of_projects(self.context))

    def test_used_up_meanwhile(self):
        """The budget is looked at again when the moves are made."""
        self.execute_audit()
        self.projects(project=1)
        result = self.apply('FAILURE')
        self.assertIn('1 of 3', result)
        self.assertIn('budget of its project project', result)
        self.assertEqual(1, self.nova.count('live_migrate'))
