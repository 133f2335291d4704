# SPDX-License-Identifier: Apache-2.0
"""Forms of answers, made of resources."""

import dataclasses

from cloudmanager.api.types import common
from cloudmanager.api.types import fields
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Text


@dataclasses.dataclass(frozen=True)
class Array:
    """A list without an envelope."""

    of: type[Resource]


Form = type[Resource] | Array


class Link(Resource):
    """A link."""

    _about = About(title='Link')

    rel = common.text('What it leads to.')
    href = common.text('Where it leads.')


class Count(Resource):
    """How many there are."""

    count = common.number('How many there are.')


class TaskId(Resource):
    """A task that was begun."""

    task_id = common.text('Id of the task.')


def warnings() -> Field:
    """Return the field for what could not be read."""
    return Field(List(Text()), optional=True, nullable=False,
                 description='What could not be read from other services.')


def one(resource: type[Resource], *, name: str = '',
        **more: Field) -> type[Resource]:
    """Return the form of one object in its envelope.

    :param name: of the envelope, when it is not the resource's own
    :param more: fields beside the envelope
    """
    return fields.compose({
        name or resource.about().envelope: Field(resource, nullable=False),
        **more})


def many(resource: type[Resource], **more: Field) -> type[Resource]:
    """Return the form of a whole list in its envelope."""
    return fields.compose({
        resource.about().collection: Field([resource], nullable=False),
        **more})


def page(resource: type[Resource], **more: Field) -> type[Resource]:
    """Return the form of one page of a list, with its link."""
    return many(resource, **page_links(resource), **more)


def page_links(resource: type[Resource]) -> dict[str, Field]:
    """Return the field that leads to the next page, by its name."""
    return {f'{resource.about().collection}_links': Field(
        [Link], optional=True, nullable=False,
        description='Where the list goes on, if it does.')}
