# SPDX-License-Identifier: Apache-2.0
"""What processes do at their start."""

import gc
import weakref

from cloudmanager.common import setup
from cloudmanager.tests import base


class Thing:
    """Something that a cycle can go through."""


class SettleTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)

    def test_what_is_there_is_left_alone(self):
        before = gc.get_freeze_count()
        setup.settle()
        self.assertGreater(gc.get_freeze_count(), before + 10000)

    def test_what_is_made_later_goes(self):
        """Cycles are found as before, only not so soon."""
        setup.settle()
        thing = Thing()
        thing.myself = thing
        gone = weakref.ref(thing)
        del thing
        kept = [[] for _ in range(100000)]
        self.assertIsNone(gone())
        self.assertEqual(100000, len(kept))
