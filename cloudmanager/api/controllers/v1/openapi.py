# SPDX-License-Identifier: Apache-2.0
"""The description of this API, for programs."""

import functools

from cloudmanager.api import openapi
from cloudmanager.api import routing
from cloudmanager.api.types import info as info_types


@functools.cache
def _document() -> routing.Document:
    """Make the document once: the routes are all there by now."""
    return openapi.document()


@routing.route('GET', '/v1/openapi.json', None,
               answers={200: info_types.OpenAPI})
def show(call: routing.Call) -> routing.Document:
    """Show the OpenAPI document."""
    document: routing.Document = _document()
    return document
