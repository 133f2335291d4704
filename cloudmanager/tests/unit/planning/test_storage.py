# SPDX-License-Identifier: Apache-2.0
"""Which storages a host shares with others, by what was said of it."""

import types

import fixtures

from cloudmanager.planning import storage
from cloudmanager.tests import base


def aggregate(name, *hosts):
    return types.SimpleNamespace(name=name, hosts=hosts)


def provider(name, *aggregates, disk=False, shares=False):
    return types.SimpleNamespace(
        name=name, aggregates=frozenset(aggregates),
        traits=frozenset(['MISC_SHARES_VIA_AGGREGATE'] if shares else []),
        inventories={'DISK_GB': 1} if disk else {'VCPU': 1})


class StoragesTestCase(base.TestCase):

    def of(self, host, own=(), aggregates=(), providers=(), declared=()):
        return storage.Storages(aggregates, providers, declared).of(host, own)

    def test_nothing_said(self):
        """Then its disks are known to no other host."""
        self.assertEqual(frozenset(), self.of(
            'a', [provider('a')], [aggregate('one', 'a')]))

    def test_declared(self):
        both = [aggregate('one', 'a', 'b'), aggregate('two', 'b')]
        for host, declared, expected in (
                ('a', ['one', 'two'], {'aggregate one'}),
                ('b', ['one', 'two'], {'aggregate one', 'aggregate two'}),
                ('b', ['two'], {'aggregate two'}), ('c', ['one'], set()),
                ('c', ['all'], {'all'}),
                ('a', ['all', 'one'], {'all', 'aggregate one'})):
            self.assertEqual(expected, self.of(
                host, aggregates=both, declared=declared))

    def test_sharing_provider(self):
        """It counts where the host is in its aggregate, without a disk."""
        ceph = provider('ceph', 'x', disk=True, shares=True)
        for own, sharing, expected in (
                ([provider('a', 'x')], ceph, {'provider ceph'}),
                ([provider('a', 'y')], ceph, set()),
                ([provider('a', 'x', disk=True)], ceph, set()),
                # Of a nested provider the aggregates count as well.
                ([provider('a'), provider('numa', 'x')], ceph,
                 {'provider ceph'}),
                ([provider('a', 'x')], provider('no', 'x', disk=True), set()),
                ([provider('a', 'x')], provider('ip', 'x', shares=True),
                 set()), ([], ceph, set())):
            self.assertEqual(expected, self.of('a', own,
                                               providers=[sharing]))

    def test_unknown_aggregates_are_logged(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.of('a', aggregates=[aggregate('one', 'a')],
                declared=['one', 'all'])
        self.assertEqual('', log.output)
        self.of('a', declared=['two', 'one', 'all'])
        self.assertIn('Nova does not have: one, two\n', log.output)
