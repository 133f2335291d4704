# SPDX-License-Identifier: Apache-2.0
"""The steps on a host, each by itself."""

import threading
from unittest import mock

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa
from taskflow.types import failure

from cloudmanager.common import exception
from cloudmanager.conductor import actions
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.records.hosts import Proof
from cloudmanager.conductor.steps import base as tasks_base
from cloudmanager.conductor.steps import hosts as steps
from cloudmanager.conductor.steps import leftovers
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

UNREACHABLE = exception.CloudUnreachable(service='Nova', reason='away')


def cause(error):
    return failure.Failure.from_exception(error)


class StepCase(fakes_case.ConductorCase):

    def step(self, kind, run=None, **params):
        return kind(run or self.run_of(**params), self.tools)

    @property
    def host(self):
        return self.nova.computes['src']


class DisableTestCase(StepCase):

    def disable(self, run=None):
        """Return the step as the flow of a run has it."""
        run = run or self.run_of()
        return next(
            atom for atom, _ in actions.get(run.name).flow(
                run, self.tools).iter_nodes()
            if isinstance(atom, steps.DisableHost))

    def test_disables_with_a_reason(self):
        run = self.run_of()
        self.disable(run).execute()
        self.assertEqual('disabled', self.host.status)
        self.assertIn(run.task_id, self.host.disabled_reason)
        self.assertTrue(self.row()['memory']['was_enabled'])

    def test_condition_follows(self):
        node = db_nodes.create_node(self.context, {'name': 'src',
                                                   'condition': 1})['id']
        self.disable().execute()
        row = db_nodes.get_node(self.context, node)
        self.assertEqual((2, 'A task works on it.'), (
            row['condition'], row['condition_reason']))

    def test_twice(self):
        """A successor does not take our own disabling for another's."""
        self.disable().execute()
        self.disable().execute()
        self.assertEqual(1, self.nova.count('disable_service'))
        self.assertTrue(self.row()['memory']['was_enabled'])

    def test_unknown_host(self):
        del self.nova.computes['src']
        self.assertRaises(exception.HostNotFound,
                          self.disable().execute)

    def test_call_hangs(self):
        """Nova stores the status, then waits for a host that is dead."""
        self.useFixture(fixtures.MockPatchObject(
            compute_services, 'LOOK_SECONDS', 0.05))
        answered = threading.Event()
        self.addCleanup(answered.set)
        original = self.nova.disable_service

        def hang(*args):
            original(*args)
            answered.wait(20)

        self.nova.disable_service = hang
        self.disable().execute()
        self.assertEqual('disabled', self.host.status)
        self.assertFalse(answered.is_set())

    def test_call_is_refused(self):
        self.nova.script['disable_service', 'src'] = [fakes.REFUSED]
        self.assertRaises(exception.CloudRequestRefused,
                          self.disable().execute)

    def test_undo(self):
        for error, status in (
                (exception.TaskCancelled(task='t'), 'enabled'),
                (exception.HostNotFenced(host='src', reason='x'), 'disabled'),
                (exception.TaskFailed(reason='x'), 'disabled'),
                (UNREACHABLE, 'disabled')):
            step = self.disable()
            self.host.status = 'enabled'
            step.execute()
            step.revert(None, {'flow': cause(error)})
            self.assertEqual(status, self.host.status, error)

    def fail(self, error, run=None):
        """Disable the host, let the task fail; return the reason."""
        run = run or self.run_of()
        step = self.disable(run)
        step.execute()
        step.revert(None, {'flow': cause(error)})
        return self.host.disabled_reason

    def test_reason_says_what_failed(self):
        """FD19: and what to do."""
        reason = self.fail(exception.TaskFailed(reason='vm1 has no room'))
        self.assertTrue(reason.startswith(
            f'cloudmanager: host.shutdown, task {self.task_id} failed: '))
        self.assertIn('vm1 has no room. Repeat it, or enable the host.',
                      reason)

    def test_reason_is_cut(self):
        """FD19: Nova takes 255 characters; the advice stays."""
        reason = self.fail(exception.TaskFailed(reason='vm1\nfailed; ' * 99))
        self.assertLessEqual(len(reason), 255)
        self.assertIn('vm1 failed', reason)
        self.assertIn('.... Repeat it, or enable the host.', reason)

    def test_reason_after_a_fence(self):
        run = self.run_of('host.evacuate')
        self.remember(run, fenced=Proof.POWER)
        self.assertIn('Repeat it, or take the host back.', self.fail(
            exception.TaskFailed(reason='x'), run))

    def test_reason_of_the_next_task(self):
        """FD19: what a task has left is not told for ever."""
        self.fail(exception.TaskFailed(reason='x'))
        self.task_id = None
        self.execute(sa.delete(models.TaskTarget))
        run = self.run_of()
        self.disable(run).execute()
        self.assertEqual(f'cloudmanager: host.shutdown, task {run.task_id}',
                         self.host.disabled_reason)
        self.assertFalse(self.row()['memory']['was_enabled'])

    def test_undo_of_an_evacuation(self):
        """A host that was not fenced is as before; a fenced one is not."""
        error = exception.HostNotFenced(host='src', reason='x')
        for proof, status in ((None, 'enabled'), (Proof.POWER, 'disabled')):
            run = self.run_of('host.evacuate')
            step = self.disable(run)
            step.execute()
            self.remember(run, fenced=proof)
            step.revert(None, {'flow': cause(error)})
            self.assertEqual(status, self.host.status)

    def test_undo_leaves_an_operators_disabling(self):
        """DR26: disabled by an operator before, so it stays."""
        self.host.status, self.host.disabled_reason = 'disabled', 'disk'
        step = self.disable()
        step.execute()
        step.revert(None, {'flow': cause(exception.TaskCancelled(task='t'))})
        self.assertEqual(('disabled', 'disk'), (self.host.status,
                                                self.host.disabled_reason))
        self.assertEqual([], self.nova.sent)

    def test_undo_leaves_what_an_operator_took_over(self):
        """DR26: an operator gave it a reason of his own meanwhile."""
        step = self.disable()
        step.execute()
        self.host.disabled_reason = 'disk is broken'
        step.revert(None, {'flow': cause(exception.TaskCancelled(task='t'))})
        self.assertEqual('disabled', self.host.status)

    def test_undo_with_the_cloud_away(self):
        """A revert never raises; it says what it could not do."""
        step = self.disable()
        step.execute()
        self.nova.outages = [(0, 10 ** 9)]
        step.revert(None, {'flow': cause(exception.TaskCancelled(task='t'))})
        self.assertIn('could not be put back', self.logger.output)


class PlanTestCase(StepCase):

    def test_items_once(self):
        self.nova.add('vm1')
        self.step(steps.PlanMoves).execute()
        self.nova.add('vm2')
        self.step(steps.PlanMoves).execute()
        self.assertEqual({'vm1', 'vm2'}, set(self.items()))

    def test_host_without_hypervisor(self):
        self.nova.hypervisors = list
        self.assertRaises(exception.HostNotFound,
                          self.step(steps.PlanMoves).execute)


class MoveServersTestCase(StepCase):

    def test_built_meanwhile(self):
        """DR27: a server comes right after the list was read."""
        self.nova.add('vm1')
        run = self.run_of()
        self.step(steps.PlanMoves, run).execute()
        # The listing shows nothing, then it comes.
        listed = self.nova.servers_on

        def listing(host):
            found = listed(host)
            if not found and 'vm2' not in self.nova.vms:
                self.nova.add('vm2')
            return found

        self.nova.servers_on = listing
        self.step(steps.MoveServers, run).execute()
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())
        self.assertEqual([], self.nova.on('src'))

    def move_all(self):
        run = self.run_of()
        self.step(steps.PlanMoves, run).execute()
        self.step(steps.MoveServers, run).execute()
        return run

    def test_an_empty_host_is_read_once(self):
        self.move_all()
        self.assertEqual([], self.clock.waits)
        # The plan reads them, too.
        self.assertEqual(2, self.placement.reads['allocations_of_provider'])
        self.assertEqual(0, self.nova.reads['server'])

    def test_waits_for_a_server_that_is_to_be_built_there(self):
        """The scheduler has chosen the host, which has not heard of it."""
        self.nova.add('new', host=None, vm_state='building',
                      task_state='scheduling')
        self.placement.chosen['new'] = 'src'
        self.clock.at(20, self.arrive, 'new')
        self.move_all()
        self.assertEqual({'new': 'DONE'}, self.states())
        self.assertEqual([], self.nova.on('src'))
        self.assertEqual(1, self.logger.output.count('new are on their way'))

    def test_host_without_a_provider(self):
        """Somebody takes it out of the cloud meanwhile."""
        self.placement.allocations_of_provider = mock.Mock(
            side_effect=exception.NotFound('no provider'))
        run = self.run_of()
        self.remember(run, providers=['rp-src'])
        self.step(steps.MoveServers, run).execute()
        self.assertEqual([], self.clock.waits)

    def arrive(self, name):
        vm = self.nova.vms[name]
        vm.host, vm.vm_state, vm.task_state = 'src', 'active', None

    def test_waits_for_a_server_that_moves_there(self):
        self.nova.add('vm1', host='dst1', task_state='migrating')
        self.placement.chosen['vm1'] = 'src'
        self.clock.at(5, self.arrive, 'vm1')
        self.move_all()
        self.assertEqual({'vm1': 'DONE'}, self.states())

    def test_a_server_that_never_arrives_keeps_the_host_on(self):
        node = self.add_power()
        self.nova.add('new', host=None, vm_state='building')
        self.placement.chosen['new'] = 'src'
        begun = self.clock.monotonic()
        self.host.status = 'disabled'
        self.step(steps.MoveServers, run := self.run_of()).execute()
        self.assertGreater(self.clock.monotonic() - begun, 60)
        error = self.assertRaises(
            exception.TaskFailed, self.step(steps.PowerOffHost, run).execute)
        self.assertIn('new', str(error))
        self.assertEqual(['power_on'], self.power_states(node))

    def test_what_is_no_server_is_not_waited_for(self):
        """Deleted servers and finished moves leave such allocations."""
        self.placement.orphans['src'] = ['gone', 'migration']
        self.nova.add('deleted', host=None, vm_state='building',
                      task_state='deleting')
        self.nova.add('evacuated', host='dst1')
        self.placement.chosen.update(deleted='src', evacuated='src')
        self.nova.add('vm1')
        self.move_all()
        self.assertEqual({'vm1': 'DONE'}, self.states())
        # Each was read once, and the host was found empty twice.
        self.assertEqual(4, self.nova.reads['server'])
        self.assertEqual(1.0, self.clock.waits[-1])

    def test_evacuation_is_left_for_later(self):
        self.add_power()
        self.nova.add('vm1', vm_state='suspended')
        run = self.run_of(allow_evacuate=True)
        self.step(steps.PlanMoves, run).execute()
        self.step(steps.MoveServers, run).execute()
        self.assertEqual({'vm1': 'PENDING'}, self.states())
        self.assertEqual([], self.nova.sent)


class FenceTestCase(StepCase):

    def test_by_power(self):
        node = self.add_power()
        run = self.run_of('host.evacuate')
        self.step(steps.Fence, run).execute()
        self.assertEqual('power', self.row()['memory']['fenced'])
        self.assertEqual(['power_off'], self.power_states(node))

    def test_no_power_control(self):
        step = self.step(steps.Fence)
        self.assertRaises(exception.HostNotFenced, step.execute)
        self.assertRaises(exception.HostNotFenced,
                          self.step(steps.ForceDown).execute)
        self.assertEqual([], self.nova.sent)

    def test_power_fails(self):
        self.add_power(control_type='NoSuchDevice')
        error = self.assertRaises(exception.HostNotFenced,
                                  self.step(steps.Fence).execute)
        self.assertNotIn(fakes_case.PASSWORD, str(error))

    def test_word_of_an_administrator(self):
        for prepare in (lambda: self.nova.die('src'),
                        lambda: self.nova.die('src', seen_down=False)):
            self.task_id = None
            self.execute(sa.delete(models.TaskTarget))
            prepare()
            self.step(steps.Fence, name='host.evacuate',
                      fenced=True).execute()
            self.assertEqual('administrator', self.row()['memory']['fenced'])

    def test_word_against_heartbeats(self):
        """What sends heartbeats is not off, forced down or not."""
        for forced in (False, True):
            self.host.forced_down = forced
            self.assertRaises(
                exception.HostNotFenced,
                self.step(steps.Fence, fenced=True).execute)

    def test_word_without_any_heartbeat(self):
        """EV21: up, and no time of a heartbeat: no proof."""
        self.nova.die('src', seen_down=False)
        self.host.heard = None
        self.assertRaises(exception.HostNotFenced,
                          self.step(steps.Fence, fenced=True).execute)

    def test_force_down_once(self):
        run = self.run_of('host.evacuate')
        self.remember(run, fenced=Proof.POWER)
        self.step(steps.ForceDown, run).execute()
        self.step(steps.ForceDown, run).execute()
        self.assertEqual(1, self.nova.count('force_down'))


class LeftoversTestCase(StepCase):

    def prepare(self, **params):
        self.node = self.add_power()
        self.nova.add('vm1', vm_state='suspended')
        run = self.run_of(allow_evacuate=True, **params)
        self.plan(run)
        return run

    def test_fenced_and_rebuilt(self):
        run = self.prepare()
        self.step(leftovers.EvacuateLeftovers, run).execute()
        self.assertEqual({'vm1': 'DONE'}, self.states())
        self.assertEqual(['power_off'], self.power_states(self.node))

    def test_not_while_others_are_blocked(self):
        """A fence would stop servers that must stay."""
        run = self.prepare()
        self.nova.add('vm2')
        self.nova.script['live_migrate', 'vm2'] = [fakes.REFUSED] * 9
        self.plan(run)
        self.rewrite(self.items()['vm2']['id'], state='FAILED')
        self.step(leftovers.EvacuateLeftovers, run).execute()
        self.assertEqual({'vm1': 'FAILED', 'vm2': 'FAILED'}, self.states())
        self.assertEqual(['power_on'], self.power_states(self.node))
        self.assertEqual([], self.nova.sent)

    def test_not_after_a_cancel(self):
        """DR16: a cancelled task switches nothing off."""
        run = self.prepare()
        self.cancel()
        self.assertRaises(exception.TaskCancelled,
                          self.step(leftovers.EvacuateLeftovers, run).execute)
        self.assertEqual(['power_on'], self.power_states(self.node))

    def test_nothing_left(self):
        self.node = self.add_power()
        run = self.run_of(allow_evacuate=True)
        self.step(leftovers.EvacuateLeftovers, run).execute()
        self.assertEqual(['power_on'], self.power_states(self.node))


class VerifyTestCase(StepCase):

    def failed(self, **values):
        """Have one item that failed, and the server as it is now."""
        self.dead_host()
        self.nova.add('vm1')
        run = self.run_of('host.evacuate')
        self.plan(run)
        self.rewrite(self.items()['vm1']['id'], state='FAILED',
                     error='slow', attempts=1)
        self.nova.set('vm1', **values)
        return run

    def test_late_success(self):
        """EV7: it came after its time; counted as done, and unlocked."""
        run = self.failed(host='dst1', locked=True)
        self.nova.set('vm1', locked_reason=nova_requests.lock_reason(run))
        self.step(steps.VerifyItems, run).execute()
        item = self.items()['vm1']
        self.assertEqual(('DONE', 'dst1', None), (
            item['state'], item['destination'], item['error']))
        self.assertFalse(self.nova.vms['vm1'].locked)

    def test_late_success_locked_by_its_tenant(self):
        """EV8: that lock stays."""
        run = self.failed(host='dst1', locked=True, locked_reason='mine')
        self.step(steps.VerifyItems, run).execute()
        self.assertTrue(self.nova.vms['vm1'].locked)

    def test_failed_is_named(self):
        """EV3 DR21."""
        run = self.failed()
        error = self.assertRaises(exception.TaskFailed,
                                  self.step(steps.VerifyItems, run).execute)
        for text in ('name-vm1', 'vm1', 'slow', 'src'):
            self.assertIn(text, str(error))
        self.assertIn('0 of 1', run.result)

    def test_what_the_dead_host_was_to_build_is_named(self):
        """Nova does not evacuate it, so its owner has to be told."""
        self.dead_host()
        self.nova.add('new', host=None, vm_state='building',
                      task_state='scheduling')
        self.nova.add('moves', host='dst1', task_state='migrating')
        self.placement.chosen.update(new='src', moves='src')
        run = self.run_of('host.evacuate')
        self.remember(run, fenced=Proof.POWER)
        self.plan(run)
        self.step(steps.VerifyItems, run).execute()
        self.assertIn('0 of 0', run.result)
        self.assertIn('name-new (new)', run.result)
        self.assertNotIn('moves', run.result)

    def test_placement_is_away(self):
        """What is only to be told does not fail the task."""
        run = self.run_of('host.evacuate')
        self.remember(run, fenced=Proof.POWER, providers=['rp-src'])
        self.placement.allocations_of_provider = mock.Mock(
            side_effect=UNREACHABLE)
        self.step(steps.VerifyItems, run).execute()
        self.assertEqual('0 of 0 server(s) moved from src', run.result)

    def test_in_error_elsewhere(self):
        run = self.failed(host='dst1', vm_state='error')
        self.assertRaises(exception.TaskFailed,
                          self.step(steps.VerifyItems, run).execute)

    def test_not_confirmed(self):
        """DR23: half of an open resize is still on the host."""
        run = self.failed(host='dst1', vm_state='resized')
        self.assertRaises(exception.TaskFailed,
                          self.step(steps.VerifyItems, run).execute)

    def test_deleted(self):
        run = self.failed()
        self.nova.delete('vm1')
        self.step(steps.VerifyItems, run).execute()
        self.assertEqual('SKIPPED', self.states()['vm1'])

    def test_never_begun(self):
        self.nova.add('vm1')
        run = self.run_of()
        self.plan(run)
        error = self.assertRaises(exception.TaskFailed,
                                  self.step(steps.VerifyItems, run).execute)
        self.assertIn('no allowed action is left', str(error))


class PowerOffTestCase(StepCase):

    def setUp(self):
        super().setUp()
        self.host.status = 'disabled'

    def refused(self, text, **params):
        error = self.assertRaises(
            exception.TaskFailed,
            self.step(steps.PowerOffHost, **params).execute)
        self.assertIn(text, str(error))

    def test_off(self):
        node = self.add_power()
        self.step(steps.PowerOffHost).execute()
        self.assertEqual(['power_off'], self.power_states(node))

    def test_not_empty(self):
        node = self.add_power()
        self.nova.add('vm1')
        self.refused('vm1')
        self.assertEqual(['power_on'], self.power_states(node))

    def test_enabled_again(self):
        node = self.add_power()
        self.host.status = 'enabled'
        self.refused('was enabled')
        self.assertEqual(['power_on'], self.power_states(node))

    def test_no_power_control(self):
        self.refused('no power control')

    def test_cancelled(self):
        node = self.add_power()
        step = self.step(steps.PowerOffHost)
        self.cancel()
        self.assertRaises(exception.TaskCancelled, step.execute)
        self.assertEqual(['power_on'], self.power_states(node))

    def test_fenced_already(self):
        run = self.run_of()
        self.remember(run, fenced=Proof.POWER)
        self.step(steps.PowerOffHost, run).execute()
        self.assertEqual({}, dict(self.nova.reads))


class Scripted(tasks_base.Step):
    """Raises what it is given, one after the other, then succeeds."""

    def __init__(self, run, tools, *errors):
        super().__init__(run, tools)
        self.errors = list(errors)
        self.calls = 0

    def do(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


class ExecuteTestCase(StepCase):

    def scripted(self, *errors):
        return Scripted(self.run_of(), self.tools, *errors)

    def test_waits_for_the_cloud(self):
        """SE10: a cloud that is away for minutes does not end the task."""
        step = self.scripted(*[UNREACHABLE] * 20)
        step.execute()
        self.assertEqual(21, step.calls)

    def test_not_for_ever(self):
        step = self.scripted(*[UNREACHABLE] * 1000)
        begin = self.clock.now
        self.assertRaises(exception.CloudUnreachable, step.execute)
        self.assertLess(self.clock.now - begin, 700)

    def test_database_away(self):
        """Nothing is wrong with the work: left for a successor."""
        for error in (db_exc.DBConnectionError(),
                      exception.LeaseLost(task='t')):
            self.assertRaises(engine_run.HandOver,
                              self.scripted(error).execute)

    def test_database_away_in_revert(self):
        step = self.scripted()
        step.undo = lambda causes: Scripted(
            step.run, None, db_exc.DBConnectionError()).do()
        self.assertRaises(engine_run.HandOver, step.revert, None, {})

    def test_other_errors_go_on(self):
        self.assertRaises(ZeroDivisionError,
                          self.scripted(ZeroDivisionError()).execute)

    def test_lost_lease_does_nothing(self):
        step = self.scripted()
        self.run_of()
        self.assertRaises(engine_run.HandOver, step.execute)
        self.assertEqual(0, step.calls)
