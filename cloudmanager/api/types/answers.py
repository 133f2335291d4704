# SPDX-License-Identifier: Apache-2.0
"""Forms of answers, made of resources."""

import dataclasses

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource


@dataclasses.dataclass(frozen=True)
class Array:
    """A list without an envelope."""

    of: Resource


Form = Resource | Array

LINK = Resource('', '', (
    Field('rel', nullable=False, description='What it leads to.'),
    Field('href', nullable=False, description='Where it leads.'),
), title='Link')
WARNINGS = Field(
    'warnings', fields.LIST, optional=True, nullable=False,
    schema={'items': {'type': 'string'}},
    description='What could not be read from other services.')
COUNT = Resource('', '', (
    Field('count', fields.INTEGER, nullable=False,
          description='How many there are.'),))
TASK_ID = Resource('', '', (
    Field('task_id', nullable=False, description='Id of the task.'),))


def one(resource: Resource, *more: Field, name: str = '') -> Resource:
    """Return the form of one object in its envelope.

    :param more: fields beside the envelope
    :param name: of the envelope, when it is not the resource's own
    """
    return Resource('', '', (
        Field(name or resource.name, fields.OBJECT, of=resource,
              nullable=False), *more))


def many(resource: Resource, *more: Field) -> Resource:
    """Return the form of a whole list in its envelope."""
    return Resource('', '', (
        Field(resource.collection, fields.LIST, of=resource,
              nullable=False), *more))


def page(resource: Resource, *more: Field) -> Resource:
    """Return the form of one page of a list, with its link."""
    return many(resource, Field(
        f'{resource.collection}_links', fields.LIST, of=LINK, optional=True,
        nullable=False, description='Where the list goes on, if it does.'),
        *more)
