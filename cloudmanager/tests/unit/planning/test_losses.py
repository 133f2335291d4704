# SPDX-License-Identifier: Apache-2.0
"""What servers lose by the steps of a plan."""

import unittest

from cloudmanager.planning import drain
from cloudmanager.planning import losses
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import factory

ROW = tuple[str, str, tuple[str, ...]]
#: status, step, what is lost of a server that has no disks of its own
ROWS: tuple[ROW, ...] = (
    ('ACTIVE', 'live-migrate', ()),
    ('PAUSED', 'live-migrate', ()),
    ('ACTIVE', 'cold-migrate', ('uptime', 'memory')),
    ('SHUTOFF', 'cold-migrate', ()),
    ('ACTIVE', 'evacuate', ('uptime', 'memory')),
    ('PAUSED', 'evacuate', ('memory',)),
    ('SUSPENDED', 'evacuate', ('memory',)),
    ('RESCUED', 'evacuate', ('uptime', 'memory')),
    ('SHUTOFF', 'evacuate', ()),
    ('ERROR', 'evacuate', ()),
    ('VERIFY_RESIZE', 'evacuate', ('revert',)),
    ('SHELVED', 'shelve-offload', ()),
    ('ACTIVE', 'skip', ()),
)


class LossesTestCase(unittest.TestCase):

    def test_each_state_and_step(self) -> None:
        """Memory, uptime, the way back (FD8)."""
        for status, step, lost in ROWS:
            for ladder in ((step,), ('wait', step, 'evacuate')):
                self.assertEqual(lost, losses.of(
                    factory.server('a'), status, ladder), (status, step))

    def test_power_state(self) -> None:
        """What runs in spite of its state loses its memory too (FD8)."""
        runs, off = (factory.server('a', power_state=power)
                     for power in (1, 4))
        self.assertEqual(('uptime', 'memory'), losses.of(
            runs, 'ERROR', ('evacuate',)))
        self.assertEqual((), losses.of(off, 'ACTIVE', ('cold-migrate',)))

    def test_disks(self) -> None:
        """Data on local disks (FD8)."""
        rows = (('evacuate', (model.ROOT,), (), True),
                ('evacuate', (model.ROOT,), ('all',), False),
                ('evacuate', (), (), False),
                ('cold-migrate', (model.ROOT,), (), False),
                ('shelve-offload', (model.EPHEMERAL,), ('all',), True),
                ('shelve-offload', (model.ROOT,), (), False))
        for step, disks, storage, lost in rows:
            server = factory.server('a', disks=disks,
                                    storage=frozenset(storage))
            self.assertEqual(('local-disk',) if lost else (), losses.of(
                server, 'SHUTOFF', (step,)), (step, disks))

    def test_plan(self) -> None:
        """A suspended server of a drain loses its saved memory (FD8)."""
        cloud = factory.cloud(
            [factory.host('src'), factory.host('b')],
            [factory.server('a', status='SUSPENDED'), factory.server('r')])
        made = drain.plan_drain(cloud, 'src',
                                options.Options(allow_evacuate=True))
        self.assertEqual({'a': ['memory'], 'r': []}, {
            item['id']: item['loses'] for item in made.to_dict()['servers']})
