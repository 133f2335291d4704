# SPDX-License-Identifier: Apache-2.0
"""Locks of a volume group that real machines share: sanlock and lvmlockd.

Conductors and agents are the real ones; between them there is no bus.
"""

import dataclasses
import time

import fixtures
from testtools import content

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.power import base as power_base
from cloudmanager.tests.integration import machine_pair
from cloudmanager.tests.unit.conductor.power import test_nodes

nodevmlib = machine_pair.nodevmlib

GROUP = machine_pair.GROUP
SECONDS = machine_pair.SECONDS
#: Ends a program, and waits for its end.
KILL = 'p=$(pidof {0}); kill -9 $p; while pidof {0}; do sleep 0.1; done'


class Plug(power_base.PowerDriver):
    """The power of a machine."""

    def __init__(self, machine):
        self._machine = machine
        self.is_on = True

    def state(self, device, output):
        return 'power_on' if self.is_on else 'power_off'

    def power_on(self, device, output):
        self._machine.start()
        self._machine.run('sh', '-c', machine_pair.DAEMONS)
        self.is_on = True

    def power_off(self, device, output, soft=False):
        self._machine.kill()
        self.is_on = False

    def reset(self, device, output):
        self.power_off(device, output)
        self.power_on(device, output)


class MachineAgents:
    """Stands in the place of ``agent.rpcapi.AgentAPI``."""

    def __init__(self, machines):
        self._machines = machines

    def call(self, context, host, operation, arguments, *, timeout=None):
        answer = self._machines[host].call(
            f'{machine_pair.INSIDE}:operation', name=operation,
            arguments=arguments)
        if 'error' in answer:
            raise getattr(exception, answer['error']['class'])(
                answer['error']['text'], **answer['error']['arguments'])
        return answer['result']


class LocksTestCase(test_nodes.PowerCase):
    """Two machines share a volume group; the first holds a volume.

    They are those of all tests here, and each begins with the same locks.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lacking = nodevmlib.missing()
        if lacking:
            raise cls.skipException(
                f'packages are missing: {", ".join(lacking)}')
        cls.pair = machine_pair.Pair()
        cls.addClassCleanup(cls.pair.end)

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(clock, 'source',
                                                 clock.System()))
        self.pair.restore()
        self.one, self.two = self.pair.machines
        self.use(Plug(self.one))
        self.nodes = [self.add_power(host='cmp1'), db_nodes.create_node(
            self.context, {'name': 'cmp2'})]
        self.tools = dataclasses.replace(
            self.tools, agents=MachineAgents({'cmp1': self.one,
                                              'cmp2': self.two}))
        self.before = self.look(self.two)
        self.first, self.second = sorted(
            (member['host_id'], member['generation'])
            for member in self.before['members'])[:2]

    def ask(self, machine, name, **arguments):
        """Have the agent of a machine carry out an operation."""
        return machine.call(f'{machine_pair.INSIDE}:operation',
                            name=f'locks.{name}', arguments=arguments)

    def look(self, machine, volume=None):
        answer = self.ask(machine, 'report', group=GROUP, volume=volume)
        self.assertNotIn('error', answer)
        (space,) = answer['result']
        return space

    def member(self, machine, host_id):
        # To read the locks of all volumes takes longer.
        return next(one for one in self.look(machine, 'idle')['members']
                    if one['host_id'] == host_id)

    def release(self, host_id, generation, timestamp):
        return self.ask(self.two, 'release', group=GROUP, host_id=host_id,
                        generation=generation, timestamp=timestamp)

    @staticmethod
    def held(space):
        """Return which ids hold the lock of each volume, alive or not."""
        return {lock['volume']: sorted(
            (holder['host_id'], holder['generation'],
             holder['is_exclusive']) for holder in lock['holders'])
            for lock in space['locks'] if lock['volume']}

    def owners(self, volume):
        """Return which ids hold the lock of a volume, alive or not."""
        return self.held(self.look(self.two, volume))[volume]

    def task(self, name, *targets, **params):
        """Carry out a task; return its row."""
        task, _ = db_tasks.create_task(self.context, name,
                                       targets=list(targets), params=params)
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        row = self.run_flow(self.run_of())
        self.assertEqual('SUCCESS', row['status'], row['result'])
        return row

    def switch(self, action):
        """Switch the first machine."""
        key = self.nodes[0]['id']
        self.task('node.power', f'node:{key}', node_id=key, action=action,
                  type='hard')

    def repair(self, machine=None):
        """Repair locks for a machine; return why some are kept.

        :param machine: the second one when ``None``
        """
        key = self.nodes[self.pair.machines.index(machine or self.two)]['id']
        checked = actions.check('node.repair_locks')(
            self.context, self.tools, key, {})
        self.result = self.task(
            'node.repair_locks', f'node:{key}', *checked['targets'],
            node_id=key)['result']
        return {'group' if item['action'] == 'join'
                else item['name'].split()[1]: item['error']
                for item in self.items().values()}

    def plan(self, machine):
        """Return what a dry run of the repair tells of a machine."""
        key = self.nodes[self.pair.machines.index(machine)]['id']
        return actions.check('node.repair_locks')(
            self.context, self.tools, key, {})['plan']

    def unprotected(self, volume):
        return [found for found in self.plan(self.one)['unprotected']
                if found['lock'] == f'{GROUP}/{volume}']

    def wait(self, look, is_so):
        until = time.monotonic() + SECONDS
        while not is_so(found := look()):
            self.assertLess(time.monotonic(), until, found)
            time.sleep(0.3)
        return found

    def activate(self, machine):
        return machine.run('lvchange', '--activate', 'ey', f'{GROUP}/alone',
                           check=False)

    def test_owner_lives_dies_and_returns(self):
        """LK2: a lock is freed when its owner is gone, and not before.

        An owner that comes back is another generation, and not harmed.
        """
        self.assertEqual(
            {'alone': [(*self.first, True)], 'idle': [],
             'both': [(*self.first, False), (*self.second, False)]},
            self.held(self.before))
        before = self.first[1]
        alive = self.wait(lambda: self.member(self.two, 1),
                          lambda found: found['status'] == 'LIVE')
        self.assertIn('locked by other host', self.activate(self.two))
        for generation, timestamp in ((before, alive['timestamp']),
                                      (before + 1, 5)):
            error = self.release(1, generation, timestamp)['error']
            self.assertEqual('LocksHeld', error['class'])
        self.assertIn('renewed', self.repair()['alone'])
        self.assertTrue(self.member(self.two, 1)['timestamp'])

        self.switch('power-off')
        fenced = time.monotonic()
        self.assertIn('locked by other host', self.activate(self.two))
        self.assertNotEqual('DEAD', self.member(self.two, 1)['status'])
        self.assertEqual({'alone': None, 'both': None}, self.repair())
        self.assertEqual('', self.activate(self.two))
        self.addDetail('seconds from the fence', content.text_content(
            f'{time.monotonic() - fenced:.1f}'))
        self.assertEqual([(*self.second, True)], self.owners('alone'))

        self.switch('power-on')
        self.pair.join(self.one)
        self.assertIn('locked by other host', self.activate(self.one))
        self.one.run('lvchange', '--activate', 'ey', f'{GROUP}/idle')
        self.assertIn('renewed', self.repair()['idle'])
        back = self.member(self.two, 1)
        self.assertEqual(before + 1, back['generation'])
        for generation, timestamp in ((before, back['timestamp']),
                                      (before + 1, back['timestamp'])):
            self.assertEqual('LocksHeld', self.release(
                1, generation, timestamp)['error']['class'])
        self.assertEqual([(1, before + 1, True)], self.owners('idle'))
        self.one.run('dd', 'if=/dev/zero', f'of=/dev/{GROUP}/idle',
                     'bs=1M', 'count=4', 'oflag=direct')

    def test_sanlock_is_restarted_under_a_guest(self):
        """LK6: it is noticed, and the guest is listed as unprotected."""
        self.assertEqual([], self.plan(self.one)['unprotected'])
        self.one.run('sh', '-c', KILL.format('sanlock'))
        (alone,) = self.unprotected('alone')
        self.assertEqual(['web'], alone['guests'])
        self.assertIn('cannot be asked', alone['reason'])
        self.one.run('sh', '-c', machine_pair.DAEMONS)
        (alone,) = self.unprotected('alone')
        self.assertIn('not joined', alone['reason'])

        # Whoever joins anew, by lvmlockctl and LVM, holds no lock either.
        machine_pair.forget(1, self.one, self.two)
        self.pair.join(self.one)
        (alone,) = self.unprotected('alone')
        self.assertEqual(['web'], alone['guests'])
        self.assertIn(f'of generation {self.first[1]} of this node',
                      alone['reason'])
        self.assertEqual('', self.activate(self.two))
        self.assertEqual([(*self.second, True)], self.owners('alone'))

    def test_lvmlockd_is_killed(self):
        """LK5: what it has left is taken over, and can be given back."""
        self.one.run('sh', '-c', KILL.format('lvmlockd'))
        self.assertIn('locked by other host', self.activate(self.two))
        orphans = {lock['volume'] for lock in self.look(self.one)['locks']
                   if lock['is_orphan']}
        self.assertEqual({'alone', 'both'}, orphans)
        self.assertIn('take over, in group shared-1: alone, both',
                      self.plan(self.one)['steps'][0])
        kept = self.repair(self.one)
        self.assertNotIn('alone', kept)
        self.assertEqual(self.held(self.before),
                         self.held(self.look(self.two)))
        self.assertIn('locked by other host', self.activate(self.two))
        self.one.run('lvchange', '--activate', 'n', f'{GROUP}/alone')
        self.assertEqual('', self.activate(self.two))

    def test_locks_are_confused(self):
        """LK4: the daemons are started anew when nothing needs them."""
        self.one.run('sh', '-c', KILL.format('lvmlockd'))
        self.one.run('dmsetup', 'remove', 'shared--1-both')
        kept = self.repair(self.one)
        self.assertIn('is not active', kept['both'])
        self.assertNotIn('alone', kept)
        self.assertEqual([(*self.first, True)], self.owners('alone'))
        self.assertIn('1 of its volumes are active', self.result)

        self.one.run('lvchange', '--activate', 'n', f'{GROUP}/alone')
        self.assertIn('stop lvmlockd, sanlock and wdmd',
                      self.plan(self.one)['steps'][0])
        # Held by the other one, and by nobody else any more.
        kept = self.repair(self.one)
        self.assertIsNone(kept['group'])
        self.assertIn('cmp2', kept['both'])
        self.assertNotIn('lvmlockd', kept['both'])
        self.assertEqual(self.first[1] + 1,
                         self.member(self.two, 1)['generation'])
        self.assertEqual('', self.look(self.one)['disorder'])
        self.assertEqual('', self.activate(self.two))
        self.assertEqual('', self.one.run(
            'lvchange', '--activate', 'ey', f'{GROUP}/idle'))
