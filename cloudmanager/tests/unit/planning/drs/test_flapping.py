# SPDX-License-Identifier: Apache-2.0
"""Loads that go up and down for days, and what audits make of them."""

import collections
import dataclasses
import datetime
import random
import unittest

from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import samples
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.tests.unit.planning import factory

SETTINGS = drs_settings.Settings()
BASE, MOST = 1800.0, 86400.0
EVERY = datetime.timedelta(minutes=15)
BEGIN = datetime.datetime(2026, 1, 1)


class FlappingTestCase(unittest.TestCase):
    """Four hosts, 32 servers, an audit each quarter of an hour."""

    def setUp(self):
        super().setUp()
        self.moved = collections.defaultdict(list)

    def run_days(self, days, busy, place):
        """Carry out each audit at once.

        :param busy: tells of a server and a number of a quarter of an hour
            how many CPUs it uses
        :param place: host of each server at the beginning
        :returns: all moves as (time, server, source, target)
        """
        found, now = [], BEGIN
        for number in range(int(days * 96)):
            cloud = factory.cloud(
                [factory.host(name) for name in 'abcd'],
                [factory.server(key, on) for key, on in place.items()])
            uses = {key: {'VCPU': busy(key, number)} for key in place}
            hosts = {name: {'VCPU': sum(
                uses[key]['VCPU'] for key, on in place.items()
                if on == name)} for name in 'abcd'}
            made = audit.make(
                cloud, 'abcd', load.Use(hosts, uses), SETTINGS,
                resting={key: movable.cooldown(times, now, BASE, MOST)
                         for key, times in self.moved.items()})
            for move in made.moves:
                place[move.server_id] = move.target
                self.moved[move.server_id].append(now)
                found.append((now, move.server_id, move.source, move.target))
            now += EVERY
        return found

    def assert_calm(self, days):
        """No server is moved more often than its cooldown lets it."""
        for key, times in self.moved.items():
            for index, time in enumerate(times[1:], 1):
                self.assertEqual(0.0, movable.cooldown(
                    times[:index], time, BASE, MOST), key)
            self.assertLessEqual(len(times), 6 * days, key)

    def test_flips(self):
        """DS3: what is busy changes with every audit."""
        place = {f's{number}': 'abcd'[number % 4] for number in range(32)}
        found = self.run_days(3, lambda key, number: (
            1.5 if (int(key[1:]) % 4 < 2) == number % 2 else 0.1), place)
        self.assert_calm(3)
        # Without cooldowns it would be several at each of 288 audits.
        self.assertLess(len(found), 96)

    def test_random(self):
        for seed in range(4):
            self.moved.clear()
            rng = random.Random(seed)  # noqa: S311
            place = {f's{number}': rng.choice('aaabcd')
                     for number in range(32)}
            loads = {}

            def busy(key, number, loads=loads, rng=rng):
                # Each load lasts for a while, some of them not for long.
                if key not in loads or rng.random() < 0.1:
                    loads[key] = rng.choice((0.05, 0.3, 1.0, 1.8))
                return loads[key]

            self.run_days(1, busy, place)
            self.assert_calm(1)

    def test_steady(self):
        """Once it is balanced nothing moves any more."""
        place = {f's{number}': 'a' for number in range(13)}
        found = self.run_days(2, lambda key, number: 0.9, place)
        self.assertEqual({BEGIN}, {time for time, *_ in found})

    def moves_by_average(self, follows):
        """Audits every five minutes by averages of an hour, no cooldown.

        :param follows: whether averages follow moves
        :returns: times at which servers were moved
        """
        place = {f's{number}': 'a' for number in range(12)}
        history = {key: collections.defaultdict(list)
                   for key in (*'abcd', *place)}
        limits = samples.Limits(half_life=1200.0)
        moves, found = [], []
        for minute in range(180):
            now = minute * 60.0
            for name in 'abcd':
                history[name]['VCPU'].append((now, 0.9 * sum(
                    on == name for on in place.values())))
            for key in place:
                history[key]['VCPU'].append((now, 0.9))
            if minute % 5 or minute < 60:
                continue
            cloud = factory.cloud(
                [factory.host(name) for name in 'abcd'],
                [factory.server(key, on) for key, on in place.items()])
            use = samples.use(
                samples.Samples({name: history[name] for name in 'abcd'},
                                {key: history[key] for key in place}),
                'abcd', now, limits, moves if follows else ())
            for move in audit.make(cloud, 'abcd', use, dataclasses.replace(
                    SETTINGS, source_floor=0.0, use_weight=1.0,
                    weights={'VCPU': 1.0})).moves:
                moves.append(samples.Moved(
                    move.server_id, move.source, move.target, now))
                place[move.server_id] = move.target
                found.append(minute)
        return found

    def test_averages_lag(self):
        """What was moved is known at once, though averages take longer."""
        self.assertEqual({60}, set(self.moves_by_average(True)))
        # Or the host would be thought hot after it has lost its servers.
        self.assertGreater(len(set(self.moves_by_average(False))), 1)

    def test_same_answer(self):
        """The end of an audit is balanced: another one finds nothing."""
        for seed in range(60):
            cloud = factory.random_cloud(seed)
            settings = dataclasses.replace(SETTINGS, source_floor=0.0)
            made = audit.make(cloud, cloud.hosts, settings=settings)
            place = {move.server_id: move.target for move in made.moves}
            extra = {name: collections.Counter(host.used)
                     for name, host in cloud.hosts.items()}
            servers = []
            for server in cloud.servers.values():
                target = place.get(server.id)
                if target:
                    extra[server.host].subtract(server.resources)
                    extra[target].update(server.resources)
                    server = dataclasses.replace(server, host=target)
                servers.append(server)
            after = type(cloud).of(
                [dataclasses.replace(host, used=dict(extra[host.name]))
                 for host in cloud.hosts.values()], servers,
                cloud.groups.values())
            again = audit.make(after, cloud.hosts, settings=settings,
                               resting=dict.fromkeys(place, 60.0))
            self.assertLessEqual(len(again.moves), 2, f'seed {seed}')
