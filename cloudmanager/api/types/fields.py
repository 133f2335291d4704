# SPDX-License-Identifier: Apache-2.0
"""Resources: complex types of WSME, and all that follows from them.

What bodies are checked by, schemas of bodies and answers, filters, sort keys,
rendering and the OpenAPI document follow from the attributes of a resource.
"""

from collections.abc import Callable
from collections.abc import Mapping
import copy
import dataclasses
import operator
import types
from typing import cast
from typing import ClassVar
from typing import Self
from typing import TypeAlias

import wsme
from wsme import types as wtypes

from cloudmanager.api.types import values
from cloudmanager.api.types import wrong
from cloudmanager.api.types.containers import Map
from cloudmanager.api.types.values import Schema
from cloudmanager.db import models

Datatype: TypeAlias = (values.Type | type['Resource']
                       | list[type['Resource']])
Refer = Callable[[type['Resource']], Schema]
#: What a body is for.
CREATE, UPDATE = 'create', 'update'


class Field(wsme.wsattr):  # type: ignore[misc]  # WSME has no types
    """One attribute of a resource.

    :ivar datatype: what it is in answers, and in bodies too, if those are
        not given
    :ivar given: what it is in bodies
    :ivar name: in bodies, answers and query strings; the attribute's own
        when not given
    :ivar column: attribute of the model; the name when not given
    :ivar aliases: further names that filter on it
    :ivar operators: what may be asked in a query; empty for nothing
    :ivar filtered: it may be asked whatever can be asked of its type
    :ivar create: whether a POST may set it
    :ivar update: whether a PUT may set it
    :ivar required: whether a POST must set it
    :ivar nullable: whether it may be null, in bodies and in answers
    :ivar default: what it means not to set it
    :ivar shown: whether answers contain it
    :ivar computed: whether answers get it from elsewhere than a column
    :ivar optional: whether answers may lack it
    :ivar or_id: whether elements of a list may be ids in place of objects
    """

    # Both are given by WSME when there is nothing else.
    name: str
    key: str

    def __init__(self, datatype: Datatype, *,
                 given: values.Type | None = None, name: str | None = None,
                 column: str = '', aliases: tuple[str, ...] = (),
                 operators: tuple[str, ...] = (), filtered: bool = False,
                 sortable: bool = False, create: bool = False,
                 update: bool = False, required: bool = False,
                 nullable: bool = True, default: object = wtypes.Unset,
                 shown: bool = True, computed: bool = False,
                 optional: bool = False, or_id: bool = False,
                 description: str = '') -> None:
        super().__init__(datatype, mandatory=required, name=name,
                         default=default)
        self.of = datatype
        self.given = given = given or _plain(datatype)
        self.column, self.aliases = column, aliases
        self.operators = operators
        if filtered and given is not None:
            self.operators = given.operators
        self.sortable = sortable
        self.create, self.update, self.required = create, update, required
        self.nullable = nullable
        self.shown, self.computed = shown, computed
        self.optional, self.or_id = optional, or_id
        self.description = description

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name is None:
            self.name = name

    def __set__(self, instance: object, value: object) -> None:
        """Check and convert a value of a body.

        WSME takes null for every value, and its errors repeat the value.

        :raises Wrong: it is none of this field
        """
        if value is None and not self.nullable:
            raise wrong.Wrong(self.name, 'must not be null')
        if (self.nullable and value is not None and self.given is not None
                and not self.given.accepts(value)):
            raise wrong.Wrong(self.name, f'{self.given.expected} or null')
        try:
            super().__set__(instance, value)
        except wrong.Wrong as exc:
            raise wrong.Wrong(f'{self.name}.{exc.fieldname}',
                              exc.msg) from None
        except wsme.exc.InvalidInput as exc:
            raise wrong.Wrong(self.name, exc.msg) from None

    @property
    def asked(self) -> values.Type:
        """What it is in query strings."""
        if self.given is None:
            raise TypeError(f'{self.name} cannot be asked for')
        return self.given

    @property
    def attribute(self) -> str:
        """Attribute of the model that it is in."""
        return self.column or str(self.name)

    def of_body(self, mandatory: bool) -> Self:
        """Return the attribute of the type of a body."""
        made = copy.copy(self)
        made.datatype, made.mandatory = self.given, mandatory
        return made

    def schema(self) -> Schema:
        """Return the JSON schema of the field's values in a body."""
        if self.given is None:
            raise TypeError(f'{self.name} is not for bodies')
        return self._completed(self.given.schema())

    def answer_schema(self, refer: Refer) -> Schema:
        """Return the JSON schema of the field's values in an answer.

        :param refer: gives the schema of a resource inside of this one
        """
        plain = _plain(self.of)
        if plain is not None:
            return self._completed(plain.answer_schema())
        if not isinstance(self.of, list):
            return self._completed(refer(cast(type[Resource], self.of)))
        items = refer(self.of[0])
        if self.or_id:
            items = {'anyOf': [{'type': ['string']}, items]}
        return self._completed({'type': 'array', 'items': items})

    def _completed(self, schema: Schema) -> Schema:
        if self.nullable:
            schema = _or_null(schema)
        if self.description:
            schema = schema | {'description': self.description}
        return schema


def _plain(datatype: Datatype) -> values.Type | None:
    """Return what is neither a resource nor a list of one."""
    return (cast(values.Type, datatype)
            if isinstance(datatype, values.Type) else None)


def _or_null(schema: Schema) -> Schema:
    kinds = schema.get('type')
    if isinstance(kinds, list):
        found = schema | {'type': [*kinds, 'null']}
    elif kinds is None or 'properties' in schema:
        return {'anyOf': [schema, {'type': 'null'}]}
    else:
        found = schema | {'type': [kinds, 'null']}
    choices = schema.get('enum')
    if isinstance(choices, list):
        found['enum'] = [*choices, None]
    return found


@dataclasses.dataclass(frozen=True)
class About:
    """What the attributes of a resource do not tell.

    :ivar envelope: name that one object stands under in bodies and answers;
        empty when there is none
    :ivar collection: name that a list stands under
    :ivar identity: type of the ids that name a place in a list; ``None``
        when there are none
    :ivar title: name of its schema; made of the envelope when not given, and
        without either it has none
    :ivar whole: whether a PUT must set what a POST must set, instead of
        leaving what is not named as it is
    :ivar others: what a body is whose fields have no names of their own
    :ivar searched: what the parameter ``q`` of lists looks into, in words;
        there is none without it
    :ivar rules: keywords of JSON schema on how fields belong together, for
        the documentation; the operation itself checks that
    """

    envelope: str = ''
    collection: str = ''
    identity: type | None = int
    title: str = ''
    whole: bool = False
    others: Map | None = None
    searched: str = ''
    rules: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def schema_name(self) -> str:
        return self.title or self.envelope.title().replace('_', '')


class Resource(wtypes.Base):  # type: ignore[misc]  # WSME has no types
    """What the API needs to know about one kind of object.

    Its attributes are those of WSME. What is private here is so to WSME,
    which takes everything else of a class for an attribute.
    """

    _about: ClassVar[About] = About()
    _fields: ClassVar[tuple[Field, ...]] = ()
    _by_name: ClassVar[dict[str, Field]] = {}
    _filters: ClassVar[dict[str, Field]] = {}
    _sort_keys: ClassVar[dict[str, Field]] = {}
    _bodies: ClassVar[dict[str, type['Resource']]] = {}
    _columns: ClassVar[dict[str, str]] = {}
    _take: ClassVar[Callable[[models.Row], tuple[object, ...]]]

    def __init_subclass__(cls) -> None:
        found: dict[str, Field] = {}
        for base in reversed(cls.__mro__):
            found.update((key, value) for key, value in vars(base).items()
                         if isinstance(value, Field))
        # WSME would read the source code to find it.
        cls._wsme_attr_order = tuple(found)
        cls._fields = tuple(found.values())
        cls._by_name = {field.name: field for field in cls._fields}
        cls._bodies = {}
        cls._filters = {
            name: field for field in cls._fields if field.operators
            for name in (field.name, *field.aliases)}
        cls._sort_keys = {
            name: field for field in cls._fields if field.sortable
            for name in (field.name, *field.aliases)}
        cls._columns = {field.name: field.attribute for field in cls._fields
                        if field.shown and not field.computed}
        cls._take = _taker(tuple(cls._columns.values()))

    @classmethod
    def about(cls) -> About:
        return cls._about

    @classmethod
    def fields(cls) -> tuple[Field, ...]:
        """Return its attributes in their order."""
        return cls._fields

    @classmethod
    def by_name(cls) -> dict[str, Field]:
        return cls._by_name

    @classmethod
    def filters(cls) -> dict[str, Field]:
        """Return fields that a query may name, by each of their names."""
        return cls._filters

    @classmethod
    def sort_keys(cls) -> dict[str, Field]:
        """Return fields that a list can be ordered by, by their names."""
        return cls._sort_keys

    @classmethod
    def columns(cls) -> dict[str, str]:
        """Return the column of each stored field that is shown, by name."""
        return cls._columns

    @classmethod
    def body(cls, purpose: str) -> type['Resource']:
        """Return the type that WSME reads a body as.

        :param purpose: ``CREATE`` or ``UPDATE``
        """
        if purpose not in cls._bodies:
            needed = purpose == CREATE or cls._about.whole
            cls._bodies[purpose] = compose({
                field.key: field.of_body(needed and field.required)
                for field in cls._fields if getattr(field, purpose)})
        return cls._bodies[purpose]

    @classmethod
    def defaults(cls) -> models.Row:
        """Return what it means not to set fields, by column."""
        return {field.attribute: field.default for field in cls._fields
                if field.default is not wtypes.Unset}

    @classmethod
    def render(cls, row: models.Row) -> models.Row:
        """Return the fields of a row as the API answers them.

        Times stay what they are; ``rendering.dumps`` writes them.
        """
        return dict(zip(cls._columns, cls._take(row), strict=True))

    @classmethod
    def schema(cls, purpose: str) -> Schema:
        """Return the JSON schema of a body.

        :param purpose: ``CREATE`` or ``UPDATE``
        """
        if cls._about.others is not None:
            return cls._about.others.schema()
        fields = cls.body(purpose).fields()
        result: Schema = {
            'type': 'object', 'additionalProperties': False,
            'properties': {field.name: field.schema() for field in fields}}
        if purpose == CREATE or cls._about.whole:
            result['required'] = [field.name for field in fields
                                  if field.mandatory]
        return {**result, **cls._about.rules}

    @classmethod
    def answer_schema(cls, refer: Refer) -> Schema:
        """Return the JSON schema of the object in an answer.

        :param refer: gives the schema of a resource inside of this one
        """
        fields = [field for field in cls._fields if field.shown]
        return {'type': 'object',
                'properties': {field.name: field.answer_schema(refer)
                               for field in fields},
                'required': [field.name for field in fields
                             if not field.optional]}


def _taker(columns: tuple[str, ...]
           ) -> Callable[[models.Row], tuple[object, ...]]:
    """Return what gets columns out of a row all at once."""
    if len(columns) > 1:
        return operator.itemgetter(*columns)
    return lambda row: tuple(row[name] for name in columns)


def compose(attributes: Mapping[str, Field],
            about: About | None = None) -> type[Resource]:
    """Make a resource of fields."""
    found = {**attributes, **({'_about': about} if about else {})}
    return cast(type[Resource], types.new_class(
        'Composed', (Resource,), exec_body=lambda body: body.update(found)))
