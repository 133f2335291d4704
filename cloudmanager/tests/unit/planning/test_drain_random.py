# SPDX-License-Identifier: Apache-2.0
"""Plans in random clouds: legal, balanced and quick."""

import time
import unittest

from cloudmanager.planning import drain
from cloudmanager.planning import options
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.planning import factory
from cloudmanager.tests.unit.planning import validator

FLAGS = (
    options.Options(),
    options.Options(
        allow_off_vm=True, allow_evacuate=True, max_projected_usage=0.8
    ),
)


class LegalTestCase(unittest.TestCase):
    def test_every_plan_can_be_walked(self) -> None:
        """DR13, DR19, DR26: nothing is broken, in whatever order."""
        moved = 0
        for seed in range(100):
            cloud = factory.random_cloud(seed)
            for flags in FLAGS:
                for make in (drain.plan_drain, drain.plan_evacuation):
                    with self.subTest(seed=seed, flags=flags):
                        made = make(cloud, 'node0', flags)
                        faults = validator.check(cloud, made, flags)
                        self.assertEqual([], faults)
                        moved += len(made.destinations)
        self.assertGreater(moved, 500)


class BalanceTestCase(unittest.TestCase):
    def after(
        self, cloud: model.Cloud, made: plan.Plan
    ) -> dict[str, dict[str, int]]:
        """What each host uses when the plan is done."""
        used = {name: dict(host.used) for name, host in cloud.hosts.items()}
        for server_id, name in made.destinations.items():
            for key, amount in cloud.servers[server_id].resources.items():
                used[name][key] = used[name].get(key, 0) + amount
        return used

    def peak(
        self, host: model.Host, used: dict[str, int], more: model.Resources
    ) -> float:
        return max(
            (used.get(key, 0) + more.get(key, 0)) / item.capacity
            for key, item in host.inventory.items()
            if key in model.LOAD_CLASSES
        )

    def gain(
        self, cloud: model.Cloud, made: plan.Plan, entry: plan.Entry
    ) -> float:
        """How much lower the best other legal host would have been."""
        used = self.after(cloud, made)
        wanted = cloud.servers[entry.id].resources
        home = entry.destination
        assert home is not None  # noqa: S101
        now = self.peak(cloud.hosts[home], used[home], {})
        others = [
            self.peak(host, used[name], wanted)
            for name, host in cloud.hosts.items()
            if name != home
            and not validator.legal(cloud, set(made.hosts), entry, name)
        ]
        return now - min(others, default=now)

    def test_dr12_no_server_wants_to_move_again(self) -> None:
        """DR12: no single further move lowers the peak where it lands."""
        tried = 0
        for seed in range(40):
            whole = factory.random_cloud(seed, fill=0.6)
            cloud = model.Cloud.of(
                whole.hosts.values(), whole.servers.values()
            )
            made = drain.plan_drain(cloud, 'node0')
            for entry in made.servers:
                if entry.destination:
                    tried += 1
                    with self.subTest(seed=seed, server=entry.id):
                        gain = self.gain(cloud, made, entry)
                        self.assertLess(gain, 0.01)
        self.assertGreater(tried, 100)


class TimeTestCase(unittest.TestCase):
    def test_drain_of_100_in_200_hosts_and_5000_servers(self) -> None:
        servers = [
            factory.server(
                f's{number:04}',
                'h0' if number < 100 else f'h{1 + number % 199}',
                vcpus=1 + number % 4,
            )
            for number in range(5000)
        ]
        hosts = [
            factory.host(f'h{number}', vcpus=512, memory=262144, disk=9999)
            for number in range(200)
        ]
        cloud = factory.cloud(hosts, servers)
        start = time.perf_counter()
        made = drain.plan_drain(cloud, 'h0')
        made.to_dict()
        self.assertLess(time.perf_counter() - start, 1.0)
        self.assertEqual(100, len(made.destinations))
        self.assertTrue(
            all(item.action == Action.LIVE for item in made.servers)
        )
