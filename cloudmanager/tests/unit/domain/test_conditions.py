# SPDX-License-Identifier: Apache-2.0
"""The table of conditions, in every combination of facts."""

import itertools

from cloudmanager.domain import conditions
from cloudmanager.domain.conditions import Compute
from cloudmanager.domain.conditions import Power
from cloudmanager.tests import base

OUT, ENABLED, DISABLED, ALARM, RESERVED = range(5)
FLAGS = (False, True)
KEEP = 'keep'

# What the documents say, in another form than the table: by nova-compute
# and power of an active node in use, while no task works on it. Of pairs the
# second holds when somebody has asked for the node to be off.
HOSTS = {
    Compute.UP: {Power.UNCHECKED: ENABLED, Power.ON: ENABLED,
                 Power.OFF: (ALARM, DISABLED), Power.UNKNOWN: ALARM},
    Compute.DOWN: {Power.UNCHECKED: (ALARM, DISABLED), Power.ON: ALARM,
                   Power.OFF: (ALARM, DISABLED), Power.UNKNOWN: ALARM},
    Compute.DISABLED: {Power.UNCHECKED: DISABLED, Power.ON: DISABLED,
                       Power.OFF: DISABLED, Power.UNKNOWN: ALARM},
    Compute.ABSENT: dict.fromkeys(Power, ALARM),
    Compute.RENAMED: dict.fromkeys(Power, ALARM),
}
OTHERS = {Power.UNCHECKED: KEEP, Power.ON: ENABLED,
          Power.OFF: (ALARM, DISABLED), Power.UNKNOWN: ALARM}
# While a task works on a host, it is what the task has made of it.
BUSY = {Compute.UP: ENABLED, Compute.DOWN: DISABLED,
        Compute.DISABLED: DISABLED, Compute.ABSENT: DISABLED,
        Compute.RENAMED: DISABLED}


def expected(current, facts):
    if not facts.active:
        return OUT
    if facts.reserved:
        return RESERVED
    if current == OUT and facts.compute not in (Compute.UP, Compute.NONE):
        return OUT
    if facts.compute not in (Compute.NONE, Compute.UNSEEN):
        found = (BUSY[facts.compute] if facts.task
                 else HOSTS[facts.compute][facts.power])
    else:
        if facts.task:
            return current
        if current == OUT and facts.power is not Power.ON:
            return OUT
        found = OTHERS[facts.power]
    if isinstance(found, tuple):
        found = found[facts.off_wanted]
    if found is KEEP:
        return OUT if current == RESERVED else current
    return found


def combinations():
    for values in itertools.product(Compute, Power, FLAGS, FLAGS, FLAGS,
                                    FLAGS):
        yield conditions.Facts(*values)


class TableTestCase(base.TestCase):

    def test_every_combination(self):
        seen = 0
        for current, facts in itertools.product(range(5), combinations()):
            verdict = conditions.decide(current, facts, 'cmp1')
            found = current if verdict is None else verdict.condition
            self.assertEqual(expected(current, facts), found,
                             (current, facts))
            seen += 1
        self.assertEqual(5 * 7 * 4 * 2 ** 4, seen)

    def test_every_row_is_of_use(self):
        used = set()
        for current, facts in itertools.product(range(5), combinations()):
            used.add(next(
                number for number, row in enumerate(conditions.TABLE)
                if row.fits(current, facts)))
        self.assertEqual(set(range(len(conditions.TABLE))), used)

    def test_it_comes_to_rest(self):
        """What follows from a condition stays, while nothing changes."""
        for current, facts in itertools.product(range(5), combinations()):
            first = conditions.decide(current, facts, 'cmp1')
            if first is None:
                continue
            second = conditions.decide(first.condition, facts, 'cmp1')
            self.assertIn(second and second.condition,
                          (None, first.condition), (current, facts))

    def test_what_is_not_well_has_a_reason(self):
        """But for new nodes and those that are well."""
        for current, facts in itertools.product(range(5), combinations()):
            verdict = conditions.decide(current, facts, 'cmp1')
            if verdict is not None and verdict.condition in (
                    DISABLED, ALARM, RESERVED):
                self.assertTrue(verdict.reason, (current, facts))
                self.assertNotIn('%', verdict.reason)
            elif verdict is not None and verdict.condition == ENABLED:
                self.assertIsNone(verdict.reason)

    def test_name_of_a_renamed_host(self):
        verdict = conditions.decide(1, conditions.Facts(
            Compute.RENAMED, Power.ON), 'cmp9')
        self.assertEqual(ALARM, verdict.condition)
        self.assertIn('cmp9', verdict.reason)


class ComputeTestCase(base.TestCase):

    def test_stored_words(self):
        for status, state, wanted in (
                (None, None, Compute.UNSEEN),
                (None, 'up', Compute.UNSEEN),
                ('enabled', 'up', Compute.UP),
                ('enabled', 'down', Compute.DOWN),
                ('enabled', 'forced_down', Compute.DOWN),
                ('enabled', 'unknown', Compute.DOWN),
                ('disabled', 'up', Compute.DISABLED),
                ('disabled', 'forced_down', Compute.DISABLED),
                ('absent', None, Compute.ABSENT),
                ('renamed', None, Compute.RENAMED)):
            self.assertIs(wanted, conditions.compute_of(status, state))
