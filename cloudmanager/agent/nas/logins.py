# SPDX-License-Identifier: Apache-2.0
"""Logins to targets: each one is complete with its disks, or undone."""

import pathlib
import threading

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.agent.nas import iscsi
from cloudmanager.agent.nas.records import Records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.domain.iscsi import Path

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: For a record that nothing logs in to automatically.
_MANUAL = 'manual'


class Logins:
    """Attaches targets, and undoes logins that are incomplete.

    :param directory: the agent's own directory
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._records = Records(directory)
        # Held by requests and by ``tidy`` while they change logins.
        self._lock = threading.Lock()
        self._started_at = clock.monotonic()

    @property
    def lock(self) -> threading.Lock:
        """The lock that callers of ``attach`` must hold."""
        return self._lock

    def attach(self, path: Path) -> list[str]:
        """Attach a target, unless it is attached already.

        :returns: the names of its disks
        :raises Unavailable: it could not be attached, and the login was undone
        """
        is_new = iscsi.find(path) is None
        if is_new:
            self._log_in(path)
        try:
            found = iscsi.await_disks(path)
        except exception.Unavailable:
            # A login that somebody else has made must not be ended.
            if is_new or self._records.is_begun(path):
                self._undo(path)
            raise
        self._keep(path)
        return found

    def _log_in(self, path: Path) -> None:
        iscsi.probe(path.portal)
        if not iscsi.has_record(path):
            self._records.begin(path)
            iscsi.add_record(path)
        try:
            if self._records.is_ours(path):
                iscsi.set_record(path, _MANUAL
                                 if self._records.is_begun(path)
                                 else CONF.nas.startup)
            iscsi.log_in(path)
        except exception.Unavailable:
            self._undo(path)
            raise

    def _keep(self, path: Path) -> None:
        """Have the node log in to an attached target when it starts.

        A login that others have made stays theirs.
        """
        if self._records.is_begun(path):
            iscsi.set_record(path, CONF.nas.startup)
            self._records.attach(path)

    def _undo(self, path: Path) -> None:
        """Undo a login that has no disks.

        What cannot be undone now is undone by a later ``tidy``.
        """
        try:
            session = iscsi.find(path)
            if session is not None and iscsi.disks(session):
                # They may have appeared a moment ago, and be in use.
                return
            iscsi.log_out(path)
            if self._records.is_begun(path):
                iscsi.remove_record(path)
                self._records.forget(path)
        except (exception.CloudManagerException, OSError) as exc:
            LOG.warning('The login to %(path)s could not be undone: %(why)s',
                        {'path': path, 'why': exc})

    def tidy(self) -> None:
        """Complete the logins that a crash has interrupted, or undo them."""
        if not self._records.begun or not self._lock.acquire(blocking=False):
            return
        try:
            for path in self._records.begun:
                self._end(path)
        finally:
            self._lock.release()

    def _end(self, path: Path) -> None:
        try:
            session = iscsi.find(path)
            if session is not None and iscsi.disks(session):
                self._keep(path)
                return
            if (clock.monotonic() - self._started_at
                    < iscsi.login_seconds()):
                # iscsid may still be working on a login that an earlier
                # process of the agent requested.
                return
        except (exception.CloudManagerException, OSError) as exc:
            LOG.warning('The state of target %(path)s cannot be read: '
                        '%(why)s', {'path': path, 'why': exc})
            return
        self._undo(path)
