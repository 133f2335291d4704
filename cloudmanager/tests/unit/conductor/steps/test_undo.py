# SPDX-License-Identifier: Apache-2.0
"""Bringing servers back to where they were, whole tasks."""

from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor.steps import test_audits


class UndoCase(test_audits.AuditCase):
    """An audit has moved three of six servers from src to dst1."""

    def setUp(self):
        super().setUp()
        self.applied = None

    def moved(self):
        """Apply an audit; return the ids of the servers, in order."""
        self.execute_audit(auto_apply=True)
        self.applied = self.task_id
        self.ids = sorted(self.move_states())
        return self.ids

    def plan(self, **params):
        return actions.check('task.undo')(
            self.context, self.tools, self.applied,
            {'dry_run': True, **params})['plan']

    def begin_undo(self, applied=None):
        task, _ = db_tasks.create_task(
            self.context, 'task.undo', targets=['aggregate:7'],
            params={'task_id': applied or self.applied})
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)

    def undo(self, status='SUCCESS'):
        self.begin_undo()
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return row['result']

    def left(self):
        """Return why servers are left, by id."""
        return {one['server_id']: one['reason']
                for one in self.plan()['left']}


class UndoTestCase(UndoCase):

    def test_back(self):
        moved = self.moved()
        plan = self.plan()
        self.assertEqual(
            [(key, 'dst1', 'src', 'live-migrate') for key in moved],
            sorted((move['server_id'], move['source'], move['destination'],
                    move['action']) for move in plan['moves']))
        self.assertEqual((self.applied, []), (plan['task_id'], plan['left']))
        self.assertEqual(3, len(self.nova.on('src')))
        self.assertIn('3 of 3 servers are back', self.undo())
        self.assertEqual((6, 0), (len(self.nova.on('src')),
                                  len(self.nova.on('dst1'))))
        self.assertEqual(6, self.nova.count('live_migrate'))

    def test_undone_again(self):
        """An undo is undone like anything else."""
        moved = self.moved()
        self.undo()
        self.applied = self.task_id
        self.undo()
        self.assertEqual(moved, sorted(self.nova.on('dst1')))

    def test_only_what_can(self):
        """Who moved since, was deleted or is back already is left, told."""
        first, second, third = self.moved()
        self.nova.set(first, host='dst2')
        self.nova.delete(second)
        reasons = self.left()
        self.assertIn('it has moved since: it is on dst2', reasons[first])
        self.assertIn('deleted', reasons[second])
        result = self.undo()
        self.assertIn('1 of 3 servers are back', result)
        self.assertIn(f'({first}): it has moved since', result)
        self.assertIn(f'({second}): it was deleted', result)
        self.assertEqual(1 + 3, self.nova.count('live_migrate'))

    def test_back_already(self):
        (first, *_) = self.moved()
        self.nova.set(first, host='src')
        self.assertEqual({first: 'it is on src again'}, self.left())

    def test_host_disabled(self):
        """A host that takes no servers gets none back, and that is told."""
        self.moved()
        self.nova.computes['src'].status = 'disabled'
        self.assertTrue(all('host src is disabled' in reason
                            for reason in self.left().values()))
        error = self.assertRaises(exception.TaskNotUndoable, self.plan,
                                  dry_run=False)
        self.assertEqual(409, error.code)
        self.assertIn('host src is disabled', str(error))
        self.assertIn('0 of 3', self.undo('FAILURE'))

    def test_host_disabled_meanwhile(self):
        """Before each stage it is looked again."""
        self.moved()
        self.nova.seconds = 20
        self.config(group='host_tasks', max_moves=1)
        self.begin_undo()
        self.clock.at(0.0, setattr, self.nova.computes['src'], 'status',
                      'disabled')
        self.clock.sleep(1)
        self.assertEqual('FAILURE', self.run_flow()['status'])
        self.assertEqual(3, self.nova.count('live_migrate'))

    def test_no_room(self):
        """What came meanwhile has taken the place."""
        self.moved()
        self.nova.add(*(f'new{number}' for number in range(5)),
                      flavor=test_audits.LARGE)
        plan = self.plan()
        self.assertEqual((0, 3), (len(plan['moves']), len(plan['left'])))
        self.assertIn('host src is without room', plan['left'][0]['reason'])

    def test_a_move_fails(self):
        first, *_ = self.moved()
        self.nova.script['live_migrate', first] = [fakes.FAILS]
        result = self.undo('FAILURE')
        self.assertIn('2 of 3 servers are back', result)
        self.assertIn(first, result)

    def test_not_undoable(self):
        self.moved()
        for name, status, reason in (
                ('server.repair', 'SUCCESS', 'server.repair'),
                ('host.shutdown', None, 'PENDING'),
                ('host.shutdown', 'SUCCESS', 'moved no servers')):
            task, _ = db_tasks.create_task(
                self.context, name, targets=[f'x:{name}{status}'], params={},
                host='src')
            if status:
                token = db_tasks.set_post_token(self.context, task['id'],
                                                None, 0)
                claimed = db_tasks.claim(self.context, task['id'], token,
                                         'one')
                db_tasks.finish(self.context, task['id'],
                                claimed['generation'], status)
            self.applied = task['id']
            error = self.assertRaises(exception.TaskNotUndoable, self.plan)
            self.assertIn(reason, str(error))
        self.applied = 'no-such-task'
        self.assertRaises(exception.TaskNotFound, self.plan)

    def test_parts(self):
        """The parts of a task on several hosts belong to it."""
        self.moved()
        items = db_tasks.items(self.context, [self.applied])[self.applied]
        whole, _ = db_tasks.create_task(
            self.context, 'hosts.restart', targets=['x:1'], params={})
        token = db_tasks.set_post_token(self.context, whole['id'], None, 0)
        generation = db_tasks.claim(self.context, whole['id'], token,
                                    'one')['generation']
        for part, host, rows in (('p1', 'src', items[:1]),
                                 ('p2', 'dst1', items[1:])):
            db_tasks.create_part(self.context, whole['id'], generation, part,
                                 'host.restart', host=host, params={})
            mine = db_tasks.set_post_token(self.context, part, None, 0)
            held = db_tasks.claim(self.context, part, mine,
                                  'one')['generation']
            db_tasks.add_items(self.context, part, held, [
                {key: row[key] for key in (
                    'kind', 'object_id', 'name', 'state', 'action', 'source',
                    'destination', 'memory')} for row in rows])
            db_tasks.finish(self.context, part, held, 'SUCCESS')
        db_tasks.finish(self.context, whole['id'], generation, 'SUCCESS')
        self.applied = whole['id']
        self.clock.sleep(1)
        # The servers of the second part were brought back to its host.
        self.assertEqual([items[0]['object_id']], [
            move['server_id'] for move in self.plan()['moves']], self.plan())

    def test_stages_backwards(self):
        """A swap is undone from its end, so that there is room."""
        self.only_a_swap_helps()
        self.execute_audit(auto_apply=True)
        self.applied = self.task_id
        first, second = self.moves()
        self.assertEqual(
            [(second['server_id'], 0), (first['server_id'], 1)],
            [(move['server_id'], move['stage'])
             for move in self.plan()['moves']])
        self.undo()
        self.assertEqual(['a1', 'a2'], sorted(self.nova.on('src')))

    def test_kills(self):
        """Each server is asked for once, whenever a conductor dies."""
        def prepare():
            self.fill()
            self.moved()

        def check(where):
            self.assertEqual(6, self.nova.count('live_migrate'), where)
            self.assertEqual(6, len(self.nova.on('src')), where)

        self.walk(prepare, self.begin_undo, check)
