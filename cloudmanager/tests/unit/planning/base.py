# SPDX-License-Identifier: Apache-2.0
"""What the tests of plans have in common."""

import typing
import unittest

from cloudmanager.planning import drain
from cloudmanager.planning import options
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import factory
from cloudmanager.tests.unit.planning import validator


class PlanTestCase(unittest.TestCase):
    """Helpers: every plan made here is checked by the validator."""

    def make(
        self,
        cloud: model.Cloud,
        sources: str | list[str] = 'src',
        **flags: typing.Any,
    ) -> plan.Plan:
        chosen = options.Options(**flags)
        made = drain.plan_drain(cloud, sources, chosen)
        walk = validator.check(cloud, made, chosen)
        self.assertEqual([], [f for f in walk if 'feasible' not in f])
        return made

    def entry(self, made: plan.Plan, server_id: str) -> plan.Entry:
        return next(item for item in made.servers if item.id == server_id)

    def code(self, made: plan.Plan, server_id: str = 'a') -> str:
        found = self.entry(made, server_id).blockers
        return found[0].code if found else ''


def hosts(*names: str, **kwargs: typing.Any) -> list[model.Host]:
    return [factory.host('src'), *(factory.host(n, **kwargs) for n in names)]
