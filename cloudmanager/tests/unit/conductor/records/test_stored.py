# SPDX-License-Identifier: Apache-2.0
"""Records are stored as JSON objects, by the annotations of their fields."""

import dataclasses
import datetime
import enum
import json

import testtools

from cloudmanager.conductor.records import stored

NOON = datetime.datetime(2026, 11, 28, 12, 0, 0, 250000)


class Colour(enum.StrEnum):
    RED = 'red'


@dataclasses.dataclass(frozen=True)
class Plain:
    """Is no record, but part of one."""

    name: str
    tags: tuple[str, ...] = ()
    note: str | None = None


@dataclasses.dataclass(kw_only=True)
class Part(stored.Record):
    at: datetime.datetime | None = None


@dataclasses.dataclass(kw_only=True)
class Whole(stored.Record):
    text: str = ''
    time: datetime.datetime | None = None
    colour: Colour | None = None
    counts: dict[Colour, int] = dataclasses.field(default_factory=dict)
    parts: dict[str, Part] = dataclasses.field(default_factory=dict)
    plain: list[Plain] = dataclasses.field(default_factory=list)
    part: Part = dataclasses.field(default_factory=Part)


FULL = {
    'text': 'a', 'time': '2026-11-28T12:00:00.250000', 'colour': 'red',
    'counts': {'red': 2}, 'parts': {'x': {'at': NOON.isoformat()}},
    'plain': [{'name': 'p', 'tags': ['t'], 'note': None}], 'part': {}}


class RecordTestCase(testtools.TestCase):

    def test_read(self):
        """Values are what their annotations say."""
        found = Whole.from_json(FULL)
        self.assertEqual(Whole(
            text='a', time=NOON, colour=Colour.RED, counts={Colour.RED: 2},
            parts={'x': Part(at=NOON)}, plain=[Plain('p', ('t',))]), found)
        self.assertIsInstance(found.colour, Colour)
        self.assertEqual([Colour], [type(key) for key in found.counts])

    def test_written(self):
        """What is read is written as it was."""
        self.assertEqual(FULL, Whole.from_json(FULL).to_json())

    def test_written_plainly(self):
        """Nothing but what JSON has, whoever makes text of it."""
        made = Whole.from_json(FULL).to_json()
        for value in (made['colour'], made['time'], *made['counts']):
            self.assertIs(str, type(value))
        self.assertEqual(FULL, json.loads(json.dumps(made)))

    def test_missing(self):
        """What is not there, or null, is as before anything was known."""
        self.assertEqual(Whole(), Whole.from_json({}))
        self.assertEqual(Whole(), Whole.from_json(dict.fromkeys(FULL)))

    def test_nothing_known(self):
        """What is not known is not written; what is empty or false is."""
        self.assertEqual({'text': '', 'counts': {}, 'parts': {}, 'plain': [],
                          'part': {}}, Whole().to_json())

    def test_of_a_newer_version(self):
        """Keys that are not known survive, in parts of a record, too."""
        newer = {**FULL, 'later': [1], 'part': {'even': {'more': None}}}
        record = Whole.from_json(newer)
        record.text = 'b'
        self.assertEqual({**newer, 'text': 'b'}, record.to_json())

    def test_no_word_of_ours(self):
        self.assertRaises(ValueError, Whole.from_json, {'colour': 'green'})

    def test_changes(self):
        """Only what differs, and nothing of what belongs to others."""
        base = {'text': 'a', 'others': 1, 'time': NOON.isoformat()}
        record = Whole.from_json(base)
        self.assertEqual({}, record.changes(base))
        record.colour, record.time = Colour.RED, None
        self.assertEqual({'colour': 'red', 'time': None},
                         record.changes({**base, 'others': 2}))
