# SPDX-License-Identifier: Apache-2.0
"""Types of values in bodies, query strings and answers.

They are user types of WSME. WSME by itself would take "1" for a number and
"yes" for true; these look at a value of a body as it is.
"""

import datetime
import functools
import re
from typing import cast

from wsme import types as wtypes
from wsme.rest import json as wsme_json

from cloudmanager.api.types import texts
from cloudmanager.common import clock

#: Of the database's integers.
MAX_INTEGER = 2 ** 31 - 1
#: A JSON schema, or a part of one.
Schema = dict[str, object]

EQUALITY = ('eq', 'neq', 'in', 'nin')
ORDER = ('gt', 'gte', 'lt', 'lte')
PATTERN = ('like', 'ilike')
ABSENCE = ('null', 'notnull')

_PYTHON: dict[str, tuple[type, ...]] = {
    'integer': (int,), 'number': (int, float), 'string': (str,),
    'boolean': (bool,), 'array': (list,), 'object': (dict,)}
_BOOLEANS = {'true': True, 'false': False, '1': True, '0': False,
             'yes': True, 'no': False}


class Type(wtypes.UserType):  # type: ignore[misc]  # WSME has no types
    """A type of values.

    :cvar basetype: what WSME writes in answers
    :cvar json: the JSON type of answers
    :cvar given: JSON types of bodies
    :cvar operators: all that a query can ask of it
    :cvar lower: whether it is stored in lower case, whatever was given
    :cvar asked: pattern of values in queries; ``None`` for texts
    """

    basetype: type = str
    json = 'string'
    given: tuple[str, ...] = ('string',)
    operators: tuple[str, ...] = ()
    lower = False
    asked: str | None = None

    @property
    def name(self) -> str:
        """How WSME calls it."""
        return type(self).__name__.lower()

    @functools.cached_property
    def _accepted(self) -> frozenset[type]:
        return frozenset(kind for name in self.given
                         for kind in _PYTHON[name])

    def accepts(self, value: object) -> bool:
        """Tell whether a value has one of the JSON types of bodies."""
        # True is an int to Python, and to nobody else.
        return type(value) in self._accepted

    @property
    def expected(self) -> str:
        """What is wrong with a value of another type."""
        return f'must be of type {" or ".join(self.given)}'

    def validate(self, value: object) -> object:
        """Return the stored form of a value of a body.

        :raises ValueError: it is none
        """
        if not self.accepts(value):
            raise ValueError(self.expected)
        return self.stored(value)

    def stored(self, value: object) -> object:
        """Do the same for a value of the right JSON type."""
        return value

    def parse(self, text: str) -> object:
        """Read a value of a query string.

        :raises ValueError: it is none
        """
        raise ValueError('cannot be asked for')

    def sought(self, text: str) -> object:
        """Read a value of a query string that a field must equal.

        It goes the way of values in bodies. What no body could have set is
        refused: a list without an entry would look like an answer.

        :raises ValueError: it is none
        """
        return self.parse(text)

    def known(self) -> str | None:
        """Return a pattern of the texts that there are, if it is known."""
        return None

    def keywords(self) -> Schema:
        """Return what JSON schema has to say besides the type."""
        return {}

    def schema(self) -> Schema:
        """Return the JSON schema of values in bodies."""
        return {'type': list(self.given), **self.keywords()}

    def answer_schema(self) -> Schema:
        """Return the JSON schema of values in answers."""
        return {'type': self.json}


@wsme_json.fromjson.when_type(Type)  # type: ignore[untyped-decorator]
def _as_it_is(datatype: Type, value: object) -> object:
    """Leave a value of a body to ``Type.validate``."""
    return value


class Integer(Type):
    """A whole number."""

    basetype = int
    json = 'integer'
    given: tuple[str, ...] = ('integer',)
    operators = EQUALITY + ORDER + ABSENCE
    asked = '-?[0-9]{1,9}'

    def __init__(self, minimum: int = 0, maximum: int = MAX_INTEGER) -> None:
        self.minimum, self.maximum = minimum, maximum

    def stored(self, value: object) -> int:
        return self.within(cast(int, value))

    def within(self, number: int) -> int:
        """Return a number, unless it is too small or too large.

        :raises ValueError: it is
        """
        if number < self.minimum:
            raise ValueError(f'must not be less than {self.minimum}')
        if number > self.maximum:
            raise ValueError(f'must not be more than {self.maximum}')
        return number

    def parse(self, text: str) -> int:
        digits = text[1:] if text.startswith('-') else text
        if not (digits.isascii() and digits.isdigit() and len(digits) < 11
                and int(digits) <= MAX_INTEGER):
            raise ValueError('must be an integer')
        return int(text)

    def keywords(self) -> Schema:
        return {'minimum': self.minimum, 'maximum': self.maximum}


class Numeral(Integer):
    """A whole number that may be given as a text as well.

    :param pattern: of such texts
    """

    given = ('integer', 'string')

    def __init__(self, pattern: str, minimum: int, maximum: int) -> None:
        super().__init__(minimum, maximum)
        self._pattern = pattern

    def stored(self, value: object) -> int:
        if isinstance(value, int):
            return self.within(value)
        text = str(value)
        if not (text.isascii() and text.isdigit()
                and len(text) <= len(str(self.maximum))
                and self.minimum <= int(text) <= self.maximum):
            raise ValueError(f'must be a number from {self.minimum} to '
                             f'{self.maximum}')
        return int(text)

    def keywords(self) -> Schema:
        return {**super().keywords(), 'pattern': self._pattern}


class Number(Type):
    """A number, which may have a fraction."""

    basetype = float
    json = 'number'
    given = ('number',)


class Boolean(Type):
    """True or false."""

    basetype = bool
    json = 'boolean'
    given = ('boolean',)
    operators = EQUALITY + ABSENCE
    asked = '|'.join(_BOOLEANS)

    def parse(self, text: str) -> bool:
        try:
            return _BOOLEANS[text.lower()]
        except KeyError:
            raise ValueError('must be true or false') from None

    def asked_schema(self) -> Schema:
        """Return the JSON schema of a parameter that is true or false."""
        return {'type': 'string', 'enum': list(_BOOLEANS)}


class Text(Type):
    """A text without control characters.

    :cvar described: what ``convert`` checks, in words of JSON schema
    :param lines: whether it may have several lines
    :param numbers: whether a number is taken for its digits
    """

    operators = EQUALITY + ORDER + PATTERN + ABSENCE
    described: Schema = {}

    def __init__(self, maximum: int = 255, minimum: int = 0, *,
                 lines: bool = False, numbers: bool = False) -> None:
        self._maximum, self._minimum = maximum, minimum
        self._lines = lines
        if numbers:
            self.given = ('string', 'integer')

    def stored(self, value: object) -> str:
        text = str(value)
        if len(text) < self._minimum:
            raise ValueError(f'must have at least {self._minimum} '
                             'characters')
        if len(text) > self._maximum:
            raise ValueError(f'must not have more than {self._maximum} '
                             'characters')
        texts.check(text, self._lines)
        return self.convert(text)

    def convert(self, value: str) -> str:
        """Return the stored form of a text.

        :raises ValueError: it is not what it should be
        """
        return value

    def parse(self, text: str) -> str:
        if '\x00' in text:
            raise ValueError('must not contain a NUL character')
        return text

    def sought(self, text: str) -> str:
        return self.convert(self.parse(text))

    def known(self) -> str | None:
        options = cast(list[Schema], self.described.get('anyOf', []))
        for form in (self.described, *options):
            if 'pattern' in form:
                return str(form['pattern']).removeprefix('^').removesuffix(
                    '$')
        return None

    def keywords(self) -> Schema:
        found: Schema = {
            'maxLength': self._maximum,
            'pattern': (texts.LINES_PATTERN if self._lines
                        else texts.LINE_PATTERN)}
        if self._minimum:
            found['minLength'] = self._minimum
        return found | self.described


class Choice(Type):
    """One of a few texts."""

    operators = Text.operators

    def __init__(self, *choices: str) -> None:
        self.choices = tuple(map(str, choices))

    def stored(self, value: object) -> str:
        if value not in self.choices:
            raise ValueError(f'must be one of {", ".join(self.choices)}')
        return str(value)

    def parse(self, text: str) -> str:
        return text

    def sought(self, text: str) -> str:
        return self.stored(text)

    def known(self) -> str:
        return '|'.join(map(re.escape, self.choices))

    def keywords(self) -> Schema:
        return {'enum': list(self.choices)}

    def answer_schema(self) -> Schema:
        return super().answer_schema() | self.keywords()


class Time(Type):
    """A time in UTC, which is stored finer than it is answered."""

    operators = ('eq', *ORDER, *ABSENCE)
    asked = (f'{texts.DAY_PATTERN}(T{texts.CLOCK_PATTERN})?')

    def accepts(self, value: object) -> bool:
        return isinstance(value, datetime.datetime) or super().accepts(value)

    def stored(self, value: object) -> datetime.datetime:
        return (value if isinstance(value, datetime.datetime)
                else self.parse(str(value)))

    def parse(self, text: str) -> datetime.datetime:
        try:
            found = datetime.datetime.fromisoformat(text)
        except ValueError as exc:
            raise ValueError('must be an ISO 8601 time') from exc
        if found.tzinfo is not None:
            try:
                found = found.astimezone(datetime.UTC).replace(tzinfo=None)
            except OverflowError as exc:
                raise ValueError('must be an ISO 8601 time') from exc
        return found

    def tobasetype(self, value: datetime.datetime | None) -> str | None:
        """Return what WSME writes in answers."""
        return clock.isoformat(value)

    def keywords(self) -> Schema:
        return {'pattern': (f'^{texts.DAY_PATTERN}T'
                            f'{texts.CLOCK_PATTERN}$')}

    def answer_schema(self) -> Schema:
        return {'type': 'string', 'pattern': texts.TIME_PATTERN}
