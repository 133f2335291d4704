# SPDX-License-Identifier: Apache-2.0
"""Destinations: sizes, room made by second thoughts, nothing better."""

import unittest
from unittest import mock

from cloudmanager.planning import classify
from cloudmanager.planning import options
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.cloud import reach
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.planning import factory

LIVE = (Action.LIVE,)


class PackCase(unittest.TestCase):

    def packer(self, cloud: model.Cloud, sources: tuple[str, ...] = ('src',),
               flags: options.Options = options.DEFAULT) -> pack.Packer:
        self.cloud = cloud
        self.books = ledger.Ledger(cloud, frozenset(sources), flags)
        return pack.Packer(self.books, reach.Reach(self.books, flags), flags)

    def units(self, packer: pack.Packer) -> list[pack.Unit]:
        """One unit, moved live, for each server of the source."""
        return [packer.unit([server], [LIVE], 0)
                for server in self.cloud.servers_on('src')]

    def places(self, cloud: model.Cloud) -> dict[str, str]:
        """Pack what is on the source; where each server goes."""
        packer = self.packer(cloud)
        units = self.units(packer)
        left = packer.pack(units)
        self.assertEqual([unit for unit in units if not unit.host],
                         sorted(left, key=units.index))
        return {unit.servers[0].id: unit.host for unit in units}


class SizeTestCase(PackCase):
    """The largest share of what a host has on the average."""

    def size(self, hosts: list[model.Host], server: model.Server,
             **flags: tuple[str, ...]) -> float:
        packer = self.packer(
            factory.cloud([factory.host('src'), *hosts], [server]),
            flags=options.Options(**flags))  # type: ignore[arg-type]
        return packer.unit([server], [LIVE], 0).size

    def test_mean(self) -> None:
        hosts = [factory.host('b', vcpus=16), factory.host('c', vcpus=48)]
        self.assertEqual(0.25, self.size(hosts, factory.server('a', vcpus=8)))
        self.assertEqual(0.5, self.size(hosts[:1],
                                        factory.server('a', vcpus=8)))
        self.assertEqual(0.5, self.size(hosts, factory.server(
            'a', vcpus=8, memory=8192)))

    def test_class_that_some_hosts_lack(self) -> None:
        server = factory.server('a', resources={'VGPU': 2})
        hosts = [factory.host('b'), factory.host('c', inventory={
            'VGPU': model.Inventory(8)})]
        self.assertEqual(0.5, self.size(hosts, server,
                                        load_classes=('VCPU', 'VGPU')))
        self.assertEqual(0.0625, self.size(hosts[:1], server,
                                           load_classes=('VCPU', 'VGPU')))

    def test_class_that_the_server_lacks(self) -> None:
        server = model.Server('a', host='src', resources={'VCPU': 4})
        self.assertEqual(0.25, self.size([factory.host('b', disk=1)], server))

    def test_nothing_to_measure_with(self) -> None:
        server = factory.server('a')
        self.assertEqual(0, self.size([], server))
        self.assertEqual(0, self.size([factory.host('b')], server,
                                      load_classes=()))

    def test_servers_count_together(self) -> None:
        servers = [factory.server('a', vcpus=2), factory.server('b', vcpus=6)]
        packer = self.packer(factory.cloud(
            [factory.host('src'), factory.host('c')], servers))
        unit = packer.unit(servers, [LIVE, LIVE], 3)
        self.assertEqual((0.5, 3, 8), (unit.size, unit.priority,
                                       unit.resources['VCPU']))


class LadderTestCase(PackCase):

    def test_candidates(self) -> None:
        """Hosts that may take all of the servers."""
        wants = ({}, {'required_traits': frozenset({'T_A'})},
                 {'forbidden_traits': frozenset({'T_B'})})
        servers = [factory.server(str(number), **values)
                   for number, values in enumerate(wants)]
        packer = self.packer(factory.cloud([
            factory.host('src'), factory.host('none'), *(
                factory.host(''.join(traits), traits=frozenset(traits))
                for traits in (('T_A',), ('T_B',), ('T_A', 'T_B')))], servers))
        for count, expected in ((1, ['T_A', 'T_AT_B', 'T_B', 'none']),
                                (2, ['T_A', 'T_AT_B']), (3, ['T_A'])):
            unit = packer.unit(servers[:count], [LIVE] * count, 0)
            self.assertEqual([expected], [sorted(
                bin_.name for bin_ in found) for found in unit.candidates])

    def test_action(self) -> None:
        """Who has fewer rungs than the others stays on his last one."""
        servers = [factory.server('a'), factory.server('b')]
        packer = self.packer(factory.cloud(
            [factory.host('src'), factory.host('c')], servers))
        unit = packer.unit(servers, [LIVE, (Action.LIVE, Action.COLD)], 0)
        self.assertEqual(2, len(unit.candidates))
        for rung, actions in enumerate(((Action.LIVE, Action.LIVE),
                                        (Action.LIVE, Action.COLD))):
            unit.rung = rung
            self.assertEqual(actions, (unit.action(0), unit.action(1)))


def pair(number: int) -> tuple[list[model.Host], list[model.Server]]:
    """Two hosts, and two servers that both fit only on second thoughts.

    The larger server goes to the larger host, which alone can take the
    other one.
    """
    zone, both = f'z{number}', frozenset({'T_A'})
    return ([factory.host(f'b{number}', vcpus=4, zone=zone, traits=both),
             factory.host(f'c{number}', vcpus=3, zone=zone)],
            [factory.server(f'large{number}', vcpus=3,
                            availability_zone=zone),
             factory.server(f'small{number}', vcpus=2,
                            availability_zone=zone, required_traits=both)])


class RepairTestCase(PackCase):

    def cloud_of(self, *numbers: int) -> model.Cloud:
        hosts, servers = [factory.host('src')], []
        for number in numbers:
            more_hosts, more_servers = pair(number)
            hosts += more_hosts
            servers += more_servers
        return factory.cloud(hosts, servers)

    def test_second_thoughts(self) -> None:
        self.assertEqual({'large1': 'c1', 'small1': 'b1'},
                         self.places(self.cloud_of(1)))

    def test_budget(self) -> None:
        """It is for all units of a plan together."""
        for budget, left in ((0, 2), (1, 1), (2, 0)):
            with mock.patch.object(pack, '_REPAIR_BUDGET', budget):
                found = self.places(self.cloud_of(1, 2))
            self.assertEqual(left, list(found.values()).count(''), budget)


class PolishTestCase(PackCase):
    """When all are placed none has a better place left."""

    def better(self, unit: pack.Unit) -> list[str]:
        """The hosts that would be better for a placed unit."""
        for server in unit.servers:
            self.books.place(server, unit.host, -1)
        scores: dict[str, tuple[int, bool, float]] = {}
        for rung, candidates in reversed(list(enumerate(unit.candidates))):
            for bin_ in candidates:
                if bin_.fits(unit.resources) and self.books.group_allows(
                        unit.group, bin_.name):
                    scores[bin_.name] = (
                        rung, bin_.avoid, bin_.load_with(unit.resources)
                        + self.books.soft_cost(unit.group, bin_.name))
        for server in unit.servers:
            self.books.place(server, unit.host)
        rung, avoid, load = scores[unit.host]
        self.assertLessEqual(rung, unit.rung)
        return [name for name, found in scores.items()
                if found < (unit.rung, avoid, load - 1e-6)]

    def test_random_clouds(self) -> None:
        """Nothing is left to gain, where one look at each unit leaves some."""
        placed = sum(map(self.check, (*range(40), 423, 735, 1018)))
        self.assertGreater(placed, 150)

    def check(self, seed: int) -> int:
        flags = options.Options(allow_off_vm=True, avoid_hosts=('node3',))
        placed = 0
        cloud = factory.random_cloud(seed)
        packer = self.packer(cloud, ('node0', 'node1'), flags)
        units = []
        for name in ('node0', 'node1'):
            for server in cloud.servers_on(name):
                moves = classify.drain_choice(server, flags).moves
                group = cloud.group_of.get(server.id)
                hard = group and group.policy == model.AFFINITY
                if moves and not hard:
                    units.append(packer.unit([server], [moves], 0))
        packer.pack(units)
        for unit in units:
            if unit.host:
                placed += 1
                self.assertEqual([], self.better(unit), seed)
        return placed
