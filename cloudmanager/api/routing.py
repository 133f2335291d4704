# SPDX-License-Identifier: Apache-2.0
"""Which function answers which method and path, under which policy.

Pecan's own object dispatch would redirect between the two slash forms,
fill arguments from the query string, and answer unknown methods with 404;
one table does none of that, and tests can walk it.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import inspect
from typing import TypeVar

import pecan

from cloudmanager.api import errors as api_errors
from cloudmanager.api import lines as body_lines
from cloudmanager.api import rendering
from cloudmanager.api.filters import parameters
from cloudmanager.api.types import answers as forms
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types import reading
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.domain import query as common_query

WITH_BODY = ('POST', 'PUT', 'PATCH')
_UUID = formats.UUID()
Answers = Mapping[int, forms.Form | None]
#: What a function returns: the document of an answer, or nothing.
Document = Mapping[str, object]
Operation = Callable[..., Document | Sequence[Document] | None]
_Declared = TypeVar('_Declared', bound=Operation)


@dataclasses.dataclass(frozen=True)
class Route:
    """One operation.

    :ivar path: with parameters in braces, without a slash at its end
    :ivar rule: the policy that callers must meet; ``None`` lets everybody
        in, without a token
    :ivar answers: form of the answer by status, the usual status first;
        ``None`` for an answer without a body
    :ivar body: what bodies of requests contain
    :ivar lines: what each line of its body is, instead of one document
    :ivar query: what query strings may contain
    :ivar errors: statuses of errors that do not follow from the rest
    :ivar title: name of the operation, when not that of the function
    :ivar text: what it does, when not the docstring of the function
    """

    method: str
    path: str
    rule: str | None
    function: Operation
    answers: Answers
    body: type[fields.Resource] | None = None
    lines: type[fields.Resource] | None = None
    query: parameters.Parameters = parameters.Parameters()
    errors: tuple[int, ...] = ()
    title: str = ''
    text: str = ''

    @functools.cached_property
    def segments(self) -> tuple[str, ...]:
        return split(self.path)

    @functools.cached_property
    def status(self) -> int:
        """Status of its answer when it does not say otherwise."""
        return next(iter(self.answers))

    @functools.cached_property
    def names(self) -> list[str]:
        """Names of the parameters in its path."""
        return [segment[1:-1] for segment in self.segments
                if segment.startswith('{')]

    @functools.cached_property
    def forms(self) -> dict[str, str | None]:
        """The template of each media type that it answers in.

        The first one is that of callers who do not ask for another.
        """
        if all(form is None for form in self.answers.values()):
            return {rendering.JSON: None}
        found: dict[str, str | None] = {rendering.JSON: 'json_fast:'}
        if self.query.paged:
            found[rendering.CSV] = 'csv:'
        return found

    def expose(self) -> None:
        """Make the function a controller of Pecan.

        :raises TypeError: it does not take what the path has
        """
        taken = list(inspect.signature(self.function).parameters)
        if taken[1:] != self.names:
            raise TypeError(f'{self.function.__name__} does not take the '
                            f'parameters of {self.path}')
        for media_type, template in self.forms.items():
            pecan.expose(template, content_type=media_type)(self.function)

    @property
    def purpose(self) -> str:
        """What its body is for, see ``Resource.schema``."""
        return fields.UPDATE if self.method == 'PUT' else fields.CREATE

    def read(self, call: 'Call') -> None:
        """Read a query string and a body by what is declared of them.

        :raises Invalid: something is wrong, with its name
        """
        asked = self.query.read(call.params)
        call.query, call.flags = asked.query, asked.flags
        call.chosen = asked.chosen
        if self.method in WITH_BODY and self.lines is None:
            call.values = reading.read(self.body or fields.Resource,
                                       call.body, self.purpose)


@dataclasses.dataclass
class Call:
    """A request as the functions see it.

    :ivar route: which operation it is
    :ivar context: request context, its policy is checked
    :ivar url: of the request, without its query string
    :ivar params: names and values of the query string
    :ivar body: its document, an empty object when there was none
    :ivar query: what the query string asks for of a list or a count
    :ivar flags: what it says of each flag that the operation has
    :ivar chosen: fields that the answer is to have, if not all
    :ivar values: what the body sets, checked, by column
    :ivar lines: the lines of the body, where it has such
    """

    route: Route
    context: cm_context.RequestContext
    url: str
    params: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    body: models.Row = dataclasses.field(default_factory=dict)
    query: common_query.Query = common_query.Query()
    flags: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    chosen: parameters.Chosen | None = None
    values: models.Row = dataclasses.field(default_factory=dict)
    lines: list[body_lines.Line] = dataclasses.field(default_factory=list)

    @property
    def listed(self) -> type[fields.Resource]:
        """The resource that the operation lists or counts."""
        if self.route.query.resource is None:
            raise LookupError(f'{self.route.path} declares no list')
        return self.route.query.resource


# The length of a path and its first two segments.
_Likeness = tuple[int, tuple[str, ...]]


class Table:
    """All routes, in the order of their declaration."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        # The same by what is the same in all paths that could be meant.
        self._alike: dict[_Likeness, list[Route]] = (
            collections.defaultdict(list))

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def add(self, made: Route) -> None:
        """Add a route."""
        self._routes.append(made)
        self._alike[_likeness(made.segments)].append(made)

    def find(self, method: str, path: str) -> tuple[Route, list[str]]:
        """Return the route of a request and the parameters of its path.

        Literal segments go before parameters.

        :raises NotFound: there is no such path
        :raises MethodNotAllowed: it has no such method
        """
        # No name contains a NUL, and databases refuse it.
        given = split(path) if '\x00' not in path else ('\x00',)
        wanted = 'GET' if method == 'HEAD' else method
        matches = [(candidate, params)
                   for candidate in self._alike.get(_likeness(given), ())
                   if (params := _match(candidate.segments, given))
                   is not None]
        if not matches:
            raise self._missing(given)
        fewest = min(len(params) for _, params in matches)
        matches = [match for match in matches if len(match[1]) == fewest]
        for candidate, params in matches:
            if candidate.method == wanted:
                return candidate, params
        allowed = sorted({candidate.method for candidate, _ in matches}
                         | {'HEAD' for candidate, _ in matches
                            if candidate.method == 'GET'})
        raise api_errors.MethodNotAllowed(allowed=', '.join(allowed))

    def _missing(self, given: tuple[str, ...]) -> exception.NotFound:
        """Return the error for a path that there is not.

        Of an action that there is not it tells those that there are.
        """
        if len(given) < 2 or given[-2] != 'actions':
            return exception.NotFound()
        known = sorted({
            candidate.segments[-1]
            for candidate in self._alike.get(_likeness(given), ())
            if _match(candidate.segments[:-1], given[:-1]) is not None
            and not candidate.segments[-1].startswith('{')})
        if not known:
            return exception.NotFound()
        return exception.NotFound(
            f'There is no action {given[-1][:255]}; there are: '
            f'{", ".join(known)}.')


TABLE = Table()


def route(method: str, path: str, rule: str | None, *, answers: Answers,
          body: type[fields.Resource] | None = None,
          lines: type[fields.Resource] | None = None,
          query: parameters.Parameters = parameters.Parameters(),
          errors: tuple[int, ...] = (), title: str = '',
          text: str = '') -> Callable[[_Declared], _Declared]:
    """Make a function answer a method and a path.

    It is called with the ``Call`` and the path's parameters, and returns a
    document, or nothing. ``pecan.response`` is there for another status
    than the usual one, and for headers.

    :param answers: and what else a ``Route`` says of it is what requests
        are checked by, and what the OpenAPI document tells
    """
    def register(function: _Declared) -> _Declared:
        made = Route(method, path, rule, function, answers, body, lines,
                     query, errors, title, text)
        made.expose()
        TABLE.add(made)
        return function
    return register


def split(path: str) -> tuple[str, ...]:
    """Return the segments of a path; a slash at its end means nothing."""
    return tuple(path.strip('/').split('/')) if path.strip('/') else ()


def _likeness(segments: tuple[str, ...]) -> _Likeness:
    """Return what paths have in common that one request can mean.

    None has a parameter in its first two segments.
    """
    return len(segments), segments[:2]


def _match(segments: tuple[str, ...],
           given: tuple[str, ...]) -> list[str] | None:
    """Return the parameters of a path, if its segments match."""
    found = []
    for segment, value in zip(segments, given, strict=True):
        if segment.startswith('{'):
            if not value:
                return None
            found.append(value)
        elif segment != value:
            return None
    return found


def integer(value: str, missing: exception.NotFound) -> int:
    """Return an id of a path; the first is 1.

    :param missing: raised for what can be no id
    """
    if not (value.isascii() and value.isdigit() and 0 < len(value) < 10
            and int(value)):
        raise missing
    return int(value)


def identifier(value: str, missing: exception.NotFound) -> str:
    """Return a UUID of a path in its canonical form.

    :param missing: raised for what can be no UUID
    """
    try:
        return _UUID.convert(value)
    except ValueError as exc:
        raise missing from exc
