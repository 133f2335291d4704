# SPDX-License-Identifier: Apache-2.0
"""Looks things up in an OpenAPI document."""

from typing import Any

JSON = 'application/json'


def strict(schema: Any) -> Any:
    """Return a schema that refuses fields which it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(part) for name, part in schema.items()}
    if isinstance(schema.get('properties'), dict) and 'type' in schema:
        found.setdefault('additionalProperties', False)
    return found


class Schemas:
    """The schemas of a document, each with all that it refers to."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._strict = strict(document)

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Follow references."""
        while '$ref' in schema:
            found: Any = self.document
            for step in schema['$ref'].removeprefix('#/').split('/'):
                found = found[step]
            schema = found
        for alternative in schema.get('anyOf', ()):
            if '$ref' in alternative:
                return self.resolve(alternative)
        return schema

    def properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of an object, or of the elements of a list."""
        schema = self.resolve(schema)
        if schema.get('type') == 'array':
            return self.properties(schema.get('items', {}))
        return schema.get('properties', {})

    def answer(self, method: str, path: str,
               status: int) -> dict[str, Any] | None:
        """Return the schema of an answer, with nothing more allowed.

        :raises KeyError: there is no such answer
        """
        responses = self._strict['paths'][path][method.lower()]['responses']
        response = responses[str(status)]
        if '$ref' in response:
            name = response['$ref'].rpartition('/')[2]
            response = self._strict['components']['responses'][name]
        content = response.get('content')
        if content is None:
            return None
        return {**self._strict, **content[JSON]['schema']}
