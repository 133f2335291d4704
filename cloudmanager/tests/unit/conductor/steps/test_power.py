# SPDX-License-Identifier: Apache-2.0
"""Tasks that switch nodes and outputs: manners, cancel, crashes, many."""

import contextlib
import datetime
import threading

import fixtures
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.power import nodes as power_steps
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import power_starts as db_power_starts
from cloudmanager.db import tasks as db_tasks
from cloudmanager.power import exceptions as power_exc
from cloudmanager.tests.unit.conductor import fakes_case
from cloudmanager.tests.unit.conductor.power import test_nodes

ON, OFF = 'power_on', 'power_off'


class Guest(test_nodes.RecordingDriver):
    """A machine whose operating system obeys after a while.

    :ivar soft_after: seconds; ``None`` for never
    """

    soft_after = None

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def power_on(self, device, output):
        self.asked.append(('on', output))
        super().power_on(device, output)

    def power_off(self, device, output, soft=False):
        if not soft:
            super().power_off(device, output)
            return
        self.asked.append(('soft', output))
        if self.soft_after is not None:
            self.clock.at(self.soft_after, self._set, device, output, OFF)


class SwitchCase(test_nodes.PowerCase):

    def setUp(self):
        super().setUp()
        self.config(group='power', on_spacing=0.0)
        self.driver = self.use(Guest(self.clock))

    def asked(self):
        return [what for what, _ in self.driver.asked]


class MannerTestCase(SwitchCase):
    """PW18: soft, then hard only if that is allowed."""

    def off(self, status='SUCCESS', **params):
        self.node = self.add_power()
        self.create('node.power', host=None, node_id=self.node['id'],
                    action='power-off', **params)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return row

    def test_volume_work(self):
        """Data that began to move meanwhile keep the node on."""
        moving, _ = db_tasks.create_task(
            self.context, 'volume.pv-migrate', targets=['volume:v'],
            params={'volume_id': 'v'}, host='src')
        self.assertIn(moving['id'], self.off('FAILURE')['result'])
        self.assertEqual([], self.asked())
        self.create('node.power', host=None, node_id=self.node['id'],
                    action='power-off', type='hard')
        self.assertEqual('SUCCESS', self.run_flow()['status'])
        self.assertEqual(['off'], self.asked())

    def test_soft_and_no_more(self):
        row = self.off('FAILURE', type='soft', soft_timeout=30)
        self.assertEqual(['soft'], self.asked())
        self.assertIn('30 s', row['result'])
        self.assertEqual([ON], self.power_states(self.node))
        found = self.node_row(self.node)
        self.assertEqual((ON, None), (found['power_state'],
                                      found['power_state_reason']))

    def test_soft_is_enough(self):
        self.driver.soft_after = 20
        self.off(type='soft', soft_timeout=30)
        self.assertEqual(['soft'], self.asked())

    def test_hard(self):
        self.off(type='hard')
        self.assertEqual(['off'], self.asked())

    def test_default(self):
        self.off(soft_timeout=5)
        self.assertEqual(['soft', 'off'], self.asked())

    def test_soft_reset(self):
        self.driver.soft_after = 20
        node = self.add_power()
        self.create('node.power', host=None, node_id=node['id'],
                    action='reset', type='soft')
        self.assertEqual('SUCCESS', self.run_flow()['status'])
        self.assertEqual(['soft', 'on'], self.asked())

    def test_cancelled_while_the_guest_shuts_down(self):
        """It is not cut off then; the log says what happened."""
        self.clock.at(10, lambda: self.cancel())
        row = self.off('REVOKED')
        self.assertEqual(['soft'], self.asked())
        (entry,) = self.log(self.node)
        self.assertEqual('cancelled', entry['result'])
        self.assertIn('cancelled', row['result'])

    def test_killed_while_the_guest_shuts_down(self):
        """The successor waits on and does not ask again."""
        self.driver.soft_after = 100
        self.node = self.add_power()
        run = self.run_of('node.power', host=None, node_id=self.node['id'],
                          action='power-off')
        self.clock.at(50, run.stopping.set)
        self.assertRaises(engine_run.HandOver, self.run_flow, run)
        self.assertEqual('SUCCESS', self.run_flow()['status'])
        self.assertEqual(['soft'], self.asked())


class LogTestCase(SwitchCase):
    """The log has an action from its beginning on (FP11)."""

    def begin(self):
        self.driver.soft_after = 100
        self.node = self.add_power()
        return self.run_of('node.power', host=None, action='power-off',
                           node_id=self.node['id'])

    def test_while_it_runs(self):
        seen = []
        run = self.begin()
        self.clock.at(50, lambda: seen.extend(self.log(self.node)))
        self.run_flow(run)
        ((before,), (after,)) = seen, self.log(self.node)
        self.assertEqual(
            ('running', None, None, self.task_id, 'user'),
            tuple(before[name] for name in (
                'result', 'error', 'duration', 'task_id', 'user_id')))
        self.assertEqual(('success', before['id'], before['created_at']),
                         tuple(after[name] for name in (
                             'result', 'id', 'created_at')))

    def test_after_a_crash(self):
        """It began when the first conductor began it."""
        run = self.begin()
        begun = clock.utcnow()
        self.clock.at(50, run.stopping.set)
        self.assertRaises(engine_run.HandOver, self.run_flow, run)
        self.assertEqual(['running'], [
            entry['result'] for entry in self.log(self.node)])
        self.run_flow()
        (entry,) = self.log(self.node)
        self.assertEqual('success', entry['result'])
        self.assertLess((entry['created_at'] - begun).total_seconds(), 5)
        self.assertGreaterEqual(entry['duration'], 100)

    def test_twice_in_one_task(self):
        """What ended is an entry of its own."""
        run = self.begin()
        tool = power_steps.NodePower()
        for _ in range(2):
            tool.fence(self.node, run)
        self.assertEqual(['success'] * 2, [
            entry['result'] for entry in self.log(self.node)])


class CrashTestCase(SwitchCase):
    """A reset is sent once, whenever its conductor dies."""

    def mortal_run(self, node, die_at):
        self.task_id = None
        self.create('node.power', host=None, node_id=node['id'],
                    action='reset')
        return self.mortal(die_at)

    def kill_everywhere(self, *outputs):
        """Kill the conductor before each of its writes; yield the ends."""
        node = self.add_power(outputs=outputs)
        for die_at in range(1, 20):
            self.driver.asked.clear()
            run = self.mortal_run(node, die_at)
            with contextlib.suppress(engine_run.HandOver):
                self.run_flow(run)
            if not self.nova.dead:
                return
            self.nova.revive()
            yield self.run_flow()

    def test_by_the_device(self):
        ends = []
        for row in self.kill_everywhere('1'):
            resets = self.asked().count('reset')
            ends.append((row['status'], resets))
            if row['status'] == 'FAILURE':
                self.assertIn('It is not known', row['result'])
        # Before anything was noted; between the note and the request, of
        # which nobody can know; after the request.
        self.assertEqual([('SUCCESS', 1), ('FAILURE', 1)], ends)

    def test_two_feeds(self):
        for row in self.kill_everywhere('1', '2'):
            self.assertEqual('SUCCESS', row['status'], row['result'])
            self.assertNotIn('reset', self.asked())
            self.assertEqual([ON, ON], self.power_states(
                db_nodes.find_by_name(self.context, 'src')))
        self.assertLessEqual(self.asked().count('off'), 2)

    def test_the_lease_was_lost(self):
        """The end is not logged by who has lost it."""
        node = self.add_power()
        run = self.run_of('node.power', host=None, node_id=node['id'],
                          action='reset')
        self.execute(sa.update(models.Task).values(
            generation=models.Task.generation + 1))
        self.assertRaises(engine_run.HandOver, self.run_flow, run)
        self.assertEqual(([], []), (self.asked(), self.log(node)))


class UpdatingTestCase(SwitchCase):
    """PW9: a BMC that updates its firmware is left alone."""

    def test_refused(self):
        def state(device, output):
            raise power_exc.PowerUpdating(device=device)

        self.driver.state = state
        node = self.add_power()
        now = self.clock.now
        row = self.switch(node, 'power-off', 'FAILURE')
        self.assertIn('firmware', row['result'])
        self.assertEqual([], self.asked())
        self.assertLess(self.clock.now - now, 1)
        found = self.node_row(node)
        # It was never read before, so this is all there is to tell.
        self.assertIsNone(found['power_state'])
        self.assertIn('firmware', found['power_state_reason'])


class OutputTestCase(SwitchCase):

    def switch_output(self, control, output, action, status='SUCCESS'):
        self.create('output.power', host=None, action=action, output=output,
                    power_control_id=control)
        row = self.run_flow()
        self.assertEqual(status, row['status'], row['result'])
        return row

    def test_of_a_node(self):
        """PW17: one of two feeds off leaves the node on, but degraded."""
        node = self.add_power(outputs=('1', '2'))
        control = node['node_controls'][1]['power_control_id']
        self.switch(node, 'power-on')
        self.switch_output(control, '2', 'power-off')
        found = self.node_row(node)
        self.assertEqual((ON, '1 of 2 feeds are off'), (
            found['power_state'], found['power_state_reason']))
        entry = self.log(node)[-1]
        self.assertEqual(
            ('output-off', 'success', control, '2', 'user'),
            tuple(entry[name] for name in (
                'action', 'result', 'power_control_id',
                'power_control_port', 'user_id')))
        self.switch_output(control, '2', 'power-on')
        found = self.node_row(node)
        self.assertEqual((ON, None), (found['power_state'],
                                      found['power_state_reason']))

    def test_of_nobody(self):
        node = self.add_power()
        control = node['node_controls'][0]['power_control_id']
        self.switch_output(control, '7', 'power-off')
        self.assertEqual([('off', '7')], self.driver.asked)
        self.assertEqual([], self.log(node))

    def test_that_is_not_confirmed(self):
        self.driver.power_off = lambda *args, **kwargs: None
        node = self.add_power()
        row = self.switch_output(
            node['node_controls'][0]['power_control_id'], '1', 'power-off',
            'FAILURE')
        self.assertIn('did not confirm', row['result'])
        self.assertEqual('failure', self.log(node)[0]['result'])

    def test_that_is_gone(self):
        row = self.switch_output(99, '1', 'power-off', 'FAILURE')
        self.assertIn('could not be found', row['result'])


class ManyCase(SwitchCase):

    def setUp(self):
        super().setUp()
        self.config(group='secrets', key_repository=str(
            self.directory / 'keys'))
        self.nodes = [self.enrol(number) for number in range(1, 5)]

    def enrol(self, number):
        node = db_nodes.create_node(self.context, {'name': f'n{number}'})
        control = db_power_controls.create_control(self.context, {
            'title': 'x', 'control_type': 'FakeDevice',
            'protocol_type': 'fake', 'host': f'10.0.1.{number}',
            'port_number': 1})
        db_power_controls.assign(self.context, node['id'], {
            'power_control_id': control['id'], 'power_control_port': '1'})
        return node['id']

    def reset(self, *ids, **params):
        self.create('nodes.reset', host=None, node_ids=list(
            ids or self.nodes), **params)
        return self.run_flow()

    def outcome(self):
        return {int(key): item['state'] for key, item in
                self.items().items()}


class ManyTestCase(ManyCase):

    def setUp(self):
        # Keys are needed even where there are no secrets.
        super().setUp()
        fakes_case.secrets.create_key()

    def test_all(self):
        row = self.reset()
        self.assertEqual(('SUCCESS', 'reset of 4 of 4 node(s) is confirmed'),
                         (row['status'], row['result']))
        self.assertEqual(dict.fromkeys(self.nodes, 'DONE'), self.outcome())
        self.assertEqual(['reset'] * 4, self.asked())

    def power(self, action, **params):
        self.create('nodes.power', host=None, node_ids=self.nodes,
                    action=action, **params)
        return self.run_flow()

    def test_off_and_on(self):
        """Each is asked once for each, and its item says for what."""
        self.driver.soft_after = 3
        for action, asked in (('power-off', 'soft'), ('power-on', 'on')):
            row = self.power(action)
            self.assertEqual(
                ('SUCCESS', f'{action} of 4 of 4 node(s) is confirmed'),
                (row['status'], row['result']))
            self.assertEqual({action}, {
                item['action'] for item in self.items().values()})
            self.assertEqual([asked] * 4, self.asked()[-4:])

    def test_each_on_its_own(self):
        """PW7: those that fail are named, the others are reset."""
        def reset(device, output):
            if device.host == '10.0.1.2':
                raise power_exc.PowerRefused(device=device, request='reset',
                                             reason='it will not')

        self.driver.reset = reset
        row = self.reset(*self.nodes, 99)
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual(
            {**dict.fromkeys(self.nodes, 'DONE'), self.nodes[1]: 'FAILED',
             99: 'FAILED'}, self.outcome())
        self.assertIn('n2: ', row['result'])
        self.assertIn('it will not', row['result'])
        self.assertIn('99: ', row['result'])

    def test_at_the_same_time(self):
        """All wait for each other, which they could not one by one."""
        barrier = threading.Barrier(4, timeout=20)
        self.driver.reset = lambda device, output: barrier.wait()
        self.assertEqual('SUCCESS', self.reset()['status'])

    def test_so_many_at_a_time(self):
        self.config(group='power', batch_workers=2)
        lock, inside, most = threading.Lock(), [], []

        def reset(device, output):
            with lock:
                inside.append(device)
                most.append(len(inside))
            threading.Event().wait(0.05)
            with lock:
                inside.remove(device)

        self.driver.reset = reset
        self.assertEqual('SUCCESS', self.reset()['status'])
        self.assertEqual(2, max(most))

    def test_cancelled(self):
        """What was not begun is left out, what was goes to its end."""
        self.config(group='power', batch_workers=1)
        self.driver.reset = lambda device, output: self.cancel()
        row = self.reset()
        self.assertEqual('REVOKED', row['status'])
        self.assertEqual(['DONE', 'SKIPPED', 'SKIPPED', 'SKIPPED'],
                         list(self.outcome().values()))

    def test_cancelled_while_the_guests_shut_down(self):
        """None is cut off, and none counts as failed."""
        self.driver.soft_after = 1000
        self.clock.at(10, lambda: self.cancel())
        self.create('nodes.power', host=None, node_ids=self.nodes,
                    action='power-off', type='soft', soft_timeout=60)
        self.assertEqual('REVOKED', self.run_flow()['status'])
        self.assertEqual({'SKIPPED'}, set(self.outcome().values()))

    def test_killed_in_the_middle(self):
        """The successor resets the others, and none twice."""
        self.config(group='power', batch_workers=1)
        self.create('nodes.reset', host=None, node_ids=self.nodes)
        run = self.run_of(kind=fakes_case.MortalRun)
        run.nova = self.nova
        seen = []

        def reset(device, output):
            seen.append(device.host)
            if len(seen) == 2:
                self.nova.dead = True

        self.driver.reset = reset
        self.assertRaises(engine_run.HandOver, self.run_flow, run)
        self.nova.revive()
        row = self.run_flow()
        self.assertEqual(4, len(seen))
        self.assertEqual(4, len(set(seen)))
        self.assertEqual(['DONE', 'FAILED', 'DONE', 'DONE'],
                         list(self.outcome().values()))
        self.assertIn('It is not known', row['result'])


class AdmissionTestCase(SwitchCase):
    """Nodes of a rack are switched on one after the other."""

    def setUp(self):
        super().setUp()
        self.config(group='power', on_spacing=3.0)
        self.other = db_nodes.create_node(self.context, {'name': 'other'})

    def occupy(self):
        """Let another node of the same rack be switched on meanwhile."""
        db_power_starts.enter(self.context, self.other['id'], '', 3.0, 60)

    def off_node(self):
        node = self.add_power()
        for feed in self.feeds(node):
            feed.driver.power_off(feed.device, feed.output)
        return node

    def places(self):
        return {row.node_id for row in self.execute(
            sa.select(models.PowerStart.node_id))}

    def test_waits_for_its_moment(self):
        node = self.off_node()
        self.occupy()
        times = []
        original = self.driver.power_on
        self.driver.power_on = lambda *args: (
            times.append(self.clock.utcnow()), original(*args))
        self.switch(node, 'power-on')
        (moment,) = [row.moment for row in self.execute(
            sa.select(models.PowerStart.moment))]
        first = db_power_starts.EPOCH + datetime.timedelta(
            milliseconds=moment)
        self.assertGreaterEqual((times[0] - first).total_seconds(), 3)
        self.assertEqual({self.other['id']}, self.places())

    def test_limit(self):
        """The next one starts when one before it is on."""
        self.config(group='power', on_limit=1)
        node = self.off_node()
        self.occupy()
        self.clock.at(30, lambda: db_power_starts.leave(
            self.context, self.other['id']))
        now = self.clock.now
        self.switch(node, 'power-on')
        self.assertGreaterEqual(self.clock.now - now, 30)

    def test_what_is_on_takes_no_place(self):
        node = self.add_power()
        self.useFixture(fixtures.MockPatchObject(
            db_power_starts, 'enter', side_effect=AssertionError))
        self.switch(node, 'power-on')

    def test_cancelled(self):
        self.config(group='power', on_limit=1)
        node = self.off_node()
        self.occupy()
        self.clock.at(5, lambda: self.cancel())
        self.driver.asked.clear()
        self.switch(node, 'power-on', 'REVOKED')
        self.assertEqual(([], [OFF]), (self.asked(),
                                       self.power_states(node)))
        self.assertEqual({self.other['id']}, self.places())

    def test_a_reset_is_not_left_off(self):
        """Once it was cut off, a cancel does not keep it off."""
        self.config(group='power', on_limit=1)
        node = self.add_power(outputs=('1', '2'))
        self.occupy()
        self.clock.at(5, lambda: self.cancel())
        self.clock.at(40, lambda: db_power_starts.leave(
            self.context, self.other['id']))
        self.switch(node, 'reset')
        self.assertEqual([ON, ON], self.power_states(node))
        self.assertEqual('finish', db_tasks.get_task(
            self.context, self.task_id)['cancel'])
