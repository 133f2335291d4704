# SPDX-License-Identifier: Apache-2.0
"""Drivers for Nova: fake guests that leave a host as real ones do."""

from nova.virt import fake


class _Leaving:
    """Forgets a guest that was migrated away.

    Nova's fake driver keeps it, and refuses the server when it comes back.
    """

    def post_live_migration(self, context, instance, block_device_info,
                            migrate_data=None):
        self.instances.pop(instance.uuid, None)
        return super().post_live_migration(
            context, instance, block_device_info, migrate_data)

    def spawn(self, context, instance, *args, **kwargs):
        # A guest whose host was fenced is gone, whatever is remembered.
        self.instances.pop(instance.uuid, None)
        return super().spawn(context, instance, *args, **kwargs)


class Driver(_Leaving, fake.FakeDriverWithoutFakeNodes):
    """Live migrations that are over at once."""


class SlowMigrationDriver(
        _Leaving, fake.FakeLiveMigrateDriver,
        fake.FakeDriverWithoutFakeNodes):
    """Live migrations that can be aborted or forced to complete.

    Nova's own driver for that makes up a new node at each start; this
    one keeps the node, as a real host does.
    """
