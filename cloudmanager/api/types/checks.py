# SPDX-License-Identifier: Apache-2.0
"""Objects in bodies of which only a JSON schema says what they contain."""

from collections.abc import Mapping

import jsonschema

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
    'uniqueItems': 'must not contain an element twice',
    'enum': 'must be one of {0}',
    'pattern': 'must match {0}',
}


def check(value: object, field: str,
          properties: Mapping[str, Mapping[str, object]]) -> None:
    """Check an object inside of a body.

    :param field: its name in the body
    :param properties: JSON schemas of what it may contain, by name
    :raises Invalid: something is wrong with it, with the field named
    """
    validator = _VALIDATOR({
        'type': 'object', 'additionalProperties': False,
        'properties': properties})
    worst = min(validator.iter_errors(value), default=None,
                key=lambda error: (len(error.absolute_path),
                                   str(error.validator)))
    if worst is not None:
        raise exception.Invalid(reason=_reason(worst, field))


def _reason(error: jsonschema.ValidationError, field: str) -> str:
    """Say what is wrong."""
    steps = [field, *(str(step) for step in error.absolute_path)]
    path = '.'.join(steps)
    if error.validator == 'additionalProperties':
        allowed = error.schema.get('properties', ())
        unknown = sorted('.'.join((*steps, name)) for name in
                         set(error.instance) - set(allowed))
        return f'Unknown field: {", ".join(unknown)[:255]}.'
    if error.validator == 'type':
        wanted = error.validator_value
        names = [wanted] if isinstance(wanted, str) else wanted
        if error.instance is None:
            return f'Field {path} must not be null.'
        return f'Field {path} must be of type {" or ".join(names)}.'
    text = _TEXTS.get(error.validator, 'is not valid')
    return f'Field {path} {text.format(error.validator_value)}.'
