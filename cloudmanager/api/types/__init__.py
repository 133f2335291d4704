# SPDX-License-Identifier: Apache-2.0
"""Resources and the one function that reads their bodies."""

from collections.abc import Iterator
from collections.abc import Mapping
import functools
from typing import Any

import jsonschema

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.common import exception

_CHECKER = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
    'integer', lambda checker, value:
    isinstance(value, int) and not isinstance(value, bool))
_VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, type_checker=_CHECKER)

# Texts of our own: those of jsonschema repeat the value, which may be a
# password.
_TEXTS = {
    'minimum': 'must not be less than {0}',
    'maximum': 'must not be more than {0}',
    'minLength': 'must have at least {0} characters',
    'maxLength': 'must not have more than {0} characters',
    'minItems': 'must have at least {0} elements',
    'maxItems': 'must not have more than {0} elements',
    'minProperties': 'must have at least {0} fields',
    'maxProperties': 'must not have more than {0} fields',
    'uniqueItems': 'must not contain an element twice',
    'enum': 'must be one of {0}',
    'pattern': 'must match {0}',
}


@functools.cache
def _validator(resource: fields.Resource, purpose: str) -> Any:
    return _VALIDATOR(resource.schema(purpose))


def _reason(error: Any, *prefix: str) -> str:
    """Say what is wrong.

    :param prefix: the path to the document that was checked
    """
    steps = [*prefix, *(str(step) for step in error.absolute_path)]
    if 'propertyNames' in error.absolute_schema_path:
        return ('The name of a field must have 1 to 255 characters, without '
                'slashes and control characters.')
    path = '.'.join(steps)
    if error.validator == 'additionalProperties':
        allowed = error.schema.get('properties', ())
        unknown = sorted('.'.join((*steps, name)) for name in
                         set(error.instance) - set(allowed))
        return f'Unknown field: {", ".join(unknown)[:255]}.'
    if error.validator == 'required':
        missing = [name for name in error.validator_value
                   if name not in error.instance]
        return f'Field {".".join((*steps, missing[0]))} is required.'
    if error.validator == 'type':
        wanted = error.validator_value
        names = [wanted] if isinstance(wanted, str) else wanted
        if error.instance is None:
            return f'Field {path} must not be null.'
        return f'Field {path} must be of type {" or ".join(names)}.'
    text = _TEXTS.get(error.validator, 'is not valid')
    if not path:
        return f'The body {text.format(error.validator_value)}.'
    return f'Field {path} {text.format(error.validator_value)}.'


def _worst(errors: Iterator[Any]) -> Any:
    """Return the error that is to be told, if there is any."""
    return min(errors, default=None,
               key=lambda error: (len(error.absolute_path),
                                  str(error.validator)))


def check(value: Any, field: str,
          properties: Mapping[str, Mapping[str, Any]]) -> None:
    """Check an object inside of a body.

    :param field: its name in the body
    :param properties: JSON schemas of what it may contain, by name
    :raises Invalid: something is wrong with it, with the field named
    """
    error = _worst(_VALIDATOR({
        'type': 'object', 'additionalProperties': False,
        'properties': properties}).iter_errors(value))
    if error is not None:
        raise exception.Invalid(reason=_reason(error, field))


def parse(resource: fields.Resource, document: Any,
          purpose: str) -> dict[str, Any]:
    """Check a body and return its values by column.

    :param purpose: ``create`` or ``update``
    :raises Invalid: something is wrong with it, with the field named
    """
    return parse_fields(resource, _open(resource, document), purpose)


def parse_fields(resource: fields.Resource, body: Any,
                 purpose: str) -> dict[str, Any]:
    """Check the fields of an object without its envelope; see ``parse``."""
    error = _worst(_validator(resource, purpose).iter_errors(body))
    if error is not None:
        raise exception.Invalid(reason=_reason(error))
    values = {}
    for name, value in body.items():
        field = resource.by_name.get(name, resource.others)
        _check_texts(name, value, field is not None and field.lines)
        if name not in resource.by_name or field is None:
            values[name] = value
            continue
        if field.convert is not None and value is not None:
            try:
                value = field.convert(value)
            except ValueError as exc:
                raise exception.Invalid(
                    reason=f'Field {name} {exc}.') from exc
        values[field.attribute] = value
    return values


def _check_texts(name: str, value: Any, lines: bool) -> None:
    """Refuse texts that forge lines of a log or upset a terminal.

    :param name: of the field that the value is of
    :param lines: whether the texts may have several lines
    :raises Invalid: the value is such a text, or has one in it
    """
    if isinstance(value, str):
        if formats.has_control_characters(value, lines=lines):
            raise exception.Invalid(reason=(
                f'Field {name} must not contain control characters'
                f'{" other than new lines and tabs" if lines else ""}.'))
    elif isinstance(value, Mapping):
        for key, element in value.items():
            _check_texts(name, key, lines)
            _check_texts(name, element, lines)
    elif isinstance(value, list):
        for element in value:
            _check_texts(name, element, lines)


def _open(resource: fields.Resource, document: Any) -> Any:
    """Take a body out of its envelope."""
    if not isinstance(document, dict):
        raise exception.Invalid(reason='The body must be a JSON object.')
    if not resource.name:
        return document
    if resource.name not in document:
        raise exception.Invalid(
            reason=f'Field {resource.name} is required: the fields stand '
                   f'inside of it, {{"{resource.name}": {{...}}}}.')
    unknown = sorted(set(document) - {resource.name})
    if unknown:
        raise exception.Invalid(
            reason=f'Unknown field: {", ".join(unknown)[:255]}.')
    body = document[resource.name]
    if not isinstance(body, dict):
        raise exception.Invalid(
            reason=f'Field {resource.name} must be an object.')
    return body
