# SPDX-License-Identifier: Apache-2.0
"""In which order a plan has its servers, and what it says of them."""

from cloudmanager.planning import drain
from cloudmanager.planning import open_resizes
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import base
from cloudmanager.tests.unit.planning import factory


class OrderTestCase(base.PlanTestCase):

    def test_stages(self) -> None:
        """What can start first comes first, however large the others are."""
        cloud = factory.cloud(base.hosts('b', memory=2 ** 20), [
            factory.server('live', memory=1),
            factory.server('waits', memory=2, task_state='pausing'),
            factory.server('rebuilt', memory=3, status='ERROR'),
            factory.server('skipped', memory=4, status='DELETED')])
        made = self.make(cloud, allow_evacuate=True)
        self.assertEqual(['live', 'waits', 'rebuilt', 'skipped'],
                         [entry.id for entry in made.servers])

    def test_what_stays(self) -> None:
        """What stays comes before what need not leave."""
        cloud = factory.cloud(base.hosts('b', vcpus=6, memory=2 ** 20), [
            factory.server('live', memory=1),
            factory.server('large', memory=5, vcpus=9),
            factory.server('blocked', memory=3, status='ERROR'),
            factory.server('skipped', memory=9, status='DELETED')])
        self.assertEqual(['live', 'large', 'blocked', 'skipped'],
                         [entry.id for entry in self.make(cloud).servers])


class EntryTestCase(base.PlanTestCase):

    def test_fields(self) -> None:
        """What the owner and the operator want of a server is kept."""
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('a', locked=True, group_id='g',
                           metadata={'slow_migration': 'abort',
                                     'recovery_priority': '7'}),
            factory.server('c')],
            [model.Group('g', model.SOFT_ANTI_AFFINITY)])
        made = self.make(cloud)
        self.assertEqual(
            [('g', True, 'abort', 7), (None, False, '', 5)],
            [(entry.group_id, entry.locked, entry.slow, entry.priority)
             for entry in (self.entry(made, 'a'), self.entry(made, 'c'))])

    def test_reason(self) -> None:
        made = self.make(factory.cloud(base.hosts('b', 'c'), [
            factory.server('a', vcpus=8)]))
        self.assertEqual(
            'it runs; least loaded of 2 legal hosts, 50% of its VCPU used '
            'in the end', self.entry(made, 'a').reason)

    def test_reason_of_the_next_rung(self) -> None:
        """No host can take it live, and one when it is stopped."""
        cloud = factory.cloud(
            [factory.host('src', hypervisor_type='QEMU'),
             factory.host('b', hypervisor_type='Xen')],
            [factory.server('a', vcpus=8)])
        entry = self.entry(self.make(cloud, allow_off_vm=True), 'a')
        self.assertEqual('cold-migrate', entry.action)
        self.assertEqual(
            'it runs; no host could take it by live-migrate; the only legal '
            'host, 50% of its VCPU used in the end', entry.reason)


class LeaveTestCase(base.PlanTestCase):

    def made(self) -> drain.plan.Plan:
        cloud = factory.cloud(
            [factory.host('src'), factory.host('src2'),
             factory.host('b', vcpus=2)],
            [factory.server('a', vcpus=4),
             model.Server('c', host='src2', resources={'VCPU': 5}),
             factory.server('err', 'src2', status='ERROR'),
             factory.server('fits', vcpus=1)])
        return self.make(cloud, ['src', 'src2'])

    def test_names(self) -> None:
        found = next(item for item in self.made().blockers
                     if item.code == drain.LEAVE_SET)
        self.assertEqual({'a', 'c'}, set(found.servers))
        start, _, names = found.text.partition(': ')
        self.assertEqual('no host has room for 2 servers; if they stay, all '
                         'others fit', start)
        self.assertEqual({'name-a', 'c'}, set(names.split(', ')))

    def test_without_place(self) -> None:
        """Of one host, and only those that could move."""
        for host, expected in (('src', ['a']), ('src2', ['c']), ('b', [])):
            self.assertEqual(expected, [
                entry.id for entry in drain.without_place(self.made(), host)])


class WarningTestCase(base.PlanTestCase):

    def codes(self, made: drain.plan.Plan) -> list[str]:
        return [item.code for item in made.warnings]

    def test_memory_that_is_not_there(self) -> None:
        """More than the host has, less what is reserved, is told."""
        memory = {'MEMORY_MB': model.Inventory(4096, 1024, 4.0)}
        for size, text in (
                (3072, ''),
                (3073, 'the servers on b would have 3073 MiB of memory, and '
                       'it has 3072 MiB')):
            made = self.make(factory.cloud(
                base.hosts('b', inventory=memory),
                [factory.server('a', memory=size)]))
            found = [item for item in made.warnings
                     if item.code == 'memory-overcommit']
            self.assertEqual([('b', text)] if text else [], [
                (item.host, item.text) for item in found])

    def test_class_that_a_target_lacks(self) -> None:
        made = self.make(factory.cloud(base.hosts('b'), [
            factory.server('a')]), load_classes=('VCPU', 'VGPU'))
        self.assertEqual([], self.codes(made))

    def test_usage_of_a_target(self) -> None:
        made = self.make(factory.cloud(
            base.hosts('b', used={'VCPU': 8}),
            [factory.server('a', vcpus=7)]), warn_projected_usage=0.9)
        self.assertEqual(
            [('target-usage', 'b', 'VCPU of b goes from 50% to 94%')],
            [(item.code, item.host, item.text) for item in made.warnings])

    def test_forced(self) -> None:
        """The warning names those that are forced, and no others."""
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('a', group_id='g'), factory.server('c'),
            factory.server('d', group_id='g')],
            [model.Group('g', model.AFFINITY)])
        made = self.make(cloud)
        forced = tuple(entry.id for entry in made.servers if entry.force)
        self.assertEqual(1, len(forced))
        self.assertEqual([('affinity-force', forced)], [
            (item.code, item.servers) for item in made.warnings])

    def test_warnings_of_servers(self) -> None:
        """They bear the name of the server, or its id."""
        for server, name in (
                (factory.server('a', disks=(model.ROOT,)), 'name-a'),
                (model.Server('a', host='src', disks=(model.ROOT,)), 'a')):
            made = self.make(factory.cloud(base.hosts('b'), [server]),
                             allow_evacuate=True)
            (found,) = made.warnings
            self.assertEqual(('a',), found.servers)
            self.assertTrue(
                found.text.startswith(f'{name}: if its move fails: '))

    def test_old_halves(self) -> None:
        cloud = factory.cloud(base.hosts('b'), [
            factory.server('half', 'b', status='VERIFY_RESIZE',
                           resize_source='src'), factory.server('a')])
        made = drain.plan_evacuation(cloud, 'src', options.DEFAULT)
        self.assertEqual([(open_resizes.OPEN_MIGRATION, ('half',))], [
            (item.code, item.servers) for item in made.warnings])
