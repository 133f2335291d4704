# SPDX-License-Identifier: Apache-2.0
"""The single definition of a resource.

Schemas of bodies, filters, sort keys, rendering and the WSME type all follow
from the fields of a resource.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import wsme
from wsme import types as wtypes

from cloudmanager.common import clock

INTEGER, STRING, BOOLEAN = 'integer', 'string', 'boolean'
TIME, LIST, OBJECT = 'time', 'array', 'object'
MAX_INTEGER = 2 ** 31 - 1

EQUALITY = ('eq', 'neq', 'in', 'nin')
ORDER = ('gt', 'gte', 'lt', 'lte')
PATTERN = ('like', 'ilike')
ABSENCE = ('null', 'notnull')

# What each type can be asked in a query; a field may narrow it. A time is
# stored finer than it is answered, so only its order can be asked.
OPERATORS: dict[str, tuple[str, ...]] = {
    INTEGER: EQUALITY + ORDER + ABSENCE,
    STRING: EQUALITY + ORDER + PATTERN + ABSENCE,
    BOOLEAN: EQUALITY + ABSENCE,
    TIME: ('eq', *ORDER, *ABSENCE),
}
_WSME = {INTEGER: int, STRING: wtypes.text, BOOLEAN: bool,
         TIME: wtypes.text, LIST: [wtypes.text],
         OBJECT: {wtypes.text: wtypes.text}}


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a resource.

    :ivar name: in bodies and query strings
    :ivar type: one of the constants above
    :ivar column: attribute of the model; the name when not given, ``None``
        inside when ``stored`` is false
    :ivar aliases: further names that filter on it
    :ivar operators: what may be asked in a query; empty for nothing
    :ivar create: whether a POST may set it
    :ivar update: whether a PUT may set it
    :ivar also: JSON types that are accepted besides its own
    :ivar schema: further keywords of JSON schema
    :ivar convert: makes the stored form of a valid value; raises ValueError
    :ivar shown: whether answers contain it
    """

    name: str
    type: str = STRING
    column: str = ''
    aliases: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    sortable: bool = False
    create: bool = False
    update: bool = False
    required: bool = False
    nullable: bool = True
    also: tuple[str, ...] = ()
    schema: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    convert: Callable[[Any], Any] | None = None
    shown: bool = True
    description: str = ''

    @property
    def attribute(self) -> str:
        return self.column or self.name

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the field's values in a body."""
        base = STRING if self.type == TIME else self.type
        types = [base, *self.also]
        if self.nullable:
            types.append('null')
        result: dict[str, Any] = {'type': types}
        if base == INTEGER:
            result.update(minimum=0, maximum=MAX_INTEGER)
        if base == STRING:
            result['maxLength'] = 255
        result.update(self.schema)
        if self.nullable and 'enum' in result:
            result['enum'] = [*result['enum'], None]
        return result


# Compared and cached by identity: there is one of each kind.
@dataclasses.dataclass(frozen=True, eq=False)
class Resource:
    """What the API needs to know about one kind of object.

    :ivar name: envelope of one object; empty when bodies have none
    :ivar collection: envelope of a list
    """

    name: str
    collection: str
    fields: tuple[Field, ...]
    identity: str = INTEGER

    @functools.cached_property
    def by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @functools.cached_property
    def filters(self) -> dict[str, Field]:
        """Fields that a query may name, by each of their names."""
        return {name: field for field in self.fields if field.operators
                for name in (field.name, *field.aliases)}

    @functools.cached_property
    def sort_keys(self) -> dict[str, Field]:
        return {name: field for field in self.fields if field.sortable
                for name in (field.name, *field.aliases)}

    def schema(self, purpose: str) -> dict[str, Any]:
        """Return the JSON schema of a body.

        :param purpose: ``create`` or ``update``
        """
        fields = [field for field in self.fields if getattr(field, purpose)]
        result: dict[str, Any] = {
            'type': 'object', 'additionalProperties': False,
            'properties': {field.name: field.json_schema()
                           for field in fields}}
        if purpose == 'create':
            result['required'] = [field.name for field in fields
                                  if field.required]
        return result

    @functools.cached_property
    def columns(self) -> tuple[tuple[str, str, bool], ...]:
        """Name, column and whether it is a time, of each shown field."""
        return tuple((field.name, field.attribute, field.type == TIME)
                     for field in self.fields if field.shown)

    def render(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a row as the API answers them."""
        return {name: clock.isoformat(row[column]) if is_time
                else row[column] for name, column, is_time in self.columns}

    @functools.cached_property
    def wsme_type(self) -> type:
        """The WSME type of the resource, for generated documentation.

        WSME describes the resources and does not read requests: it takes
        null for a mandatory value, "1" for a number, values from the query
        string and XML, and it answers with the text of internal errors.
        """
        attributes: dict[str, Any] = {
            field.name: wsme.wsattr(_WSME[field.type],
                                    mandatory=field.required)
            for field in self.fields}
        return type(self.name.title().replace('_', '') or 'Body',
                    (wtypes.Base,), attributes)
