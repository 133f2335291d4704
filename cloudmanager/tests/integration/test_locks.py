# SPDX-License-Identifier: Apache-2.0
"""Locks of a volume group that real machines share: sanlock and lvmlockd.

Conductors and agents are the real ones; between them there is no bus.
"""

from concurrent import futures
import dataclasses
import pathlib
import sys
import time

import fixtures
from testtools import content

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.power import base as power_base
from cloudmanager.tests.unit.conductor.power import test_nodes

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / 'tools'))

import nodevmlib  # noqa: E402

INSIDE = 'cloudmanager.tests.integration.lvm_inside'
GROUP = 'shared-1'
MIB = 1024 ** 2
SECONDS = 60
#: Seconds of sanlock's I/O timeout: a host renews its lease every two of
#: them, and is taken for dead by itself after some minutes.
IO_TIMEOUT = 2
SET_UP = '''
sed -i "s/# *use_lvmlockd = 0/use_lvmlockd = 1/" /etc/lvm/lvm.conf
sed -i "s/# *host_id = 0/host_id = {}/" /etc/lvm/lvmlocal.conf
'''
DAEMONS = f'''
sanlock daemon -w 0 -U root -G root
until sanlock client status >/dev/null 2>&1; do sleep 0.1; done
lvmlockd -g sanlock -o {IO_TIMEOUT}
until lvmlockctl --info >/dev/null 2>&1; do sleep 0.1; done
'''
# The first try may come before udev has made the device of the leases.
JOIN = f'''
for try in 1 2 3 4 5; do
    vgchange --quiet --lockstart {GROUP} && exit 0
    udevadm settle
done
exit 1
'''


class Plug(power_base.PowerDriver):
    """The power of a machine."""

    def __init__(self, machine):
        self._machine = machine
        self.is_on = True

    def state(self, device, output):
        return 'power_on' if self.is_on else 'power_off'

    def power_on(self, device, output):
        self._machine.start()
        self._machine.run('sh', '-c', DAEMONS)
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
            f'{INSIDE}:operation', name=operation, arguments=arguments)
        if 'error' in answer:
            raise getattr(exception, answer['error']['class'])(
                answer['error']['text'], **answer['error']['arguments'])
        return answer['result']


class LocksTestCase(test_nodes.PowerCase):
    """Two machines share a volume group; the first holds a volume."""

    def setUp(self):
        super().setUp()
        lacking = nodevmlib.missing()
        if lacking:
            self.skipTest(f'packages are missing: {", ".join(lacking)}')
        self.useFixture(fixtures.MockPatchObject(clock, 'source',
                                                 clock.System()))
        self.start_machines()
        self.use(Plug(self.one))
        self.nodes = [self.add_power(host='cmp1'), db_nodes.create_node(
            self.context, {'name': 'cmp2'})]
        self.tools = dataclasses.replace(
            self.tools, agents=MachineAgents({'cmp2': self.two}))

    def start_machines(self):
        directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        disk = directory / 'disk'
        with disk.open('wb') as stream:
            stream.truncate(512 * MIB)
        root = nodevmlib.build()
        self.one, self.two = self.machines = [
            nodevmlib.Machine([disk], root, directory / name, shared=True,
                              name=name, lifetime=400)
            for name in ('cmp1', 'cmp2')]
        for machine in self.machines:
            self.addCleanup(machine.kill)
        with futures.ThreadPoolExecutor() as pool:
            list(pool.map(self.boot, self.machines, (1, 2)))
        self.one.run('vgcreate', '--shared', '--quiet', GROUP, '/dev/ubdb',
                     timeout=SECONDS)
        for name, size in (('alone', 64), ('both', 16), ('idle', 16)):
            self.one.run('lvcreate', '--quiet', '--yes', '--wipesignatures',
                         'n', '--size', f'{size}m', '--name', name, GROUP)
        self.one.run('lvchange', '--activate', 'n', f'{GROUP}/idle')
        self.one.run('lvchange', '--activate', 'n', f'{GROUP}/both')
        self.one.run('lvchange', '--activate', 'sy', f'{GROUP}/both')
        self.two.run('sh', '-c', JOIN, timeout=SECONDS)
        self.two.run('lvchange', '--activate', 'sy', f'{GROUP}/both')

    @staticmethod
    def boot(machine, host_id):
        machine.start()
        machine.run('sh', '-c', SET_UP.format(host_id) + DAEMONS)
        machine.use(str(ROOT), *nodevmlib.site_directories())

    def ask(self, machine, name, **arguments):
        """Have the agent of a machine carry out an operation."""
        return machine.call(f'{INSIDE}:operation', name=f'locks.{name}',
                            arguments=arguments)

    def look(self, machine):
        answer = self.ask(machine, 'report', group=GROUP)
        self.assertNotIn('error', answer)
        (space,) = answer['result']
        return space

    def member(self, machine, host_id):
        return next(one for one in self.look(machine)['members']
                    if one['host_id'] == host_id)

    def release(self, host_id, generation, timestamp):
        return self.ask(self.two, 'release', group=GROUP, host_id=host_id,
                        generation=generation, timestamp=timestamp)

    def held(self, machine):
        """Return which ids hold the lock of each volume, alive or not."""
        return {lock['volume']: sorted(
            (holder['host_id'], holder['generation'],
             holder['is_exclusive']) for holder in lock['holders'])
            for lock in self.look(machine)['locks'] if lock['volume']}

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

    def repair(self):
        """Repair locks for the second one; return why some are kept."""
        key = self.nodes[1]['id']
        checked = actions.check('node.repair_locks')(
            self.context, self.tools, key, {})
        self.task('node.repair_locks', f'node:{key}', *checked['targets'],
                  node_id=key)
        return {item['name'].split()[1]: item['error']
                for item in self.items().values()}

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
            {'alone': [(1, 1, True)], 'idle': [],
             'both': [(1, 1, False), (2, 1, False)]}, self.held(self.two))
        alive = self.wait(lambda: self.member(self.two, 1),
                          lambda found: found['status'] == 'LIVE')
        self.assertIn('locked by other host', self.activate(self.two))
        for generation, timestamp in ((1, alive['timestamp']), (2, 5)):
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
        self.assertEqual([(2, 1, True)], self.held(self.two)['alone'])

        self.switch('power-on')
        self.one.run('sh', '-c', JOIN, timeout=SECONDS)
        self.assertIn('locked by other host', self.activate(self.one))
        self.one.run('lvchange', '--activate', 'ey', f'{GROUP}/idle')
        self.assertIn('renewed', self.repair()['idle'])
        back = self.member(self.two, 1)
        self.assertEqual(2, back['generation'])
        for generation, timestamp in ((1, back['timestamp']),
                                      (2, back['timestamp'])):
            self.assertEqual('LocksHeld', self.release(
                1, generation, timestamp)['error']['class'])
        self.assertEqual([(1, 2, True)], self.held(self.two)['idle'])
        self.one.run('dd', 'if=/dev/zero', f'of=/dev/{GROUP}/idle',
                     'bs=1M', 'count=4', 'oflag=direct')
