# SPDX-License-Identifier: Apache-2.0
"""The answer of a plan, to the last key."""

import unittest

from cloudmanager.planning import plan
from cloudmanager.planning import terms
from cloudmanager.planning.terms import Action

PLAIN = {
    'id': 'a', 'name': 'n', 'host': 'src', 'status': 'ACTIVE',
    'action': 'live-migrate', 'destination': 'b', 'fits': True,
    'reason': 'it runs', 'priority': 5, 'size_mb': 1024}
EMPTY = {
    'ladder': [], 'blockers': [], 'warnings': [], 'group_id': None,
    'force': False, 'reset_state': '', 'locked': False, 'loses': [],
    'disks': [], 'storage': [], 'slow': '', 'per_day': None,
    'project_id': ''}


def entry(**values: object) -> plan.Entry:
    return plan.Entry(**{  # type: ignore[arg-type]
        **PLAIN, 'action': Action.LIVE, **values})


class AnswerTestCase(unittest.TestCase):

    def test_entry(self) -> None:
        self.assertEqual({**PLAIN, **EMPTY}, entry().to_dict())
        blocker = terms.Blocker('code', 'text')
        found = entry(ladder=(Action.LIVE,), blockers=(blocker,),
                      warnings=(blocker,), loses=('memory',),
                      disks=('root disk',), storage=('all',)).to_dict()
        self.assertEqual(
            {**PLAIN, **EMPTY, 'ladder': ['live-migrate'],
             'blockers': [{'code': 'code', 'text': 'text'}],
             'warnings': [{'code': 'code', 'text': 'text'}],
             'loses': ['memory'], 'disks': ['root disk'],
             'storage': ['all']}, found)

    def test_blocker(self) -> None:
        self.assertEqual(
            {'code': 'c', 'text': 't', 'host': 'h', 'short': {'VCPU': 1.5},
             'servers': ['a']},
            terms.Blocker('c', 't', 'h', (('VCPU', 1.5),), ('a',)).to_dict())

    def test_plan(self) -> None:
        blocker = terms.Blocker('code', 'text')
        made = plan.Plan(
            'drain', ('src',), (entry(), entry(id='z', destination=None)),
            (blocker,), (blocker,),
            (plan.Target('b', {'VCPU': 0.1}, {'VCPU': 0.2}, 1),))
        self.assertEqual({'a': 'b'}, made.destinations)
        found = made.to_dict()
        self.assertEqual(['a', 'z'], [one['id'] for one in
                                      found.pop('servers')])
        self.assertEqual(
            {'host': 'src', 'hosts': ['src'], 'action': 'drain',
             'feasible': False, 'blockers': [blocker.to_dict()],
             'warnings': [blocker.to_dict()],
             'targets': [{'host': 'b', 'before': {'VCPU': 0.1},
                          'after': {'VCPU': 0.2}, 'servers': 1}]}, found)

    def test_several_hosts(self) -> None:
        found = plan.Plan('drain', ('a', 'b'), ()).to_dict()
        self.assertEqual((None, ['a', 'b'], True), (
            found['host'], found['hosts'], found['feasible']))

    def test_feasible(self) -> None:
        """Nothing is in the way, and all have a place."""
        blocker = terms.Blocker('code', 'text')
        for servers, blockers, feasible in (
                ((entry(),), (), True), ((entry(fits=False),), (), False),
                ((entry(),), (blocker,), False)):
            self.assertIs(feasible, plan.Plan(
                'drain', ('a',), servers, blockers).feasible)
