# SPDX-License-Identifier: Apache-2.0
"""The operations that the API promises, as data.

Each file of ``fixtures`` has those of one kind of object:

``operation``
   method and path
``success``
   status of the answer
``query``, ``request``, ``answer``
   types by name, of parameters, of fields of the body and of fields of the
   object that is answered; ``?`` marks what may be missing
``filters``
   parameters that take operators
``sample_request``, ``sample_answer``
   whole bodies
``sample_query``
   query string that the answer belongs to
"""

import dataclasses
import functools
import json
import pathlib
import re
from typing import Any

from cloudmanager.api import routing

_DIRECTORY = pathlib.Path(__file__).parent / 'fixtures'
COUNT = 101
JSON_TYPES = {bool: 'boolean', int: 'integer', float: 'number',
              str: 'string', list: 'array', dict: 'object'}


@dataclasses.dataclass(frozen=True)
class Promise:
    """What is promised of one operation; see the module."""

    operation: str
    success: int
    query: dict[str, str] = dataclasses.field(default_factory=dict)
    filters: tuple[str, ...] = ()
    request: dict[str, str] = dataclasses.field(default_factory=dict)
    answer: dict[str, str] = dataclasses.field(default_factory=dict)
    sample_request: Any = None
    sample_answer: Any = None
    sample_query: str = ''

    @property
    def method(self) -> str:
        return self.operation.partition(' ')[0]

    @property
    def path(self) -> str:
        return self.operation.partition(' ')[2]

    @property
    def key(self) -> tuple[str, str]:
        return key(self.method, self.path)

    @property
    def route(self) -> routing.Route | None:
        return routes().get(self.key)


def key(method: str, path: str) -> tuple[str, str]:
    """Return what names an operation, whatever its parameters are called."""
    return method, re.sub(r'{\w+}', '{}', path.rstrip('/')) or '/'


@functools.cache
def routes() -> dict[tuple[str, str], routing.Route]:
    """Return the routes by what names them."""
    return {key(route.method, route.path): route for route in routing.TABLE}


@functools.cache
def promises() -> tuple[Promise, ...]:
    """Return all that is promised."""
    return tuple(Promise(**entry) for path in
                 sorted(_DIRECTORY.glob('*.json'))
                 for entry in json.loads(path.read_text('utf-8')))


def types(text: str) -> tuple[set[str], bool]:
    """Return the types that a word of the fixtures allows, and whether the
    thing may be missing."""
    return set(text.rstrip('?').split('|')), text.endswith('?')


def envelope(names: Any) -> str | None:
    """Return the name of the envelope among those of an answer."""
    rest = [name for name in names if not (
        name.endswith('_links') or name in ('warnings', 'name'))]
    return rest[0] if len(rest) == 1 else None


def inner(document: Any) -> Any:
    """Return the object of an answer: out of its envelope, the first of a
    list."""
    if isinstance(document, list):
        return document[0] if document else None
    if isinstance(document, dict) and envelope(document):
        value = document[envelope(document)]
        if isinstance(value, dict):
            return value
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return value[0]
    return document


def differences(sample: Any, found: Any, path: str = '') -> list[str]:
    """Return where an answer has not the form of a sample.

    Null may stand for any value, in either of them. Of lists the first
    elements are compared; an empty one tells nothing. Answers may have more
    fields than the sample.
    """
    if sample is None or found is None:
        return []
    if isinstance(sample, dict) and isinstance(found, dict):
        wrong = [f'{path}.{name} is missing'
                 for name in sample if name not in found]
        for name in set(sample) & set(found):
            wrong += differences(sample[name], found[name],
                                 f'{path}.{name}')
        return wrong
    if isinstance(sample, list) and isinstance(found, list):
        return (differences(sample[0], found[0], f'{path}[0]')
                if sample and found else [])
    if JSON_TYPES[type(sample)] != JSON_TYPES[type(found)]:
        return [f'{path} is {type(found).__name__}']
    return []
