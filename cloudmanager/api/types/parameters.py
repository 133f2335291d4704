# SPDX-License-Identifier: Apache-2.0
"""What the query string of an operation may contain."""

from collections.abc import Mapping
import dataclasses

from cloudmanager.api.types import fields

PAGE = {'limit': 'Most entries to answer.',
        'offset': 'How many entries to leave out.',
        'marker': 'Id of the entry after which the page begins.',
        'sort': 'Names with an optional :asc or :desc, separated by commas.'}
#: Parameter that looks for a text in several fields.
SEARCH = 'q'
#: Parameter that names the fields to answer.
CHOICE = 'fields'


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Names that a query string may contain.

    :ivar resource: whose fields filter
    :ivar paged: whether there are pages and an order
    :ivar shown: whose fields may be chosen when one object is answered
    :ivar flags: descriptions of further booleans, by name
    """

    resource: fields.Resource | None = None
    paged: bool = False
    shown: fields.Resource | None = None
    flags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def chosen(self) -> fields.Resource | None:
        """The resource whose fields an answer can be narrowed to."""
        return self.resource if self.paged else self.shown

    @property
    def names(self) -> tuple[str, ...]:
        """Names that stand beside filters and pages."""
        return (*self.flags, *([CHOICE] if self.chosen else ()))

    @property
    def page(self) -> tuple[str, ...]:
        """Names of the parameters that cut a page out."""
        if not self.paged or self.resource is None:
            return ()
        return paging(self.resource)


def paging(resource: fields.Resource) -> tuple[str, ...]:
    """Return the parameters of pages that a list of a resource has."""
    names = ['limit', 'offset']
    if resource.identity:
        names.append('marker')
    if resource.sort_keys:
        names.append('sort')
    return tuple(names)
