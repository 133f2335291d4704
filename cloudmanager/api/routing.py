# SPDX-License-Identifier: Apache-2.0
"""Which function answers which method and path, under which policy.

Pecan's own object dispatch would redirect between the two slash forms,
fill arguments from the query string, and answer unknown methods with 404;
one table does none of that, and tests can walk it.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from cloudmanager.api import errors
from cloudmanager.common import exception


@dataclasses.dataclass(frozen=True)
class Route:
    """One operation.

    :ivar path: with parameters in braces, without a slash at its end
    :ivar rule: the policy that callers must meet; ``None`` lets everybody
        in, without a token
    """

    method: str
    path: str
    rule: str | None
    function: Callable[..., Any]

    @property
    def segments(self) -> tuple[str, ...]:
        return split(self.path)


@dataclasses.dataclass
class Call:
    """A request as the functions see it.

    :ivar context: request context, its policy is checked
    :ivar url: of the request, without its query string
    :ivar params: names and values of the query string
    :ivar body: its document, an empty object when there was none
    """

    context: Any
    url: str
    params: list[tuple[str, str]]
    body: Any

    def no_params(self, *known: str) -> None:
        """Check that nothing else was asked in the query string.

        :raises Invalid: something was
        """
        for name, _ in self.params:
            if name not in known:
                raise exception.Invalid(
                    reason=f'Unknown parameter: {name[:255]}.')


@dataclasses.dataclass
class Answer:
    """What a function answers when it is not just a document with 200."""

    status: int = 200
    document: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


TABLE: list[Route] = []


def route(method: str, path: str, rule: str | None) -> Callable[..., Any]:
    """Make a function answer a method and a path.

    It is called with the ``Call`` and the path's parameters by name, and
    returns a document or an ``Answer``.
    """
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        TABLE.append(Route(method, path, rule, function))
        return function
    return register


def split(path: str) -> tuple[str, ...]:
    """Return the segments of a path; a slash at its end means nothing."""
    return tuple(path.strip('/').split('/')) if path.strip('/') else ()


def _match(segments: tuple[str, ...],
           given: tuple[str, ...]) -> dict[str, str] | None:
    if len(segments) != len(given):
        return None
    found = {}
    for segment, value in zip(segments, given, strict=True):
        if segment.startswith('{'):
            if not value:
                return None
            found[segment[1:-1]] = value
        elif segment != value:
            return None
    return found


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route of a request and the parameters of its path.

    Literal segments go before parameters.

    :raises NotFound: there is no such path
    :raises MethodNotAllowed: it has no such method
    """
    # No name contains a NUL, and databases refuse it.
    given = split(path) if '\x00' not in path else ('\x00',)
    wanted = 'GET' if method == 'HEAD' else method
    matches = [(candidate, params) for candidate in TABLE
               if (params := _match(candidate.segments, given)) is not None]
    if not matches:
        raise exception.NotFound()
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
    """Return an id of a path.

    :param missing: raised for what can be no id
    """
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise missing
    return int(value)
