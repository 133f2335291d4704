# SPDX-License-Identifier: Apache-2.0
"""Fields that many resources have."""

from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.values import Boolean
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Text


def identity(description: str, sortable: bool = True) -> Field:
    """Return the id of what is listed."""
    return Field(Integer(), filtered=True, sortable=sortable,
                 nullable=False, description=description)


def number(description: str) -> Field:
    """Return a number that is always answered."""
    return Field(Integer(), nullable=False, description=description)


def text(description: str) -> Field:
    """Return a text that is always answered."""
    return Field(Text(), nullable=False, description=description)


def flag(description: str) -> Field:
    """Return a flag of a body that is false when it is not given."""
    return Field(Boolean(), create=True, nullable=False, default=False,
                 description=description)
