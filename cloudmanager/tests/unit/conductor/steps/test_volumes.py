# SPDX-License-Identifier: Apache-2.0
"""Volumes are mirrored and moved, on a fake LVM."""

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import checks as host_checks
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import volume_case

ONE, TWO = volume_case.ONE, volume_case.TWO
MOVE = {'source_pv': '/dev/sdb', 'dest_pv': '/dev/sdd'}


class MirrorTestCase(volume_case.VolumeCase):

    def test_up_and_down(self):
        self.check('mirror', mirror_count=1)
        result = self.act('mirror', mirror_count=1)
        for word in ('2 copies', '200.00m', '/dev/sdb', '/dev/sdd', ' s.'):
            self.assertIn(word, result)
        self.assertEqual(['/dev/sdb', '/dev/sdd'], self.on())
        item = self.item()
        self.assertEqual(
            ('DONE', 'mirror', 'volume', '/dev/sdb', '/dev/sdb, /dev/sdd'),
            tuple(item[key] for key in ('state', 'action', 'kind', 'source',
                                        'destination')))
        self.assertEqual((100.0, 200 * 1024 ** 2), (
            item['memory']['percent'], item['memory']['size']))
        self.assertIn('1 copy', self.act('mirror', mirror_count=0))
        self.assertEqual(['/dev/sdb'], self.on())

    def test_so_already(self):
        """LK9: the result says that nothing was changed."""
        self.assertIn('already', self.act('mirror', mirror_count=0))
        self.assertEqual([], self.lvm.changes)

    def test_progress(self):
        seen = []
        self.clock.at(31, lambda: seen.append(self.item()['memory']))
        self.act('mirror', mirror_count=1)
        self.assertGreater(seen[0]['percent'], 40)
        self.assertTrue(20 < seen[0]['seconds_left'] < 40, seen[0])

    def test_inactive(self):
        """It is active while it is mirrored, and not afterwards."""
        self.lvm.volumes[f'volume-{ONE}'].active = False
        self.act('mirror', mirror_count=1)
        self.assertEqual(['/dev/sdb', '/dev/sdd'], self.on())
        self.assertFalse(self.lvm.volumes[f'volume-{ONE}'].active)

    def test_node_restarts(self):
        """Copies are made of what is active only."""
        self.clock.at(30, self.lvm.restart, active=False)
        self.clock.at(30, self.agents.restart_agent)
        self.act('mirror', mirror_count=1)
        self.assertEqual(2, self.lvm.volumes[f'volume-{ONE}'].synced)

    def test_refused(self):
        for number, word in ((4, 'do not fit'),):
            error = self.assertRaises(
                exception.LogicalVolumeState, self.check, 'mirror',
                mirror_count=number)
            self.assertEqual(409, error.code)
            self.assertIn(word, error.message)
            self.assertIn(word, self.act('mirror', 'FAILURE',
                                         mirror_count=number))
        self.assertEqual([], self.lvm.changes)

    def test_refused_by_lvm(self):
        self.lvm.script['lvconvert'] = ['no luck today']
        self.assertIn('no luck', self.act('mirror', 'FAILURE',
                                          mirror_count=1))
        self.assertEqual('FAILED', self.item()['state'])

    def test_failure_of_another_task(self):
        """What LVM told an earlier task says nothing of this one."""
        self.lvm.script['lvconvert'] = ['no luck today']
        self.act('mirror', 'FAILURE', mirror_count=1)
        self.act('mirror', mirror_count=1)

    def test_cancelled(self):
        """A copy that is not complete is given up."""
        self.clock.at(20, self.cancel, 'abort')
        self.act('mirror', 'REVOKED', mirror_count=2)
        self.assertEqual(['/dev/sdb'], self.on())
        self.assertEqual('SKIPPED', self.item()['state'])

    def test_cancelled_to_the_end(self):
        self.clock.at(20, self.cancel, 'finish')
        self.act('mirror', mirror_count=1)
        self.assertEqual(2, len(self.on()))

    def test_cancelled_before(self):
        self.begin('mirror', mirror_count=1)
        self.cancel()
        self.assertEqual('REVOKED', self.run_flow()['status'])
        self.assertEqual([], self.lvm.changes)

    def test_kills(self):
        for count, legs in ((2, 3), (0, 1)):
            def prepare(count=count):
                self.furnish()
                if not count:
                    self.lvm.add(f'volume-{ONE}', '/dev/sdb', '/dev/sdd')

            def check(where, legs=legs):
                self.assertEqual(legs, len(self.on()), where)
                self.assertEqual(1, len(self.changes('lvconvert')), where)

            kills = self.walk(
                prepare, lambda count=count: self.begin(
                    'mirror', mirror_count=count), check)
            self.assertGreater(sum(kills.values()), 4)

    def test_kills_while_cancelled(self):
        def begin():
            self.begin('mirror', mirror_count=2)
            self.clock.at(20, self.cancel, 'abort')

        def check(where):
            self.assertEqual(['/dev/sdb'], self.on(), where)

        self.assertGreater(sum(self.walk(
            self.furnish, begin, check, 'REVOKED').values()), 4)


class MigrateTestCase(volume_case.VolumeCase):

    def test_move(self):
        self.check('pv-migrate', **MOVE)
        result = self.act('pv-migrate', **MOVE)
        for word in ('200.00m', 'from /dev/sdb', 'to /dev/sdd', ' s.'):
            self.assertIn(word, result)
        self.assertEqual(['/dev/sdd'], self.on())
        item = self.item()
        self.assertEqual(
            ('DONE', 'pv-migrate', '/dev/sdb', '/dev/sdd', 1),
            tuple(item[key] for key in ('state', 'action', 'source',
                                        'destination', 'attempts')))

    def test_anywhere(self):
        """LVM chooses where to, and the item tells."""
        self.act('pv-migrate', source_pv='/dev/sdb')
        self.assertEqual(self.on()[0], self.item()['destination'])
        self.assertNotEqual('/dev/sdb', self.on()[0])

    def test_copy_of_a_mirror(self):
        self.lvm.add(f'volume-{ONE}', '/dev/sdb', '/dev/sde')
        self.act('pv-migrate', **MOVE)
        self.assertEqual(['/dev/sdd', '/dev/sde'], self.on())

    def test_progress(self):
        seen = []
        self.clock.at(31, lambda: seen.append(self.item()))
        self.act('pv-migrate', source_pv='/dev/sdb')
        self.assertEqual('RUNNING', seen[0]['state'])
        self.assertIsNotNone(seen[0]['destination'])
        self.assertTrue(20 < seen[0]['memory']['seconds_left'] < 40)

    def test_cancelled(self):
        self.clock.at(20, self.cancel, 'abort')
        self.act('pv-migrate', 'REVOKED', **MOVE)
        self.assertEqual((['/dev/sdb'], []), (self.on(), self.lvm.moves))

    def test_cancelled_too_late(self):
        """What has arrived is a success, whatever was asked for since."""
        self.clock.at(59, self.cancel, 'abort')
        self.lvm.seconds = 59.5
        self.act('pv-migrate', **MOVE)
        self.assertEqual(['/dev/sdd'], self.on())

    def test_node_restarts(self):
        """LK8: its node dies in the middle, and is back after a while."""
        def die():
            self.lvm.restart()
            self.agents.restart_agent()
            self.agents.silent = True

        self.clock.at(30, die)
        self.clock.at(500, setattr, self.agents, 'silent', False)
        self.act('pv-migrate', **MOVE)
        self.assertEqual(['/dev/sdd'], self.on())
        self.assertEqual(2, len(self.changes('pvmove')))

    def test_node_stays_away(self):
        self.config(group='volumes', agent_timeout=300)
        self.clock.at(30, setattr, self.agents, 'silent', True)
        result = self.act('pv-migrate', 'FAILURE', **MOVE)
        for word in ('agent on host stor1', 'Last contact', 'still go on'):
            self.assertIn(word, result)

    def test_agent_restarts_before_it_began(self):
        """A request that the agent took with it is made again."""
        self.agents.agent.volumes.begin = lambda *args: None
        self.clock.at(5, self.agents.restart_agent)
        self.act('pv-migrate', **MOVE)
        self.assertGreater(self.item()['attempts'], 1)

    def test_nothing_ever_happens(self):
        self.agents.agent.volumes.begin = lambda *args: None
        self.assertIn('5 times', self.act('pv-migrate', 'FAILURE', **MOVE))

    def test_stands_still(self):
        self.config(group='volumes', stalled_timeout=600)
        self.lvm.seconds = 10 ** 9
        self.lvm._percent = lambda since: 7.0
        self.assertIn('stands at 7%', self.act('pv-migrate', 'FAILURE',
                                               **MOVE))

    def test_refused(self):
        for word, params in (
                ('no data on /dev/sdc', {'source_pv': '/dev/sdc'}),
                ('no physical volume', {**MOVE, 'dest_pv': '/dev/sdz'}),
                ('no physical volume', {'source_pv': '/dev/sdz'})):
            self.assertIn(word, str(self.assertRaises(
                exception.LogicalVolumeState, self.check, 'pv-migrate',
                **params)))
            self.assertIn(word, self.act('pv-migrate', 'FAILURE', **params))
        self.assertEqual([], self.lvm.changes)

    def test_full(self):
        self.lvm.add('big', '/dev/sdd', extents=90)
        self.assertIn('do not fit on /dev/sdd', self.act(
            'pv-migrate', 'FAILURE', **MOVE))

    def test_refused_by_lvm(self):
        self.lvm.script['pvmove'] = ['no luck today']
        self.assertIn('no luck', self.act('pv-migrate', 'FAILURE', **MOVE))
        self.assertEqual(['/dev/sdb'], self.on())

    def test_move_of_another_volume(self):
        """One move of a group at a time, whoever began it."""
        self.lvm.run('pvmove', '--name', f'vol/volume-{TWO}', '/dev/sdc')
        self.assertRaises(exception.LogicalVolumeState, self.check,
                          'pv-migrate', **MOVE)
        self.assertIn('being moved from /dev/sdc', self.act(
            'pv-migrate', 'FAILURE', **MOVE))

    def test_targets(self):
        self.assertEqual([f'volume:{ONE}', 'vg:uuid-vol'],
                         self.check('pv-migrate', **MOVE)['targets'])
        self.assertEqual([f'volume:{ONE}'],
                         self.check('mirror', mirror_count=1)['targets'])

    def test_plan(self):
        plan = self.check('pv-migrate', **MOVE)['plan']
        self.assertEqual(('stor1', 'vol', f'volume-{ONE}', '200.00m'), tuple(
            plan[key] for key in ('host', 'vg_name', 'lv_name', 'size')))
        self.assertIn('/dev/sdd', plan['command'])
        self.assertEqual([], self.lvm.changes)

    def test_kills(self):
        """Whoever is killed, and when: moved once, and to its end."""
        def check(where):
            self.assertEqual(['/dev/sdd'], self.on(), where)
            self.assertEqual(1, len(self.changes('pvmove')), where)

        kills = self.walk(self.furnish,
                          lambda: self.begin('pv-migrate', **MOVE), check)
        self.assertGreater(sum(kills.values()), 4)

    def test_kills_while_cancelled(self):
        def begin():
            self.begin('pv-migrate', **MOVE)
            self.clock.at(20, self.cancel, 'abort')

        def check(where):
            self.assertEqual((['/dev/sdb'], []), (self.on(), self.lvm.moves),
                             where)

        self.assertGreater(sum(self.walk(
            self.furnish, begin, check, 'REVOKED').values()), 4)

    def test_kills_of_agent_and_node(self):
        """The agent, or its node, is killed at each second of a move."""
        for restart in (False, True):
            for second in range(0, 58, 4):
                self.start_over(self.furnish)
                self.begin('pv-migrate', **MOVE)

                def kill(restart=restart):
                    if restart:
                        self.lvm.restart()
                    self.agents.restart_agent()

                self.clock.at(second, kill)
                where = f'{restart} {second}'
                self.assertEqual('SUCCESS', self.run_flow()['status'], where)
                self.assertEqual(['/dev/sdd'], self.on(), where)
                self.assertLessEqual(len(self.changes('pvmove')), 2, where)


class HostsTestCase(volume_case.VolumeCase):
    """Volumes and the hosts that they are on."""

    def setUp(self):
        super().setUp()
        self.nova.reset(('stor1', 'dst1'))

    def test_host_waits(self):
        """A host is not taken out of use while LVM moves data there."""
        task = self.begin('pv-migrate', **MOVE)
        for check in (host_checks.shutdown, host_checks.decommission):
            error = self.assertRaises(
                exception.TaskConflict, check, self.context, self.tools,
                'stor1', {})
            self.assertIn(task['id'], error.message)
            plan = check(self.context, self.tools, 'stor1',
                         {'dry_run': True})['plan']
            self.assertIn('volume-work', [blocker['code'] for blocker in
                                          plan['blockers']])
        self.assertRaises(
            exception.TaskConflict, host_checks.restart, self.context,
            self.tools, None, {'hosts': ['dst1', 'stor1']})
        self.run_flow()
        host_checks.shutdown(self.context, self.tools, 'stor1', {})

    def test_begun_at_the_same_moment(self):
        """Tasks of a host and of its volume: at most one of them works."""
        self.begin('pv-migrate', **MOVE)
        volume_task, volume_token = self.task_id, self.token
        self.task_id = None
        super(volume_case.VolumeCase, self).create('host.shutdown', 'stor1')
        row = self.run_flow()
        self.assertEqual('FAILURE', row['status'])
        self.assertIn(volume_task, row['result'])
        self.assertEqual('enabled', self.nova.computes['stor1'].status)
        self.task_id, self.token = volume_task, volume_token
        self.run_flow()

    def test_host_is_taken_out(self):
        task, _ = db_tasks.create_task(
            self.context, 'host.shutdown', targets=['host:stor1'],
            params={}, host='stor1')
        for action, params in (('mirror', {'mirror_count': 1}),
                               ('pv-migrate', MOVE)):
            self.assertIn(task['id'], str(self.assertRaises(
                exception.TaskConflict, self.check, action, **params)))
        self.assertIn(task['id'], self.act('pv-migrate', 'FAILURE', **MOVE))
        self.assertEqual([], self.lvm.changes)

    def test_node_is_switched(self):
        """No data are moved while the power of the node may go."""
        node = db_nodes.create_node(self.context, {'name': 'stor1'})
        target = f'node:{node["id"]}'
        mode, _ = db_tasks.create_task(self.context, 'node.set_mode',
                                       targets=[target], params={})
        self.check('pv-migrate', **MOVE)
        db_tasks.finish(self.context, mode['id'], mode['generation'],
                        'SUCCESS')
        task, _ = db_tasks.create_task(self.context, 'node.power',
                                       targets=[target], params={})
        self.assertIn(task['id'], str(self.assertRaises(
            exception.TaskConflict, self.check, 'pv-migrate', **MOVE)))
        self.assertIn(task['id'], self.act('pv-migrate', 'FAILURE', **MOVE))
        self.assertEqual([], self.lvm.changes)

    def test_evacuation_does_not_wait(self):
        """The host is dead, and so is what LVM did there."""
        self.begin('pv-migrate', **MOVE)
        self.nova.die('stor1', seen_down=True)
        self.nova.computes['stor1'].alive = False
        self.task_id = None
        super(volume_case.VolumeCase, self).create(
            'host.evacuate', 'stor1', fenced=True)
        self.assertEqual('SUCCESS', self.run_flow()['status'])

    def test_conductor_stops(self):
        """What LVM does goes on, and a successor takes it up."""
        self.begin('pv-migrate', **MOVE)
        run = self.run_of()
        self.clock.at(20, run.stopping.set)
        self.assertRaises(engine_run.HandOver, self.run_flow, run)
        self.assertEqual('SUCCESS', self.run_flow()['status'])
        self.assertEqual(1, len(self.changes('pvmove')))
