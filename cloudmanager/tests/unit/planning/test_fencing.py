# SPDX-License-Identifier: Apache-2.0
"""A living host is fenced for what is left, or for nothing at all."""

import dataclasses
import random
import unittest

from cloudmanager.planning import classify
from cloudmanager.planning import drain
from cloudmanager.planning import open_resizes
from cloudmanager.planning import options
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.planning import base
from cloudmanager.tests.unit.planning import factory

REBUILD = options.Options(allow_evacuate=True)
STATES = ('ACTIVE', 'SHUTOFF', 'PAUSED', 'ERROR', 'SUSPENDED', 'SHELVED',
          'SOFT_DELETED', 'VERIFY_RESIZE', 'RESCUED')


def evacuated(made: plan.Plan) -> list[str]:
    return [entry.id for entry in made.servers
            if Action.EVACUATE in entry.ladder]


class BlockedTestCase(base.PlanTestCase):

    def test_others_are_not_evacuated(self) -> None:
        """With one server blocked nothing fits by evacuation (FD7)."""
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('err', status='ERROR'),
            factory.server('runs'),
            factory.server('soft', status='SOFT_DELETED')])
        made = self.make(cloud, allow_evacuate=True)
        self.assertEqual([], evacuated(made))
        self.assertEqual(('live-migrate',), self.entry(made, 'runs').ladder)
        self.assertTrue(self.entry(made, 'runs').fits)
        self.assertFalse(self.entry(made, 'err').fits)
        texts = [item.text for item in self.entry(made, 'err').blockers]
        self.assertIn('repair it or delete it', texts[0])
        self.assertIn('soft', texts[1])
        self.assertEqual(
            {'error': ('err',), 'soft-deleted': ('soft',)},
            {item.code: item.servers for item in made.blockers})

    def test_nothing_blocked(self) -> None:
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('err', status='ERROR'), factory.server('runs')])
        made = self.make(cloud, allow_evacuate=True)
        self.assertEqual({'err', 'runs'}, set(evacuated(made)))
        self.assertTrue(made.feasible)

    def test_old_half(self) -> None:
        """What is left of an open resize must not be cut off (FD3)."""
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('err', status='ERROR'),
            factory.server('half', 'b', status='VERIFY_RESIZE',
                           resize_source='src')])
        made = drain.plan_drain(cloud, 'src', REBUILD)
        self.assertEqual([], evacuated(made))
        half = self.entry(made, 'half')
        self.assertEqual(open_resizes.OPEN_MIGRATION, half.blockers[0].code)
        self.assertIn('confirm or revert', half.reason)
        self.assertNotIn('allow_evacuate', half.reason)

    def test_no_room(self) -> None:
        """The reason to stay is the lack of room, not the missing fence."""
        cloud = factory.cloud(base.hosts('b', vcpus=2), [
            factory.server('err', status='ERROR', vcpus=4),
            factory.server('other', status='ERROR', vcpus=1)])
        made = self.make(cloud, allow_evacuate=True)
        codes = [item.code for item in self.entry(made, 'err').blockers]
        self.assertEqual(['error', 'no-capacity'], codes)
        codes = [item.code for item in self.entry(made, 'other').blockers]
        self.assertEqual(['error', classify.NOT_FENCED], codes)
        self.assertFalse(made.feasible)

    def test_each_host_by_itself(self) -> None:
        cloud = factory.cloud(
            [*base.hosts('b'), factory.host('src2')], [
                factory.server('err', status='ERROR'),
                factory.server('soft', 'src2', status='SOFT_DELETED'),
                factory.server('err2', 'src2', status='ERROR')])
        made = drain.plan_drain(cloud, ['src', 'src2'], REBUILD)
        self.assertEqual(['err'], evacuated(made))

    def test_host_that_is_never_fenced(self) -> None:
        """The configuration, or no power control, is the reason (FD7)."""
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('err', status='ERROR'), factory.server('runs')])
        made = self.make(cloud, allow_evacuate=True,
                         cannot_fence={'src': 'no power control'})
        self.assertEqual([], evacuated(made))
        texts = [item.text for item in self.entry(made, 'err').blockers]
        self.assertIn('no power control', texts)
        self.assertNotIn('allow_evacuate', ' '.join(texts))

    def test_failed_before(self) -> None:
        """What was tried is left out; the next rung is the plan."""
        cloud = factory.cloud(base.hosts('b'), [factory.server('a')])
        made = self.make(cloud, allow_evacuate=True,
                         tried={'a': {'live-migrate'}})
        self.assertEqual(('evacuate',), self.entry(made, 'a').ladder)
        made = self.make(cloud, tried={'a': {'live-migrate'}})
        self.assertFalse(self.entry(made, 'a').fits)


class AdviceTestCase(unittest.TestCase):

    def test_nothing_is_said_twice(self) -> None:
        """Each flag and each advice is named once (FD22)."""
        for status in STATES:
            for flags in (options.DEFAULT, REBUILD,
                          options.Options(allow_off_vm=True),
                          options.Options(allow_live=False)):
                with self.subTest(status=status, flags=flags):
                    choice = classify.drain_choice(
                        factory.server('a', status=status), flags)
                    text = '; '.join(item.text for item in choice.blockers)
                    parts = text.split('; ')
                    self.assertEqual(len(set(parts)), len(parts))
                    for word in ('allow_evacuate', 'allow_off_vm'):
                        self.assertLessEqual(text.count(word), 1)


class RandomTestCase(unittest.TestCase):

    def cloud(self, seed: int) -> model.Cloud:
        """A random cloud with more states, and old halves, on a host."""
        rng = random.Random(seed)  # noqa: S311
        found = factory.random_cloud(seed)
        servers = []
        for server in found.servers.values():
            values = {}
            if server.host == 'node0' and rng.random() < 0.2:
                values = {'status': rng.choice(STATES)}
            elif rng.random() < 0.02:
                values = {'status': 'VERIFY_RESIZE',
                          'resize_source': 'node0'}
            servers.append(
                dataclasses.replace(server, **values) if values else server)
        return factory.cloud(list(found.hosts.values()), servers,
                             list(found.groups.values()))

    def test_all_or_nothing(self) -> None:
        """A plan evacuates only if all that is left can go (FD25)."""
        fenced = kept = 0
        for seed in range(150):
            made = drain.plan_drain(self.cloud(seed), 'node0', REBUILD)
            some = evacuated(made)
            with self.subTest(seed=seed):
                if some:
                    self.assertTrue(all(entry.fits
                                        for entry in made.servers))
            fenced += bool(some)
            kept += not made.feasible
        self.assertGreater(min(fenced, kept), 10)
