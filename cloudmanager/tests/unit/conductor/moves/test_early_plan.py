# SPDX-License-Identifier: Apache-2.0
"""The plan that is made while a host is being fenced, or disabled."""

import fixtures

from cloudmanager.common import exception
from cloudmanager.conductor.hosts import checks
from cloudmanager.conductor.moves import early_plan
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.hosts import Proof
from cloudmanager.conductor.steps import hosts as steps
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests.unit.conductor import fakes_case


class EarlyPlanTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.add_power()
        self.dead_host()
        self.nova.add('vm1')
        # So long it takes until a host that is dead is known to be.
        self.clock.sleep(12)
        self.planned = self.useFixture(fixtures.MockPatchObject(
            plans, 'make_plan', side_effect=plans.make_plan)).mock

    def fence_and_plan(self, meanwhile=lambda: None):
        """Run the steps; return how often it was planned.

        :param meanwhile: called when the early plan is there
        """
        early = early_plan.EarlyPlan()
        run = self.run_of('host.evacuate')
        steps.Fence(run, self.tools, early).execute()
        early._plan.exception(10)
        meanwhile()
        steps.PlanEvacuation(run, self.tools, early).execute()
        return self.planned.call_count

    def test_used(self):
        self.assertEqual(1, self.fence_and_plan())
        self.assertEqual({'vm1': 'PENDING'}, self.states())

    def test_servers_are_not_read_again_before_their_moves(self):
        early = early_plan.EarlyPlan()
        run = self.run_of('host.evacuate')
        for kind in (steps.Fence, steps.PlanEvacuation,
                     steps.EvacuateServers):
            if kind is steps.EvacuateServers:
                self.nova.reads.clear()
            kind(run, self.tools, early).execute()
        self.assertEqual({'vm1': 'DONE'}, self.states())
        self.assertEqual(0, self.nova.reads['ids_on'])

    def test_another_server_has_come(self):
        """It arrived before the host was fenced; it is not left behind."""
        self.assertEqual(2, self.fence_and_plan(
            lambda: self.nova.add('vm2')))
        self.assertEqual({'vm1', 'vm2'}, set(self.items()))

    def test_a_server_has_changed(self):
        """It was built, or stopped, before the host was fenced."""
        self.nova.set('vm1', vm_state='building', launched=False)
        self.clock.sleep(12)
        self.assertEqual(2, self.fence_and_plan(
            lambda: self.nova.set('vm1', vm_state='active', launched=True)))
        self.assertEqual({'vm1': 'PENDING'}, self.states())

    def test_failed(self):
        """The step itself waits for a cloud that does not answer."""
        real = self.planned.side_effect
        self.planned.side_effect = exception.CloudUnreachable(
            service='Nova', reason='away')

        def heal():
            self.planned.side_effect = real

        self.assertEqual(2, self.fence_and_plan(heal))
        self.assertEqual({'vm1': 'PENDING'}, self.states())

    def test_old(self):
        self.assertEqual(2, self.fence_and_plan(
            lambda: self.clock.sleep(31)))

    def test_not_fenced_again(self):
        """A successor that only plans has no early plan."""
        run = self.run_of('host.evacuate')
        self.remember(run, fenced=Proof.POWER)
        early = early_plan.EarlyPlan()
        steps.Fence(run, self.tools, early).execute()
        steps.PlanEvacuation(run, self.tools, early).execute()
        self.assertEqual(1, self.planned.call_count)
        self.assertEqual({'vm1': 'PENDING'}, self.states())


class DrainTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.nova.add('vm1')
        self.planned = self.useFixture(fixtures.MockPatchObject(
            plans, 'make_plan', side_effect=plans.make_plan)).mock

    def disable_and_plan(self, meanwhile=lambda: None):
        """Run the steps; return how often it was planned.

        :param meanwhile: called when the early plan is there
        """
        early = early_plan.EarlyPlan()
        run = self.run_of()
        steps.DisableHost(run, self.tools, (), early).execute()
        early._plan.exception(10)
        meanwhile()
        steps.PlanMoves(run, self.tools, early).execute()
        self.steps = run
        return self.planned.call_count

    def test_used(self):
        self.assertEqual(1, self.disable_and_plan())
        self.assertEqual({'vm1': 'PENDING'}, self.states())
        self.assertEqual('disabled', self.nova.computes['src'].status)

    def test_built_meanwhile(self):
        """DR27: what came between plan and disabling is moved too."""
        self.assertEqual(1, self.disable_and_plan(
            lambda: self.nova.add('vm2')))
        steps.MoveServers(self.steps, self.tools).execute()
        self.assertEqual({'vm1': 'DONE', 'vm2': 'DONE'}, self.states())

    def test_stopped_meanwhile(self):
        """It is moved as what it is now."""
        self.disable_and_plan(lambda: self.nova.set(
            'vm1', vm_state='stopped'))
        steps.MoveServers(self.steps, self.tools).execute()
        self.assertEqual({'vm1': 'DONE'}, self.states())
        self.assertIn('cold_migrate', [
            request for request, _ in self.nova.arrived])

    def test_old(self):
        """Nova was away for a while when the host was to be disabled."""
        self.assertEqual(2, self.disable_and_plan(
            lambda: self.clock.sleep(31)))


class CheckedPlanTestCase(DrainTestCase):
    """The request was checked a moment ago, by this conductor.

    All that holds of a plan made while a host is disabled holds of it, too.
    """

    def setUp(self):
        super().setUp()
        self.check()

    def check(self, **params):
        checks.shutdown(self.context, self.tools, 'src',
                        {**self.run_of().params, **params})

    def test_taken_once(self):
        self.disable_and_plan()
        self.assertEqual(2, self.disable_and_plan())

    def test_long_ago(self):
        """The task had to wait, for another one of its host."""
        self.clock.sleep(6)
        self.assertEqual(2, self.disable_and_plan())

    def test_other_flags(self):
        self.check(avoid_hosts=['dst1'])
        self.assertEqual(3, self.disable_and_plan())

    def test_dry_run(self):
        """Its plan is an answer, and nothing that a task may rely on."""
        self.disable_and_plan()
        self.check(dry_run=True)
        self.assertEqual(3, self.disable_and_plan())

    def test_another_host_is_emptied(self):
        """What was checked at the same time may be a destination here."""
        own = self.task_id, self.token
        self.create(host='dst1')
        self.task_id, self.token = own
        self.assertEqual(2, self.disable_and_plan())

    def test_a_host_was_reserved(self):
        db_nodes.create_node(self.context, {'name': 'dst1',
                                            'is_reserved': True})
        self.assertEqual(2, self.disable_and_plan())
