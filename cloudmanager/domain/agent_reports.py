# SPDX-License-Identifier: Apache-2.0
"""What agents report of themselves and their nodes, besides the load.

Whoever has taken over a node has the key of its agent. So a report whose
signature is valid may still have any values. They are stored and shown, and
must be of the kinds that their readers expect.
"""

from collections.abc import Callable
from collections.abc import Mapping

from cloudmanager.common import texts
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import guest_states
from cloudmanager.domain import node_modes
from cloudmanager.domain import storages

MAX_GUESTS = 4096
_MAX_TEXT = 1000
_MAX_NAME = 255
_MAX_VALUES = 256
# The column's largest number is twice this, so the next generation fits.
_MAX_GENERATION = 2 ** 30
_MAX_COUNT = 2 ** 53


def _text(value: object, most: int = _MAX_TEXT) -> str:
    if not isinstance(value, str):
        raise ValueError('is no text')
    return texts.printable(value, most)


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _number(value: object, most: int = _MAX_COUNT) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError('is no number')
    return value


def _word(value: object) -> object:
    """Return a text, a number, a truth value or ``None``."""
    if value is None or isinstance(value, bool):
        return value
    return _text(value) if isinstance(value, str) else _number(value)


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict) or len(value) > _MAX_VALUES:
        raise ValueError('is no object of this size')
    return value


def _values(value: object, check: Callable[[object], object]) -> JsonObject:
    """Return an object whose values are all of one kind."""
    return {texts.printable(name, _MAX_NAME): check(one)
            for name, one in _object(value).items()}


def _list(value: object, most: int = _MAX_VALUES) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError('is no list of this size')
    return value


def _mode_value(value: object) -> object:
    return _values(value, _word) if isinstance(value, dict) else _word(value)


def _mode(value: object) -> JsonObject:
    given = _object(value)
    found: JsonObject = {
        name: _mode_value(given[name])
        for name in ('desired', 'actual') if name in given}
    return {**found, **{name: _text_or_none(given[name])
                        for name in ('reason', 'checked_at')
                        if name in given}}


def _guest(value: object) -> JsonObject:
    given = _object(value)
    found: JsonObject = {name: _text(given.get(name), _MAX_NAME)
                         for name in ('id', 'name', 'state')}
    if found['state'] not in guest_states.ALL:
        found['state'] = guest_states.UNKNOWN
    return found


def _storage(value: object) -> JsonObject:
    given = _object(value)
    return {'id': _number(given.get('id')),
            'path': _text(given.get('path'), storages.MAX_PATH),
            **{name: _text_or_none(given.get(name))
               for name in ('reason', 'written_at')}}


def _facts(value: object) -> JsonObject:
    given = _object(value)
    found: JsonObject = {}
    if 'storages' in given:
        found['storages'] = [_storage(one)
                             for one in _list(given['storages'])]
    if 'reasons' in given:
        found['reasons'] = _values(given['reasons'], _text)
    return found


def check(body: object) -> JsonObject | None:
    """Return the values of a report, by the names of an agent's columns.

    What a newer agent reports besides is left out.

    :param body: the body of the report, not trusted
    :returns: ``None`` if a value is of another kind than it should be
    """
    try:
        given = body if isinstance(body, dict) else {}
        # Agents of the first version report no facts.
        facts = _object(given.get('facts', {}))
        guests = facts.get('guests')
        types = given.get('types')
        return {
            'version': _text(given.get('version'), 64),
            'interface': _text(given.get('interface'), 16),
            'operations': _values(given.get('operations'), _text),
            'capabilities': {
                **_values(given.get('capabilities'), _word),
                'types': None if types is None else [
                    _text(one, _MAX_NAME) for one in _list(types)]},
            'generation': _number(given.get('generation'), _MAX_GENERATION),
            'modes': {name: _mode(one) for name, one in
                      _object(given.get('modes')).items()
                      if name in node_modes.MODES},
            'refused': _values(given.get('refused'), _number),
            'guests': None if guests is None else [
                _guest(one) for one in _list(guests, MAX_GUESTS)],
            'facts': _facts(facts)}
    except ValueError:
        return None
