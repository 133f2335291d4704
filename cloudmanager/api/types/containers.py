# SPDX-License-Identifier: Apache-2.0
"""Types of values that contain other values."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import cast

from cloudmanager.api.types import texts
from cloudmanager.api.types import wrong
from cloudmanager.api.types.values import PATTERN
from cloudmanager.api.types.values import Schema
from cloudmanager.api.types.values import Type


class List(Type):
    """A list.

    :param item: what each element is; anything when it is not given
    :param unique: whether no element may be in it twice
    :param once: whether of equal elements one is kept
    """

    basetype = list
    json = 'array'
    given = ('array',)
    # Of any of its elements.
    operators = ('eq', 'in', *PATTERN)

    def __init__(self, item: Type | None = None, minimum: int = 0,
                 maximum: int | None = None, *, unique: bool = False,
                 once: bool = False) -> None:
        self.item = item or Type()
        self._any = item is None
        self._minimum, self._maximum = minimum, maximum
        self._unique, self._once = unique, once

    def stored(self, value: object) -> list[object]:
        elements = cast(list[object], value)
        if len(elements) < self._minimum:
            raise ValueError(f'must have at least {self._minimum} elements')
        if self._maximum is not None and len(elements) > self._maximum:
            raise ValueError(
                f'must not have more than {self._maximum} elements')
        found = [wrong.inside(str(number), self.item.validate, element)
                 for number, element in enumerate(elements)]
        kept = list(dict.fromkeys(found)) if self._once or self._unique else (
            found)
        if self._unique and len(kept) < len(found):
            raise ValueError('must not contain an element twice')
        return kept

    def parse(self, text: str) -> object:
        return self.item.parse(text)

    def sought(self, text: str) -> object:
        return self.item.sought(text)

    def known(self) -> str | None:
        return self.item.known()

    def keywords(self) -> Schema:
        found: Schema = {'items': self.item.schema()}
        if self._minimum:
            found['minItems'] = self._minimum
        if self._maximum is not None:
            found['maxItems'] = self._maximum
        if self._unique:
            found['uniqueItems'] = True
        return found

    def answer_schema(self) -> Schema:
        if self._any:
            return super().answer_schema()
        return super().answer_schema() | {'items': self.item.answer_schema()}


class Object(Type):
    """An object whose fields only the operation knows.

    :param lines: whether texts in it may have several lines
    """

    basetype = dict
    json = 'object'
    given: tuple[str, ...] = ('object',)

    def __init__(self, *, lines: bool = False) -> None:
        self._lines = lines

    def stored(self, value: object) -> object:
        texts.check_all(value, self._lines)
        return value


class Map(Type):
    """An object with values of one kind by any names.

    :param key: checks and converts a name; raises ValueError
    :param names: the same in words of JSON schema
    """

    basetype = dict
    json = 'object'
    given = ('object',)

    def __init__(self, key: Callable[[str], str], names: Schema, value: Type,
                 minimum: int, maximum: int) -> None:
        self._key, self._names = key, names
        self.value = value
        self._minimum, self._maximum = minimum, maximum

    def stored(self, value: object) -> dict[str, object]:
        return dict(self.pairs(value))

    def pairs(self, value: object) -> Iterator[tuple[str, object]]:
        """Give the names and values in their stored form.

        :raises ValueError: something is wrong with them
        """
        given = cast(Mapping[str, object], value)
        if len(given) < self._minimum:
            raise ValueError(f'must have at least {self._minimum} fields')
        if len(given) > self._maximum:
            raise ValueError(f'must not have more than {self._maximum} '
                             'fields')
        for name, element in given.items():
            yield self._key(name), wrong.inside(name, self.value.validate,
                                                element)

    def keywords(self) -> Schema:
        return {'propertyNames': self._names,
                'additionalProperties': self.value.schema(),
                'minProperties': self._minimum,
                'maxProperties': self._maximum}

    def answer_schema(self) -> Schema:
        return super().answer_schema() | {
            'additionalProperties': self.value.answer_schema()}
