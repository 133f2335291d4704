# SPDX-License-Identifier: Apache-2.0
"""What the configuration keeps from being done to servers."""

import unittest

from cloudmanager.planning import classify
from cloudmanager.planning import options
from cloudmanager.planning import rules
from cloudmanager.tests.unit.planning import factory

LIVE, COLD, EVAC = 'live-migrate', 'cold-migrate', 'evacuate'
OWNED = factory.server(
    'a', project_id='p1', flavor='m1.amphora', image='i1',
    tags=frozenset(('octavia',)), metadata={'owner': 'magnum', 'a': 'b=c'})


class RulesTestCase(unittest.TestCase):

    def test_each_kind(self) -> None:
        """Project, flavor, image, tag, metadata (FD20)."""
        for rule in ('project:p1', 'flavor:m1.amphora', 'image:i1',
                     'tag:octavia', 'metadata:owner',
                     'metadata:owner=magnum', 'metadata:a=b=c'):
            self.assertEqual(rule, rules.first_match(('tag:x', rule), OWNED))
        for rule in ('project:p2', 'project:', 'project:P1', 'flavor:m1',
                     'image:', 'tag:oct', 'metadata:magnum',
                     'metadata:owner=', 'metadata:owner=Magnum', 'host:src'):
            self.assertEqual('', rules.first_match((rule,), OWNED), rule)
        self.assertEqual('', rules.first_match(
            ('project:', 'image:', 'flavor:'), factory.server('b')))

    def test_evacuation(self) -> None:
        """It stays, and the rule is named (FD20)."""
        flags = options.Options(never_evacuate=('tag:octavia',))
        choice = classify.evacuation_choice(OWNED, flags)
        self.assertEqual(('skip', 'never-evacuate'), (
            choice.action, choice.warnings[0].code))
        self.assertIn('tag:octavia', choice.reason)
        choice = classify.evacuation_choice(factory.server('b'), flags)
        self.assertEqual(EVAC, choice.action)

    def test_drain(self) -> None:
        """It is migrated but not rebuilt (FD20)."""
        flags = options.Options(never_evacuate=('tag:octavia',),
                                allow_evacuate=True)
        choice = classify.drain_choice(OWNED, flags)
        self.assertEqual(((LIVE,), ['never-evacuate']), (
            choice.ladder, [item.code for item in choice.warnings]))
        broken = factory.server('a', status='ERROR', image='i1')
        flags = options.Options(never_evacuate=('image:i1',))
        choice = classify.drain_choice(broken, flags)
        self.assertEqual((), choice.ladder)
        texts = ' '.join(item.text for item in choice.blockers)
        self.assertIn('it matches image:i1', texts)
        self.assertNotIn('allow_evacuate)', texts)


class ColdTestCase(unittest.TestCase):

    def test_stopped_servers_are_not_tried(self) -> None:
        """The plan says before that they cannot be moved (FD21)."""
        server = factory.server('a', status='SHUTOFF')
        flags = options.Options(allow_cold=False)
        choice = classify.drain_choice(server, flags)
        self.assertEqual((), choice.ladder)
        self.assertEqual('cold-not-allowed', choice.blockers[0].code)
        self.assertIn('allow_cold_migration', choice.blockers[0].text)
        flags = options.Options(allow_cold=False, allow_evacuate=True)
        self.assertEqual((EVAC,), classify.drain_choice(server, flags).ladder)

    def test_running_servers_are_not_stopped_for_it(self) -> None:
        """allow_off_vm is of no use then, and that is said (FD21)."""
        for off, told in ((False, []), (True, ['cold-not-allowed'])):
            flags = options.Options(allow_cold=False, allow_off_vm=off)
            choice = classify.drain_choice(factory.server('a'), flags)
            self.assertEqual(((LIVE,), told), (
                choice.ladder, [item.code for item in choice.warnings]))
