# SPDX-License-Identifier: Apache-2.0
"""Tasks that free locks, with the agent's operations on a fake sanlock."""

import fixtures

from cloudmanager.agent import operations
from cloudmanager.agent.volumes import locks  # noqa: F401
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.agent import fake_sanlock
from cloudmanager.tests.unit.conductor.steps import test_nodes

SHARED = 'vol/two'


class SanlockAgents:
    """Stands in the place of ``agent.rpcapi.AgentAPI``.

    :ivar die_at: name of the operation after which the conductor dies
    """

    def __init__(self):
        self.die_at = None
        self.asked = []

    def call(self, context, host, operation, arguments, *, timeout=None):
        self.asked.append(operation)
        if host != 'src':
            raise exception.AgentUnreachable(
                host=host, reason='it did not answer', last_contact='never')
        answer = operations.carry_out(self, {'operation': operation,
                                             'arguments': arguments})
        if operation == self.die_at:
            self.die_at = None
            raise engine_run.HandOver()
        if 'error' in answer:
            raise getattr(exception, answer['error']['class'])(
                answer['error']['text'], **answer['error']['arguments'])
        return answer['result']


class RepairTestCase(test_nodes.NodeCase):
    """Node src shares a group with node cmp1, which holds volume one."""

    def setUp(self):
        super().setUp()
        self.sanlock = fake_sanlock.FakeSanlock()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.commands.run', self.sanlock.run))
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.volumes.lock_state._active',
            lambda: self.sanlock.devices()))
        directory = self.useFixture(fixtures.TempDir()).path
        self.config(group='agent', privileged='none',
                    lvmlockd_adopt_file=f'{directory}/adopt',
                    lvmlockd_drop_in=f'{directory}/drop-in')
        self.agents = SanlockAgents()
        self.tools = test_nodes.dataclasses.replace(self.tools,
                                                    agents=self.agents)
        self.owner = db_nodes.create_node(self.context, {'name': 'cmp1'})
        self.off = set()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.power.nodes.NodePower.is_off',
            lambda power, node, run: node['name'] in self.off))
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.power.nodes.NodePower.node_of_host',
            lambda power, context, host: db_nodes.find_by_name(context,
                                                               host)))

    def start(self, targets=None):
        """Begin the task as the API does."""
        if targets is None:
            targets = self.check_all()['targets']
        task, _ = db_tasks.create_task(
            self.context, 'node.repair_locks',
            targets=[f'node:{self.node["id"]}', *targets],
            params={'node_id': self.node['id']})
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)

    def check_all(self):
        return test_nodes.actions.check('node.repair_locks')(
            self.context, self.tools, self.node['id'], {})

    def repair(self, **kwargs):
        self.start(**kwargs)
        return self.end()

    def end(self):
        """Run it; return its result and why locks are kept, by lock."""
        row = self.run_flow(self.run_of())
        self.assertEqual('SUCCESS', row['status'], row['result'])
        self.result = row['result']
        items = db_tasks.items(self.context, [self.task_id])[self.task_id]
        self.assertEqual({'lock'}, {item['kind'] for item in items})
        return {item['object_id']: item['error'] for item in items}

    def kept(self, **kwargs):
        """Repair; check that nothing was touched; return why."""
        found = self.repair(**kwargs)
        self.assertEqual([], self.sanlock.ran)
        self.assertIn('0 lock(s) are free, 2 are kept.', self.result)
        return found['vol/one']

    def test_owner_is_off(self):
        """LK2: what a dead owner held is free."""
        self.sanlock.silence(1, 20)
        self.off = {'cmp1'}
        self.assertEqual({'vol/one': None, SHARED: None}, self.repair())
        self.assertIn('2 lock(s) are free, 0 are kept.', self.result)
        self.assertEqual(1, len(self.sanlock.ran))

    def test_owner_lives(self):
        """Whatever its power controls say."""
        self.off = {'cmp1'}
        self.assertIn('renewed its lease 0 s ago', self.kept())

    def test_owner_was_just_switched_off(self):
        """It has renewed its lease right before; that is waited for."""
        self.execute(models.Node.__table__.update().where(
            models.Node.id == self.owner['id']).values(
                power_state='power_off'))
        self.off = {'cmp1'}
        self.clock.at(5, self.sanlock.silence, 1, 8)
        self.assertEqual({'vol/one': None, SHARED: None}, self.repair())
        self.assertEqual(1, len(self.sanlock.ran))

    def test_owner_renews_though_it_seems_off(self):
        """Another machine than the one of its power controls has its name."""
        self.execute(models.Node.__table__.update().where(
            models.Node.id == self.owner['id']).values(
                power_state='power_off'))
        self.off = {'cmp1'}
        self.assertIn('renewed its lease 0 s ago', self.kept())

    def test_owner_is_on(self):
        self.sanlock.silence(1, 600)
        self.assertIn('node cmp1 is not seen to be off; fence it',
                      self.kept())

    def test_owner_came_back(self):
        """One that returned keeps what it took since."""
        self.sanlock.held = {'one': [(1, 1, True)], 'new': [(1, 2, True)],
                             'two': [(1, 1, False), (2, 1, False)]}
        self.sanlock.come_back(1)
        self.off = {'cmp1'}
        found = self.repair()
        self.assertEqual((None, None), (found['vol/one'], found[SHARED]))
        self.assertIn('renewed', found['vol/new'])
        self.assertEqual([], self.sanlock.ran)

    def test_comes_back_at_the_last_moment(self):
        """The agent looks anew right before it frees anything."""
        self.sanlock.silence(1, 20)
        self.off = {'cmp1'}
        self.start()
        looks = []

        def on_run(words):
            if words[:2] == ('sanlock', 'direct'):
                looks.append(words)
                if len(looks) == 2:
                    self.sanlock.come_back(1)
        self.sanlock.on_run = on_run
        self.end()
        self.assertEqual([], self.sanlock.ran)

    def test_no_node_of_its_name(self):
        self.sanlock.silence(1, 600)
        self.sanlock.hosts[1].name = 'cmp9'
        self.assertIn('not exactly one node cmp9', self.kept())

    def test_two_nodes_of_its_name(self):
        self.sanlock.silence(1, 600)
        self.sanlock.hosts[1].name += '.example.org'
        db_nodes.create_node(self.context, {'name': 'cmp1.example.org'})
        self.off = {'cmp1', 'cmp1.example.org'}
        self.assertIn('not exactly one node', self.kept())

    def test_no_power_control(self):
        self.sanlock.silence(1, 600)
        self.off = {'cmp1'}
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.power.nodes.NodePower.node_of_host',
            lambda power, context, host: None))
        self.assertIn('no power control', self.kept())

    def test_owner_fell_silent_after_the_request(self):
        """Somebody may be switching it on: nothing keeps them from it."""
        self.off = {'cmp1'}
        self.start()
        self.sanlock.silence(1, 20)
        self.assertIn('send the request again', self.end()['vol/one'])
        self.assertEqual([], self.sanlock.ran)

    def test_owner_cannot_be_switched_on_meanwhile(self):
        self.sanlock.silence(1, 20)
        self.start()
        self.assertRaises(
            exception.TaskConflict, db_tasks.create_task, self.context,
            'node.power', targets=[f'node:{self.owner["id"]}'], params={})

    def test_owner_is_being_evacuated(self):
        """Its servers wait for their volumes; it stays off meanwhile."""
        db_tasks.create_task(self.context, 'host.evacuate', host='cmp1',
                             targets=['host:cmp1',
                                      f'node:{self.owner["id"]}'],
                             params={})
        self.sanlock.silence(1, 20)
        self.off = {'cmp1'}
        self.assertEqual([], self.check_all()['targets'])
        self.assertIsNone(self.repair()['vol/one'])

    def test_another_task_acts_on_the_owner(self):
        self.sanlock.silence(1, 20)
        task, _ = db_tasks.create_task(
            self.context, 'node.power', params={},
            targets=[f'node:{self.owner["id"]}'])
        self.off = {'cmp1'}
        self.assertIn(task['id'], self.kept(targets=[]))

    def test_own_disorder(self):
        """LK5, LK6: orphans, and volumes in use without a lock."""
        self.sanlock.orphans = ['two']
        self.sanlock.active = ['one']
        self.sanlock.guests = {'web': 'one'}
        found = self.repair()
        self.assertIn('is not active', found[SHARED])
        self.assertIn('unprotected: no lock is held', found['vol/one'])
        self.assertIn('Unprotected: web', self.result)

    def test_lvmlockd_was_killed(self):
        """LK5: it takes over what it has left, and the rest is repaired."""
        self.sanlock.active = ['two']
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.silence(1, 20)
        self.off = {'cmp1'}
        self.assertIn('take over, in group vol: two',
                      self.check_all()['plan']['steps'][0])
        self.assertEqual({'vol/one': None, SHARED: None}, self.repair())
        self.assertEqual(['daemon-reload', 'restart', 'direct'],
                         [words[1] for words in self.sanlock.ran])

    def test_lvmlockd_cannot_take_over(self):
        """LK5: why not is in the result."""
        self.sanlock.active = self.sanlock.orphans = ['two']
        self.assertIn('left the lock behind', self.repair()[SHARED])
        self.assertIn('Not put in order: ', self.result)
        self.assertIn('keeps other locks', self.result)
        self.assertEqual([], self.sanlock.ran)

    def test_locks_are_confused(self):
        """LK4: all is started anew; what others hold is repaired then."""
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.silence(1, 20)
        self.off = {'cmp1'}
        self.assertIn('stop lvmlockd, sanlock and wdmd',
                      self.check_all()['plan']['steps'][0])
        self.assertEqual({'vol': None, 'vol/one': None, SHARED: None},
                         self.repair())
        self.assertIn('2 lock(s) are free, 0 are kept.', self.result)
        self.assertEqual('', self.result.partition('Not put')[1])
        self.assertEqual(2, self.sanlock.hosts[2].generation)

    def confuse(self):
        """Begin a repair after which the node joins for some time."""
        self.sanlock.kill_lvmlockd('two')
        self.start()
        self.states = []

        def on_run(words):
            if words[0] == 'vgchange':
                self.sanlock.space = {'renewal_last_result': 0}
            elif words[0] == 'lvs':
                self.states += [
                    (item['state'], item['error']) for item in
                    db_tasks.items(self.context, [self.task_id]).get(
                        self.task_id, ()) if item['object_id'] == 'vol']

        self.sanlock.on_run = on_run

    def test_joining_takes_its_time(self):
        """LK4: the task says what it waits for."""
        self.confuse()
        self.clock.at(20, self.sanlock.space_is_fine)
        self.assertIsNone(self.end()['vol'])
        waiting = [why for state, why in self.states if state == 'RUNNING']
        self.assertIn('waiting until the node has joined: ', waiting[0])
        self.assertEqual(('DONE', None), self.states[-1])

    def test_joining_hangs(self):
        """LK4: in the end the task says that the node has not joined."""
        self.confuse()
        row = self.run_flow(self.run_of())
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('cannot renew', row['result'])
        (item,) = db_tasks.items(self.context, [self.task_id])[self.task_id]
        self.assertEqual(('vol', 'SKIPPED'), (item['object_id'],
                                              item['state']))

    def test_killed_while_a_node_joins(self):
        """LK4: the next conductor goes on waiting."""
        self.confuse()
        self.clock.at(20, self.sanlock.space_is_fine)

        def die(run, seconds):
            raise engine_run.HandOver()

        with fixtures.MonkeyPatch(
                'cloudmanager.conductor.engine.run.Run.pause', die):
            self.assertRaises(engine_run.HandOver, self.run_flow,
                              self.run_of())
        (item,) = db_tasks.items(self.context, [self.task_id])[self.task_id]
        self.assertEqual('RUNNING', item['state'])
        self.assertIsNone(self.end()['vol'])
        self.assertEqual(('DONE', None), self.states[-1])

    def test_locks_stay_confused(self):
        """LK4: a volume is active, so nothing is started anew."""
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.active = ['one']
        self.assertIn('is not active', self.repair()[SHARED])
        self.assertIn('volumes are active on this node', self.result)
        self.assertEqual([], self.sanlock.ran)

    def test_sanlock_was_restarted(self):
        """LK6: it is told of, though nothing can be freed."""
        self.sanlock.active = ['two']
        self.sanlock.guests = {'web': 'two'}
        self.sanlock.is_joined = False
        (told,) = self.check_all()['plan']['unprotected']
        self.assertEqual((SHARED, ['web'], None), (
            told['lock'], told['guests'], told['guests_reason']))
        self.assertIn('lockstart', told['reason'])
        self.sanlock.is_libvirt_away = True
        self.assertIn('virsh', self.check_all()['plan']['unprotected'][0][
            'guests_reason'])
        self.assertIn('virsh', self.kept_all()[SHARED])

    def kept_all(self):
        """Repair; check that nothing was touched; return why."""
        found = self.repair()
        self.assertEqual([], self.sanlock.ran)
        return found

    def test_kills(self):
        for die_at in ('locks.report', 'locks.release'):
            self.task_id = None
            self.sanlock.__init__()
            self.sanlock.silence(1, 20)
            self.off = {'cmp1'}
            self.start()
            self.agents.die_at = die_at
            self.assertRaises(engine_run.HandOver, self.run_flow,
                              self.run_of())
            self.assertEqual({'vol/one': None, SHARED: None}, self.end())
            self.assertEqual(1, len(self.sanlock.ran))

    def test_cancelled(self):
        self.sanlock.silence(1, 20)
        self.off = {'cmp1'}
        self.start()
        db_tasks.request_cancel(self.context, self.task_id, 'abort')
        self.assertEqual('REVOKED',
                         self.run_flow(self.run_of())['status'])
        self.assertEqual([], self.sanlock.ran)

    def test_plan(self):
        self.sanlock.silence(1, 20)
        found = self.check_all()
        self.assertEqual([f'node:{self.owner["id"]}'], found['targets'])
        (step,) = found['plan']['steps']
        self.assertIn('when node cmp1 is seen to be off: free', step)
        self.assertEqual(['vol/one', SHARED],
                         [lock['lock'] for lock in found['plan']['locks']])
        self.assertFalse(self.sanlock.ran)

    def test_refused(self):
        self.sanlock.is_joined = False
        self.assertIn('lockstart', self.refused('repair_locks'))
        self.sanlock.kind = ''
        self.assertIn('no shared volume group', self.refused('repair_locks'))
        self.set_node(name='cmp7')
        self.refused('repair_locks', exception.AgentUnreachable)
