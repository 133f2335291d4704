# SPDX-License-Identifier: Apache-2.0
"""Why a server goes where it goes, or finds no host, in words."""

import typing

from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import base
from cloudmanager.tests.unit.planning import factory

DONE = 'used in the end'


def group(policy: str, *members: str, name: str = '',
          **rules: int) -> model.Group:
    return model.Group('g', policy, frozenset(members), rules, name)


class ChosenTestCase(base.PlanTestCase):

    def why(self, hosts: list[model.Host], servers: list[model.Server],
            *groups: model.Group, **flags: typing.Any) -> str:
        """The words after the state of server a."""
        made = self.make(factory.cloud(hosts, servers, list(groups)), **flags)
        return self.entry(made, 'a').reason.partition('; ')[2]

    def test_load(self) -> None:
        """The class that is fullest is named, of those that count."""
        server = factory.server('a', vcpus=4, memory=8192)
        for flags, text in (({}, f', 50% of its MEMORY_MB {DONE}'),
                            ({'load_classes': ('VCPU',)},
                             f', 25% of its VCPU {DONE}'),
                            ({'load_classes': ()}, '')):
            self.assertEqual(f'the only legal host{text}', self.why(
                base.hosts('b'), [server], **flags))
            self.assertEqual(f'least loaded of 2 legal hosts{text}', self.why(
                base.hosts('b', 'c'), [server], **flags))

    def test_avoided(self) -> None:
        """It is said when nothing else was left."""
        hosts = base.hosts('b', 'c')
        server = factory.server('a', vcpus=4)
        self.assertEqual(
            f'least loaded of 2 legal hosts, 25% of its VCPU {DONE}, to be '
            'avoided, but no other host had room',
            self.why(hosts, [server], avoid_hosts=['b', 'c']))
        self.assertNotIn('avoided', self.why(hosts, [server],
                                             avoid_hosts=['b']))

    def test_groups(self) -> None:
        there = factory.server('there', 'b')
        mine = factory.server('a', vcpus=4)
        rows = (
            (group(model.AFFINITY, 'a'), [mine], 'group g kept together'),
            (group(model.AFFINITY, 'a', name='n'), [mine],
             'group n kept together'),
            (group(model.ANTI_AFFINITY, 'a'), [mine],
             '0 other members of group g there'),
            (group(model.ANTI_AFFINITY, 'a', 'there', max_server_per_host=2),
             [mine, there], '1 other members of group g there'),
            (group(model.SOFT_ANTI_AFFINITY, 'a', name='n'), [mine],
             'soft policy of group n weighed'),
            (group(model.SOFT_ANTI_AFFINITY, 'a', 'there'), [mine, there],
             'soft policy of group g could not be kept'),
            (group(model.SOFT_AFFINITY, 'a', 'there'), [mine, there],
             'soft policy of group g weighed'))
        for made, servers, text in rows:
            with self.subTest(text, policy=made.policy):
                self.assertEqual(text, self.why(
                    base.hosts('b'), servers, made).split(', ')[-1])


class UnplacedTestCase(base.PlanTestCase):

    def blocker(self, hosts: list[model.Host], servers: list[model.Server],
                *groups: model.Group, **flags: typing.Any) -> typing.Any:
        made = self.make(factory.cloud([factory.host('src'), *hosts], servers,
                                       list(groups)), **flags)
        return self.entry(made, 'a').blockers[-1]

    def check(self, code: str, text: str, *args: typing.Any,
              **flags: typing.Any) -> None:
        found = self.blocker(*args, **flags)
        self.assertEqual((code, text), (found.code, found.text))

    def test_no_room(self) -> None:
        self.check('no-capacity', 'no legal host has room for it: the '
                   'nearest, b, is short of 1024 MEMORY_MB, 2 VCPU',
                   [factory.host('b', vcpus=2, memory=1024),
                    factory.host('c', vcpus=1)],
                   [factory.server('a', vcpus=4, memory=2048)])

    def test_group_without_room(self) -> None:
        self.check('no-capacity', 'no legal host has room for its group of '
                   '2: the nearest, b, is short of 1 VCPU',
                   [factory.host('b', vcpus=3)],
                   [factory.server(name, vcpus=2) for name in 'ac'],
                   group(model.AFFINITY, 'a', 'c'))

    def test_headroom(self) -> None:
        """What would fit but for the share that is to stay free."""
        host = factory.host('b', vcpus=20, used={'VCPU': 18})
        for vcpus, code, text in (
                (2, 'headroom', ' below 90% usage: the nearest, b, is short '
                 'of 2 VCPU'),
                (3, 'no-capacity', ': the nearest, b, is short of 3 VCPU')):
            self.check(code, f'no legal host has room for it{text}', [host],
                       [factory.server('a', vcpus=vcpus)],
                       max_projected_usage=0.9)

    def test_group_without_a_host(self) -> None:
        for name, label in (('', 'g'), ('n', 'n')):
            self.check('anti-affinity', f'group {label} (anti-affinity) '
                       'leaves none of 1 legal hosts', [factory.host('b')],
                       [factory.server('a'), factory.server('c', 'b')],
                       group(model.ANTI_AFFINITY, 'a', 'c', name=name))

    def test_no_host(self) -> None:
        """Reasons are counted, the commonest first, equals by name."""
        self.check('no-legal-host', 'no legal host (there is no other)', [],
                   [factory.server('a')])
        self.check(
            'no-legal-host', 'no legal host (2 not in zone z, 1 down, 1 '
            'lacks trait A)',
            [factory.host('b', zone='y'), factory.host('c', zone='y'),
             factory.host('d', zone='z'), factory.host('e', up=False)],
            [factory.server('a', availability_zone='z',
                            required_traits=frozenset({'A'}))])

    def test_would_help(self) -> None:
        """Three hosts are named that would do, were they in use."""
        small = factory.host('a0', enabled=False, vcpus=1)
        other = factory.host('a1', enabled=False, zone='y')
        spare = [factory.host(f's{number}', enabled=False, zone='z')
                 for number in range(4)]
        server = factory.server('a', vcpus=2, availability_zone='z')
        for count, text in (
                (0, ''), (1, '; would fit on s0 (disabled)'),
                (3, '; would fit on s0 (disabled), s1 (disabled), s2 '
                    '(disabled)'),
                (4, '; would fit on s0 (disabled), s1 (disabled), s2 '
                    '(disabled) and 1 more')):
            full = factory.host('full', vcpus=1, zone='z')
            self.check('no-capacity', 'no legal host has room for it: the '
                       f'nearest, full, is short of 1 VCPU{text}',
                       [full, small, other, *spare[:count]], [server])


class SummaryTestCase(base.PlanTestCase):

    def test_one_of_a_kind(self) -> None:
        """Only what stays is summed up, and lack of room by itself."""
        cloud = factory.cloud(base.hosts('b', vcpus=3), [
            factory.server('a', status='ERROR'),
            factory.server('c', status='ERROR'),
            factory.server('d', status='SUSPENDED'),
            factory.server('fits', disks=(model.ROOT,)),
            factory.server('large', vcpus=4)])
        found = {item.code: item.servers for item in self.make(cloud).blockers}
        self.assertEqual({'error': ('a', 'c'), 'suspended': ('d',),
                          'leave-set': ('large',)}, found)
