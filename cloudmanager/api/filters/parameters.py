# SPDX-License-Identifier: Apache-2.0
"""What the query string of an operation may contain.

One declaration, by which requests are checked and the API is described.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import functools

from cloudmanager.api.filters import modifiers
from cloudmanager.api.filters import paging
from cloudmanager.api.filters import sort
from cloudmanager.api.types import fields
from cloudmanager.api.types import values
from cloudmanager.common import exception
from cloudmanager.domain import query as common_query

#: Parameter that names the fields to answer.
CHOICE = 'fields'
_FLAG = values.Boolean()
#: Names and values of a query string.
Given = Iterable[tuple[str, str]]
Chosen = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a query string asks for.

    :ivar query: of a list or a count
    :ivar flags: all that the operation has, by name
    :ivar chosen: names of the fields that the answer is to have, if not all
    """

    query: common_query.Query
    flags: Mapping[str, bool]
    chosen: Chosen | None


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Names that a query string may contain.

    :ivar resource: whose fields filter
    :ivar paged: whether there are pages and an order
    :ivar shown: whose fields may be chosen when one object is answered
    :ivar flags: descriptions of further booleans, by name
    :ivar order: of the list when none is asked for
    :ivar ignored: parameters of pages that are accepted without effect
    """

    resource: type[fields.Resource] | None = None
    paged: bool = False
    shown: type[fields.Resource] | None = None
    flags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    order: sort.Order = ()
    ignored: tuple[str, ...] = ()

    @property
    def chosen(self) -> type[fields.Resource] | None:
        """The resource whose fields an answer can be narrowed to."""
        return self.resource if self.paged else self.shown

    @functools.cached_property
    def page(self) -> tuple[str, ...]:
        """Names of the parameters that cut a page out."""
        if not self.paged or self.resource is None:
            return ()
        return paging.names(self.resource)

    def read(self, given: Given) -> Asked:
        """Read a query string.

        :raises Invalid: a parameter is unknown or its value is bad
        """
        conditions: list[common_query.Filter] = []
        page: dict[str, str] = {}
        flags = dict.fromkeys(self.flags, False)
        chosen: list[str] = []
        for name, value in given:
            if name in self.page:
                if name in page:
                    raise modifiers.invalid(name, 'is given twice')
                page[name] = value
            elif name in flags:
                flags[name] = _flag(name, value)
            elif name == CHOICE and self.chosen is not None:
                chosen += value.split(',')
            elif name in self.ignored:
                paging.number(name, value)
            else:
                conditions += self._filter(name, value)
        query = common_query.Query(filters=tuple(conditions))
        if self.paged and self.resource is not None:
            query = paging.read(query, self.resource, page, self.order)
        return Asked(query, flags, self._choice(chosen))

    def _filter(self, name: str,
                value: str) -> Iterable[common_query.Filter]:
        resource = self.resource
        if resource is not None:
            known = resource.filters()
            if name in known:
                return modifiers.conditions(name, known[name], value)
            if name == modifiers.SEARCH and resource.about().searched:
                return modifiers.search(value)
        raise exception.Invalid(reason=f'Unknown parameter: {name[:255]}.')

    def _choice(self, names: list[str]) -> Chosen | None:
        """Check names of fields.

        :raises Invalid: there is no such field
        """
        if not names or self.chosen is None:
            return None
        known = self.chosen.by_name()
        for name in names:
            if name not in known or not known[name].shown:
                raise exception.Invalid(
                    reason=f'Parameter {CHOICE}: there is no field '
                           f'{name[:255]}.')
        return tuple(dict.fromkeys(names))

    def described(self) -> dict[str, modifiers.Described]:
        """Describe the parameters by their names."""
        found: dict[str, modifiers.Described] = {}
        if self.resource is not None:
            for name, field in self.resource.filters().items():
                found[name] = modifiers.described(field)
            searched = self.resource.about().searched
            if searched:
                found[modifiers.SEARCH] = modifiers.search_described(
                    searched)
            for name in self.page:
                found[name] = paging.described(name, self.resource)
        for name in self.ignored:
            found[name] = paging.count_described(name)
        if self.chosen is not None:
            found[CHOICE] = _choice_described(self.chosen)
        for name, text in self.flags.items():
            found[name] = {'description': text, 'schema': _FLAG.asked_schema()}
        return found


def _flag(name: str, text: str) -> bool:
    try:
        return _FLAG.parse(text)
    except ValueError as exc:
        raise modifiers.invalid(name, exc) from exc


def _choice_described(
        resource: type[fields.Resource]) -> modifiers.Described:
    names = '|'.join(field.name for field in resource.fields() if field.shown)
    return {'description': 'Names of the fields to answer, separated by '
                           'commas; all when it is not given.',
            'schema': {'type': 'string',
                       'pattern': f'^({names})(,({names})){{0,99}}$'}}
