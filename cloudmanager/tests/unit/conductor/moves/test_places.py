# SPDX-License-Identifier: Apache-2.0
"""Hosts are emptied only if their servers have places to go to."""

import json
import operator

import oslo_messaging as messaging

from cloudmanager.common import exception
from cloudmanager.conductor import manager
from cloudmanager.conductor.moves import plans
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fakes_case

#: Of 64 CPUs that a host has.
LARGE = {'vcpus': 40, 'ram': 100, 'disk': 1}


class PlacesCase(fakes_case.ConductorCase):

    def check(self, action='shutdown', host='src', **params):
        return manager.ConductorManager(
            None, lambda: self.tools).check_host_action(
                self.context, action, host, {'force': False, **params})

    def refused(self, *args, **params):
        error = self.assertRaises(messaging.ExpectedException, self.check,
                                  *args, **params).exc_info[1]
        self.assertIsInstance(error, exception.NoPlace)
        self.assertEqual([], self.nova.sent)
        return error

    def close(self, *hosts):
        for host in hosts:
            self.nova.computes[host].status = 'disabled'

    def other(self, host, name='host.shutdown', **params):
        task, _ = db_tasks.create_task(self.context, name, params=params,
                                       targets=[f'host:{host}'], host=host)
        return task


class CheckTestCase(PlacesCase):

    def test_no_legal_place(self):
        """FD18: refused with the plan, before anything is touched."""
        self.nova.add('vm1')
        self.close('dst1', 'dst2')
        for action in ('shutdown', 'decommission'):
            error = self.refused(action, allow_live_migrate=True)
            self.assertEqual(409, error.code)
            self.assertIn('name-vm1 (vm1)', str(error))
            plan = json.loads(error.kwargs['plan'])
            self.assertEqual(['vm1'], [item['id']
                                       for item in plan['servers']])
            self.assertFalse(plan['feasible'])

    def test_force(self):
        self.nova.add('vm1')
        self.close('dst1', 'dst2')
        self.assertEqual({}, self.check(force=True))
        self.assertIn('plan', self.check(dry_run=True))

    def test_many(self):
        self.nova.add(*(f'vm{number:02}' for number in range(12)))
        self.close('dst1', 'dst2')
        self.assertIn('and 2 more', str(self.refused()))

    def test_blocked_server(self):
        """It has no place either way: that is for its owner to change."""
        self.nova.add('vm1', vm_state='suspended')
        self.assertEqual({}, self.check())

    def test_restart(self):
        """FD18: restarts drain, too."""
        self.add_power()
        self.nova.add('vm1')
        self.close('dst1', 'dst2')
        self.refused('restart', None, hosts=['src'], max_unavailable=3)
        self.assertEqual({}, self.check(
            'restart', None, hosts=['src'], max_unavailable=3, force=True))

    def test_host_of_another_drain(self):
        """FD18: it is no place; neither are those its servers go to."""
        self.nova.add('vm1')
        self.other('dst1')
        plan = self.check(dry_run=True)['plan']
        self.assertEqual('dst2', plan['servers'][0]['destination'])
        self.close('dst2')
        self.refused()

    def test_room_that_another_drain_takes(self):
        """FD18: its servers have not moved yet, and count."""
        self.nova.add('theirs', host='dst1', flavor=LARGE)
        self.nova.add('vm1', flavor=LARGE)
        self.assertEqual({}, self.check())
        self.other('dst1')
        self.refused()

    def test_evacuation_is_not_refused(self):
        self.add_power()
        self.nova.add('vm1')
        self.nova.die('src')
        self.close('dst1', 'dst2')
        self.assertEqual({}, self.check('evacuate'))


class TaskTestCase(PlacesCase):

    def test_places_are_gone(self):
        """FD18: taken since the request; the host is in use again."""
        self.nova.add('vm1')
        self.close('dst1', 'dst2')
        row = self.run_flow(force=False)
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('say `force`', row['result'])
        self.assertEqual('enabled', self.nova.computes['src'].status)
        self.assertEqual(0, self.nova.count('live_migrate'))

    def test_force(self):
        """What can move does."""
        self.nova.add('vm1')
        self.nova.add('vm2', flavor={**LARGE, 'vcpus': 65})
        row = self.run_flow(force=True)
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual('DONE', self.states()['vm1'])
        self.assertIn('failed: ', self.nova.computes['src'].disabled_reason)

    def plans_of(self, *tasks):
        return [plans.make_plan(self.tools, 'drain', task['host'],
                                task['params'], task['id'])
                for task in tasks]

    def test_room_for_one_of_two(self):
        """FD18: who was first has the room; the other one is left alone."""
        self.nova.add('theirs', host='dst1', flavor=LARGE)
        self.nova.add('vm1', flavor=LARGE)
        first = self.create(force=False)
        self.clock.sleep(1)
        second = self.other('dst1', force=False)
        made = self.plans_of(first, second)
        self.assertEqual([True, False], [plan.feasible for plan in made])
        self.assertEqual({'vm1': 'dst2'}, made[0].destinations)

    def test_two_at_the_same_moment(self):
        """FD18: their ids decide, so that both know which is the first."""
        self.nova.add('theirs', host='dst1', flavor=LARGE)
        self.nova.add('vm1', flavor=LARGE)
        both = [self.create(force=False), self.other('dst1', force=False)]
        self.assertEqual(both[0]['created_at'], both[1]['created_at'])
        made = self.plans_of(*sorted(both, key=operator.itemgetter('id')))
        self.assertEqual([True, False], [plan.feasible for plan in made])
