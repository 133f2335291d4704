# SPDX-License-Identifier: Apache-2.0
"""Records that the database stores as JSON objects.

Each field is a key of the object, and its annotation says how a value is
stored: times as text in ISO 8601, enumerations as their values, records and
other dataclasses as objects, tuples as lists, and all other types unchanged.
``None`` is not stored.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import enum
import functools
import types
import typing
from typing import Any
from typing import Self

from cloudmanager.common.json_types import JsonObject

UNKNOWN = 'unknown'


def kinds(record: type) -> dict[str, object]:
    """Return the annotations of the stored fields of a dataclass, by name."""
    return _kinds(record)


@functools.cache
def _kinds(record: type) -> dict[str, object]:
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name]
            for field in dataclasses.fields(record) if field.name != UNKNOWN}


def load(kind: Any, value: Any) -> Any:
    """Return a stored value as the type that its annotation names."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if value is None or kind is Any:
        return value
    if origin is types.UnionType:
        return load(next(some for some in args
                         if some is not types.NoneType), value)
    if origin in (list, tuple):
        return origin(load(args[0], one) for one in value)
    if origin is dict:
        return {load(args[0], key): load(args[1], one)
                for key, one in value.items()}
    if issubclass(kind, Record):
        return kind.from_json(value)
    if dataclasses.is_dataclass(kind):
        return _plain(kind, value)
    if issubclass(kind, datetime.datetime):
        return kind.fromisoformat(value)
    if issubclass(kind, enum.StrEnum):
        return kind(value)
    return value


def _plain(kind: Any, value: Mapping[str, object]) -> Any:
    return kind(**load_fields(kind, kinds(kind), value))


def load_fields(record: type, names: Iterable[str],
                stored: Mapping[str, object]) -> JsonObject:
    """Return those fields of a dataclass that are stored."""
    return {name: load(kinds(record)[name], stored[name])
            for name in names if stored.get(name) is not None}


def dump(value: object) -> object:
    """Return a value in the form in which it is stored."""
    if isinstance(value, Record):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return {name: dump(getattr(value, name))
                for name in kinds(type(value))}
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, enum.StrEnum):
        return value.value
    if isinstance(value, dict):
        return {dump(key): dump(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [dump(one) for one in value]
    return value


@dataclasses.dataclass(kw_only=True)
class Record:
    """A record that is stored as a JSON object.

    :ivar unknown: keys that this version does not know, in stored form; they
        are kept, since a newer version may have written and still need them
    """

    unknown: dict[str, object] = dataclasses.field(default_factory=dict,
                                                repr=False)

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Return the record of an object."""
        return cls(**load_fields(cls, kinds(cls), stored), unknown={
            name: value for name, value in stored.items()
            if name not in kinds(cls)})

    def to_json(self) -> dict[str, object]:
        """Return the object of the record."""
        return {**self.unknown, **self._dumped(kinds(type(self)))}

    def _dumped(self, names: Iterable[str]) -> dict[str, object]:
        return {name: dump(getattr(self, name)) for name in names
                if getattr(self, name) is not None}

    def changes(self, stored: Mapping[str, object]) -> dict[str, object]:
        """Return the stored values that differ from an object, by key.

        :param stored: the object; it may also have keys of other records
        """
        before = self.from_json(stored)
        return {name: dump(getattr(self, name)) for name in kinds(type(self))
                if getattr(self, name) != getattr(before, name)}
