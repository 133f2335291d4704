# SPDX-License-Identifier: Apache-2.0
"""The part of Cinder's client that volumes are copied with."""

from collections.abc import Callable
import dataclasses
from typing import Any
from typing import ParamSpec
from typing import TypeVar

from cloudmanager.clients import retry
from cloudmanager.common import exception

P = ParamSpec('P')
T = TypeVar('T')


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A volume or a snapshot, as far as its making needs."""

    id: str
    name: str
    status: str
    size_gb: int
    description: str | None


def _piece(found: Any) -> Piece:
    return Piece(id=found.id, name=found.name or '', status=found.status,
                 size_gb=found.size, description=found.description)


class Copies:
    """What volumes are copied with.

    What is created belongs to the project of the session.
    """

    # Of the client that this is a part of.
    _client: Any
    _read: Callable[..., Any]

    def _create(self, request: str, function: Callable[P, T],
                *args: P.args, **kwargs: P.kwargs) -> T:
        return retry.call(retry.Kind.ONCE, 'Cinder', request, function,
                          *args, **kwargs)

    def _one(self, request: str, manager: Any, key: str) -> Piece | None:
        try:
            return _piece(self._read(request, manager.get, key))
        except exception.NotFound:
            return None

    def _named(self, request: str, manager: Any, project_id: str,
               name: str) -> list[Piece]:
        found = self._read(request, lambda: manager.list(search_opts={
            'all_tenants': 1, 'project_id': project_id, 'name': name}))
        return [_piece(item) for item in found if item.name == name]

    def _remove(self, request: str, manager: Any, key: str) -> None:
        try:
            retry.call(retry.Kind.IDEMPOTENT, 'Cinder', request,
                       manager.delete, key)
        except exception.NotFound:
            return

    def limits(self) -> dict[str, tuple[int, int]]:
        """Return limit (-1 for none) and use of storage of the project.

        :returns: for ``volumes``, ``snapshots`` and ``gigabytes``
        """
        found = {item.name: item.value for item in self._read(
            'show limits', self._client.limits.get).absolute}
        return {name: (found[f'maxTotal{limit}'], found[f'total{used}Used'])
                for name, limit, used in (
                    ('volumes', 'Volumes', 'Volumes'),
                    ('snapshots', 'Snapshots', 'Snapshots'),
                    ('gigabytes', 'VolumeGigabytes', 'Gigabytes'))}

    # Snapshots

    def create_snapshot(self, volume_id: str, name: str,
                        description: str) -> str:
        """Ask for a snapshot of a volume, also of one in use.

        :returns: its id
        """
        return str(self._create(
            'create snapshot', self._client.volume_snapshots.create,
            volume_id, name=name, description=description).id)

    def snapshot(self, snapshot_id: str) -> Piece | None:
        """Return a snapshot, ``None`` when there is none any more."""
        return self._one('show snapshot', self._client.volume_snapshots,
                         snapshot_id)

    def snapshots_named(self, project_id: str, name: str) -> list[Piece]:
        """Return the snapshots of exactly this name in a project."""
        return self._named('list snapshots', self._client.volume_snapshots,
                           project_id, name)

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Ask for the end of a snapshot; one that is gone is no error."""
        self._remove('delete snapshot', self._client.volume_snapshots,
                     snapshot_id)

    # Volumes

    def create_volume(self, snapshot_id: str, size_gb: int, name: str,
                      description: str) -> str:
        """Ask for a volume with the content of a snapshot.

        :returns: its id
        """
        return str(self._create(
            'create volume', self._client.volumes.create, size_gb,
            snapshot_id=snapshot_id, name=name, description=description).id)

    def piece(self, volume_id: str) -> Piece | None:
        """Return a volume, ``None`` when there is none any more."""
        return self._one('show volume', self._client.volumes, volume_id)

    def volumes_named(self, project_id: str, name: str) -> list[Piece]:
        """Return the volumes of exactly this name in a project."""
        return self._named('list volumes', self._client.volumes, project_id,
                           name)

    def describe(self, volume_id: str, text: str | None) -> None:
        """Set the description of a volume."""
        retry.call(retry.Kind.IDEMPOTENT, 'Cinder', 'describe volume',
                   self._client.volumes.update, volume_id,
                   description=text or '')

    def delete_volume(self, volume_id: str) -> None:
        """Ask for the end of a volume; one that is gone is no error."""
        self._remove('delete volume', self._client.volumes, volume_id)
