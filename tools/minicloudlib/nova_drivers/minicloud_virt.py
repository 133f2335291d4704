# SPDX-License-Identifier: Apache-2.0
"""Drivers for Nova: fake guests that leave a host as real ones do."""

import io
from pathlib import Path
import queue
import subprocess

from nova.image import glance
from nova.virt import fake
from nova.volume import cinder
from oslo_config import cfg

CONF = cfg.CONF
# Seconds after which a migration that nobody decided on is given up.
LONGEST_MIGRATION = 600
# Of a host, in its directory: its live migrations last.
SLOW_MARK = 'slow-migrations'
IMAGE = bytes(64 * 1024)


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


class _Copying:
    """Makes images of guests, and snapshots of volumes that they use.

    Nova's fake driver makes images without content, which cannot be booted,
    and no snapshots. A real one has the hypervisor switch a volume over to
    the file that Cinder has made, and merge files; no guest is at work
    here, so the files can be merged by qemu-img.
    """

    def snapshot(self, context, instance, image_id, update_task_state):
        super().snapshot(context, instance, image_id, update_task_state)
        glance.API().update(
            context, image_id,
            {'disk_format': 'raw', 'container_format': 'bare'},
            io.BytesIO(IMAGE), purge_props=False)

    def volume_snapshot_create(self, context, instance, volume_id,
                               create_info):
        cinder.API().update_snapshot_status(
            context, create_info['snapshot_id'], 'creating')

    def volume_snapshot_delete(self, context, instance, volume_id,
                               snapshot_id, delete_info):
        status = 'error_deleting'
        try:
            _merge(volume_id, snapshot_id, delete_info)
            status = 'deleting'
        finally:
            cinder.API().update_snapshot_status(context, snapshot_id, status)


def _merge(volume_id, snapshot_id, delete_info):
    """Merge the files of a volume as Cinder asks for."""
    mounts = Path(CONF.state_path).parents[1] / 'cinder' / 'mnt'
    base = next(mounts.glob(f'*/volume-{volume_id}'))
    merged, target = (delete_info['file_to_merge'],
                      delete_info['merge_target_file'])
    if target is None:
        # Into the file in use, up to another one or none.
        _qemu_img('rebase', '-b', merged or '', *(
            ['-F', 'qcow2'] if merged else []),
            f'{base.name}.{snapshot_id}', directory=base.parent)
        return
    _qemu_img('commit', '-b', target, merged, directory=base.parent)
    form = 'raw' if target == base.name else 'qcow2'
    for path in base.parent.glob(f'{base.name}.*'):
        if path.suffix != '.info' and path.name != merged and (
                f'backing file: {merged}' in _qemu_img(
                    'info', path.name, directory=base.parent)):
            _qemu_img('rebase', '-u', '-b', target, '-F', form, path.name,
                      directory=base.parent)


def _qemu_img(*arguments, directory):
    return subprocess.run(
        ['qemu-img', *arguments], cwd=directory, check=True,
        capture_output=True, text=True, timeout=60).stdout


class Driver(_Copying, _Leaving, fake.FakeDriverWithoutFakeNodes):
    """Live migrations that are over at once.

    On a host that is marked as slow they last until they are aborted or
    forced. Nova's own driver for that ends them after five seconds, and has
    one decision for all of them.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._aborted = {}

    def live_migration(self, context, instance, dest, post_method,
                       recover_method, block_migration=False,
                       migrate_data=None):
        if not (Path(CONF.state_path) / SLOW_MARK).exists():
            super().live_migration(
                context, instance, dest, post_method, recover_method,
                block_migration, migrate_data)
            return
        answers = self._aborted[instance.uuid] = queue.Queue()
        try:
            aborted = answers.get(timeout=LONGEST_MIGRATION)
        except queue.Empty:
            aborted = True
        finally:
            del self._aborted[instance.uuid]
        if aborted:
            recover_method(context, instance, dest, migrate_data,
                           migration_status='cancelled')
        else:
            post_method(context, instance, dest, block_migration,
                        migrate_data)

    def live_migration_force_complete(self, instance):
        self._aborted[instance.uuid].put(False)

    def live_migration_abort(self, instance):
        self._aborted[instance.uuid].put(True)
