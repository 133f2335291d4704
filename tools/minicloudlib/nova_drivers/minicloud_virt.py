# SPDX-License-Identifier: Apache-2.0
"""A driver for Nova: fake guests whose live migrations take seconds."""

from nova.virt import fake


class SlowMigrationDriver(
        fake.FakeLiveMigrateDriver, fake.FakeDriverWithoutFakeNodes):
    """Live migrations that can be aborted or forced to complete.

    Nova's own driver for that makes up a new node at each start; this
    one keeps the node, as a real host does.
    """
