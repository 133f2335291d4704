# SPDX-License-Identifier: Apache-2.0
"""Policies of host aggregates."""

from collections.abc import Mapping
from typing import cast

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import values
from cloudmanager.api.types import wrong
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Choice
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Number
from cloudmanager.api.types.values import Schema
from cloudmanager.api.types.values import Text
from cloudmanager.api.types.values import Time
from cloudmanager.domain import audit_policies
from cloudmanager.domain import schedules

#: Seconds between two audits: a minute at least, 30 days at most.
INTERVAL = (60, 30 * 86400)
MAX_WINDOWS = 50
MAX_MOVES = 100_000
MAX_HOURS = 24 * 30
#: Audits that one request replays at most.
MAX_ROUNDS = 200


class Fraction(values.Number):
    """A number from 0 to 1."""

    def stored(self, value: object) -> float:
        number = float(cast(float, value))
        if not 0 <= number <= 1:
            raise ValueError('must be from 0 to 1')
        return number

    def keywords(self) -> Schema:
        return {'minimum': 0, 'maximum': 1}


class Cron(Text):
    """A cron expression with five fields."""

    described: Schema = {
        'pattern': '^([*]|[*]/[1-9]|[0-5]?[0-9]) ([*]|1?[0-9]|2[0-3]) '
                   '([*]|[1-9]|1[0-9]|2[0-8]) ([*]|[1-9]|1[0-2]) '
                   '([*]|[0-6])$'}

    def __init__(self) -> None:
        super().__init__(schedules.MAX_CRON, 1)

    def convert(self, value: str) -> str:
        schedules.check_cron(value)
        return ' '.join(value.split())


class Clock(Text):
    """A time of the day."""

    described: Schema = {'pattern': schedules.CLOCK_PATTERN}

    def __init__(self) -> None:
        super().__init__(5, 5)

    def convert(self, value: str) -> str:
        schedules.check_clock(value)
        return value


class Window(values.Type):
    """Hours of some days of the week."""

    basetype = dict
    json = 'object'
    given = ('object',)
    _DAYS = List(Choice(*schedules.DAYS), 1, len(schedules.DAYS), unique=True)
    _PARTS: Mapping[str, values.Type] = {
        'days': _DAYS, 'start': Clock(), 'end': Clock()}

    def stored(self, value: object) -> dict[str, object]:
        given = cast(Mapping[str, object], value)
        for name in given:
            if name not in self._PARTS:
                raise ValueError('must have no other fields than days, start '
                                 'and end')
        for name in ('start', 'end'):
            if name not in given:
                raise ValueError(f'must have the field {name}')
        whole = {'days': list(schedules.DAYS), **given}
        return {name: wrong.inside(name, part.validate, whole[name])
                for name, part in self._PARTS.items()}

    def keywords(self) -> Schema:
        return {'properties': {name: part.schema()
                               for name, part in self._PARTS.items()},
                'required': ['start', 'end'], 'additionalProperties': False}

    def answer_schema(self) -> Schema:
        return super().answer_schema() | {
            'properties': {name: part.answer_schema()
                           for name, part in self._PARTS.items()},
            'required': list(self._PARTS)}


def _given(of: values.Type, description: str, *, nullable: bool = True,
           required: bool = False) -> Field:
    """Return a field that a PUT sets."""
    return Field(of, update=True, nullable=nullable,
                 required=required, description=description)


def _limit(of: values.Type, name: str, description: str) -> Field:
    return _given(of, f'{description}; null: as [drs] {name} says.')


_HAS_INTERVAL = {'required': ['interval'],
                 'properties': {'interval': {'type': 'integer'}}}
_HAS_CRON = {'required': ['cron'],
             'properties': {'cron': {'type': 'string'}}}


class Policy(Resource):
    """When an aggregate is audited by itself, and by what limits."""

    _about = About('policy', title='AggregatePolicy', whole=True, rules={
        'if': {'properties': {'mode': {'const': audit_policies.Mode.OFF}}},
        'then': {'not': {'allOf': [_HAS_INTERVAL, _HAS_CRON]}},
        'else': {'oneOf': [_HAS_INTERVAL, _HAS_CRON]}})

    aggregate_id = common.number('Id of the host aggregate in Nova.')
    mode = _given(
        Choice(*audit_policies.Mode), 'off: nothing is done by itself; '
        'recommend: audits are made; automatic: their moves are made, too.',
        nullable=False, required=True)
    interval = _given(Integer(*INTERVAL), 'Seconds from one audit to the '
                                          'next.')
    cron = _given(Cron(), 'When audits are made, as a cron expression of '
                          'five fields, in place of the interval.')
    time_zone = Field(
        Choice('UTC'), update=True, nullable=False,
        computed=True,
        description='Zone of all times of the policy; there is only this '
                    'one.')
    maintenance_windows = _given(
        List(Window(), 0, MAX_WINDOWS), 'When servers are moved by '
        'themselves: days (mon to sun; all by default), start and end as '
        'HH:MM. Without any it is always.', nullable=False)
    quiet_hours = _given(
        List(Window(), 0, MAX_WINDOWS), 'When nothing is audited by itself '
        'and no servers are moved by themselves; like the windows.',
        nullable=False)
    threshold = _limit(Fraction(), 'threshold', 'Standard deviation of the '
                       'loads up to which they count as balanced')
    minimum_gain = _limit(Fraction(), 'minimum_gain', 'By how much a move '
                          'has to lessen the difference of two hosts')
    source_floor = _limit(Fraction(), 'source_floor', 'Hosts below this load '
                          'lose no servers')
    max_load = _limit(Fraction(), 'max_load',
                      'No host is filled above this load')
    max_moves = _limit(Integer(0, MAX_MOVES), 'max_moves',
                       'Servers that one audit moves at most')
    max_moves_per_day = _given(
        Integer(0, MAX_MOVES), 'Servers that are moved by themselves within '
        '24 hours at most; null: no such limit.')
    next_audit_at = Field(Time(), description='When the next audit is due.')
    frozen_at = Field(Time(), description='Since when no servers are moved '
                      'by themselves, as that has made the balance worse. A '
                      'PUT ends it.')
    frozen_reason = Field(Text(), description='What was measured then.')
    updated_at = Field(Time(), description='When the policy was set.')


ONE = answers.one(Policy)
#: What a policy is stored as besides its mode.
DOCUMENT = ('interval', 'cron', 'maintenance_windows', 'quiet_hours',
            *audit_policies.LIMITS, 'max_moves_per_day')
EMPTY: Mapping[str, object] = {
    name: [] if name in ('maintenance_windows', 'quiet_hours') else None
    for name in DOCUMENT}


def _tried(of: values.Type, description: str) -> Field:
    return Field(of, create=True, description=f'{description}; as it is at '
                                              'present by default.')


class Backtest(Resource):
    """Which limits to try, and on which loads."""

    _about = About(title='Backtest')

    hours = Field(Integer(1, MAX_HOURS), create=True, nullable=False,
                  default=24, description='Hours to look back; 24 by '
                                          'default.')
    interval = Field(Integer(*INTERVAL), create=True, nullable=False,
                     default=3600, description='Seconds from one audit to '
                     'the next; 3600 by default.')
    threshold = _tried(Fraction(), 'Standard deviation of the loads up to '
                       'which they count as balanced')
    minimum_gain = _tried(Fraction(), 'By how much a move has to lessen the '
                          'difference of two hosts')
    source_floor = _tried(Fraction(), 'Hosts below this load lose no servers')
    max_load = _tried(Fraction(), 'No host is filled above this load')
    max_moves = _tried(Integer(0, MAX_MOVES),
                       'Servers that one audit moves at most')


class Replayed(Resource):
    """What came of a replay."""

    _about = About('backtest', title='BacktestResult')

    rounds = common.number('How many audits were replayed.')
    unknown = common.number('How many were not, since nothing was measured '
                            'then.')
    unreached = common.number('How many of the latest were not, since the '
                              'time was up.')
    deviation = Field(Number(), nullable=False, description='Mean standard '
                      'deviation of the loads without any moves.')
    present = Field(Object(), nullable=False, description='With the limits '
                    'of now: those, moves, most_moved (how often one server '
                    'was), deviation, and gain over no moves.')
    asked = Field(Object(), nullable=False,
                  description='The same with the limits of the request.')


RESULT = answers.one(Replayed)
