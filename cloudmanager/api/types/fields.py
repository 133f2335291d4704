# SPDX-License-Identifier: Apache-2.0
"""The single definition of a resource.

Schemas of bodies and answers, filters, sort keys, rendering, the OpenAPI
document and the WSME type all follow from the fields of a resource.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import functools
import operator
from typing import Any

import wsme
from wsme import types as wtypes

from cloudmanager.api.types import formats

INTEGER, NUMBER, STRING, BOOLEAN = 'integer', 'number', 'string', 'boolean'
TIME, LIST, OBJECT = 'time', 'array', 'object'
MAX_INTEGER = formats.MAX_INTEGER
#: Names of fields that have no names of their own.
OTHER_NAMES = r'^[^\x00-\x1f\x7f/]{1,255}$'
MAX_OTHERS = 128

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
    # Of any of its elements.
    LIST: ('eq', 'in', *PATTERN),
}
_WSME = {INTEGER: int, NUMBER: float, STRING: wtypes.text, BOOLEAN: bool,
         TIME: wtypes.text, LIST: [wtypes.text],
         OBJECT: {wtypes.text: wtypes.text}}


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a resource.

    :ivar name: in bodies and query strings
    :ivar type: one of the constants above
    :ivar column: attribute of the model; the name when not given
    :ivar aliases: further names that filter on it
    :ivar operators: what may be asked in a query; empty for nothing
    :ivar create: whether a POST may set it
    :ivar update: whether a PUT may set it
    :ivar required: whether a POST must set it
    :ivar nullable: whether it may be null, in bodies and in answers
    :ivar also: JSON types that are accepted besides its own; of a list
        with ``of``, those of its elements
    :ivar schema: further keywords of JSON schema
    :ivar convert: makes the stored form of a valid value; raises ValueError
    :ivar query: the same for values in a query that it must equal;
        ``convert`` when not given
    :ivar lines: whether a text may have several lines
    :ivar lower: whether it is stored in lower case, whatever was given
    :ivar shown: whether answers contain it
    :ivar computed: whether answers get it from elsewhere than a column
    :ivar optional: whether answers may lack it
    :ivar of: what an object is, or each element of a list
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
    query: Callable[[Any], Any] | None = None
    lines: bool = False
    lower: bool = False
    shown: bool = True
    computed: bool = False
    optional: bool = False
    of: 'Resource | None' = None
    description: str = ''

    @property
    def query_convert(self) -> Callable[[Any], Any] | None:
        """What makes the stored form of a value in a query."""
        return self.query or self.convert

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

    def documented_schema(self) -> dict[str, Any]:
        """Return ``json_schema`` with what conversion checks besides."""
        result = self.json_schema()
        if STRING in (self.type, *self.also) and 'enum' not in result:
            result['pattern'] = (formats.LINES_PATTERN if self.lines
                                 else formats.LINE_PATTERN)
        items = result.get('items', {})
        if items.get('type') == STRING:
            result['items'] = {'pattern': formats.LINE_PATTERN, **items}
        result |= formats.described(self.convert)
        if self.description:
            result['description'] = self.description
        return result

    def answer_schema(self, refer: 'Refer') -> dict[str, Any]:
        """Return the JSON schema of the field's values in an answer.

        :param refer: gives the schema of a resource inside of this one
        """
        result: dict[str, Any] = {'type': self.type}
        if self.type == TIME:
            result = {'type': STRING, 'pattern': formats.TIME_PATTERN}
        elif self.of is not None and self.type == OBJECT:
            result = refer(self.of)
        elif self.of is not None:
            result['items'] = refer(self.of)
            if self.also:
                result['items'] = {'anyOf': [
                    {'type': list(self.also)}, refer(self.of)]}
        elif self.type == LIST and 'items' in self.schema:
            result['items'] = {'type': self.schema['items']['type']}
        if 'enum' in self.schema:
            result['enum'] = list(self.schema['enum'])
        if self.nullable:
            result = _or_null(result)
        if self.description:
            result['description'] = self.description
        return result


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if 'type' not in schema or 'properties' in schema:
        return {'anyOf': [schema, {'type': 'null'}]}
    result = schema | {'type': [schema['type'], 'null']}
    if 'enum' in schema:
        result['enum'] = [*schema['enum'], None]
    return result


# Compared and cached by identity: there is one of each kind.
@dataclasses.dataclass(frozen=True, eq=False)
class Resource:
    """What the API needs to know about one kind of object.

    :ivar name: envelope of one object; empty when bodies have none
    :ivar collection: envelope of a list
    :ivar identity: type of the ids that name a place in a list; empty when
        there are none
    :ivar whole: whether a PUT must set what a POST must set, instead of
        leaving what is not named as it is
    :ivar title: name of its schema; made of ``name`` when not given, and
        without either it has none
    :ivar others: what fields of any other name are; there may be none
        without it. Their names have up to 255 characters, no slash and no
        control character, and a body must have a field.
    :ivar searched: what the parameter ``q`` of lists looks into, in words;
        there is none without it
    :ivar rules: keywords of JSON schema on how fields belong together, for
        the documentation; the operation itself checks that
    """

    name: str
    collection: str
    fields: tuple[Field, ...]
    identity: str = INTEGER
    title: str = ''
    whole: bool = False
    others: Field | None = None
    searched: str = ''
    rules: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def schema_name(self) -> str:
        return self.title or self.name.title().replace('_', '')

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

    def schema(self, purpose: str,
               documented: bool = False) -> dict[str, Any]:
        """Return the JSON schema of a body.

        :param purpose: ``create`` or ``update``
        :param documented: with descriptions and all that is checked
        """
        fields = [field for field in self.fields if getattr(field, purpose)]
        result: dict[str, Any] = {
            'type': 'object', 'additionalProperties': False,
            'properties': {field.name: field.documented_schema()
                           if documented else field.json_schema()
                           for field in fields}}
        if purpose == 'create' or self.whole:
            result['required'] = [field.name for field in fields
                                  if field.required]
        if self.others is not None:
            result.update(
                additionalProperties=self.others.documented_schema()
                if documented else self.others.json_schema(),
                propertyNames={'pattern': OTHER_NAMES},
                minProperties=1, maxProperties=MAX_OTHERS)
        return {**result, **(self.rules if documented else {})}

    def answer_schema(self, refer: 'Refer') -> dict[str, Any]:
        """Return the JSON schema of the object in an answer.

        :param refer: gives the schema of a resource inside of this one
        """
        fields = [field for field in self.fields if field.shown]
        result = {'type': 'object',
                  'properties': {field.name: field.answer_schema(refer)
                                 for field in fields},
                  'required': [field.name for field in fields
                               if not field.optional]}
        if self.others is not None:
            result['additionalProperties'] = self.others.answer_schema(refer)
        return result

    @functools.cached_property
    def columns(self) -> dict[str, str]:
        """The column of each stored field that is shown, by its name."""
        return {field.name: field.attribute for field in self.fields
                if field.shown and not field.computed}

    @functools.cached_property
    def _renderer(self) -> tuple[tuple[str, ...], Callable[..., Any]]:
        """Names, and what gets the columns out of a row all at once."""
        names, columns = tuple(self.columns), tuple(self.columns.values())
        if len(columns) == 1:
            return names, lambda row: (row[columns[0]],)
        return names, operator.itemgetter(*columns)

    def render(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a row as the API answers them.

        Times stay what they are; ``rendering.dumps`` writes them.
        """
        names, columns = self._renderer
        return dict(zip(names, columns(row), strict=True))

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
        return type(self.schema_name or 'Body', (wtypes.Base,), attributes)


Refer = Callable[[Resource], dict[str, Any]]
