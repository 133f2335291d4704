# SPDX-License-Identifier: Apache-2.0
"""Data on the disks of hosts are not thrown away."""

import unittest

from cloudmanager.planning import classify
from cloudmanager.planning import drain
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import factory

LIVE, COLD, EVAC = 'live-migrate', 'cold-migrate', 'evacuate'
REBUILD = options.Options(allow_evacuate=True)
LOSS = options.Options(allow_evacuate=True, allow_data_loss=True)
ALL_DISKS = (model.ROOT, model.EPHEMERAL)


def local(name: str = 'a', **values: object) -> model.Server:
    return factory.server(name, **{'disks': (model.ROOT,), **values})


class DrainTestCase(unittest.TestCase):

    def test_a_server_that_can_only_be_rebuilt_is_blocked(self) -> None:
        """Its data stay where they are, and it is said first (FD24)."""
        for disks in ((model.ROOT,), (model.EPHEMERAL,), ALL_DISKS):
            for status in ('ERROR', 'SUSPENDED', 'RESCUED'):
                choice = classify.drain_choice(
                    local(status=status, disks=disks), REBUILD)
                self.assertEqual((), choice.ladder)
                self.assertEqual('local-disk', choice.blockers[0].code)
                for disk in disks:
                    self.assertIn(disk, choice.blockers[0].text)
                self.assertIn('allow_data_loss', choice.blockers[0].text)

    def test_a_server_that_runs_is_moved_but_never_rebuilt(self) -> None:
        """The last step of its ladder is missing, and it is said (FD24)."""
        choice = classify.drain_choice(local(), REBUILD)
        self.assertEqual((LIVE,), choice.ladder)
        self.assertEqual(['local-disk'],
                         [item.code for item in choice.warnings])
        self.assertEqual((), classify.drain_choice(local()).warnings)

    def test_shared_storage_keeps_the_data(self) -> None:
        for storage in ('all', 'aggregate a'):
            server = local(status='ERROR', storage=frozenset((storage,)))
            choice = classify.drain_choice(server, REBUILD)
            self.assertEqual(((EVAC,), ()), (choice.ladder, choice.warnings))

    def test_volumes_keep_the_data(self) -> None:
        choice = classify.drain_choice(
            factory.server('a', status='ERROR'), REBUILD)
        self.assertEqual(((EVAC,), ()), (choice.ladder, choice.warnings))

    def test_allowed(self) -> None:
        """allow_data_loss is a warning that names what is lost (FD24)."""
        rows = (('ERROR', (EVAC,), 'its data is lost'),
                ('ACTIVE', (LIVE, EVAC), 'if it has to be evacuated'))
        for status, ladder, text in rows:
            choice = classify.drain_choice(local(status=status), LOSS)
            self.assertEqual(ladder, choice.ladder)
            self.assertEqual('data-loss', choice.warnings[0].code)
            self.assertIn(text, choice.warnings[0].text)

    def test_data_loss_alone_allows_no_evacuation(self) -> None:
        choice = classify.drain_choice(
            local(status='ERROR'), options.Options(allow_data_loss=True))
        self.assertEqual((), choice.ladder)

    def test_offload_deletes_ephemeral_disks(self) -> None:
        """The snapshot of a shelved server has no ephemeral disk (FD24)."""
        shared = frozenset(('all',))
        for disks, ladder in (((model.ROOT,), ('shelve-offload',)),
                              (ALL_DISKS, ())):
            server = local(status='SHELVED', disks=disks, storage=shared)
            self.assertEqual(ladder, classify.drain_choice(server).ladder)
            choice = classify.drain_choice(server, LOSS)
            self.assertEqual(('shelve-offload',), choice.ladder)
            self.assertEqual(not ladder, bool(choice.warnings))

    def test_what_a_rebuild_starts_with(self) -> None:
        """The words of the blocker and of the warning."""
        rows = (((model.ROOT,), 'root disk, and a rebuild starts from its '
                 'image'),
                ((model.EPHEMERAL,), 'ephemeral disk, and a rebuild starts '
                 'with an empty one'),
                (ALL_DISKS, 'root disk and ephemeral disk, and a rebuild '
                 'starts from its image'))
        for disks, text in rows:
            server = local(status='ERROR', disks=disks)
            text = f'no other host is known to reach its {text}: its data '
            for flags, end in (
                    (REBUILD, 'would be lost (allow_data_loss)'),
                    (LOSS, 'is lost')):
                choice = classify.drain_choice(server, flags)
                first = (choice.blockers or choice.warnings)[0]
                self.assertEqual(text + end, first.text)

    def test_waiting_is_no_step(self) -> None:
        server = local(status='ERROR', task_state='powering-off')
        (found,) = classify.drain_choice(server, LOSS).warnings
        self.assertIn(': its data is lost', found.text)

    def test_named_first(self) -> None:
        """Blockers and warnings about data come before all others (FD24)."""
        hosts = [factory.host('src'), factory.host('b', memory=4096)]
        servers = [local('b'), factory.server('c', metadata={
            'recovery_priority': 'x'}), local('z', status='ERROR')]
        cloud = factory.cloud(hosts, [
            factory.server('a', status='SOFT_DELETED'), *servers])
        made = drain.plan_drain(cloud, 'src', REBUILD)
        self.assertEqual(('local-disk', ('z',)), (
            made.blockers[0].code, made.blockers[0].servers))
        self.assertEqual(('local-disk', ('b',)), (
            made.warnings[0].code, made.warnings[0].servers))
        self.assertIn('name-b', made.warnings[0].text)
        made = drain.plan_drain(factory.cloud(hosts, servers), 'src', LOSS)
        self.assertEqual({'data-loss'},
                         {item.code for item in made.warnings[:2]})


class EvacuationTestCase(unittest.TestCase):

    def plan(self, flags: options.Options, *servers: model.Server,
             **storage: str) -> dict[str, object]:
        hosts = [factory.host(name, up=name != 'src', storage=frozenset(
            (storage[name],) if name in storage else ()))
            for name in ('src', 'b', 'c')]
        made = drain.plan_evacuation(
            factory.cloud(hosts, list(servers)), 'src', flags)
        return {item.id: item for item in made.servers}

    def test_local_disks(self) -> None:
        """Only a word of the caller gives data up (FD24)."""
        found = self.plan(options.DEFAULT, local(), factory.server('v'))
        self.assertEqual(
            [('blocked', ['local-disk'], False), (EVAC, [], True)],
            [(found[key].action, [item.code for item in found[key].blockers],
              found[key].fits) for key in 'av'])
        found = self.plan(options.Options(allow_data_loss=True), local())
        self.assertEqual(
            (EVAC, 'data-loss', ('uptime', 'memory', 'local-disk')),
            (found['a'].action, found['a'].warnings[0].code,
             found['a'].loses))

    def test_a_rebuild_under_way_is_waited_for(self) -> None:
        """Somebody else gave the data up already."""
        found = self.plan(options.DEFAULT, local(
            status='REBUILD', task_state='rebuilding'))
        self.assertEqual((('wait',), ()),
                         (found['a'].ladder, found['a'].blockers))

    def test_only_where_the_disks_are_reached(self) -> None:
        """Shared storage is that of the new host too (FD24)."""
        server = local(storage=frozenset(('aggregate x',)))
        for flags in (options.DEFAULT,
                      options.Options(allow_data_loss=True)):
            found = self.plan(flags, server, src='aggregate x',
                              b='aggregate y', c='aggregate x')
            self.assertEqual('c', found['a'].destination)
            found = self.plan(flags, server, src='aggregate x',
                              b='aggregate y')
            self.assertFalse(found['a'].fits)
            self.assertIn('without the shared storage',
                          found['a'].blockers[0].text)

    def test_volumes_go_anywhere(self) -> None:
        server = factory.server('a', storage=frozenset(('aggregate x',)))
        found = self.plan(options.DEFAULT, server, src='aggregate x',
                          b='aggregate y')
        self.assertTrue(found['a'].fits)

    def test_disks_are_moved_to_any_host(self) -> None:
        """A migration copies what is not shared."""
        cloud = factory.cloud(
            [factory.host('src', storage=frozenset(('x',))),
             factory.host('b')], [local(storage=frozenset(('x',)))])
        made = drain.plan_drain(cloud, 'src', REBUILD)
        self.assertEqual((LIVE, 'b'), (made.servers[0].action,
                                       made.servers[0].destination))
