# SPDX-License-Identifier: Apache-2.0
"""Items: the objects, such as servers, that a task handles one by one."""

from collections.abc import Mapping
import dataclasses
import datetime
from typing import Self

from cloudmanager.common import clock
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.records import stored
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState


@dataclasses.dataclass(kw_only=True)
class Item(stored.Record):
    """A row of ``task_items``.

    The fields of this class are columns, those of its subclasses are keys of
    the column ``memory``.

    :ivar id: the id of the row; 0 before it is inserted
    :ivar object_id: the id of the object; no two items of a task have the same
    """

    id: int = 0
    kind: ItemKind
    object_id: str
    name: str | None = None
    state: ItemState = ItemState.PENDING
    action: str | None = None
    source: str | None = None
    destination: str | None = None
    priority: int = 5
    attempts: int = 0
    error: str | None = None
    created_at: datetime.datetime = dataclasses.field(
        default_factory=clock.utcnow)

    @classmethod
    def _remembered(cls) -> list[str]:
        """Return the names of the fields that are stored in ``memory``."""
        columns = stored.kinds(Item)
        return [name for name in stored.kinds(cls) if name not in columns]

    @classmethod
    def from_row(cls, row: JsonObject) -> Self:
        """Return the item of a row."""
        memory = cls._read(row['memory'] or {})
        names = cls._remembered()
        columns = {name: row[name] for name in stored.kinds(Item)}
        return cls(
            **{**columns, 'kind': ItemKind(row['kind']),
               'state': ItemState(row['state'])},
            **stored.load_fields(cls, names, memory),
            unknown={name: value for name, value in memory.items()
                     if name not in names})

    @classmethod
    def _read(cls, memory: Mapping[str, object]) -> Mapping[str, object]:
        """Return memory that any version wrote in this version's form."""
        return memory

    def to_row(self) -> dict[str, object]:
        """Return the row, without the columns that the database fills."""
        row = {name: getattr(self, name) for name in stored.kinds(Item)
               if name != 'id'}
        memory = {**self.unknown, **self._dumped(self._remembered())}
        return {**row, 'kind': self.kind.value, 'state': self.state.value,
                'memory': memory}
