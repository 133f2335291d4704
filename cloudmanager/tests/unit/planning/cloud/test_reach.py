# SPDX-License-Identifier: Apache-2.0
"""Why a host may not take a server, in words."""

import typing
import unittest

from cloudmanager.planning import options
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import reach
from cloudmanager.tests.unit.planning import factory

LIVE, COLD, EVAC = 'live-migrate', 'cold-migrate', 'evacuate'
A, B = frozenset({'A'}), frozenset({'B'})
#: Server, host, action, and why not; empty when it may.
ROWS: tuple[tuple[dict[str, typing.Any], dict[str, typing.Any], str, str],
            ...] = (
    ({}, {}, LIVE, ''),
    ({'availability_zone': 'z'}, {'zone': 'z'}, LIVE, ''),
    ({'availability_zone': 'z'}, {'zone': 'y'}, LIVE, 'not in zone z'),
    ({}, {'cell': 'c2'}, LIVE, 'in another cell'),
    ({}, {'cell': 'c2'}, EVAC, 'in another cell'),
    ({'required_aggregates': (A, B)}, {'aggregates': A | B}, LIVE, ''),
    ({'required_aggregates': (A, B)}, {'aggregates': A}, LIVE,
     'not in the aggregates asked for'),
    ({'required_traits': A | B}, {'traits': frozenset({'C'})}, LIVE,
     'lacks trait A, B'),
    ({'required_traits': A | B}, {'traits': A}, LIVE, 'lacks trait B'),
    ({'forbidden_traits': A}, {'traits': A | B}, LIVE,
     'has forbidden trait A'),
    ({'forbidden_traits': A | B}, {'traits': A | B}, LIVE,
     'has forbidden trait A, B'),
    ({}, {'hypervisor_type': 'QEMU', 'hypervisor_version': 8}, LIVE, ''),
    ({}, {'hypervisor_type': 'Xen', 'hypervisor_version': 9}, LIVE,
     'runs Xen, not QEMU'),
    ({}, {'hypervisor_type': 'QEMU', 'hypervisor_version': 7}, LIVE,
     'has an older hypervisor'),
    ({}, {'hypervisor_type': 'Xen', 'hypervisor_version': 1}, COLD, ''),
    ({'resources': {'VGPU': 1}}, {}, LIVE, 'offers no VGPU'),
    ({'resources': {'VGPU': 0}}, {}, LIVE, ''),
    ({'vcpus': 3}, {'inventory': {'VCPU': model.Inventory(16, max_unit=2)}},
     LIVE, 'takes no single 3 of VCPU'),
    ({'disks': (model.ROOT,), 'storage': A}, {'storage': A | B}, EVAC, ''),
    ({'disks': (model.ROOT,), 'storage': A}, {'storage': B}, EVAC,
     'without the shared storage of its disks'),
    ({'disks': (model.ROOT,), 'storage': A}, {'storage': B}, COLD, ''),
    ({'disks': (), 'storage': A}, {'storage': B}, EVAC, ''),
)


class ReachTestCase(unittest.TestCase):

    def reach(self, server: model.Server, host: model.Host,
              **flags: typing.Any) -> reach.Reach:
        source = factory.host('src', cell='c1', hypervisor_type='QEMU',
                              hypervisor_version=8)
        chosen = options.Options(**flags)
        return reach.Reach(ledger.Ledger(
            factory.cloud([source, host], [server]), frozenset({'src'}),
            chosen), chosen)

    def test_rows(self) -> None:
        for server_values, host_values, action, why in ROWS:
            with self.subTest(why, server=server_values, host=host_values):
                server = factory.server('a', **server_values)
                legal = self.reach(server, factory.host('b', **host_values))
                self.assertEqual({'b': why}, legal.unfit(server, action))
                self.assertEqual([] if why else ['b'], [
                    bin_.name for bin_ in legal.targets(server, action)])

    def test_out_of_use(self) -> None:
        """It counts for all servers, and is not among their reasons."""
        server = factory.server('a')
        for why, values, flags in (
                ('excluded', {}, {'exclude_hosts': ['b']}),
                ('excluded', {'up': False}, {'exclude_hosts': ['b']}),
                ('down', {'up': False, 'maintenance': True}, {}),
                ('in maintenance', {'maintenance': True, 'enabled': False},
                 {}),
                ('disabled', {'enabled': False, 'reserved': True}, {}),
                ('reserved', {'reserved': True}, {})):
            legal = self.reach(server, factory.host('b', **values), **flags)
            self.assertEqual(why, legal.out_of_use('b'))
            self.assertEqual([], legal.targets(server, LIVE))
            self.assertEqual({'b': ''}, legal.unfit(server, LIVE))

    def test_refused(self) -> None:
        """What Nova refused for one server it may take of another."""
        server = factory.server('a')
        legal = self.reach(server, factory.host('b'), refused={'a': ['b']})
        self.assertEqual({'b': 'refused by Nova before'},
                         legal.unfit(server, LIVE))
        self.assertEqual({'b': ''}, legal.unfit(factory.server('c'), LIVE))

    def test_server_whose_host_is_not_known(self) -> None:
        """Nothing is asked of a host for the sake of the old one."""
        server = factory.server('a', 'gone')
        legal = self.reach(server, factory.host(
            'b', cell='c2', hypervisor_type='Xen', hypervisor_version=1))
        self.assertEqual({'b': ''}, legal.unfit(server, LIVE))
