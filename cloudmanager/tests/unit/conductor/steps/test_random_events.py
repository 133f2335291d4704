# SPDX-License-Identifier: Apache-2.0
"""Random clouds, in which tenants and operators work at the same time.

Each case has a seed, which is in the message of a failure.
``CLOUDMANAGER_TEST_CLOUDS`` asks for more cases than a few,
``CLOUDMANAGER_TEST_SEED`` for another first seed.
"""

import os
import random

import fixtures

from cloudmanager.clients import nova_records
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.power import nodes as power_steps
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case

CASES = int(os.environ.get('CLOUDMANAGER_TEST_CLOUDS', '20'))
SEED = int(os.environ.get('CLOUDMANAGER_TEST_SEED', '0'))
STATES = ('active', 'stopped', 'paused', 'shelved', 'suspended', 'rescued',
          'error', 'resized', 'soft-delete')
WEIGHTS = (60, 14, 6, 4, 4, 2, 4, 3, 3)
#: What only a rebuild brings off a host.
IMMOBILE = ('suspended', 'rescued', 'error', 'resized')
EVENTS = ('resize', 'migrate', 'confirm', 'revert', 'stop', 'start',
          'suspend', 'resume', 'pause', 'delete')
#: Of what goes wrong with a live migration.
TROUBLE = (fakes.FAILS, fakes.IN_ERROR, fakes.REFUSED, fakes.NO_RECORD,
           fakes.ANSWER_LOST, fakes.LOST)
MOVES = ('live_migrate', 'cold_migrate', 'evacuate')


class RandomCase(fakes_case.ConductorCase):
    """Clouds that follow from a seed.

    :ivar fences: who was on the host when it was fenced
    """

    def setUp(self):
        super().setUp()
        self.node = self.add_power()
        self.nova.fits = self.fits
        self.fences = []
        original = power_steps.NodePower.fence

        def fence(power, node, run):
            self.fences.append({
                vm.id: vm.vm_state for vm in self.nova.vms.values()
                if vm.host == 'src'})
            self.check_fence()
            original(power, node, run)
            self.nova.die('src')

        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.power.nodes.NodePower.fence', fence))

    def check_fence(self):
        """Have a case look at the cloud at the moment of a fence."""

    def fits(self, host, vm):
        """Tell whether Placement has room for a server on a host."""
        coming = [self.nova.vms[record.server_id].flavor
                  for record in self.nova.under_way()
                  if record.server_id in self.nova.vms
                  and record.destination == host != self.nova.vms[
                      record.server_id].host]
        taken = [*self.placement._held(host).values(), *coming]
        return (sum(flavor['vcpus'] for flavor in (*taken, vm.flavor))
                <= self.placement.inventory['VCPU'])

    def begin(self, seed):
        """Make a cloud; return what decides on the rest of the case."""
        rng = random.Random(seed)  # noqa: S311
        hosts = [f'dst{number}' for number in range(rng.randint(1, 4))]
        self.nova.reset(('src', *hosts))
        self.nova.fits = self.fits
        self.task_id, self.fences = None, []
        for feed in self.feeds(self.node):
            feed.driver.power_on(feed.device, feed.output)
        self.placement.inventory['VCPU'] = rng.choice((6, 12, 64))
        for host in hosts[1:]:
            if rng.random() < 0.2:
                self.nova.other('disable', host)
        self.servers = [f'vm{number}' for number in range(rng.randint(0, 7))]
        for name in self.servers:
            self.add_random(rng, name)
        if rng.random() < 0.15:
            self.nova.resize_off('half', host='dst0')
        if len(self.servers) > 3 and rng.random() < 0.3:
            self.nova.server_groups.append(nova_records.Group(
                'g', 'group', 'soft-anti-affinity',
                tuple(self.servers[:2]), {}))
        return rng

    def add_random(self, rng, name):
        flavor = {'vcpus': rng.randint(1, 2), 'ram': 1024, 'disk': 1}
        state = rng.choices(STATES, WEIGHTS)[0]
        if state == 'resized':
            self.nova.resized(name, source='dst0', host='src', flavor=flavor)
        else:
            self.nova.add(name, vm_state=state, flavor=flavor)

    @staticmethod
    def flags(rng):
        return {name: rng.random() < share for name, share in (
            ('allow_off_vm', 0.5), ('allow_evacuate', 0.6))}

    def is_on(self):
        return self.power_states(self.node) == ['power_on']

    def each(self, check, *args):
        for seed in range(SEED, SEED + CASES):
            try:
                check(seed, *args)
            except Exception as exc:
                # Whatever it is, the seed belongs to it.
                raise AssertionError(
                    f'seed {seed}, {args}: {exc!r}') from exc


class PlanTestCase(RandomCase):
    """Where nothing interferes the plan is what happens (FD7, FD25)."""

    def check(self, seed):
        rng = self.begin(seed)
        params = self.flags(rng)
        plan = plans.make_plan(self.tools, 'drain', 'src', params)
        row = self.run_flow(**params)
        items = self.items()
        self.assertEqual({entry.id for entry in plan.servers}, set(items))
        for entry in plan.servers:
            item = items[entry.id]
            self.assertEqual(
                entry.fits, item['state'] in ('DONE', 'SKIPPED'),
                (entry, item))
            if entry.fits and entry.action != 'wait':
                self.assertEqual(
                    (entry.action, entry.destination),
                    (item['action'], item['destination']), entry)
        self.assertEqual('SUCCESS' if plan.feasible else 'FAILURE',
                         row['status'], row['result'])
        self.assertEqual(
            any(entry.action == 'evacuate' for entry in plan.servers
                if entry.fits), bool(self.fences))
        self.assertEqual(plan.feasible, not self.is_on())

    def test_shutdown(self):
        """Plan and outcome are equal (FD25)."""
        self.each(self.check)


class EventsTestCase(RandomCase):
    """Whatever others do meanwhile, what must not happen does not."""

    def setUp(self):
        super().setUp()
        original = power_steps.NodePower.reset

        def reset(power, node, run):
            self.assertEqual([], self.nova.on('src'))
            compute = self.nova.computes['src']
            compute.heard, compute.alive = self.clock.utcnow(), False
            original(power, node, run)
            self.clock.at(30, self.boot)

        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.power.nodes.NodePower.reset', reset))

    def boot(self):
        vars(self.nova.computes['src']).update(alive=True, silent=False)

    def check_fence(self):
        if self.action == 'host.evacuate':
            return
        self.assertTrue(self.params.get('allow_evacuate'))
        self.assertEqual([], self.nova.halves_on('src'))
        items = self.items()
        for vm in self.nova.vms.values():
            if vm.host != 'src':
                continue
            about = (vm, items.get(vm.id))
            self.assertIn(vm.id, items, about)
            self.assertEqual('PENDING', items[vm.id]['state'], about)
            self.assertIsNone(vm.task_state, about)
            self.assertTrue(vm.vm_state in IMMOBILE
                            or vm.id in self.troubled, about)
            # Nobody has looked into it otherwise.
            self.assertFalse(vm.guest == 'running', about)

    def disturb(self, rng):
        """Let others work on servers and hosts while the task runs."""
        self.returned = set()
        for _ in range(rng.randint(0, 5)):
            when, event = rng.uniform(0, 25), rng.choice(EVENTS)
            name = rng.choice([*self.servers, 'half'])
            self.clock.at(when, self.nova.other, event, name)
            if event in ('resize', 'migrate') and rng.random() < 0.7:
                self.clock.at(when + rng.uniform(1, 40), self.nova.other,
                              rng.choice(('confirm', 'revert')), name)
        if rng.random() < 0.2:
            self.clock.at(rng.uniform(0, 20), self.nova.other,
                          rng.choice(('disable', 'enable')),
                          rng.choice(list(self.nova.computes)))

    def trouble(self, rng):
        self.troubled = set()
        for name in self.servers:
            if rng.random() < 0.25:
                self.troubled.add(name)
                self.nova.script['live_migrate', name] = [
                    rng.choice(TROUBLE) for _ in range(rng.randint(1, 4))]
            if rng.random() < 0.1:
                self.troubled.add(name)
                self.nova.script['cold_migrate', name] = [
                    fakes.FAILS] * rng.randint(1, 3)
        self.nova.seconds = rng.choice((1, 5, 15))

    def check(self, seed, action):
        rng = self.begin(seed)
        self.action = action
        self.params = self.flags(rng)
        if action == 'host.decommission':
            self.params['allow_migrate'] = self.params.pop('allow_off_vm')
            self.params['wait'] = True
        if action == 'host.evacuate':
            self.nova.die('src')
            self.params = {'force': False}
        self.trouble(rng)
        self.config(group='host_tasks', max_moves=rng.choice((1, 2, 8)))
        self.disturb(rng)
        row = self.run_flow(name=action, **self.params)
        self.clock.sleep(100)
        self.check_moves()
        self.check_locks()
        self.check_host(row)

    def check_moves(self):
        """No server was taken off the host twice, but those that came back.
        """
        ours = [name for request, name in self.nova.arrived
                if request in MOVES]
        for name in set(ours):
            away = [record for record in self.nova.records
                    if record.server_id == name and record.source == 'src'
                    and record.status in ('completed', 'confirmed', 'done')]
            back = [record for record in self.nova.records
                    if record.server_id == name
                    and ('src' in (record.destination,)
                         and record.status in ('completed', 'done',
                                               'confirmed', 'finished')
                         or record.source == 'src'
                         and record.status == 'reverted')]
            self.assertLessEqual(len(away), 1 + len(back), name)

    def check_locks(self):
        left = [vm.id for vm in self.nova.vms.values()
                if (vm.locked_reason or '').startswith('cloudmanager')]
        self.assertEqual([], left)

    def check_host(self, row):
        self.assertIn(row['status'], ('SUCCESS', 'FAILURE'))
        compute = self.nova.computes.get('src')
        success = row['status'] == 'SUCCESS'
        if self.action == 'host.decommission' and success:
            self.assertIsNone(compute)
            self.assertFalse(self.is_on())
        elif self.action == 'host.shutdown':
            self.assertEqual(success or bool(self.fences),
                             not self.is_on(), row['result'])
            if success:
                self.assertEqual([], self.nova.on('src'))
                self.assertEqual([], self.nova.halves_on('src'))
        elif self.action == 'host.restart':
            self.assertTrue(self.is_on() or self.fences, row['result'])
        states = {item['state'] for item in self.items().values()}
        self.assertLessEqual(states, {'DONE', 'SKIPPED', 'FAILED'})
        self.assertFalse(success and 'FAILED' in states, row['result'])

    def test_shutdown(self):
        """FD3, FD4, FD7."""
        self.each(self.check, 'host.shutdown')

    def test_restart(self):
        self.each(self.check, 'host.restart')

    def test_decommission(self):
        self.each(self.check, 'host.decommission')

    def test_evacuate(self):
        self.each(self.check, 'host.evacuate')
