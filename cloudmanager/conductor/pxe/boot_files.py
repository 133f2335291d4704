# SPDX-License-Identifier: Apache-2.0
"""Keeps the boot files of nodes in agreement with the database.

Messages and periodic rounds do the same: they read what the database says now
about a MAC address, and write or remove its file. So messages may come late,
twice, or not at all.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
import threading
from typing import Protocol

from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging

from cloudmanager.common import context as cm_context
from cloudmanager.common import rpc
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.pxe import directory as pxe_directory
from cloudmanager.db import node_images as db_node_images
from cloudmanager.domain import pxe

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# How many addresses are looked up at a time.
BATCH = 100


class Wanted:
    """What boot files must contain, as the database says now.

    :param macs: only the files of these addresses; by default, all files
    """

    def __init__(self, context: RequestContext,
                 macs: Collection[str] | None = None) -> None:
        self._boots = {boot.mac: boot
                       for boot in db_node_images.boots(context, macs)
                       if pxe.is_mac(boot.mac)}
        self._data = db_node_images.file_data(
            context, {boot.image_id for boot in self._boots.values()})
        if not CONF.pxe.write_default_image:
            self._data.pop(db_node_images.DEFAULT, None)

    @property
    def macs(self) -> set[str]:
        """Addresses that nodes have."""
        return set(self._boots)

    def content(self, mac: str) -> bytes | None:
        """Return what a boot file must contain; ``None`` for no file."""
        boot = self._boots.get(mac)
        data = self._data.get(boot.image_id) if boot else None
        if boot is None or data is None:
            return None
        return pxe.content(boot.node_id, boot.image_id, data)


class Members(Protocol):
    """``cloudmanager.conductor.periodics.members.Members`` or its like."""

    def owns(self, key: object) -> bool: ...


class BootFiles:
    """The boot files that this conductor keeps.

    :param members: returns the conductors that are alive now
    """

    def __init__(self, members: Callable[[], Members]) -> None:
        self._members = members
        # Held from reading the database until the file is written.
        self._lock = threading.Lock()
        self._told: dict[str, set[str]] = {}

    def refresh(self, context: RequestContext, macs: Collection[str]) -> None:
        """Write or remove the boot files of some addresses."""
        if CONF.pxe.config_dir:
            self._settle_all(context, self._own(filter(pxe.is_mac, macs)))

    def reconcile(self, stopping: threading.Event) -> None:
        """Write or remove whatever differs from the database."""
        if not CONF.pxe.config_dir:
            return
        directory = pxe_directory.Directory(CONF.pxe.config_dir)
        context = cm_context.admin_context()
        wanted = Wanted(context)
        try:
            directory.remove_leftovers()
            macs = self._own(directory.macs() | wanted.macs)
        except OSError as exc:
            LOG.error('The directory of boot files cannot be read: %s', exc)
            return
        foreign: set[str] = set()
        # One reading of the database served all comparisons, and may be out
        # of date by now. So each difference is looked up again before a file
        # is changed.
        self._settle_all(context, [
            mac for mac in macs
            if self._differs(directory, mac, wanted.content(mac), foreign)],
            stopping)
        self._tell('Files in the way of boot files are not ours and stay',
                   foreign)

    def _own(self, macs: Iterable[str]) -> list[str]:
        """Return the addresses whose files this conductor keeps."""
        found = sorted(macs)
        if not CONF.pxe.shared_config_dir:
            return found
        members = self._members()
        return [mac for mac in found if members.owns(mac)]

    def _tell(self, what: str, macs: set[str]) -> None:
        """Log addresses, unless they are the same as last time."""
        if macs and macs != self._told.get(what):
            LOG.warning('%(what)s: %(macs)s.',
                        {'what': what, 'macs': ', '.join(sorted(macs))})
        self._told[what] = macs

    @staticmethod
    def _differs(directory: pxe_directory.Directory, mac: str,
                 content: bytes | None, foreign: set[str]) -> bool:
        try:
            return directory.read(mac) != content
        except pxe_directory.NotOurs:
            if content is not None:
                foreign.add(mac)
            return False
        except OSError:
            # The attempt to write the file will log the error.
            return True

    def _settle_all(self, context: RequestContext, macs: list[str],
                    stopping: threading.Event | None = None) -> None:
        directory = pxe_directory.Directory(CONF.pxe.config_dir)
        for first in range(0, len(macs), BATCH):
            if stopping is not None and stopping.is_set():
                return
            batch = macs[first:first + BATCH]
            with self._lock:
                wanted = Wanted(context, batch)
                for mac in batch:
                    self._settle(directory, mac, wanted.content(mac))

    @staticmethod
    def _settle(directory: pxe_directory.Directory, mac: str,
                content: bytes | None) -> None:
        """Write or remove one boot file, if it differs."""
        name = pxe.file_name(mac)
        try:
            present = directory.read(mac)
            if present == content:
                return
            if content is None:
                directory.remove(mac)
                LOG.info('Boot file %s was removed.', name)
            else:
                directory.write(mac, content)
                LOG.info('Boot file %s was written.', name)
        except pxe_directory.NotOurs:
            if content is not None:
                LOG.warning('Boot file %s was not written: a file of that '
                'name exists that is not ours.', name)
        except OSError as exc:
            LOG.error('Boot file %(name)s cannot be written or removed: '
                      '%(why)s', {'name': name, 'why': exc})


class Endpoint:
    """The RPC methods of a conductor about boot files."""

    target = messaging.Target(namespace=rpc.PXE_NAMESPACE, version='1.0')

    def __init__(self, boot_files: BootFiles) -> None:
        self._boot_files = boot_files

    def refresh(self, context: RequestContext, macs: list[str]) -> None:
        """Write or remove boot files; see rpcapi."""
        self._boot_files.refresh(context, macs)
