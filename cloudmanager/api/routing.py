# SPDX-License-Identifier: Apache-2.0
"""Which function answers which method and path, under which policy.

Pecan's own object dispatch would redirect between the two slash forms,
fill arguments from the query string, and answer unknown methods with 404;
one table does none of that, and tests can walk it.
"""

import collections
from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

from cloudmanager.api import errors
from cloudmanager.api import lines as body_lines
from cloudmanager.api import types
from cloudmanager.api.filters import parameters
from cloudmanager.api.types import answers as forms
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query

WITH_BODY = ('POST', 'PUT', 'PATCH')
NO_FIELDS = fields.Resource('', '', ())
Answers = Mapping[int, forms.Form | None]


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
    """

    method: str
    path: str
    rule: str | None
    function: Callable[..., Any]
    answers: Answers
    body: fields.Resource | None = None
    lines: fields.Resource | None = None
    query: parameters.Parameters = parameters.Parameters()
    errors: tuple[int, ...] = ()

    @functools.cached_property
    def segments(self) -> tuple[str, ...]:
        return split(self.path)

    @functools.cached_property
    def status(self) -> int:
        """Status of its answer when it does not say otherwise."""
        return next(iter(self.answers))

    @property
    def purpose(self) -> str:
        """What its body is for, see ``Resource.schema``."""
        return 'update' if self.method == 'PUT' else 'create'

    def read(self, call: 'Call') -> None:
        """Read a query string and a body by what is declared of them.

        :raises Invalid: something is wrong, with its name
        """
        asked = self.query.read(call.params)
        call.query, call.flags = asked.query, asked.flags
        call.chosen = asked.chosen
        if self.method in WITH_BODY and self.lines is None:
            call.values = types.parse(self.body or NO_FIELDS, call.body,
                                      self.purpose)


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
    context: Any
    url: str
    params: list[tuple[str, str]]
    body: Any
    query: common_query.Query = common_query.Query()
    flags: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    chosen: parameters.Chosen | None = None
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    lines: list[body_lines.Line] = dataclasses.field(default_factory=list)

    @property
    def listed(self) -> fields.Resource:
        """The resource that the operation lists or counts."""
        if self.route.query.resource is None:
            raise LookupError(f'{self.route.path} declares no list')
        return self.route.query.resource


@dataclasses.dataclass
class Answer:
    """What a function answers when it is not just a document.

    :ivar status: the usual one of the operation when not given
    """

    status: int = 0
    document: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


TABLE: list[Route] = []
# The same by the number of segments, for those who look for one.
_BY_LENGTH: dict[int, list[Route]] = collections.defaultdict(list)


def route(method: str, path: str, rule: str | None, *, answers: Answers,
          **declared: Any) -> Callable[..., Any]:
    """Make a function answer a method and a path.

    It is called with the ``Call`` and the path's parameters by name, and
    returns a document or an ``Answer``.

    :param answers: and what else a ``Route`` says of it is what requests
        are checked by, and what the OpenAPI document tells
    """
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        made = Route(method, path, rule, function, answers, **declared)
        TABLE.append(made)
        _BY_LENGTH[len(made.segments)].append(made)
        return function
    return register


def split(path: str) -> tuple[str, ...]:
    """Return the segments of a path; a slash at its end means nothing."""
    return tuple(path.strip('/').split('/')) if path.strip('/') else ()


def _match(segments: tuple[str, ...],
           given: tuple[str, ...]) -> dict[str, str] | None:
    """Return the parameters of a path, if its segments match."""
    found = {}
    for segment, value in zip(segments, given, strict=True):
        if segment.startswith('{'):
            if not value:
                return None
            found[segment[1:-1]] = value
        elif segment != value:
            return None
    return found


def _missing(given: tuple[str, ...]) -> exception.NotFound:
    """Return the error for a path that there is not.

    Of an action that there is not it tells those that there are.
    """
    if len(given) < 2 or given[-2] != 'actions':
        return exception.NotFound()
    known = sorted({
        candidate.segments[-1] for candidate in _BY_LENGTH[len(given)]
        if _match(candidate.segments[:-1], given[:-1]) is not None
        and not candidate.segments[-1].startswith('{')})
    if not known:
        return exception.NotFound()
    return exception.NotFound(f'There is no action {given[-1][:255]}; there '
                              f'are: {", ".join(known)}.')


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route of a request and the parameters of its path.

    Literal segments go before parameters.

    :raises NotFound: there is no such path
    :raises MethodNotAllowed: it has no such method
    """
    # No name contains a NUL, and databases refuse it.
    given = split(path) if '\x00' not in path else ('\x00',)
    wanted = 'GET' if method == 'HEAD' else method
    candidates = _BY_LENGTH.get(len(given), ())
    matches = [(candidate, params) for candidate in candidates
               if (params := _match(candidate.segments, given)) is not None]
    if not matches:
        raise _missing(given)
    fewest = min(len(params) for _, params in matches)
    matches = [match for match in matches if len(match[1]) == fewest]
    for candidate, params in matches:
        if candidate.method == wanted:
            return candidate, params
    allowed = sorted({candidate.method for candidate, _ in matches}
                     | {'HEAD' for candidate, _ in matches
                        if candidate.method == 'GET'})
    raise errors.MethodNotAllowed(allowed=', '.join(allowed))


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
        return formats.identifier(value)
    except ValueError as exc:
        raise missing from exc
