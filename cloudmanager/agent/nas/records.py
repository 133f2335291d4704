# SPDX-License-Identifier: Apache-2.0
"""Recording the agent's logins, so that a crash leaves none incomplete."""

from collections.abc import Callable
import json
import pathlib
import threading

from oslo_log import log as logging

from cloudmanager.common import private
from cloudmanager.domain import iscsi
from cloudmanager.domain.iscsi import Path

LOG = logging.getLogger(__name__)
_KINDS = ('begun', 'attached')


class Records:
    """Targets that the agent has attached, or has begun to.

    Each change is on the disk before it is acted on.

    :param directory: the agent's own directory
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._path = directory / 'targets.json'
        self._lock = threading.Lock()
        for left in directory.glob(f'.{self._path.name}.*.new'):
            left.unlink(missing_ok=True)
        self._paths = self._read()

    def _read(self) -> dict[str, set[Path]]:
        try:
            found = json.loads(self._path.read_bytes())
            return {kind: {Path(iscsi.portal(portal),
                                iscsi.check_target(target))
                           for portal, target in found[kind]}
                    for kind in _KINDS}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, LookupError) as exc:
            # The records of open-iscsi that it listed now count as made
            # by others.
            LOG.error('The list of targets in %(path)s cannot be used: '
                      '%(why)s', {'path': self._path, 'why': exc})
        return {kind: set() for kind in _KINDS}

    @property
    def begun(self) -> list[Path]:
        """Targets that are not attached yet."""
        return sorted(self._paths['begun'])

    def is_ours(self, path: Path) -> bool:
        """Tell whether the agent has created the record of open-iscsi."""
        return any(path in paths for paths in self._paths.values())

    def is_begun(self, path: Path) -> bool:
        """Tell whether a failed login leaves no record."""
        return path in self._paths['begun']

    def begin(self, path: Path) -> None:
        """Remember that a record is about to be created.

        :raises OSError: it could not be written
        """
        self._change(lambda paths: paths['begun'].add(path))

    def attach(self, path: Path) -> None:
        """Remember that a target is attached.

        :raises OSError: it could not be written
        """
        def change(paths: dict[str, set[Path]]) -> None:
            paths['begun'].discard(path)
            paths['attached'].add(path)
        self._change(change)

    def forget(self, path: Path) -> None:
        """Remember that the record was removed.

        :raises OSError: it could not be written
        """
        def change(paths: dict[str, set[Path]]) -> None:
            for known in paths.values():
                known.discard(path)
        self._change(change)

    def _change(self, change: Callable[[dict[str, set[Path]]],
                                       object]) -> None:
        with self._lock:
            paths = {kind: set(known) for kind, known in self._paths.items()}
            change(paths)
            if paths != self._paths:
                private.replace(self._path, json.dumps({
                    kind: [[str(path.portal), path.target]
                           for path in sorted(known)]
                    for kind, known in paths.items()}).encode())
                self._paths = paths
