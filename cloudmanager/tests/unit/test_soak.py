# SPDX-License-Identifier: Apache-2.0
"""What a soak draws from its seeds."""

from cloudmanager.tests import base
from cloudmanager.tests.soak import plans


class PlanTestCase(base.TestCase):

    def test_same_seed(self):
        first, second = plans.plan(7), plans.plan(7)
        self.assertEqual(first, second)
        self.assertEqual(first.draw.random(), second.draw.random())
        self.assertNotEqual(first, plans.plan(8))

    def test_flow_that_is_named(self):
        """The disturbances stay those of the seed."""
        drawn = plans.plan(7)
        other = next(name for name in plans.FLOWS if name != drawn.flow)
        self.assertEqual(drawn.disturbances,
                         plans.plan(7, other).disturbances)
        self.assertEqual(other, plans.plan(7, other).flow)

    def test_all_kinds_and_flows(self):
        found = [plans.plan(seed) for seed in range(300)]
        self.assertEqual(set(plans.FLOWS), {plan.flow for plan in found})
        disturbances = [item for plan in found for item in plan.disturbances]
        self.assertEqual(set(plans.KINDS),
                         {item.kind for item in disturbances})
        self.assertLess(plans.LEASE, min(
            item.seconds for item in disturbances
            if item.kind[0] == plans.PAUSE))
